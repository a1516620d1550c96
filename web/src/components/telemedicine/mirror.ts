/** The own picture is shown as in a mirror, which people are used to; others always see it as it is. */
import { type Calls } from "../../lib/call/types"
import { kept } from "../kept"

const choice = kept("careseal.mirror")

export const mirrorWanted = (): boolean => choice.value !== "off"

export function wantMirror(on: boolean): void {
  choice.value = on ? undefined : "off"
}

/** A camera that looks away shows letters that are to be read. */
export const isMirrored = (calls: Pick<Calls, "facing">): boolean => mirrorWanted() && calls.facing.value !== "environment"
