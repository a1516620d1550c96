/** How loud a track is, for the meter of the device check and for "you are muted" (never leaves this device). */
import { type ReadonlySignal, signal } from "@preact/signals"

const EVERY = 100

export interface Meter {
  /** 0 to 1 */
  readonly level: ReadonlySignal<number>
  stop(): void
}

export function meter(track: MediaStreamTrack): Meter {
  const level = signal(0)
  const audio = new AudioContext()
  // Safari begins with a context that stands still.
  void audio.resume().catch(() => undefined)
  const analyser = audio.createAnalyser()
  analyser.fftSize = 1024
  audio.createMediaStreamSource(new MediaStream([track])).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const measuring = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    level.value = loudness(samples)
  }, EVERY)
  return {
    level,
    stop: () => {
      clearInterval(measuring)
      level.value = 0
      void audio.close().catch(() => undefined)
    },
  }
}

/** Root mean square on the scale of hearing: 0 at -60 dB and below, 1 at full scale. */
export function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length)
  if (power === 0) return 0
  return Math.min(1, Math.max(0, 1 + (10 * Math.log10(power)) / 60))
}
