import { useEffect, useRef } from "preact/hooks"

interface PictureProps {
  stream: MediaStream | undefined
  label: string
  mirrored?: boolean
  speaking?: boolean
}

/** A stream without its sound. */
export function StreamPicture({ stream, label, mirrored = false, speaking = false }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null
  }, [stream])
  return (
    <video
      ref={video}
      class={`picture${mirrored ? " mirrored" : ""}${speaking ? " speaking" : ""}`}
      aria-label={label}
      hidden={!stream}
      autoplay
      playsInline
      muted
    />
  )
}
