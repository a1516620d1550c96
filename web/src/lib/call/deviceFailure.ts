/** Why a camera, microphone or screen cannot be had, as keys of sentences that say what to do. */
import { type CallError } from "./types.ts"

export type Capture = "camera" | "microphone"
export type DeviceFailure = CallError["error"]

/** What the browser keeps of the person's answers; undefined where it does not tell. */
export async function permissionOf(kind: Capture): Promise<PermissionStatus | undefined> {
  const { permissions } = navigator as { permissions?: Permissions }
  try {
    return await permissions?.query({ name: kind })
  } catch {
    return undefined
  }
}

/** Why there is no `navigator.mediaDevices`. */
export const withoutMedia = (): DeviceFailure => (globalThis.isSecureContext ? "unsupported" : "insecure")

/**
 * Names of the media capture specification. A refusal has one name for three causes: a question that was closed without an
 * answer leaves the permission at `prompt`, and only Chromium's words tell that the operating system refused.
 */
export function mediaErrorOf(failure: unknown, kept?: PermissionState): DeviceFailure {
  const { name, message } = failure instanceof Error || failure instanceof DOMException ? failure : { name: "", message: "" }
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      if (/by system/i.test(message)) return "system-denied"
      return kept === "prompt" || /dismiss/i.test(message) ? "permission-dismissed" : "permission-denied"
    case "NotFoundError":
    case "OverconstrainedError":
      return "no-device"
    case "NotReadableError":
    case "AbortError":
      return "busy-device"
    default:
      return "failed"
  }
}

/** Answers of the person, or of the system in their place: asking again without a click would be pressing. */
const answers: ReadonlySet<DeviceFailure> = new Set(["permission-denied", "permission-dismissed", "system-denied"])
export const isRefusal = (error: DeviceFailure): boolean => answers.has(error)
