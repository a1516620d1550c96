/** Eyes and ears of the test: what is really shown and heard, not what a track claims. */

export interface Picture {
  width: number
  height: number
  /** Mean of red, green and blue, 0 to 255. */
  mean: [number, number, number]
  /** Share of pixels that are brighter than black. */
  lit: number
  /** Changes with every change of the picture. */
  print: number
}

const screens = new Map<string, HTMLVideoElement>()
const ears = new Map<string, { analyser: AnalyserNode; loudest: number }>()

/** Shows a stream in the page, once. */
export function watch(name: string, stream: MediaStream): void {
  if (screens.get(name)?.srcObject === stream) return
  screens.get(name)?.remove()
  const video = document.createElement("video")
  Object.assign(video, { srcObject: stream, muted: true, autoplay: true, playsInline: true })
  video.style.width = "320px"
  video.title = name
  document.querySelector("#stage")?.append(video)
  screens.set(name, video)
}

/** Undefined while no frame was ever shown. */
export function look(name: string): Picture | undefined {
  const video = screens.get(name)
  if (!video?.videoWidth) return undefined
  const canvas = new OffscreenCanvas(64, 48)
  const context = canvas.getContext("2d", { willReadFrequently: true })
  if (!context) return undefined
  context.drawImage(video, 0, 0, 64, 48)
  const { data } = context.getImageData(0, 0, 64, 48)
  const sums = [0, 0, 0]
  let lit = 0
  let print = 0
  for (let at = 0; at < data.length; at += 4) {
    const pixel = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0]
    pixel.forEach((value, index) => (sums[index] = (sums[index] ?? 0) + value))
    if (Math.max(...pixel) > 40) lit++
    print = (Math.imul(print, 31) + (pixel[0] ?? 0) * 65536 + (pixel[1] ?? 0) * 256 + (pixel[2] ?? 0)) | 0
  }
  const pixels = data.length / 4
  return {
    width: video.videoWidth,
    height: video.videoHeight,
    mean: sums.map((sum) => Math.round(sum / pixels)) as [number, number, number],
    lit: lit / pixels,
    print,
  }
}

const audio = new AudioContext()
const heard = new WeakSet<MediaStream>()

export function soundOf(name: string, stream: MediaStream): void {
  if (heard.has(stream)) return
  heard.add(stream)
  // Chromium gives a remote stream to Web Audio only while an element plays it.
  const element = new Audio()
  element.srcObject = stream
  element.muted = true
  void element.play().catch(() => undefined)
  const analyser = audio.createAnalyser()
  audio.createMediaStreamSource(stream).connect(analyser)
  ears.set(name, { analyser, loudest: 0 })
}

/** A beep is short: whoever asks once a second would miss it. */
setInterval(() => {
  const samples = new Float32Array(2048)
  for (const ear of ears.values()) {
    ear.analyser.getFloatTimeDomainData(samples)
    ear.loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), ear.loudest)
  }
}, 30)

/** Loudest since it was asked last, 0 to 1. */
export function listen(name: string): number {
  const ear = ears.get(name)
  const loudest = ear?.loudest ?? 0
  if (ear) ear.loudest = 0
  return loudest
}

Object.assign(window, { look, listen })
