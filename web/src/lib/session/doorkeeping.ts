/** Keeps the door right for who comes next (docs/protocol.md §3.5 to §3.7). A host's duty after each commit. */
import { checkDoor, doorOf, fromBase64Url, lettersDue, type MemberState, toBase64Url } from "../encryption/e2ee.ts"
import { Refusal } from "./http.ts"
import { type Transport } from "./transport.ts"

/** Looks at the door and puts a right one where it is not, or where a letter is due. */
export async function tendDoor(transport: Transport, token: string, state: MemberState): Promise<void> {
  if (lettersDue(state).length === 0 && (await fits(transport, token, state))) return
  await putDoor(transport, token, state)
}

/** Puts door, key boxes and letters; somebody else's commit in between makes that their business. */
export async function putDoor(transport: Transport, token: string, state: MemberState): Promise<void> {
  const { parent, door, keyBoxes, letters } = await doorOf(state)
  try {
    await transport.putDoor(token, {
      parent,
      door: toBase64Url(door),
      keyBoxes: keyBoxes.map(({ invite, box }) => ({ invite, box: toBase64Url(box) })),
      letters: letters.map(({ invite, letter }) => ({ invite, letter: toBase64Url(letter) })),
    })
  } catch (error) {
    if (!(error instanceof Refusal && error.problem === "stale-parent")) throw error
  }
}

async function fits(transport: Transport, token: string, state: MemberState): Promise<boolean> {
  const { door } = await transport.door(token)
  try {
    return (await checkDoor(state, fromBase64Url(door))) === undefined
  } catch {
    return false
  }
}
