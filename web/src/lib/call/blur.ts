/** The background out of focus: the work of the camera or the system, where they offer it. Nothing is computed by the page. */
import { effect, type ReadonlySignal, signal } from "@preact/signals"

/** Newer than the types that come with TypeScript (Media Capture Extensions, `backgroundBlur`). */
interface Blurring {
  backgroundBlur?: boolean
}

export interface Blur {
  /** Undefined where the open camera cannot. */
  readonly on: ReadonlySignal<boolean | undefined>
  /** Stays wanted when another camera is opened. */
  set(on: boolean): Promise<void>
  stop(): void
}

export function blurOf(camera: ReadonlySignal<MediaStreamTrack | undefined>): Blur {
  const on = signal<boolean | undefined>(undefined)
  let wanted: boolean | undefined

  async function apply(track: MediaStreamTrack, to: boolean): Promise<void> {
    await track.applyConstraints({ ...track.getConstraints(), ...({ backgroundBlur: to } satisfies Blurring) }).catch(() => undefined)
    if (camera.peek() === track) on.value = isBlurred(track)
  }

  const stop = effect(() => {
    const track = camera.value
    if (!track || !canChoose(track)) {
      on.value = undefined
      return
    }
    on.value = isBlurred(track)
    // The system's own switch may change it as well.
    track.addEventListener("configurationchange", () => {
      if (camera.peek() === track) on.value = isBlurred(track)
    })
    if (wanted !== undefined && wanted !== on.peek()) void apply(track, wanted)
  })
  return {
    on,
    stop,
    set: async (to) => {
      wanted = to
      const track = camera.peek()
      if (track && on.peek() !== undefined) await apply(track, to)
    },
  }
}

const isBlurred = (track: MediaStreamTrack): boolean => (track.getSettings() as Blurring).backgroundBlur === true

function canChoose(track: MediaStreamTrack): boolean {
  // Not in all browsers.
  const able = (track as Partial<MediaStreamTrack>).getCapabilities?.() as { backgroundBlur?: boolean[] } | undefined
  return able?.backgroundBlur?.includes(true) === true && able.backgroundBlur.includes(false)
}
