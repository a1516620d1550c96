/** Doors and key boxes, by which one joins with nothing but a link (docs/protocol.md §3.5, §3.6). */
import {
  type Bytes,
  compare,
  concat,
  fromBase64Url,
  type Random,
  Reader,
  toBase64Url,
  u16,
  u64,
  u8,
  vec32,
} from "./bytes.ts"
import { type EntryDigest, type Position } from "./entry.ts"
import { type Epoch, labelled, noCommitId } from "./epoch.ts"
import { DoorUnfit, Malformed, SealError } from "./errors.ts"
import { makeGroupInfo } from "./groupInfo.ts"
import { hpkeOpen, hpkeSeal } from "./hpke.ts"
import { type InviteKeys } from "./invite.ts"
import { nextPosition } from "./log.ts"
import { type PolicyInvite } from "./policy.ts"
import { open, seal } from "./seal.ts"

const doorLabel = "careseal/1 door"

/** What a door holds. */
export interface DoorContent {
  readonly groupInfo: Bytes
  readonly policy: Bytes
  /** Whether the position lies at or after the commit that began the epoch */
  readonly covers: boolean
  /** Entry id of that commit */
  readonly commitId: string
  readonly position: Position
  /** Invites by which a device has ever joined */
  readonly used: readonly string[]
}

function doorData(sessionId: string): Bytes {
  return labelled(doorLabel, fromBase64Url(sessionId, 16))
}

export function encodeDoor({ groupInfo, policy, covers, commitId, position, used }: DoorContent): Bytes {
  const ids = used.map((id) => fromBase64Url(id, 16)).sort(compare)
  return concat(
    vec32(groupInfo),
    vec32(policy),
    u8(covers ? 1 : 0),
    fromBase64Url(commitId, 16),
    u64(position.seq),
    position.h,
    u16(ids.length),
    ...ids,
  )
}

/** Throws Malformed. */
export function decodeDoor(encoded: Uint8Array): DoorContent {
  const reader = new Reader(encoded)
  const groupInfo = reader.vec32()
  const policy = reader.vec32()
  const covers = reader.u8()
  if (covers > 1) throw new Malformed("door: covers")
  const commitId = toBase64Url(reader.take(16))
  const position = { seq: reader.u64(), h: reader.take(64) }
  const count = reader.u16()
  const used = Array.from({ length: count }, () => reader.take(16))
  reader.end()
  for (let i = 1; i < used.length; i += 1) {
    const [before, id] = [used[i - 1], used[i]]
    if (before === undefined || id === undefined || compare(before, id) >= 0) throw new Malformed("door: used")
  }
  return { groupInfo, policy, covers: covers === 1, commitId, position, used: used.map(toBase64Url) }
}

export async function sealDoor(
  sessionId: string,
  epoch: Epoch,
  place: { position: Position; covers: boolean; used: readonly string[] },
  random: Random,
): Promise<Bytes> {
  const salt = random(16)
  const groupInfo = await makeGroupInfo(epoch.group)
  const content = encodeDoor({ groupInfo, policy: epoch.policyBytes, commitId: epoch.commitId, ...place })
  return concat(salt, await seal(epoch.secrets.door, doorLabel, salt, doorData(sessionId), content))
}

/** Throws CannotOpen or Malformed. */
export async function openSealedDoor(doorKey: Bytes, sessionId: string, door: Uint8Array): Promise<DoorContent> {
  const salt = door.slice(0, 16)
  return decodeDoor(await open(doorKey, doorLabel, salt, doorData(sessionId), door.subarray(16)))
}

function keyBoxInfo(sessionId: string, epoch: number, invite: string): Bytes {
  return labelled("careseal/1 key box", fromBase64Url(sessionId, 16), u64(epoch), fromBase64Url(invite, 16))
}

export interface KeyBox {
  readonly invite: string
  readonly box: Bytes
}

/** Whether an invite has a key box in this epoch. */
export function hasKeyBox(epoch: Epoch, invite: PolicyInvite): boolean {
  return !invite.knock && (invite.open || epoch.members.some((each) => each.invite === invite.id))
}

/** A key box for each invite that has one. A box key to which nothing can be sealed gets none. */
export async function sealKeyBoxes(sessionId: string, epoch: Epoch, random: Random): Promise<KeyBox[]> {
  const boxes: KeyBox[] = []
  for (const invite of epoch.policy.invites.filter((each) => hasKeyBox(epoch, each))) {
    try {
      boxes.push({ invite: invite.id, box: await sealKeyBox(sessionId, epoch, invite.id, fromBase64Url(invite.box, 1216), random) })
    } catch (error) {
      if (!(error instanceof SealError)) throw error
    }
  }
  return boxes
}

/** A key box for the holder of a box key (1216): an invite's, or that of a knock. Throws SealError. */
export async function sealKeyBox(
  sessionId: string,
  epoch: Epoch,
  invite: string,
  key: Bytes,
  random: Random,
): Promise<Bytes> {
  const sealed = await hpkeSeal(key, keyBoxInfo(sessionId, epoch.n, invite), epoch.secrets.door, random)
  return concat(u64(epoch.n), sealed)
}

/** The epoch and its door key; `seed` is that of a knock. Throws CannotOpen or Malformed. */
export async function openKeyBox(
  keys: InviteKeys,
  box: Uint8Array,
  seed: Bytes = keys.box.seed,
): Promise<{ n: number; doorKey: Bytes }> {
  const reader = new Reader(box)
  const n = reader.u64()
  const sealed = reader.take(reader.left)
  const doorKey = await hpkeOpen(seed, keyBoxInfo(keys.sessionId, n, keys.id), sealed)
  if (doorKey.length !== 32) throw new Malformed("key box: length")
  return { n, doorKey }
}

/** Where a fitting door's log stands: its verified head, and its last commit entry. */
export interface LogEnd {
  readonly head: Position
  readonly lastCommit: number
}

/**
 * Follows the log from a door to its head (docs/protocol.md §3.5). `digests` are all entries after the door's
 * position; `lastCommit` is the server's word, which a member checks later. Throws DoorUnfit.
 */
export function followToHead(
  sessionId: string,
  { covers, commitId, position }: Pick<DoorContent, "covers" | "commitId" | "position">,
  n: number,
  digests: readonly EntryDigest[],
  lastCommit: number,
): LogEnd {
  if (n === 0 && (!covers || commitId !== noCommitId)) throw new DoorUnfit("the door of epoch 0 has no commit")
  const commits = digests.filter(({ kind }) => kind === "commit")
  const wanted = covers ? 0 : 1
  if (commits.length !== wanted || commits.some(({ id }) => id !== commitId)) {
    throw new DoorUnfit("the door belongs to another commit")
  }
  let head = position
  for (const entry of digests) {
    if (entry.seq !== head.seq + 1) throw new DoorUnfit("the log has a gap behind the door")
    head = nextPosition(sessionId, head, entry)
  }
  let parent = digests[0]?.parent ?? lastCommit
  if (parent > position.seq) throw new DoorUnfit("another last commit")
  for (const entry of digests) {
    if (entry.parent !== parent) throw new DoorUnfit("an entry behind the door has a wrong parent")
    if (entry.kind === "commit") parent = entry.seq
  }
  if (parent !== lastCommit) throw new DoorUnfit("another last commit")
  return { head, lastCommit }
}
