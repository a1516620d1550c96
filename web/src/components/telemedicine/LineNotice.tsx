import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"

interface Props {
  calls: Calls
  /** Opens the chat. */
  onWrite: () => void
}

/** What a weak line makes of the own picture and voice; it goes away by itself when the line is good again. */
export function LineNotice({ calls, onWrite }: Props) {
  const { picture, write } = calls.ownLine.value
  const paused = picture === "paused" && (!calls.cameraOff.value || calls.sharing.value)
  return (
    // Always there, so that a screen reader says what comes into it.
    <div role="status">
      {write ? (
        <div class="notice">
          <Icon name="chat" />
          <p>{t("call.line.write")}</p>
          <div class="row">
            <button type="button" class="button" onClick={onWrite}>
              {t("call.line.writeNow")}
            </button>
          </div>
        </div>
      ) : (
        paused && (
          <div class="notice">
            <Icon name="cameraOff" />
            <p>{t("call.line.paused")}</p>
          </div>
        )
      )}
    </div>
  )
}
