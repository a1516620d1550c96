/** A camera or microphone for one picture or recording: opened by a click, closed at once after. */
import { mediaErrorOf, permissionOf, withoutMedia, type Capture } from "../../../lib/call/deviceFailure"
import { type CallError } from "../../../lib/call/types"

export type Opened = { stream: MediaStream } | { error: CallError }

const wanted: Record<Capture, MediaStreamConstraints> = {
  camera: { video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1440 } } },
  microphone: { audio: { echoCancellation: true, noiseSuppression: true, channelCount: { ideal: 1 } } },
}

export async function openDevice(kind: Capture): Promise<Opened> {
  const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices
  if (!media) return { error: { about: kind, error: withoutMedia() } }
  try {
    return { stream: await media.getUserMedia(wanted[kind]) }
  } catch (failure) {
    return { error: { about: kind, error: mediaErrorOf(failure, (await permissionOf(kind))?.state) } }
  }
}

/** The light goes off. */
export function closeDevice(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}
