import { Icon } from "../../components/Icon"
import { later, PartMissing } from "../../components/later"
import { MissedCalls } from "../../components/telemedicine/MissedCalls"
import { RunningLate } from "../../components/telemedicine/RunningLate"
import { names } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Calls, type CallState } from "../../lib/call/types"
import { type Session } from "../../lib/session/types"
import { callMedia, cameraWanted, wantCamera } from "../preferences"
import { StartsIn } from "../../components/telemedicine/StartsIn"
import { useServices } from "../services"
import { useNotes } from "../useNotes"

const VideoStage = later(() => import("../../components/telemedicine/VideoStage"))
const DeviceCheck = later(() => import("../../components/telemedicine/DeviceCheck"))
const CallErrors = later(() => import("../../components/telemedicine/CallErrors"))
const CallEnd = later(() => import("../../components/telemedicine/CallEnd"))
const WaitingRoom = later(() => import("../../components/telemedicine/WaitingRoom"))
const EndPanel = later(() => import("../../components/telemedicine/EndPanel"))

/** Loads what a call shows, so that who answers need not wait for it. */
export function readyForCall(): void {
  VideoStage.ahead()
  CallErrors.ahead()
}

export const inCall = ({ kind }: CallState): boolean =>
  kind === "ringing-out" || kind === "connecting" || kind === "active"

interface Props {
  session: Session
  calls: Calls | undefined
  /** They could not be loaded. */
  callsMissing: boolean
  onDeleted: () => void
  /** Opens the chat. */
  onWrite: () => void
}

/** The call, or what leads to one; at the end, what remains of the visit. */
export function Stage({ session, calls, callsMissing, onDeleted, onWrite }: Props) {
  const services = useServices()
  const notes = useNotes()
  const over = session.phase.value.kind !== "joined"
  const calling = calls !== undefined && inCall(calls.state.value)
  return (
    <section class={calling && !over ? "stage calling" : "stage"} aria-label={t("session.stage")}>
      {over ? (
        <EndPanel
          session={session}
          notes={notes}
          onDeleteServer={() => services.account.deleteSession(session.id)}
          onDeleted={onDeleted}
        />
      ) : calling ? (
        <>
          <VideoStage calls={calls} />
          <CallErrors calls={calls} onWrite={onWrite} />
        </>
      ) : (
        <>
          <Agreed starts={session.starts.value} />
          {callsMissing && (
            <div class="calls-missing">
              <PartMissing words={t("call.loadFailed")} />
            </div>
          )}
          {waits(session) ? (
            <WaitingRoom session={session} calls={calls} camera={cameraWanted()} onCamera={wantCamera} />
          ) : (
            <BeforeCall session={session} calls={calls} />
          )}
        </>
      )}
    </section>
  )
}

/** How long the time agreed stays on the page once it is over, ms. */
const remembered = 60 * 60_000

function Agreed({ starts }: { starts: number | undefined }) {
  if (starts === undefined || Date.now() > starts + remembered) return null
  return (
    <div class="agreed">
      <StartsIn starts={starts} />
    </div>
  )
}

/** Whether this guest has not been admitted yet. */
function waits(session: Session): boolean {
  return session.participants.value.some(({ self, waiting }) => self && waiting)
}

/** No call: who could be called, and the camera to be tried. */
function BeforeCall({ session, calls }: { session: Session; calls: Calls | undefined }) {
  const here = session.participants.value.filter((person) => person.here && !person.self)
  const unsupported = calls?.state.value.kind === "unsupported"
  const wanted = cameraWanted()
  // Who waits, and who rings, is to be answered first.
  const second = session.waiting.value.length > 0 || calls?.ongoing.value !== undefined
  const ringing = calls?.state.value.kind === "ringing-in"
  return (
    <div class="before-call">
      {calls?.state.value.kind === "ended" && <CallEnd calls={calls} />}
      {calls && <MissedCalls session={session} calls={calls} />}
      {calls && <Ongoing calls={calls} />}
      {unsupported ? (
        <p class="notice">
          <Icon name="phone" />
          {t("call.unsupported")}
        </p>
      ) : (
        <>
          <p class="who-here">
            {here.length > 0 ? (
              <Words k="call.here" count={here.length} names={names(here.map(({ name }) => name))} />
            ) : (
              <Words k="call.nobody" />
            )}
          </p>
          <button
            type="button"
            class={second ? "button" : "button primary"}
            disabled={!calls || here.length === 0 || ringing}
            onClick={() => void calls?.start(callMedia())}
          >
            <Icon name="phone" />
            {t("call.start")}
          </button>
          {session.self.value?.role === "host" && <RunningLate session={session} />}
          {calls && wanted === undefined && (
            <DeviceCheck desk={calls} onDone={wantCamera} />
          )}
          {wanted !== undefined && (
            <button type="button" class="button bare" onClick={() => wantCamera(undefined)}>
              <Icon name={wanted ? "camera" : "cameraOff"} />
              {t("device.title")}
            </button>
          )}
        </>
      )}
    </div>
  )
}

/** A call that others are in, or that this page was in before it was loaded again. */
function Ongoing({ calls }: { calls: Calls }) {
  const ongoing = calls.ongoing.value
  if (!ongoing) return null
  return (
    <div class="notice" role="status">
      <Icon name="phone" />
      <p>
        <Words k="call.ongoing" names={names(ongoing.names)} />
      </p>
      <div class="row">
        <button
          type="button"
          class="button primary"
          onClick={() => void calls.joinOngoing(callMedia())}
        >
          {t("call.joinOngoing")}
        </button>
      </div>
    </div>
  )
}
