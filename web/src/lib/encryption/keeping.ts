/** Keeping the door right (docs/protocol.md §3.5 to §3.7). */
import { type Bytes, equal, type Random, secureRandom } from "./bytes.ts"
import { type DoorContent, type KeyBox, openKeyBox, openSealedDoor, sealDoor, sealKeyBoxes } from "./door.ts"
import { type Epoch, memberAt } from "./epoch.ts"
import { SealError } from "./errors.ts"
import { describes, openGroupInfo } from "./groupInfo.ts"
import { sealLetter } from "./history.ts"
import { type InviteKeys } from "./invite.ts"
import { agrees } from "./log.ts"
import { writable } from "./member.ts"
import { type PolicyInvite } from "./policy.ts"
import { type MemberState } from "./state.ts"

export interface Letter {
  readonly invite: string
  readonly letter: Bytes
}

export interface DoorRequest {
  readonly parent: number
  readonly door: Bytes
  readonly keyBoxes: readonly KeyBox[]
  /** Empty for guests. */
  readonly letters: readonly Letter[]
}

/** Door, key boxes and, for a host, letters of the current epoch: after founding and own commits, and for healing. */
export async function doorOf(state: MemberState, random: Random = secureRandom): Promise<DoorRequest> {
  const epoch = writable(state)
  const { sessionId, head, lastCommit: parent, used } = state
  const letters: Letter[] = []
  for (const invite of lettersFor(state, epoch)) {
    const letter = await letterFor(state, invite, random)
    if (letter !== undefined) letters.push({ invite: invite.id, letter })
  }
  return {
    parent,
    door: await sealDoor(sessionId, epoch, { position: head, covers: true, used }, random),
    keyBoxes: await sealKeyBoxes(sessionId, epoch, random),
    letters,
  }
}

/** Invites by which nobody has joined yet: a host keeps a letter for whoever opens one first. */
function lettersFor(state: MemberState, epoch: Epoch): PolicyInvite[] {
  if (memberAt(epoch, state.self.leaf)?.role !== "host") return []
  return epoch.policy.invites.filter(({ id, open, knock }) => open && !knock && !state.used.includes(id))
}

export function lettersDue(state: MemberState): readonly string[] {
  return state.phase !== "in" || state.epoch === undefined ? [] : lettersFor(state, state.epoch).map(({ id }) => id)
}

/** The history since the invite was made; undefined when this device does not have all of it. */
async function letterFor(state: MemberState, invite: PolicyInvite, random: Random): Promise<Bytes | undefined> {
  const epochs = state.records.filter(({ epoch }) => epoch >= invite.since)
  const [first] = epochs
  if (first?.epoch !== invite.since || first.h === undefined) return undefined
  if (epochs.length !== (state.epoch?.n ?? 0) - invite.since + 1) return undefined
  return sealLetter(state.sessionId, invite, { from: { seq: first.start, h: first.h }, epochs }, random)
}

/** What is wrong with a door. */
export type DoorFault = "does-not-open" | "policy" | "commit" | "group" | "position" | "used"

/** Whether a door is right for the current epoch and log: undefined, or what is wrong with it. */
export async function checkDoor(state: MemberState, door: Uint8Array): Promise<DoorFault | undefined> {
  const epoch = writable(state)
  try {
    const content = await openSealedDoor(epoch.secrets.door, state.sessionId, door)
    if (!equal(content.policy, epoch.policyBytes)) return "policy"
    if (content.commitId !== epoch.commitId) return "commit"
    const info = await openGroupInfo(content.groupInfo, state.sessionId, epoch.n)
    if (!(await describes(info, epoch.group))) return "group"
    if (!fits(state, epoch, content)) return "position"
    const used = new Set(content.used)
    if (used.size !== state.used.length || !state.used.every((id) => used.has(id))) return "used"
    return undefined
  } catch (error) {
    if (error instanceof SealError) return "does-not-open"
    throw error
  }
}

/** Whether the log leads from the door to the head as §3.5 wants it. */
function fits(state: MemberState, epoch: Epoch, { covers, position }: DoorContent): boolean {
  if (agrees(state.chain, position) === false || position.seq > state.head.seq) return false
  if (covers !== position.seq >= epoch.start) return false
  const after = state.commits.filter((seq) => seq > position.seq)
  return covers ? after.length === 0 : after.length === 1 && after[0] === epoch.start
}

/** Whether a key box fits this epoch; only who has the invite's secret can tell. */
export async function checkKeyBox(state: MemberState, keys: InviteKeys, box: Uint8Array): Promise<boolean> {
  const epoch = writable(state)
  try {
    const { n, doorKey } = await openKeyBox(keys, box)
    return n === epoch.n && equal(doorKey, epoch.secrets.door)
  } catch (error) {
    if (error instanceof SealError) return false
    throw error
  }
}
