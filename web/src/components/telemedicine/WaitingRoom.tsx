import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { names, shortWhen, timeOfDay } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Calls } from "../../lib/call/types"
import { type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { later } from "../later"
import { StreamPicture } from "./StreamPicture"
import { useNow } from "./visibility"
import "./waiting.css"

const DeviceCheck = later(() => import("./DeviceCheck"))

interface Props {
  session: Session
  calls: Calls | undefined
  /** Whether the camera is to be used in calls; undefined until it was tried or declined. */
  camera: boolean | undefined
  onCamera: (camera: boolean | undefined) => void
}

/** What a guest sees until a host lets it in: who knows of it, and that nothing else is to be done. */
export default function WaitingRoom({ session, calls, camera, onCamera }: Props) {
  const shown = useSignal(false)
  const unsupported = calls?.state.value.kind === "unsupported"
  return (
    <div class="waiting-room">
      <h2 class="unseen">{t("waiting.title")}</h2>
      <div>
        <Known session={session} />
        <LateWords session={session} />
      </div>
      <p class="quiet">
        {t("waiting.meanwhile")} <Since session={session} />
      </p>
      {calls && !unsupported && camera === undefined && (
        <DeviceCheck
          desk={calls}
          onDone={(wanted: boolean) => {
            onCamera(wanted)
            shown.value = wanted
          }}
        />
      )}
      {calls && camera === false && (
        <button type="button" class="button bare" onClick={() => onCamera(undefined)}>
          <Icon name="cameraOff" />
          {t("device.title")}
        </button>
      )}
      {calls && camera && <OwnPreview calls={calls} shown={shown.value} onShown={(on) => void (shown.value = on)} />}
    </div>
  )
}

/** Who is connected and has this guest in its group knows; the others will see it. */
function Known({ session }: { session: Session }) {
  const hosts = session.participants.value.filter(({ role, self }) => role === "host" && !self)
  const here = hosts.filter((host) => host.here)
  const told = session.connection.value === "online" && here.length > 0
  const meant = told ? here : hosts
  const who = meant.length > 0 ? names(meant.map(({ name }) => name)) : t("waiting.clinician")
  const count = Math.max(1, meant.length)
  return (
    <p class="waiting-known" role="status">
      <Icon name={told ? "tick" : "clock"} />
      <span>
        <Words k={told ? "waiting.knows" : "waiting.willSee"} count={count} names={who} />
      </span>
    </p>
  )
}

function LateWords({ session }: { session: Session }) {
  const late = session.late.value
  return (
    <div role="status">
      {late && (
        <p class="notice">
          <Icon name="clock" />
          <span>
            <Words k="waiting.late" count={late.minutes} name={late.name} time={timeOfDay(late.at)} />
          </span>
        </p>
      )}
    </div>
  )
}

function Since({ session }: { session: Session }) {
  const now = useNow(60_000)
  const since = session.self.value?.since
  return since ? <Words k="waiting.since" time={shortWhen(since, now)} /> : null
}

/** The own camera; it is off until asked for, and off again when the waiting ends. */
function OwnPreview({ calls, shown, onShown }: { calls: Calls; shown: boolean; onShown: (on: boolean) => void }) {
  const preview = calls.preview.value
  useEffect(() => {
    if (!shown) return
    void calls.checkDevices({ audio: false, video: true })
    return () => calls.endCheck()
  }, [calls, shown])
  return (
    <>
      {shown && preview && (
        <div class="check-picture">
          <StreamPicture stream={preview} label={t("call.you")} mirrored />
        </div>
      )}
      <button type="button" class="button" aria-pressed={shown} onClick={() => onShown(!shown)}>
        <Icon name={shown ? "cameraOff" : "camera"} />
        {t(shown ? "waiting.hideMyself" : "waiting.seeMyself")}
      </button>
    </>
  )
}
