import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { t } from "../../i18n/index"
import { type Role, type Session } from "../../lib/session/types"
import { clinicName } from "../clinic"
import { Dialog } from "../Dialog"
import { Icon } from "../Icon"
import { attempt } from "../notices"
import { InviteOptions } from "./InviteOptions"
import { LinkCard } from "./LinkCard"

/** Whom a link is for, and what they join as. */
export interface Invited {
  label: string
  role: Role
}

interface Props {
  session: Session
  /** Known from the start: the link is made at once. */
  wanted?: Invited | undefined
  onClose: () => void
}

const quick = ["interpreter", "relative", "colleague"] as const

/** Makes a link for one more person, and shows it: with one click for the usual ones. */
export function InviteDialog({ session, wanted, onClose }: Props) {
  const link = useSignal<string | undefined>(undefined)
  const passcode = useSignal("")
  const label = useSignal(wanted?.label ?? "")
  const role = useSignal<Role>(wanted?.role ?? "guest")
  const history = useSignal(false)
  const knock = useSignal(false)
  const busy = useSignal(false)

  const make = async (): Promise<void> => {
    busy.value = true
    await attempt(async () => {
      const made = await session.invite({
        role: role.value,
        label: label.value.trim(),
        history: history.value,
        knock: knock.value,
        ...(passcode.value.trim() === "" ? {} : { passcode: passcode.value }),
      })
      link.value = made.link
    }, t("invite.failed"))
    busy.value = false
  }
  useEffect(() => {
    if (wanted) void make()
  }, [])
  return (
    <Dialog title={t("invite.title")} onClose={onClose}>
      {link.value !== undefined ? (
        <div class="stack">
          {label.value && (
            <p>
              <Icon name="link" /> <bdi>{label.value}</bdi>
            </p>
          )}
          <LinkCard
            link={link.value}
            passcode={passcode.value.trim() !== ""}
            invited={{
              name: session.self.value?.name ?? "",
              clinic: clinicName.value,
              passcode: passcode.value.trim(),
              ...(session.starts.value === undefined ? {} : { starts: session.starts.value }),
            }}
          />
        </div>
      ) : (
        <>
          <div class="row" role="group" aria-label={t("invite.quick")}>
            <span class="quiet">{t("invite.quick")}</span>
            {quick.map((who) => (
              <button
                key={who}
                type="button"
                class="button"
                disabled={busy.value}
                onClick={() => {
                  label.value = t(`invite.${who}`)
                  void make()
                }}
              >
                {t(`invite.${who}`)}
              </button>
            ))}
          </div>
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
            <InviteOptions passcode={passcode} history={history} knock={knock} />
            <button type="submit" class="button primary" disabled={busy.value}>
              <Icon name="link" />
              {t("invite.make")}
            </button>
          </form>
        </>
      )}
    </Dialog>
  )
}
