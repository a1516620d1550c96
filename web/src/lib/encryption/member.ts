/**
 * What a member does with the log: founding, applying entries, writing (docs/protocol.md §3.7, §4, §5).
 *
 * A MemberState is never changed; each function returns the next one. Keep the newest durably (`encodeState`) before
 * anything leaves the device that depends on it. Nothing here reads a clock; `now` is ms since 1970.
 */
import { type Bytes, equal, type Random, secureRandom, toBase64Url } from "./bytes.ts"
import { encodeCommitData } from "./commitData.ts"
import { type KeyBox, sealDoor, sealKeyBoxes } from "./door.ts"
import { type EntryDigest, type LogEntry, type Position } from "./entry.ts"
import { type Epoch, makeEpoch, memberAt, noCommitId, recordOf } from "./epoch.ts"
import { Malformed, Refused } from "./errors.ts"
import { createGroup } from "./group.ts"
import { commit } from "./groupMaking.ts"
import { type Introduction, makeIdentity } from "./identity.ts"
import { type InviteOptions, newInvite, type NewInvite } from "./invite.ts"
import { agrees, chainAt, chainStart, digestOf, grow, holds, nextPosition, sealCommit } from "./log.ts"
import { type MessageEvent, openMessage, type Payload, sealMessage } from "./message.ts"
import { checkSuccessor, decodePolicy, encodePolicy, type Policy, type PolicyInvite, type Role } from "./policy.ts"
import { memberIdOf, type RosterMember } from "./roster.ts"
import { publicKeyOf } from "./signature.ts"
import { assertSending, contradicting, type MemberState, type Pending } from "./state.ts"
import { type Effects, judge, type Verdict, type VoidCause } from "./validity.ts"

/** How long the keys of the epoch before are held for signals and frames, ms. */
const heldFor = 10_000

export type EntryEvent =
  | MessageEvent
  | {
      readonly kind: "commit"
      /** The committer as of the new epoch. */
      readonly sender: RosterMember
      /** This device's own, adopted from `pending`. */
      readonly own: boolean
      readonly joined: RosterMember | undefined
      /** The joined device was in before and came back; its former leaf is not among `removed`. */
      readonly resync: boolean
      readonly removed: readonly RosterMember[]
      /** Before and after, when it changed. */
      readonly policy: { readonly before: Policy; readonly after: Policy } | undefined
    }
  /** A valid commit removed this device, or (`resync`) another copy of it came back in its place. */
  | { readonly kind: "removed-self"; readonly sender: RosterMember; readonly resync: boolean }
  | {
      readonly kind: "void"
      readonly cause: VoidCause
      /** Who sent it, where it can be told. */
      readonly sender: RosterMember | undefined
      readonly invite: PolicyInvite | undefined
    }
  /** While joining: another commit came first; start again from the door. */
  | { readonly kind: "join-lost" }
  /** Void whatever it holds, and an alarm. */
  | { readonly kind: "wrong-parent" }
  /** Applied before; when it has another content than then, `fork` is set. */
  | { readonly kind: "duplicate" }

export interface Fork {
  readonly seq: number
  /** The member whose word it is; undefined where the server contradicts what was verified here. */
  readonly by: RosterMember | undefined
}

export interface Applied {
  readonly state: MemberState
  readonly event: EntryEvent
  /** An alarm: the log contradicts what this device or `by` had verified, or says so (§4.1). */
  readonly fork: Fork | undefined
}

/** All bytes; the session turns them into base64url. Tokens and their hashes are its business. */
export interface CreateRequest {
  readonly id: string
  readonly door: Bytes
  readonly keyBoxes: readonly KeyBox[]
  readonly invites: readonly { readonly id: string; readonly role: Role; readonly accessTokenHash: Bytes }[]
  readonly member: { readonly id: string; readonly invite: string }
}

