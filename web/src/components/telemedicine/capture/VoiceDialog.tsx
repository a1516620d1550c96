import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { clock, length } from "../../../i18n/format"
import { t } from "../../../i18n/index"
import { meter, type Meter } from "../../../lib/call/meter"
import { type CallError } from "../../../lib/call/types"
import { Dialog } from "../../Dialog"
import { Icon } from "../../Icon"
import { announce } from "../../notices"
import { DeviceHelp } from "../DeviceHelp"
import { VoicePlayer } from "../VoicePlayer"
import { useNow } from "../visibility"
import { closeDevice, openDevice } from "./device"
import { safeMoment } from "./moment"
import { record, type Recorder, type Recording } from "./recorder"
import "./capture.css"

/** Seconds; the recording ends by itself. */
const longest = 600

interface Props {
  /** Tells whether it goes out; what does not stays here. */
  onSend: (voice: File, seconds: number) => Promise<boolean>
  onClose: () => void
}

interface Running {
  stream: MediaStream
  recorder: Recorder
  meter: Meter
  began: number
}

/** Records a spoken message: it can be listened to before it is sent. The microphone is on only while it records. */
export default function VoiceDialog({ onSend, onClose }: Props) {
  const running = useSignal<Running | undefined>(undefined)
  const error = useSignal<CallError | undefined>(undefined)
  const recorded = useSignal<Recording | undefined>(undefined)
  const sending = useSignal(false)
  const gone = useRef(false)

  const begin = async (): Promise<void> => {
    recorded.value = undefined
    error.value = undefined
    const opened = await openDevice("microphone")
    if ("error" in opened) {
      error.value = opened.error
      return
    }
    const { stream } = opened
    const [track] = stream.getAudioTracks()
    if (gone.current || !track) {
      closeDevice(stream)
      return
    }
    running.value = { stream, recorder: record(stream), meter: meter(track), began: Date.now() }
    track.addEventListener("ended", () => void stop(), { once: true })
    announce(t("voice.recording"))
  }
  const stop = async (): Promise<Recording | undefined> => {
    const now = running.peek()
    if (!now) return recorded.peek()
    running.value = undefined
    now.meter.stop()
    const done = now.recorder.stop()
    closeDevice(now.stream)
    recorded.value = await done
    return recorded.peek()
  }
  useEffect(() => {
    void begin()
    return () => {
      gone.current = true
      void stop()
    }
  }, [])
  const send = async (): Promise<void> => {
    sending.value = true
    const done = await stop()
    if (done && (await onSend(fileOf(done), done.seconds))) onClose()
    sending.value = false
  }
  return (
    <Dialog
      title={t("voice.record")}
      // The first Escape ends the recording and keeps it: what was said for minutes must not be lost by one key.
      onClose={() => (running.value ? void stop() : onClose())}
      foot={
        <>
          {running.value ? (
            <button type="button" class="button" onClick={() => void stop()}>
              <Icon name="stop" />
              {t("voice.stop")}
            </button>
          ) : (
            recorded.value && (
              <button type="button" class="button" onClick={() => void begin()}>
                <Icon name="retry" />
                {t("voice.again")}
              </button>
            )
          )}
          <button
            type="button"
            class="button primary"
            disabled={sending.value || (!running.value && !recorded.value)}
            onClick={() => void send()}
          >
            <Icon name="send" />
            {t("chat.send")}
          </button>
        </>
      }
    >
      {error.value ? (
        <DeviceHelp error={error.value} onAgain={() => void begin()} />
      ) : running.value ? (
        <Recordings running={running.value} onEnough={() => void stop()} />
      ) : recorded.value ? (
        <VoicePlayer load={() => Promise.resolve(recorded.value?.content)} seconds={recorded.value.seconds} name={t("voice.name")} />
      ) : (
        <p role="status">{t("voice.asking")}</p>
      )}
    </Dialog>
  )
}

function fileOf({ content, ending }: Recording): File {
  return new File([content], `${t("voice.name")} ${safeMoment(new Date())}.${ending}`, { type: content.type })
}

/** That it records, how long, and how loud. */
function Recordings({ running, onEnough }: { running: Running; onEnough: () => void }) {
  const seconds = (useNow(250) - running.began) / 1000
  useEffect(() => {
    if (seconds >= longest) onEnough()
  }, [seconds >= longest])
  return (
    <div class="recording">
      <p>
        <span class="recording-dot" aria-hidden="true" />
        <span>{t("voice.recording")}</span> <span class="timer" role="timer">{clock(seconds)}</span>
      </p>
      <meter min={0} max={1} value={running.meter.level.value} aria-label={t("device.meter")} />
      {seconds > longest - 60 && <p class="small">{t("voice.left", { time: length(longest - seconds) })}</p>}
    </div>
  )
}
