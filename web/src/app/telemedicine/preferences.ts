/** What this person chose on this device. Nothing secret. */
import { effect, signal } from "@preact/signals"

const key = "careseal.camera"

function kept(): boolean | undefined {
  try {
    const value = localStorage.getItem(key)
    return value === null ? undefined : value === "on"
  } catch {
    return undefined
  }
}

/** Whether calls start with the camera on; undefined until the person has said so. */
export const cameraWanted = signal<boolean | undefined>(kept())

effect(() => {
  if (cameraWanted.value === undefined) return
  try {
    localStorage.setItem(key, cameraWanted.value ? "on" : "off")
  } catch {
    // Without storage the question comes again next time.
  }
})