export interface CommitRequest {
  readonly id: string
  readonly parent: number
  readonly commit: Bytes
  readonly door: Bytes
  readonly keyBoxes: readonly KeyBox[]
}

export interface ChatRequest {
  readonly id: string
  readonly parent: number
  readonly encryptedMessage: Bytes
}

export interface FoundOptions {
  readonly introduction: Introduction
  readonly title: string
  readonly relayOnly: boolean
  /** The time agreed for the visit, ms */
  readonly starts?: number
  /** The founder's own invite (a host's), then others of epoch 0. */
  readonly founder: Omit<InviteOptions, "role">
  readonly invites: readonly InviteOptions[]
}

export interface Founded {
  readonly state: MemberState
  readonly request: CreateRequest
  /** The founder's own first. */
  readonly invites: readonly NewInvite[]
}

/** Makes a session. After the server took it, put the letters: `doorOf`. Throws Malformed for too long a text. */
export async function found(options: FoundOptions, random: Random = secureRandom): Promise<Founded> {
  const sessionId = toBase64Url(random(16))
  const invites = [await newInvite(sessionId, { ...options.founder, role: "host" }, 0, random)]
  for (const each of options.invites) invites.push(await newInvite(sessionId, each, 0, random))
  const [own] = invites
  if (own === undefined) throw new Malformed("no invite")
  const { title, relayOnly, starts } = options
  const settings = { title, relayOnly, ...(starts === undefined ? {} : { starts }) }
  const policyBytes = encodePolicy({ v: 1, invites: invites.map(({ invite }) => invite), settings })
  const seed = random(32)
  const key = await publicKeyOf(seed)
  const leafKeys = { seed, identity: await makeIdentity(sessionId, own.invite.id, options.introduction, key) }
  const group = await createGroup(sessionId, leafKeys, random)
  const epoch = await makeEpoch(sessionId, group, policyBytes, 0, noCommitId)
  const head = chainStart(sessionId)
  const self = { memberId: memberIdOf(key), invite: own.invite.id, leaf: 0 }
  const state: MemberState = {
    sessionId,
    phase: "in",
    self,
    epoch,
    previous: undefined,
    head,
    lastCommit: 0,
    records: [recordOf(epoch, head.h)],
    used: [own.invite.id],
    pending: undefined,
    fork: undefined,
    contradictions: [],
    removedAt: undefined,
    chain: chainAt(head),
    commits: [],
    leafKeys,
  }
  const request: CreateRequest = {
    id: sessionId,
    door: await sealDoor(sessionId, epoch, { position: head, covers: true, used: state.used }, random),
    keyBoxes: await sealKeyBoxes(sessionId, epoch, random),
    invites: invites.map(({ invite: { id, role }, keys: { accessTokenHash } }) => ({ id, role, accessTokenHash })),
    member: { id: self.memberId, invite: self.invite },
  }
  return { state, request, invites }
}

/**
 * Applies the next log entry; never throws for what the entry holds, and changes nothing half-way. Throws Refused only
 * for a gap: an entry above head + 1.
 */
export async function applyEntry(state: MemberState, entry: LogEntry, now: number): Promise<Applied> {
  if (entry.seq > state.head.seq + 1) throw new Refused("entries are missing before this one")
  const digest = await digestOf(entry)
  if (entry.seq <= state.head.seq) return applyAgain(state, digest)
  const next = extend(state, digest)
  if (entry.parent !== state.lastCommit) return settle(next, { kind: "wrong-parent" })
  return entry.kind === "commit" ? applyCommit(state, next, entry, now) : applyChat(state, next, entry)
}

function extend(state: MemberState, entry: EntryDigest): MemberState {
  const head = nextPosition(state.sessionId, state.head, entry)
  const next = { ...state, head, chain: grow(state.chain, head) }
  return entry.kind === "chat" ? next : { ...next, lastCommit: entry.seq, commits: [...state.commits, entry.seq] }
}

