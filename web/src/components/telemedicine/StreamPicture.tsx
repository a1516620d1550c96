import { useEffect, useRef } from "preact/hooks"

interface PictureProps {
  stream: MediaStream | undefined
  label: string
  mirrored?: boolean
}

/** A stream without its sound. */
export function StreamPicture({ stream, label, mirrored = false }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null
  }, [stream])
  return (
    <video
      ref={video}
      class={mirrored ? "picture mirrored" : "picture"}
      aria-label={label}
      hidden={!stream}
      autoplay
      playsInline
      muted
    />
  )
}
