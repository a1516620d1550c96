/** The devices at work: picture, meter, sound, and what to do where one of them fails. */
import { useSignal } from "@preact/signals"
import { useEffect, useState } from "preact/hooks"
import { t } from "../../i18n/index"
import { watchPicture, watchSound, type Watch } from "../../lib/call/senses"
import { type CallError, type DeviceDesk } from "../../lib/call/types"
import { Icon } from "../Icon"
import { DeviceSelect, optionsOf } from "./DeviceChoice"
import { DeviceHelp } from "./DeviceHelp"
import { StreamPicture } from "./StreamPicture"
import { playTone } from "./sounds"

interface Props {
  desk: DeviceDesk
  onAgain: () => void
}

export function DeviceTrial({ desk, onAgain }: Props) {
  const errors = desk.errors.value
  const of = (kind: CallError["about"]): CallError | undefined => errors.find(({ about }) => about === kind)
  return (
    <div class="stack device-trial">
      <CameraTrial desk={desk} error={of("camera")} onAgain={onAgain} />
      <MicrophoneTrial desk={desk} error={of("microphone")} onAgain={onAgain} />
      <SpeakerTrial desk={desk} />
    </div>
  )
}

interface TrialProps extends Props {
  error: CallError | undefined
}

function CameraTrial({ desk, error, onAgain }: TrialProps) {
  const preview = desk.preview.value
  const dark = useWatch(() => preview && watchPicture(preview), [preview])
  return (
    <div class="stack tight">
      {preview && (
        <div class="check-picture">
          <StreamPicture stream={preview} label={t("call.you")} mirrored />
        </div>
      )}
      {error && <DeviceHelp error={error} onAgain={onAgain} />}
      {!error && dark && <Hint words={t("device.dark")} others={optionsOf(desk, "camera").length > 1} />}
      <DeviceSelect desk={desk} kind="camera" />
    </div>
  )
}

function MicrophoneTrial({ desk, error, onAgain }: TrialProps) {
  const silent = useWatch(() => (error ? undefined : watchSound(desk.microphoneLevel)), [desk, error, desk.chosen.value.microphone])
  return (
    <div class="stack tight">
      {error && <DeviceHelp error={error} onAgain={onAgain} />}
      <DeviceSelect desk={desk} kind="microphone" />
      {!error && <Meter desk={desk} />}
      {!error && silent && <Hint words={t("device.silent")} others={optionsOf(desk, "microphone").length > 1} />}
    </div>
  )
}

function SpeakerTrial({ desk }: { desk: DeviceDesk }) {
  return (
    <div class="stack tight">
      <DeviceSelect desk={desk} kind="speaker" />
      <button type="button" class="button" onClick={() => void playTone(desk.chosen.value.speaker)}>
        <Icon name="play" />
        {t("device.sound")}
      </button>
      <p class="small quiet">{t("device.soundHint")}</p>
    </div>
  )
}

/** The device works, but something else is off; another one may be the right one. */
function Hint({ words, others }: { words: string; others: boolean }) {
  return (
    <p class="notice" role="status">
      <Icon name="alarm" />
      <span>
        {words} {others && t("device.tryOther")}
      </span>
    </p>
  )
}

/** A bar that moves with the voice, and says once that it heard. */
function Meter({ desk }: { desk: DeviceDesk }) {
  const heard = useSignal(false)
  const level = desk.microphoneLevel.value
  if (level > 0.15 && !heard.value) heard.value = true
  return (
    <div class="field">
      <meter min={0} max={1} value={level} aria-label={t("device.meter")} />
      <span class="hint" role="status">
        {t(heard.value ? "device.heard" : "device.speak")}
      </span>
    </div>
  )
}

/** What a watch says; false while there is none. */
function useWatch(begin: () => Watch | undefined, about: readonly unknown[]): boolean {
  const [watch, setWatch] = useState<Watch>()
  useEffect(() => {
    const begun = begin()
    setWatch(begun)
    return () => begun?.stop()
  }, about)
  return watch?.nothing.value ?? false
}