function settle(state: MemberState, event: EntryEvent): Applied {
  return { state, event, fork: undefined }
}

/** The server contradicts what was verified here: nothing is sent any more. */
function contradicted(state: MemberState, event: EntryEvent, seq: number): Applied {
  const fork = state.fork === undefined ? seq : Math.min(seq, state.fork)
  return { state: { ...state, fork }, event, fork: { seq, by: undefined } }
}

/** What an author had verified must lie before its entry, and be what was verified here (§4.1). */
function compare(before: MemberState, applied: Applied, seq: number, by: RosterMember, at: Position): Applied {
  const { state, event } = applied
  if (at.seq < seq && agrees(before.chain, at) !== false) return applied
  if (by.memberId === state.self.memberId) return contradicted(state, event, at.seq)
  const others = state.contradictions.filter(({ memberId }) => memberId !== by.memberId)
  const contradictions = [...others, { memberId: by.memberId, seq: at.seq }]
  return { state: { ...state, contradictions }, event, fork: { seq: at.seq, by } }
}

function applyAgain(state: MemberState, entry: EntryDigest): Applied {
  const same = holds(state.sessionId, state.chain, entry)
  return same === false ? contradicted(state, { kind: "duplicate" }, entry.seq) : settle(state, { kind: "duplicate" })
}

async function applyChat(before: MemberState, next: MemberState, entry: LogEntry): Promise<Applied> {
  const record = before.records.at(-1)
  if (before.phase !== "in" || record === undefined) return settle(next, { kind: "unreadable", cause: "not-ours" })
  const { event, at } = await openMessage(before.sessionId, record, entry)
  const applied = settle(next, event)
  return at === undefined || !("sender" in event) ? applied : compare(before, applied, entry.seq, event.sender, at)
}

async function applyCommit(before: MemberState, next: MemberState, entry: LogEntry, now: number): Promise<Applied> {
  const { pending, epoch, phase } = before
  if (phase === "removed") return settle(next, { kind: "unreadable", cause: "not-ours" })
  if (pending !== undefined && isPending(pending, entry)) return adopt(before, next, pending, entry, now)
  if (phase === "joining" || epoch === undefined) return settle({ ...next, pending: undefined }, { kind: "join-lost" })
  const verdict = await judge(before.sessionId, epoch, entry)
  const applied = settle(...(await carryOut(next, epoch, verdict, entry, now)))
  // The position in a void commit is nobody's word: whoever has the link could have named it.
  if (verdict.kind !== "valid") return applied
  return compare(before, applied, entry.seq, verdict.effects.sender, verdict.effects.at)
}

function isPending({ id, parent, body }: Pending, entry: LogEntry): boolean {
  return entry.id === id && entry.parent === parent && equal(entry.body, body)
}

/** The state and event that a verdict leads to. */
async function carryOut(
  next: MemberState,
  epoch: Epoch,
  verdict: Verdict,
  entry: LogEntry,
  now: number,
): Promise<[MemberState, EntryEvent]> {
  switch (verdict.kind) {
    case "void": {
      const { cause, sender, invite } = verdict
      return [{ ...next, pending: undefined }, { kind: "void", cause, sender, invite }]
    }
    case "removed-self": {
      const { sender, resync } = verdict.effects
      const removed: MemberState = { ...next, phase: "removed", removedAt: entry.seq, pending: undefined }
      return [removed, { kind: "removed-self", sender, resync }]
    }
    case "valid": {
      const { group, effects } = verdict
      const after = await makeEpoch(next.sessionId, group, effects.policyBytes, entry.seq, entry.id)
      return [enter(next, after, effects.joined, now), commitEvent(epoch, after, effects, false)]
    }
  }
}

