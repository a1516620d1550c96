import { useSignal } from "@preact/signals"
import { Confirm } from "../../components/Dialog"
import { Icon } from "../../components/Icon"
import { Mark } from "../../components/Mark"
import { attempt } from "../../components/notices"
import { names } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { type Session } from "../../lib/session/types"
import { later } from "../../components/later"
import { goTo, isPlain } from "../route"
import { inCall } from "./Stage"

const CallTimer = later(() => import("../../components/telemedicine/CallTimer"))

interface Props {
  session: Session
  calls: Calls | undefined
  onDeleted: () => void
}

/** What visit this is, who is here, how the line to the server is, how long the call lasts. */
export function SessionHeader({ session, calls, onDeleted }: Props) {
  const asking = useSignal(false)
  const host = session.self.value?.role === "host"
  const startedAt = calls?.startedAt.value
  const joined = session.phase.value.kind === "joined"
  const stopped = session.alarms.value.some(({ stops }) => stops)
  return (
    <header class="visit-head">
      {host ? (
        <ToDashboard session={session} calling={calls !== undefined && inCall(calls.state.value)} />
      ) : (
        <Mark />
      )}
      <div class="visit-title">
        <h1 dir="auto">{session.title.value || t("title.default")}</h1>
        <HereWords session={session} />
      </div>
      <ConnectionState session={session} host={host} />
      {startedAt !== undefined && <CallTimer startedAt={startedAt} />}
      {joined && (
        <button
          type="button"
          class="button"
          // What waits to be sent cannot go where sending has stopped.
          disabled={session.departing.value && !stopped}
          onClick={() => void (asking.value = true)}
        >
          {t(host ? "end.button" : "session.leave")}
        </button>
      )}
      {session.code.value?.matched && (
        <span class="badge good head-badge" title={t("security.matchedHint")}>
          <Icon name="seal" />
          {t("security.matched")}
        </span>
      )}
      {asking.value &&
        (stopped && !host ? (
          <LeavingUnheard session={session} onDeleted={onDeleted} onClose={() => void (asking.value = false)} />
        ) : (
          <Leaving session={session} host={host} onClose={() => void (asking.value = false)} />
        ))}
    </header>
  )
}

/** The way to the other sessions. It leads out of a call, and stops what is on its way. */
function ToDashboard({ session, calling }: { session: Session; calling: boolean }) {
  const asking = useSignal(false)
  const unsent = session.unsent.value > 0
  const ask = (event: MouseEvent): void => {
    if (!isPlain(event) || !(calling || unsent)) return
    event.preventDefault()
    asking.value = true
  }
  const costs = [...(calling ? [t("session.away.call")] : []), ...(unsent ? [t("session.away.unsent")] : [])]
  return (
    <>
      <a class="button bare square" href="/" aria-label={t("session.toDashboard")} title={t("session.toDashboard")} onClick={ask}>
        <Mark />
      </a>
      {asking.value && (
        <Confirm
          title={t("session.away.title")}
          text={costs.join(" ")}
          confirm={t("session.toDashboard")}
          danger={false}
          onConfirm={() => goTo("/")}
          onClose={() => void (asking.value = false)}
        />
      )}
    </>
  )
}

function HereWords({ session }: { session: Session }) {
  const here = session.participants.value.filter(({ here, self }) => here && !self)
  return (
    <p class="small quiet one-line" dir="auto">
      {here.length > 0 ? names(here.map(({ name }) => name)) : t("session.nobody")}
    </p>
  )
}

function ConnectionState({ session, host }: { session: Session; host: boolean }) {
  const state = session.connection.value
  const waits = session.departing.value && state !== "online"
  return (
    <p class={`connection small ${state}`} role="status">
      <span class={state === "online" ? "dot here" : "dot"} aria-hidden="true" />
      {waits ? t(host ? "end.waits" : "session.leave.waits") : t(`session.connection.${state}`)}
    </p>
  )
}

/** A host ends the session for all; a guest leaves it. */
function Leaving({ session, host, onClose }: { session: Session; host: boolean; onClose: () => void }) {
  const uploading = session.transfers.active.value.filter(
    ({ direction, state: { value } }) => direction === "up" && value !== "done" && value !== "cancelled",
  ).length
  const unsent = session.unsent.value - uploading
  const warnings = [
    ...(unsent > 0 ? [t("end.confirm.unsent", { count: unsent })] : []),
    ...(uploading > 0 ? [t("end.confirm.uploading")] : []),
  ]
  const text = t(host ? "end.confirm.text" : "session.leave.text")
  return (
    <Confirm
      title={t(host ? "end.confirm.title" : "session.leave.title")}
      text={[...warnings, text].join(" ")}
      confirm={t(host ? "end.button" : "session.leave.confirm")}
      onConfirm={() =>
        void attempt(() => (host ? session.end() : session.leave()), t(host ? "end.failed" : "session.leave.failed"))
      }
      onClose={onClose}
    />
  )
}

/** Nothing is sent any more, and so the others cannot be told: what is left is to be rid of the visit here. */
function LeavingUnheard({ session, onDeleted, onClose }: { session: Session; onDeleted: () => void; onClose: () => void }) {
  return (
    <Confirm
      title={t("session.leave.title")}
      text={t("session.leave.stopped")}
      confirm={t("end.delete")}
      onConfirm={() =>
        void attempt(() => session.deleteFromDevice(), t("end.deleteFailed")).then((done) => done && onDeleted())
      }
      onClose={onClose}
    />
  )
}
