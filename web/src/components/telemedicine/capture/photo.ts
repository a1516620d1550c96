/** One picture of a running camera, as a JPEG without place or time in it. */
import { safeMoment } from "./moment"

export async function takePhoto(video: HTMLVideoElement, name: string): Promise<File> {
  const canvas = document.createElement("canvas")
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext("2d")?.drawImage(video, 0, 0)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9))
  if (!blob) throw new Error("no picture")
  return new File([blob], `${name} ${safeMoment(new Date())}.jpg`, { type: "image/jpeg" })
}