/** The state in a new epoch; `joined` has used its invite. */
function enter(state: MemberState, epoch: Epoch, joined: RosterMember | undefined, now: number): MemberState {
  const used = joined === undefined || state.used.includes(joined.invite) ? state.used : [...state.used, joined.invite]
  return {
    ...state,
    phase: "in",
    epoch,
    previous: state.epoch === undefined ? undefined : { epoch: state.epoch, until: now + heldFor },
    records: [...state.records, recordOf(epoch, state.head.h)],
    used,
    pending: undefined,
    contradictions: state.contradictions.filter(({ memberId }) => epoch.members.some((each) => each.memberId === memberId)),
  }
}

type CommitEffects = Pick<Effects, "sender" | "joined" | "resync" | "removed">

function commitEvent(before: Epoch | undefined, after: Epoch, effects: CommitEffects, own: boolean): EntryEvent {
  const { sender, joined, resync, removed } = effects
  const changed = before !== undefined && !equal(before.policyBytes, after.policyBytes)
  const policy = changed ? { before: before.policy, after: after.policy } : undefined
  return { kind: "commit", sender, own, joined, resync, removed, policy }
}

async function adopt(
  before: MemberState,
  next: MemberState,
  pending: Pending,
  entry: LogEntry,
  now: number,
): Promise<Applied> {
  const epoch = await makeEpoch(before.sessionId, pending.group, pending.policyBytes, entry.seq, entry.id)
  const sender = memberAt(epoch, pending.group.leaf)
  if (sender === undefined) throw new Malformed("a pending commit without its own leaf")
  const joined = before.phase === "joining" ? sender : undefined
  const still = new Set(epoch.members.map(({ memberId }) => memberId))
  const removed = before.epoch?.members.filter(({ memberId }) => !still.has(memberId)) ?? []
  const effects = { sender, joined, resync: pending.resync, removed }
  return settle(enter(next, epoch, joined, now), commitEvent(before.epoch, epoch, effects, true))
}

/**
 * Opens a chat entry of the past with the records that are there, without moving the state (scroll back, reload).
 * Where the chain reaches, the entry must be the one it holds.
 */
export async function openEntry(state: MemberState, entry: LogEntry): Promise<MessageEvent> {
  const notOurs: MessageEvent = { kind: "unreadable", cause: "not-ours" }
  const place = state.records.findLastIndex(({ start }) => start <= entry.parent)
  const [record, following] = [state.records[place], state.records[place + 1]]
  if (record === undefined || entry.kind !== "chat") return notOurs
  if (state.removedAt !== undefined && entry.parent >= state.removedAt) return notOurs
  const tampered: MessageEvent = { kind: "unreadable", cause: "tampered" }
  if (holds(state.sessionId, state.chain, await digestOf(entry)) === false) return tampered
  const parent = state.commits.findLast((seq) => seq < entry.seq)
  if (parent !== undefined && parent !== entry.parent) return tampered
  const { event } = await openMessage(state.sessionId, record, entry)
  // Where epochs are missing behind the record, it may be of one of those.
  const missing = following !== undefined && following.epoch !== record.epoch + 1
  return event.kind === "unreadable" && missing ? notOurs : event
}

/** Opens one chat entry (docs/protocol.md §5.1). */
export const decryptMessage = openEntry

/** The current epoch of a member that may write. Throws Refused. */
export function writable(state: MemberState): Epoch {
  if (state.phase !== "in" || state.epoch === undefined) throw new Refused("not in the group")
  assertSending(state)
  return state.epoch
}

/** As `writable`, but a commit may remove somebody who contradicts. */
function committable(state: MemberState, removes: readonly number[]): Epoch {
  const removed = contradicting(state).some(({ leaf }) => removes.includes(leaf))
  return writable(removed && state.fork === undefined ? { ...state, contradictions: [] } : state)
}

