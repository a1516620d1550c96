/** Records a microphone, in the first of these that the browser writes; MP4 with AAC is played by every browser. */
const formats = [
  { type: "audio/mp4;codecs=mp4a.40.2", ending: "m4a" },
  { type: "audio/webm;codecs=opus", ending: "webm" },
  { type: "audio/ogg;codecs=opus", ending: "ogg" },
  { type: "audio/mp4", ending: "m4a" },
] as const

/** Bits a second: speech is clear, and ten minutes are 2.4 MB. */
const rate = 32_000

export const canRecord = (): boolean =>
  typeof MediaRecorder === "function" && formats.some(({ type }) => MediaRecorder.isTypeSupported(type))

export interface Recording {
  content: Blob
  ending: string
  /** Seconds, at least 1. */
  seconds: number
}

export interface Recorder {
  /** Ends it; may be called once. */
  stop(): Promise<Recording>
}

/** Throws where `canRecord` says no. */
export function record(stream: MediaStream): Recorder {
  const format = formats.find(({ type }) => MediaRecorder.isTypeSupported(type))
  if (!format) throw new Error("no recorder")
  const recorder = new MediaRecorder(stream, { mimeType: format.type, audioBitsPerSecond: rate })
  const pieces: Blob[] = []
  recorder.ondataavailable = ({ data }) => void pieces.push(data)
  const began = performance.now()
  recorder.start(1000)
  return {
    stop: () =>
      new Promise((resolve) => {
        const seconds = Math.max(1, Math.round((performance.now() - began) / 1000))
        const done = (): void =>
          resolve({ content: new Blob(pieces, { type: format.type.split(";")[0] ?? "" }), ending: format.ending, seconds })
        // A microphone that was unplugged has stopped it already.
        if (recorder.state === "inactive") done()
        else {
          recorder.onstop = done
          recorder.stop()
        }
      }),
  }
}
