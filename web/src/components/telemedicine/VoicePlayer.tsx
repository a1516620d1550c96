import { useSignal } from "@preact/signals"
import { useEffect, useRef, useState } from "preact/hooks"
import { clock } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Icon } from "../Icon"
import { notify } from "../notices"
import { useBlobUrl } from "./preview/blobUrl"

interface Props {
  /** Gives the recording, opened when it is first played; undefined when it is none. Rejects when it cannot be had now. */
  load: () => Promise<Blob | undefined>
  /** As the sender says: recordings of browsers do not tell their own length. */
  seconds: number
  name: string
}

/** A spoken message: play, pause, and where it is. */
export function VoicePlayer({ load, seconds, name }: Props) {
  const [blob, setBlob] = useState<Blob>()
  const url = useBlobUrl(blob)
  const audio = useRef<HTMLAudioElement>(null)
  const playing = useSignal(false)
  const at = useSignal(0)
  const state = useSignal<"idle" | "loading" | "failed">("idle")
  useEffect(() => {
    if (url) void audio.current?.play().catch(() => undefined)
  }, [url])

  const press = async (): Promise<void> => {
    const player = audio.current
    if (!player || state.value === "loading") return
    if (url) {
      if (player.paused) await player.play().catch(() => undefined)
      else player.pause()
      return
    }
    state.value = "loading"
    try {
      const loaded = await load()
      state.value = loaded ? "idle" : "failed"
      setBlob(loaded)
    } catch {
      state.value = "idle"
      notify(t("voice.notFetched"))
    }
  }
  if (state.value === "failed") return <p class="voice-failed">{t("voice.unplayable")}</p>
  return (
    <div class="voice">
      <button
        type="button"
        class="button primary square"
        aria-label={playing.value ? t("voice.pause", { name }) : t("voice.play", { name })}
        aria-busy={state.value === "loading"}
        onClick={() => void press()}
      >
        <Icon name={playing.value ? "pause" : "play"} />
      </button>
      <input
        type="range"
        min={0}
        max={seconds}
        step={0.1}
        value={Math.min(at.value, seconds)}
        disabled={!url}
        aria-label={t("voice.place")}
        aria-valuetext={clock(at.value)}
        onInput={(event) => {
          if (audio.current) audio.current.currentTime = event.currentTarget.valueAsNumber
        }}
      />
      <span class="timer small">{clock(playing.value || at.value > 0 ? at.value : seconds)}</span>
      <audio
        ref={audio}
        {...(url ? { src: url } : {})}
        onPlay={() => void (playing.value = true)}
        onPause={() => void (playing.value = false)}
        onEnded={() => {
          playing.value = false
          at.value = 0
        }}
        onTimeUpdate={(event) => void (at.value = event.currentTarget.currentTime)}
        onError={() => {
          if (url) state.value = "failed"
        }}
      />
    </div>
  )
}
