import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { t } from "../../i18n/index"
import { type CallError, type Calls, type DeviceKind } from "../../lib/call/types"
import { Icon } from "../Icon"
import { StreamPicture } from "./StreamPicture"
import { playTone } from "./sounds"
import "./devices.css"

interface Props {
  calls: Calls
  onDone: (camera: boolean) => void
}

/** Tries camera and microphone before a call. Asks the browser only when the person clicks. */
export default function DeviceCheck({ calls, onDone }: Props) {
  const state = useSignal<"before" | "asking" | "open">("before")
  useEffect(() => () => calls.endCheck(), [calls])

  const check = async (): Promise<void> => {
    state.value = "asking"
    await calls.checkDevices({ audio: true, video: true })
    state.value = "open"
  }
  const finish = (camera: boolean): void => {
    calls.endCheck()
    onDone(camera)
  }
  return (
    <section class="device-check" aria-label={t("device.title")}>
      {state.value === "before" && (
        <>
          <p>{t("device.intro")}</p>
          <button type="button" class="button" onClick={() => void check()}>
            {t("device.check")}
          </button>
        </>
      )}
      {state.value === "asking" && (
        <p role="status" class="notice">
          <Icon name="camera" />
          {t("device.asking")}
        </p>
      )}
      {state.value === "open" && <Trying calls={calls} onAgain={() => void check()} onDone={() => finish(true)} />}
      <button type="button" class="button" onClick={() => finish(false)}>
        {t("device.without")}
      </button>
      {state.value === "open" && <DeviceChoice calls={calls} />}
    </section>
  )
}

function Trying({ calls, onAgain, onDone }: { calls: Calls; onAgain: () => void; onDone: () => void }) {
  const errors = calls.errors.value
  const preview = calls.preview.value
  const noSound = errors.some(({ about }) => about === "microphone")
  return (
    <>
      {preview && (
        <div class="check-picture">
          <StreamPicture stream={preview} label={t("call.you")} mirrored />
        </div>
      )}
      <DeviceErrors errors={errors} />
      {!noSound && <Meter calls={calls} />}
      {errors.length > 0 && (
        <button type="button" class="button" onClick={onAgain}>
          {t("action.tryAgain")}
        </button>
      )}
      {(preview ?? !noSound) && (
        <button type="button" class="button primary" onClick={onDone}>
          {t("device.done")}
        </button>
      )}
    </>
  )
}

/** What went wrong with the devices, and what to do. */
export function DeviceErrors({ errors }: { errors: readonly CallError[] }) {
  return (
    <>
      {errors.map((error) => (
        <p key={`${error.about} ${error.error}`} class="notice bad" role="alert">
          <Icon name="alarm" />
          {errorWords(error)}
        </p>
      ))}
    </>
  )
}

export function errorWords({ about, error }: CallError): string {
  if (about === "screen") return t("call.shareFailed")
  if (about === "call") return t(error === "call-full" ? "call.full" : "call.failed")
  if (!globalThis.isSecureContext) return t("device.error.insecure")
  switch (error) {
    case "permission-denied":
    case "no-device":
    case "busy-device":
    case "device-lost":
      return t(`device.error.${about}.${error}`)
    case "screen-denied":
    case "unsupported":
    case "call-full":
    case "line-failed":
    case "failed":
      return t(`device.error.${about}.failed`)
  }
}

/** A bar that moves with the voice, and says once that it heard. */
function Meter({ calls }: { calls: Calls }) {
  const heard = useSignal(false)
  const level = calls.microphoneLevel.value
  if (level > 0.15 && !heard.value) heard.value = true
  return (
    <div class="field">
      <span class="label">{t("device.microphone")}</span>
      <meter min={0} max={1} value={level} aria-label={t("device.meter")} />
      <span class="hint" role="status">
        {t(heard.value ? "device.heard" : "device.speak")}
      </span>
    </div>
  )
}

const kinds: readonly DeviceKind[] = ["camera", "microphone", "speaker"]

/** Which camera, microphone and loudspeaker; only where there is something to choose. */
export function DeviceChoice({ calls }: { calls: Calls }) {
  const devices = calls.devices.value
  return (
    <div class="stack">
      {kinds.map((kind) => {
        const some = devices.filter((device) => device.kind === kind && device.id !== "")
        if (some.length < (kind === "speaker" ? 2 : 1)) return null
        return (
          <label class="field" key={kind}>
            <span class="label">{t(`device.${kind}`)}</span>
            <select
              class="input"
              value={calls.chosen.value[kind] ?? some[0]?.id}
              onChange={(event) => void calls.chooseDevice(kind, event.currentTarget.value)}
            >
              {some.map(({ id, label }, i) => (
                <option key={id} value={id}>
                  {label || t("device.numbered", { count: i + 1 })}
                </option>
              ))}
            </select>
          </label>
        )
      })}
      <button type="button" class="button" onClick={() => void playTone(calls.chosen.value.speaker)}>
        <Icon name="play" />
        {t("device.sound")}
      </button>
    </div>
  )
}
