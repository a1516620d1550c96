import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { t } from "../../i18n/index"
import { type CallError, type DeviceDesk } from "../../lib/call/types"
import { Icon } from "../Icon"
import { AskingPicture } from "./AskingPicture"
import { DeviceTrial } from "./DeviceTrial"
import "./devices.css"

interface Props {
  desk: DeviceDesk
  /** The click that led here was the one that asks. */
  asked?: boolean
  /** Told whether the camera is wanted. */
  onDone: (camera: boolean) => void
}

/** Tries camera and microphone before a call. Asks the browser only when the person clicks. */
export default function DeviceCheck({ desk, asked = false, onDone }: Props) {
  const state = useSignal<"before" | "asking" | "open">("before")

  const check = async (): Promise<void> => {
    state.value = "asking"
    await desk.checkDevices({ audio: true, video: true })
    state.value = "open"
  }
  useEffect(() => {
    if (asked) void check()
    return () => desk.endCheck()
  }, [desk])
  const finish = (camera: boolean): void => {
    desk.endCheck()
    onDone(camera)
  }
  const usable = desk.preview.value !== undefined || !failed(desk.errors.value, "microphone")
  return (
    <section class="device-check" aria-label={t("device.title")}>
      {state.value === "before" && <p>{t("device.intro")}</p>}
      {state.value === "asking" && (
        <div role="status" class="notice">
          <Icon name="camera" />
          <p>{t("device.asking")}</p>
          <AskingPicture />
        </div>
      )}
      {state.value === "open" && <DeviceTrial desk={desk} onAgain={() => void check()} />}
      <div class="row device-actions">
        {state.value === "before" && (
          <button type="button" class="button" onClick={() => void check()}>
            {t("device.check")}
          </button>
        )}
        {state.value === "open" && usable && (
          <button type="button" class={asked ? "button" : "button primary"} onClick={() => finish(desk.preview.value !== undefined)}>
            {t("device.done")}
          </button>
        )}
        <button type="button" class="button" onClick={() => finish(false)}>
          {t("device.without")}
        </button>
      </div>
    </section>
  )
}

const failed = (errors: readonly CallError[], about: CallError["about"]): boolean =>
  errors.some((error) => error.about === about)
