/** Camera, microphone and loudspeaker that this person chose on this device, by ids that mean nothing elsewhere. */
import { type ChosenDevices, type DeviceKind } from "./types.ts"

const KEY = "careseal.devices"
const KINDS: readonly DeviceKind[] = ["camera", "microphone", "speaker"]
export const NONE_CHOSEN: ChosenDevices = { camera: undefined, microphone: undefined, speaker: undefined }

/** Without storage the choice lasts until the page is closed. */
export function rememberedDevices(): ChosenDevices {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}")
    if (typeof kept !== "object" || kept === null) return NONE_CHOSEN
    const ids = kept as Partial<Record<DeviceKind, unknown>>
    const [camera, microphone, speaker] = KINDS.map((kind) => (typeof ids[kind] === "string" ? ids[kind] : undefined))
    return { camera, microphone, speaker }
  } catch {
    return NONE_CHOSEN
  }
}

export function rememberDevice(kind: DeviceKind, id: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...rememberedDevices(), [kind]: id }))
  } catch {
    // Storage is forbidden.
  }
}
