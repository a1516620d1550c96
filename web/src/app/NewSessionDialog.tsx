import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { change } from "./desk/changing"
import { forgetEverywhere } from "./desk/forgetting"
import { Dialog } from "../components/Dialog"
import { later } from "../components/later"
import { attempt, sentence } from "../components/notices"
import { InviteOptions } from "../components/telemedicine/InviteOptions"
import { LinkCard } from "../components/telemedicine/LinkCard"
import { StartsField } from "../components/telemedicine/StartsField"
import { days } from "../i18n/format"
import { t } from "../i18n/index"
import { goTo } from "./route"
import { useServices } from "./services"
import { clinicName } from "./telemedicine/clinic"

const CalendarButton = later(() => import("../components/telemedicine/CalendarButton"))

interface Made {
  id: string
  link: string
  passcode: string
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
  const knock = useSignal(false)
  const relayOnly = useSignal(false)
  const starts = useSignal<number | undefined>(undefined)
  const lifetime = useSignal<number | undefined>(undefined)
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
        knock: knock.value,
        relayOnly: relayOnly.value,
        ...(starts.value === undefined ? {} : { starts: starts.value }),
        ...(lifetime.value === undefined ? {} : { lifetime: lifetime.value }),
        ...(secret === "" ? {} : { passcode: secret }),
      })
      named.current = label
      made.value = { id, link, passcode: secret }
      // It was made with other options, and nobody has opened it.
      if (before) await forgetEverywhere(services, before.id)
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
    const done = await attempt(
      async () => change(await services.sessions(), id, (session) => session.retitle(label)),
      t("newSession.labelFailed"),
    )
    if (!done) named.current = before
  }

  const reschedule = async (at: number | undefined): Promise<void> => {
    const id = made.value?.id
    const before = starts.value
    starts.value = at
    if (id === undefined || at === before) return
    const done = await attempt(
      async () => change(await services.sessions(), id, (session) => session.reschedule(at)),
      t("starts.failed"),
    )
    if (!done) starts.value = before
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
          <LinkCard
            link={made.value.link}
            passcode={made.value.passcode !== ""}
            invited={{
              name,
              clinic: clinicName.value,
              passcode: made.value.passcode,
              ...(starts.value === undefined ? {} : { starts: starts.value }),
            }}
          />
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
          <StartsField starts={starts.value} onStarts={(at) => void reschedule(at)} />
          {starts.value !== undefined && (
            <CalendarButton
              id={made.value.id}
              starts={starts.value}
              title={title.value.trim() || t("title.default")}
              link={made.value.link}
            />
          )}
          <InviteOptions passcode={passcode} history={history} knock={knock} relayOnly={relayOnly}>
            <Lifetime seconds={lifetime.value} onSeconds={(seconds) => void (lifetime.value = seconds)} />
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

const day = 86_400
const lifetimes = [day, 7 * day, 30 * day, 90 * day]

function Lifetime({ seconds, onSeconds }: { seconds: number | undefined; onSeconds: (seconds: number | undefined) => void }) {
  return (
    <label class="field">
      <span class="label">{t("newSession.expires")}</span>
      <select
        class="input"
        value={seconds ?? ""}
        onChange={({ currentTarget: { value } }) => onSeconds(value === "" ? undefined : Number(value))}
      >
        <option value="">{t("newSession.expires.usual")}</option>
        {lifetimes.map((each) => (
          <option key={each} value={each}>
            {days(each / day)}
          </option>
        ))}
      </select>
    </label>
  )
}
