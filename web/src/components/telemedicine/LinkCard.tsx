import { t } from "../../i18n/index"
import { CopyButton } from "../CopyButton"
import { Icon } from "../Icon"
import { later } from "../later"
import { type Invited } from "./Invitation"

const Qr = later(() => import("../Qr"))
const Invitation = later(() => import("./Invitation"))

interface Props {
  link: string
  passcode?: boolean
  /** What a text around the link tells; without it there is none. */
  invited?: Invited | undefined
}

/** A link to be given to one person: shown, copied, shared, sent in a text, or photographed. */
export function LinkCard({ link, passcode = false, invited }: Props) {
  return (
    <div class="stack">
      <label class="field">
        <span class="label">{t("newSession.link")}</span>
        <input class="input" dir="ltr" readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <div class="row">
        <CopyButton text={link} label={t("newSession.copy")} primary />
        {"share" in navigator && (
          <button type="button" class="button" onClick={() => share(link)}>
            <Icon name="share" />
            {t("newSession.share")}
          </button>
        )}
      </div>
      <p class="quiet">{t(passcode ? "newSession.whoPasscode" : "newSession.who")}</p>
      <div class="qr-place">
        <Qr text={link} label={t("newSession.qr")} />
      </div>
      {invited && <Invitation link={link} invited={invited} />}
    </div>
  )
}

function share(link: string): void {
  // Closing the browser's list of programs is no failure, and copying is still there.
  navigator.share({ text: t("newSession.invitation"), url: link }).catch(() => undefined)
}
