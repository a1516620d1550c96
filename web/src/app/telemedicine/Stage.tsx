import { Icon } from "../../components/Icon"
import { later } from "../../components/later"
import { names, timeOfDay } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Calls, type CallState } from "../../lib/call/types"
import { type Session } from "../../lib/session/types"
import { callMedia, cameraWanted, wantCamera } from "../preferences"

const VideoStage = later(() => import("../../components/telemedicine/VideoStage"))
const DeviceCheck = later(() => import("../../components/telemedicine/DeviceCheck"))
const CallErrors = later(() => import("../../components/telemedicine/CallErrors"))
const CallEnd = later(() => import("../../components/telemedicine/CallEnd"))
const EndPanel = later(() => import("../../components/telemedicine/EndPanel"))

export const inCall = ({ kind }: CallState): boolean =>
  kind === "ringing-out" || kind === "connecting" || kind === "active"

interface Props {
  session: Session
  calls: Calls | undefined
  onDeleted: () => void
}

/** The call, or what leads to one; at the end, what remains of the visit. */
export function Stage({ session, calls, onDeleted }: Props) {
  const over = session.phase.value.kind !== "joined"
  const calling = calls !== undefined && inCall(calls.state.value)
  return (
    <section class={calling && !over ? "stage calling" : "stage"} aria-label={t("session.stage")}>
      {over ? (
        <EndPanel session={session} onDeleted={onDeleted} />
      ) : calling ? (
        <>
          <VideoStage calls={calls} />
          <CallErrors calls={calls} />
        </>
      ) : (
        <BeforeCall session={session} calls={calls} />
      )}
    </section>
  )
}

/** No call: who could be called, and the camera to be tried. */
function BeforeCall({ session, calls }: { session: Session; calls: Calls | undefined }) {
  const here = session.participants.value.filter((person) => person.here && !person.self)
  const unsupported = calls?.state.value.kind === "unsupported"
  const wanted = cameraWanted()
  return (
    <div class="before-call">
      {calls?.state.value.kind === "ended" && <CallEnd calls={calls} />}
      {calls && <Missed calls={calls} />}
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
            class="button primary"
            disabled={!calls || here.length === 0}
            onClick={() => void calls?.start(callMedia())}
          >
            <Icon name="phone" />
            {t("call.start")}
          </button>
          {calls && wanted === undefined && (
            <DeviceCheck calls={calls} onDone={wantCamera} />
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

function Missed({ calls }: { calls: Calls }) {
  const missed = calls.missed.value
  if (missed.length === 0) return null
  return (
    <div class="notice" role="status">
      <Icon name="phone" />
      <ul>
        {missed.map(({ call, from, at }) => (
          <li key={call}>
            <Words k="call.missedFrom" name={from.name} time={timeOfDay(at)} />
          </li>
        ))}
      </ul>
      <div class="row">
        <button type="button" class="button" onClick={() => calls.forgetMissed()}>
          {t("call.dismiss")}
        </button>
      </div>
    </div>
  )
}
