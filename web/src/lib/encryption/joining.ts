/** Joining with nothing but a link (docs/protocol.md §3.7). */
import { type Bytes, equal, fromBase64Url, type Random, secureRandom, toBase64Url } from "./bytes.ts"
import { encodeCommitData, signJoin } from "./commitData.ts"
import { type DoorContent, followToHead, openKeyBox, openSealedDoor } from "./door.ts"
import { type EntryDigest, type Position } from "./entry.ts"
import { Refused } from "./errors.ts"
import { leavesOf } from "./groupTree.ts"
import { type OpenedGroupInfo, openGroupInfo } from "./groupInfo.ts"
import { commitExternally } from "./groupMaking.ts"
import { type Introduction, makeIdentity } from "./identity.ts"
import { type InviteKeys } from "./invite.ts"
import { type Chain, chainAt, contradicts, grow, joinChains, nextPosition, sealCommit } from "./log.ts"
import { type CommitRequest, commitRequest } from "./member.ts"
import { decodePolicy, inviteOf, type Policy, type PolicyInvite } from "./policy.ts"
import { memberIdOf, type RosterMember, rosterOf } from "./roster.ts"
import { publicKeyOf } from "./signature.ts"
import { type MemberState, type Pending } from "./state.ts"

/** A door that opened: who is in, what the link is. Whether it fits the log is not known yet. */
export interface OpenedDoor {
  readonly sessionId: string
  readonly keys: InviteKeys
  readonly n: number
  readonly policy: Policy
  /** The link's own */
  readonly invite: PolicyInvite
  readonly members: readonly RosterMember[]
  /** Fetch all digests after this one's seq. */
  readonly position: Position
  readonly content: DoorContent
  readonly info: OpenedGroupInfo
  readonly doorKey: Bytes
}

/** Throws CannotOpen, Malformed or Refused; all mean: wait for a host to heal the door. */
export async function openDoor(
  keys: InviteKeys,
  sealed: { readonly door: Uint8Array; readonly keyBox: Uint8Array; readonly seed?: Bytes },
): Promise<OpenedDoor> {
  const { sessionId } = keys
  const { n, doorKey } = await openKeyBox(keys, sealed.keyBox, sealed.seed)
  const content = await openSealedDoor(doorKey, sessionId, sealed.door)
  const info = await openGroupInfo(content.groupInfo, sessionId, n)
  const policy = decodePolicy(content.policy)
  const invite = inviteOf(policy, keys.id)
  if (invite === undefined) throw new Refused("door: the invite is not in its policy")
  if (!equal(fromBase64Url(invite.join), keys.join.key) || !equal(fromBase64Url(invite.box), keys.box.key)) {
    throw new Refused("door: the invite has other keys in its policy")
  }
  const members = await rosterOf(sessionId, leavesOf(info.tree), policy)
  return { sessionId, keys, n, policy, invite, members, position: content.position, content, info, doorKey }
}

export interface Joining {
  /** phase "joining". Keep it durably before posting; feed it every entry after its `head`. */
  readonly state: MemberState
  /** Add `member: {id: state.self.memberId, tokenHash}`. */
  readonly request: CommitRequest
}

/** All entries after `door.position`, and the server's word on the last commit entry. */
export interface LogTail {
  readonly digests: readonly EntryDigest[]
  readonly lastCommit: number
}

/**
 * Makes the external commit. With `returning`, a state that was in and still has its leaf, it is a re-sync. Throws
 * DoorUnfit when the door does not fit the log, or Refused: the invite is closed or full, there is no leaf to return
 * to, or the log contradicts what the returning state had verified.
 */
export async function join(
  door: OpenedDoor,
  log: LogTail,
  introduction: Introduction,
  returning?: MemberState,
  random: Random = secureRandom,
): Promise<Joining> {
  const { sessionId, keys, n, invite } = door
  const { head, lastCommit } = followToHead(sessionId, door.content, n, log.digests, log.lastCommit)
  const chain = chainOf(door, log.digests, returning)
  const seed = returning?.leafKeys.seed ?? random(32)
  const key = await publicKeyOf(seed)
  const memberId = memberIdOf(key)
  const former = door.members.find((each) => each.memberId === memberId)
  checkPlace(door, returning, former)
  const leafKeys = { seed, identity: await makeIdentity(sessionId, invite.id, introduction, key) }
  const signature = await signJoin(keys, n, key)
  const data = encodeCommitData({ at: head, join: { invite: invite.id, signature } })
  const made = await commitExternally(door.info, leafKeys, former?.leaf, data, random)
  const id = toBase64Url(random(16))
  const body = await sealCommit(door.doorKey, sessionId, { kind: "commit", parent: lastCommit, id }, made.message)
  const pending: Pending = {
    id,
    parent: lastCommit,
    body,
    group: made.group,
    policyBytes: door.content.policy,
    resync: former !== undefined,
  }
  const state: MemberState = {
    sessionId,
    phase: "joining",
    self: { memberId, invite: invite.id, leaf: made.group.leaf },
    epoch: undefined,
    previous: undefined,
    head,
    lastCommit,
    records: returning?.records ?? [],
    used: [...new Set([...door.content.used, ...(returning?.used ?? [])])],
    pending,
    fork: returning?.fork,
    contradictions: returning?.contradictions ?? [],
    removedAt: undefined,
    chain,
    commits: commitsOf(log.digests, returning, chain),
    leafKeys,
  }
  const used = [...new Set([...state.used, invite.id])]
  return { state, request: await commitRequest(state, pending, used, random) }
}

function checkPlace(door: OpenedDoor, returning: MemberState | undefined, former: RosterMember | undefined): void {
  const { invite, members } = door
  if (returning !== undefined) {
    if (former?.invite !== invite.id) throw new Refused("there is no leaf to return to")
    return
  }
  if (!invite.open) throw new Refused("the invite is closed")
  const devices = members.filter((each) => each.invite === invite.id).length
  if (devices >= invite.devices) throw new Refused("the invite is full")
}

/** The chain from the door to the head, and before it what a returning state knew. Throws Refused for a fork. */
function chainOf({ sessionId, position }: OpenedDoor, digests: readonly EntryDigest[], returning?: MemberState): Chain {
  let chain = chainAt(position)
  for (const entry of digests) chain = grow(chain, nextPosition(sessionId, chain.head, entry))
  if (returning === undefined) return chain
  const shorter = chain.head.seq < returning.head.seq
  if (shorter || contradicts(returning.chain, chain)) throw new Refused("the log has forked")
  return joinChains(returning.chain, chain)
}

function commitsOf(digests: readonly EntryDigest[], returning: MemberState | undefined, chain: Chain): number[] {
  const before = returning?.commits.filter((seq) => seq > chain.base) ?? []
  const seen = digests.filter(({ kind }) => kind === "commit").map(({ seq }) => seq)
  return [...new Set([...before, ...seen])].sort((a, b) => a - b)
}
