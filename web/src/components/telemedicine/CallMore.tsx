import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"
import { notify } from "../notices"
import { mirrorWanted, wantMirror } from "./mirror"
import { canOpenSmallWindow, openSmallWindow } from "./SmallWindow"

/** What may be set in a call besides the devices. */
export default function CallMore({ calls, onDone }: { calls: Calls; onDone: () => void }) {
  const small = async (): Promise<void> => {
    try {
      if (await openSmallWindow(calls)) onDone()
      else notify(t("call.smallWindowEmpty"))
    } catch {
      notify(t("call.smallWindowFailed"))
    }
  }
  return (
    <div class="stack">
      <label class="check">
        <input
          type="checkbox"
          checked={mirrorWanted()}
          onChange={(event) => wantMirror(event.currentTarget.checked)}
        />
        {t("call.mirror")}
      </label>
      {calls.blurred.value !== undefined && (
        <label class="check">
          <input
            type="checkbox"
            checked={calls.blurred.value}
            onChange={(event) => void calls.setBlurred(event.currentTarget.checked)}
          />
          {t("call.blur")}
        </label>
      )}
      {canOpenSmallWindow && (
        <button type="button" class="button" onClick={() => void small()}>
          <Icon name="smallWindow" />
          {t("call.smallWindow")}
        </button>
      )}
    </div>
  )
}
