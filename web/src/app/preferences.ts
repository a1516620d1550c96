/** What this person chose on this device. Nothing secret. */
import { effect, signal, type Signal } from "@preact/signals"

/** A signal that is kept over reloads; without storage the question comes again next time. */
function kept(key: string): Signal<string | undefined> {
  const value = signal<string | undefined>(undefined)
  try {
    value.value = localStorage.getItem(key) ?? undefined
    effect(() => {
      if (value.value === undefined) localStorage.removeItem(key)
      else localStorage.setItem(key, value.value)
    })
  } catch {
    // Storage is forbidden.
  }
  return value
}

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
