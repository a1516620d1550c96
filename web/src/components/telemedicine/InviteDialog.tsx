import { useSignal } from "@preact/signals"
import { t } from "../../i18n/index"
import { type Role, type Session } from "../../lib/session/types"
import { Dialog } from "../Dialog"
import { Icon } from "../Icon"
import { attempt } from "../notices"
import { InviteOptions } from "./InviteOptions"
import { LinkCard } from "./LinkCard"

interface Props {
  session: Session
  onClose: () => void
}

/** Makes a link for one more person, and shows it. */
export function InviteDialog({ session, onClose }: Props) {
  const link = useSignal<string | undefined>(undefined)
  const passcode = useSignal("")
  const label = useSignal("")
  const role = useSignal<Role>("guest")
  const history = useSignal(false)
  const busy = useSignal(false)

  const make = async (): Promise<void> => {
    busy.value = true
    await attempt(async () => {
      const made = await session.invite({
        role: role.value,
        label: label.value.trim(),
        history: history.value,
        ...(passcode.value.trim() === "" ? {} : { passcode: passcode.value }),
      })
      link.value = made.link
    }, t("invite.failed"))
    busy.value = false
  }
  return (
    <Dialog title={t("invite.title")} onClose={onClose}>
      {link.value !== undefined ? (
        <LinkCard link={link.value} passcode={passcode.value.trim() !== ""} />
      ) : (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault()
            void make()
          }}
        >
          <label class="field">
            <span class="label">{t("invite.label")}</span>
            <input
              class="input"
              maxLength={64}
              dir="auto"
              value={label.value}
              onInput={(event) => void (label.value = event.currentTarget.value)}
            />
            <span class="hint">{t("invite.labelHint")}</span>
          </label>
          <label class="field">
            <span class="label">{t("invite.role")}</span>
            <select
              class="input"
              value={role.value}
              onChange={(event) => void (role.value = event.currentTarget.value === "host" ? "host" : "guest")}
            >
              <option value="guest">{t("role.guest")}</option>
              <option value="host">{t("role.host")}</option>
            </select>
          </label>
          <InviteOptions passcode={passcode} history={history} />
          <button type="submit" class="button primary" disabled={busy.value}>
            <Icon name="link" />
            {t("invite.make")}
          </button>
        </form>
      )}
    </Dialog>
  )
}
