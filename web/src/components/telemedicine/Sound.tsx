import { useEffect, useRef } from "preact/hooks"

/** Only some browsers let a page choose the loudspeaker. */
type Sink = Omit<HTMLAudioElement, "setSinkId"> & { setSinkId?: (id: string) => Promise<void> }

async function speakOn(sink: Sink, speaker: string | undefined): Promise<void> {
  try {
    await sink.setSinkId?.(speaker ?? "")
  } catch {
    // A loudspeaker that is gone: the browser's own choice is heard instead.
  }
}

/** What one other says, on the chosen loudspeaker. */
export function Sound({ stream, speaker }: { stream: MediaStream | undefined; speaker: string | undefined }) {
  const audio = useRef<HTMLAudioElement>(null)
  useEffect(() => {
    if (audio.current) audio.current.srcObject = stream ?? null
  }, [stream])
  useEffect(() => {
    if (audio.current) void speakOn(audio.current, speaker)
  }, [speaker])
  return <audio ref={audio} autoplay />
}
