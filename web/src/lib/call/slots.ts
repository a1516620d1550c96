/** The three streams of a connection, in the order of its sections (docs/protocol.md §7.2). */
import { type SlotNumber } from "./frameMessages.ts"

export const MICROPHONE = 0
export const CAMERA = 1
export const SCREEN = 2
export const SLOTS = [MICROPHONE, CAMERA, SCREEN] as const satisfies readonly SlotNumber[]

export function isSlot(index: number): index is SlotNumber {
  return index === MICROPHONE || index === CAMERA || index === SCREEN
}
