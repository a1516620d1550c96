/** What this person chose on this device. Nothing secret. */
import { kept } from "../components/kept"

const camera = kept("careseal.camera")

/** The clinician's name in new sessions, where it is another than the account's. */
export const ownName = kept("careseal.name")

/** Whether calls start with the camera on; undefined until the person has said so. */
export const cameraWanted = (): boolean | undefined => (camera.value === undefined ? undefined : camera.value === "on")

export function wantCamera(on: boolean | undefined): void {
  camera.value = on === undefined ? undefined : on ? "on" : "off"
}

/** What to send from the start. Who begins a call without having been asked has said yes. */
export function callMedia(): { audio: true; video: boolean } {
  const video = cameraWanted() !== false
  wantCamera(video)
  return { audio: true, video }
}
