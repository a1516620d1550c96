import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { Dialog } from "../components/Dialog"
import { attempt, sentence } from "../components/notices"
import { InviteOptions } from "../components/telemedicine/InviteOptions"
import { LinkCard } from "../components/telemedicine/LinkCard"
import { t } from "../i18n/index"
import { SessionFailure, type Session, type Sessions } from "../lib/session/types"
import { goTo } from "./route"
import { useServices, type Services } from "./services"

interface Made {
  id: string
  link: string
  passcode: boolean
}

/** Makes the session at once, so that its link is one click away; label and options can follow. */
export function NewSessionDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const services = useServices()
  const made = useSignal<Made | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const busy = useSignal(false)
  const title = useSignal("")
  const passcode = useSignal("")
  const history = useSignal(true)
  const relayOnly = useSignal(false)
  const named = useRef("")

  const make = async (): Promise<void> => {
    busy.value = true
    error.value = undefined
    try {
      const sessions = await services.sessions()
      const before = made.value
      const label = title.value.trim()
      const secret = passcode.value.trim()
      const { id, link } = await sessions.create({
        title: label,
        name,
        history: history.value,
        relayOnly: relayOnly.value,
        ...(secret === "" ? {} : { passcode: secret }),
      })
      named.current = label
      made.value = { id, link, passcode: secret !== "" }
      if (before) await discard(services, before.id)
    } catch (reason) {
      error.value = `${t("newSession.failed")} ${sentence(reason)}`
    }
    busy.value = false
  }
  useEffect(() => void make(), [])

  const rename = async (): Promise<void> => {
    const label = title.value.trim()
    const id = made.value?.id
    if (id === undefined || label === named.current) return
    const before = named.current
    named.current = label
    const done = await attempt(async () => retitle(await services.sessions(), id, label), t("newSession.labelFailed"))
    if (!done) named.current = before
  }

  return (
    <Dialog
      title={t("newSession.title")}
      onClose={() => void rename().then(onClose)}
      foot={
        made.value && (
          <button
            type="button"
            class="button"
            onClick={() => void rename().then(() => made.value && goTo(`/telemedicine/${made.value.id}`))}
          >
            {t("newSession.open")}
          </button>
        )
      }
    >
      {error.value !== undefined && (
        <div class="stack" role="alert">
          <p>{error.value}</p>
          <button type="button" class="button primary" onClick={() => void make()}>
            {t("action.tryAgain")}
          </button>
        </div>
      )}
      {made.value ? (
        <>
          <LinkCard link={made.value.link} passcode={made.value.passcode} />
          <label class="field">
            <span class="label">{t("newSession.label")}</span>
            <input
              class="input"
              maxLength={64}
              dir="auto"
              value={title.value}
              onInput={(event) => void (title.value = event.currentTarget.value)}
              onChange={() => void rename()}
            />
            <span class="hint">{t("newSession.labelHint")}</span>
          </label>
          <InviteOptions passcode={passcode} history={history} relayOnly={relayOnly}>
            <button type="button" class="button" disabled={busy.value} onClick={() => void make()}>
              {t("newSession.apply")}
            </button>
          </InviteOptions>
        </>
      ) : (
        error.value === undefined && <p role="status">{t("newSession.making")}</p>
      )}
    </Dialog>
  )
}

/** Seals the new label once the session is connected. */
async function retitle(sessions: Sessions, id: string, label: string): Promise<void> {
  const session = await sessions.open(id)
  if (!session) return
  try {
    await connected(session)
    await session.retitle(label)
  } finally {
    session.close()
  }
}

/** How long a session that was just made may take to connect, ms. */
const patience = 10_000

function connected(session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SessionFailure("offline")), patience)
    const stop = session.connection.subscribe((connection) => {
      if (connection !== "online") return
      clearTimeout(timer)
      resolve()
      queueMicrotask(() => stop())
    })
  })
}

/** A session that was made with other options and that nobody has opened. */
async function discard({ sessions, account }: Services, id: string): Promise<void> {
  const session = await (await sessions()).open(id)
  await session?.deleteFromDevice()
  await account.deleteSession(id)
}
