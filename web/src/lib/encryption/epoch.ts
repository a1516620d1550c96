/** An epoch with what it exports, and the record that is kept of it (docs/protocol.md §2.2, §5.3). */
import { type Bytes, concat, fromBase64Url, utf8 } from "./bytes.ts"
import { epochOf, exportSecret, type Group, groupLeaves } from "./group.ts"
import { decodePolicy, type Policy, type Role } from "./policy.ts"
import { type RosterMember, rosterOf } from "./roster.ts"
import { hashNow } from "./seal.ts"

/** 32 bytes each. */
export interface EpochSecrets {
  readonly content: Bytes
  readonly door: Bytes
  readonly signal: Bytes
  readonly frame: Bytes
  readonly code: Bytes
}

/** One epoch of the group as this device knows it; `group` and `secrets` are for this room only. */
export interface Epoch {
  readonly n: number
  /** seq of the commit that began it, 0 for epoch 0 */
  readonly start: number
  /** Entry id of that commit, 16 zero bytes for epoch 0 */
  readonly commitId: string
  readonly policy: Policy
  readonly policyBytes: Bytes
  readonly members: readonly RosterMember[]
  /** context(policy), 64 bytes */
  readonly context: Bytes
  readonly group: Group
  readonly secrets: EpochSecrets
}

export interface RecordMember {
  readonly leaf: number
  /** Signature key, 32 bytes */
  readonly key: Bytes
  readonly identity: string
  readonly role: Role
}

/** What a device needs to read the messages of one epoch. */
export interface EpochRecord {
  readonly epoch: number
  readonly start: number
  /** content_secret, 32 bytes */
  readonly secret: Bytes
  readonly context: Bytes
  readonly members: readonly RecordMember[]
  /** h at `start` (64 bytes) where this device knows it; needed to hand the record on, not handed on itself */
  readonly h?: Bytes
}

export const noCommitId = "AAAAAAAAAAAAAAAAAAAAAA"

export function contextOf(sessionId: string, policyBytes: Uint8Array): Bytes {
  return hashNow(utf8("careseal/1 context"), fromBase64Url(sessionId, 16), policyBytes)
}

/** Exports secrets and reads the roster. Throws Malformed or Refused when policy or identities do not hold. */
export async function makeEpoch(
  sessionId: string,
  group: Group,
  policyBytes: Bytes,
  start: number,
  commitId: string,
): Promise<Epoch> {
  const policy = decodePolicy(policyBytes)
  const context = contextOf(sessionId, policyBytes)
  const members = await rosterOf(sessionId, groupLeaves(group), policy)
  const secrets: EpochSecrets = {
    content: await exportSecret(group, "careseal/1 content", context),
    door: await exportSecret(group, "careseal/1 door", context),
    signal: await exportSecret(group, "careseal/1 signal", context),
    frame: await exportSecret(group, "SFrame 1.0 Base Key", context),
    code: await exportSecret(group, "careseal/1 code", context),
  }
  return { n: epochOf(group), start, commitId, policy, policyBytes, members, context, group, secrets }
}

export function recordOf({ n, start, secrets, context, members }: Epoch, h: Bytes): EpochRecord {
  return {
    epoch: n,
    start,
    secret: secrets.content,
    context,
    members: members.map(({ leaf, key, identity, role }) => ({ leaf, key, identity, role })),
    h,
  }
}

export function memberAt(epoch: Epoch, leaf: number): RosterMember | undefined {
  return epoch.members.find((each) => each.leaf === leaf)
}

/** concat of text and bytes, as the protocol writes its infos and additional data. */
export function labelled(label: string, ...parts: readonly Uint8Array[]): Bytes {
  return concat(utf8(label), ...parts)
}