/** Seals a chat entry for the current epoch. A retry posts the same request again; after 409 seal anew. */
export async function encryptMessage(
  state: MemberState,
  payload: Payload,
  now: number,
  random: Random = secureRandom,
): Promise<ChatRequest> {
  const epoch = writable(state)
  const id = toBase64Url(random(16))
  const parent = state.lastCommit
  const fields = { kind: "chat" as const, parent, id }
  const encryptedMessage = await sealMessage(state.sessionId, epoch, fields, state.head, payload, now)
  return { id, parent, encryptedMessage }
}

export interface Committing {
  /** The same state with `pending` set: keep it durably before posting. */
  readonly state: MemberState
  /** Add open, close and revoke. When it is in the log, put door and letters: `doorOf`. */
  readonly request: CommitRequest
}

export interface Changes {
  /** Leaf indices */
  readonly removes?: readonly number[]
  readonly policy?: Policy
}

/** An empty commit renews the epoch; removes and policies are a host's. Throws Refused for what others call void. */
export async function makeCommit(
  state: MemberState,
  { removes = [], policy }: Changes = {},
  random: Random = secureRandom,
): Promise<Committing> {
  const epoch = committable(state, removes)
  const policyBytes = policy === undefined ? undefined : encodePolicy(policy)
  checkAllowed(epoch, removes, policyBytes)
  const data = encodeCommitData({ at: state.head, ...(policyBytes === undefined ? {} : { policy: policyBytes }) })
  const made = await commit(epoch.group, removes, data, random)
  const id = toBase64Url(random(16))
  const parent = state.lastCommit
  const body = await sealCommit(epoch.secrets.door, state.sessionId, { kind: "commit", parent, id }, made.message)
  const pending: Pending = {
    id,
    parent,
    body,
    group: made.group,
    policyBytes: policyBytes ?? epoch.policyBytes,
    resync: false,
  }
  return { state: { ...state, pending }, request: await commitRequest(state, pending, state.used, random) }
}

function checkAllowed(epoch: Epoch, removes: readonly number[], policyBytes: Bytes | undefined): void {
  const own = memberAt(epoch, epoch.group.leaf)
  if (own === undefined) throw new Refused("not in the group")
  if (own.role !== "host" && (removes.length > 0 || policyBytes !== undefined)) throw new Refused("for hosts only")
  const leaves = epoch.members.filter(({ leaf }) => !removes.includes(leaf)).map(({ invite }) => invite)
  const succession = { epoch: epoch.n, committer: own.invite, leaves }
  if (policyBytes !== undefined) checkSuccessor(epoch.policy, decodePolicy(policyBytes), succession)
}

/** A commit with the door and key boxes of the epoch it leads to. */
export async function commitRequest(
  { sessionId, head }: MemberState,
  { id, parent, body, group, policyBytes }: Pending,
  used: readonly string[],
  random: Random,
): Promise<CommitRequest> {
  // Its start is not known before the log has it, and stands in neither door nor boxes.
  const epoch = await makeEpoch(sessionId, group, policyBytes, 0, id)
  const door = await sealDoor(sessionId, epoch, { position: head, covers: false, used }, random)
  return { id, parent, commit: body, door, keyBoxes: await sealKeyBoxes(sessionId, epoch, random) }
}

/** After a 409: forget the pending commit. */
export function dropPending(state: MemberState): MemberState {
  return { ...state, pending: undefined }
}

/** Own leaf as the others see it now; undefined while joining. */
export function ownMember(state: MemberState): RosterMember | undefined {
  return state.epoch === undefined ? undefined : memberAt(state.epoch, state.self.leaf)
}

/** Base keys for frames: the current epoch, then the one before while it is held. */
export function frameKeys(state: MemberState, now: number): { leaf: number; epochs: { epoch: number; key: Bytes }[] } {
  const held = state.previous !== undefined && state.previous.until > now ? [state.previous.epoch] : []
  const epochs = state.epoch === undefined || state.phase !== "in" ? [] : [state.epoch, ...held]
  return { leaf: state.self.leaf, epochs: epochs.map(({ n, secrets }) => ({ epoch: n, key: secrets.frame })) }
}
