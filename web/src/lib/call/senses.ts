/** Whether a camera shows something and a microphone hears something: measured here, told to nobody else. */
import { effect, type ReadonlySignal, signal } from "@preact/signals"

export interface Watch {
  /** The camera is covered, or the microphone off by a switch: nothing came for a while. */
  readonly nothing: ReadonlySignal<boolean>
  stop(): void
}

const LOOK_EVERY = 400
/** Cameras begin with black frames while they find the light. */
const DARK_FOR = 2000
const SILENT_FOR = 5000
/** Quieter than any room through any microphone that is on: -57 dB of full scale. */
const HEARD = 0.05
/** A covered camera gives black with some noise. */
const DARKEST_MEAN = 20
const DARKEST_SPOT = 56

/** RGBA pixels without a spot that is lit. */
export function isBlack(pixels: Uint8ClampedArray): boolean {
  let sum = 0
  let brightest = 0
  for (let i = 0; i + 2 < pixels.length; i += 4) {
    const light = 0.2126 * (pixels[i] ?? 0) + 0.7152 * (pixels[i + 1] ?? 0) + 0.0722 * (pixels[i + 2] ?? 0)
    sum += light
    brightest = Math.max(brightest, light)
  }
  return sum / Math.max(1, pixels.length / 4) < DARKEST_MEAN && brightest < DARKEST_SPOT
}

export function watchPicture(stream: MediaStream): Watch {
  const nothing = signal(false)
  const video = document.createElement("video")
  const canvas = document.createElement("canvas")
  canvas.width = 32
  canvas.height = 18
  const pen = canvas.getContext("2d", { willReadFrequently: true })
  video.muted = true
  video.playsInline = true
  video.srcObject = stream
  void video.play().catch(() => undefined)
  let darkSince: number | undefined
  const looking = setInterval(() => {
    if (!pen || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return
    pen.drawImage(video, 0, 0, canvas.width, canvas.height)
    const black = isBlack(pen.getImageData(0, 0, canvas.width, canvas.height).data)
    darkSince = black ? (darkSince ?? performance.now()) : undefined
    nothing.value = darkSince !== undefined && performance.now() - darkSince >= DARK_FOR
  }, LOOK_EVERY)
  return {
    nothing,
    stop: () => {
      clearInterval(looking)
      video.srcObject = null
    },
  }
}

/** `level` as of `meter`, 0 to 1. */
export function watchSound(level: ReadonlySignal<number>): Watch {
  const nothing = signal(false)
  let waiting: ReturnType<typeof setTimeout> | undefined
  const listen = (): void => {
    clearTimeout(waiting)
    nothing.value = false
    waiting = setTimeout(() => (nothing.value = true), SILENT_FOR)
  }
  listen()
  const stop = effect(() => {
    if (level.value > HEARD) listen()
  })
  return {
    nothing,
    stop: () => {
      stop()
      clearTimeout(waiting)
    },
  }
}
