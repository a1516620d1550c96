/**
 * A member's state and what moves it: values in, values out (docs/protocol.md §3.7, §4, §5).
 *
 * A MemberState is never changed; each function returns the next one. Keep the newest durably (`encodeState`) before
 * anything leaves the device that depends on it. Nothing here reads a clock; `now` is ms since 1970.
 */
import { type Bytes, type Random, secureRandom } from "./bytes.ts"
import { type EntryDigest, type LogEntry, type Position } from "./entry.ts"
import { type IdentityKey, type Introduction } from "./identity.ts"
import { type InviteKeys, type InviteOptions, type NewInvite } from "./invite.ts"
import { type MessageEvent, type Payload } from "./message.ts"
import { type Policy, type PolicyInvite } from "./policy.ts"
import { type RosterMember } from "./roster.ts"
import { type Instance, type OpenedSignal, type SignalPayload, type SignalWindow } from "./signal.ts"

/** One epoch of the group as this device knows it. `group` and `keys` are for this room only. */
export interface Epoch {
  readonly n: number
  /** seq of the commit that began it, 0 for epoch 0 */
  readonly start: number
  readonly policy: Policy
  readonly members: readonly RosterMember[]
  readonly frameKey: Bytes
  readonly internal: unknown
}

/** What a device needs to read the messages of one epoch (docs/protocol.md §5.3). */
export interface EpochRecord {
  readonly epoch: number
  readonly start: number
  readonly secret: Bytes
  readonly context: Bytes
  readonly members: readonly RecordMember[]
  /** h at `start`, where this device knows it; 64 bytes */
  readonly h?: Bytes
}

export interface RecordMember {
  readonly leaf: number
  readonly key: Bytes
  readonly identity: string
  readonly role: "host" | "guest"
}

/** A commit or join of this device that the log has not shown yet. */
export interface Pending {
  /** Entry id, b(16) */
  readonly id: string
  readonly internal: unknown
}

export interface MemberState {
  readonly sessionId: string
  /** joining: the external commit is made but not in the log yet. removed: nothing more can be read or sent. */
  readonly phase: "joining" | "in" | "removed"
  readonly self: { readonly memberId: string; readonly invite: string; readonly leaf: number }
  /** Undefined while joining. */
  readonly epoch: Epoch | undefined
  /** The epoch before, for 10 s after a change (signals, frames); not kept by encodeState. */
  readonly previous: { readonly epoch: Epoch; readonly until: number } | undefined
  /** Last verified position. */
  readonly head: Position
  /** seq of the last commit entry, void ones too: the `parent` of what comes next. */
  readonly lastCommit: number
  readonly records: readonly EpochRecord[]
  /** Invites by which a device has ever joined. */
  readonly used: readonly string[]
  readonly pending: Pending | undefined
  /** seq at which the log contradicted a member or itself; sealing refuses from then on. */
  readonly fork: number | undefined
  readonly internal: unknown
}

/** Stable names of the rules of §3.4; texts for them are the interface's. */
export type VoidCause =
  | "does-not-open"
  | "malformed"
  | "wrong-group"
  | "commit-data"
  | "position"
  | "by-reference"
  | "no-path"
  | "leaf"
  | "identity"
  | "external-shape"
  | "join-missing"
  | "join-signature"
  | "invite-unknown"
  | "invite-closed"
  | "invite-full"
  | "key-in-use"
  | "resync-mismatch"
  | "join-in-member-commit"
  | "leaf-changed"
  | "proposal"
  | "not-a-host"
  | "policy"
  /** Something that RFC 9420 asks for. */
  | "mls"
  /** Valid as far as can be seen, but its path secrets do not open here: look whether a door for the next epoch exists and re-sync. */
  | "path"

export type EntryEvent =
  | MessageEvent
  | {
      readonly kind: "commit"
      /** The committer as of the new epoch. */
      readonly sender: RosterMember
      /** The commit was this device's own, adopted from `pending`. */
      readonly own: boolean
      readonly joined: RosterMember | undefined
      /** The joined device was in before and came back by a re-sync; it is not among `removed`. */
      readonly resync: boolean
      readonly removed: readonly RosterMember[]
      /** Before and after, when it changed. */
      readonly policy: { readonly before: Policy; readonly after: Policy } | undefined
    }
  /** A valid commit removed this device (or another copy of it re-synced: `resync`). State's phase is "removed". */
  | { readonly kind: "removed-self"; readonly sender: RosterMember | undefined; readonly resync: boolean }
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
  /** Already applied, with the same content. */
  | { readonly kind: "duplicate" }

export interface Applied {
  readonly state: MemberState
  readonly event: EntryEvent
  /** The log contradicts what a member or this device had verified, at this seq: an alarm. */
  readonly fork: number | undefined
}

/** All bytes; the session turns them into base64url. Tokens and their hashes are its business. */
export interface KeyBox {
  readonly invite: string
  readonly box: Bytes
}

export interface Letter {
  readonly invite: string
  readonly letter: Bytes
}

export interface CreateRequest {
  readonly id: string
  readonly door: Bytes
  readonly keyBoxes: readonly KeyBox[]
  readonly invites: readonly { readonly id: string; readonly role: "host" | "guest"; readonly accessTokenHash: Bytes }[]
  readonly member: { readonly id: string; readonly invite: string }
}

export interface CommitRequest {
  readonly id: string
  readonly parent: number
  readonly commit: Bytes
  readonly door: Bytes
  readonly keyBoxes: readonly KeyBox[]
}

export interface DoorRequest {
  readonly parent: number
  readonly door: Bytes
  readonly keyBoxes: readonly KeyBox[]
  /** Empty for guests. */
  readonly letters: readonly Letter[]
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

/** Makes a session. After the server took it, put the letters: `doorOf`. */
export function found(_options: FoundOptions, _random: Random = secureRandom): Promise<Founded> {
  throw new Error("not yet")
}

/** A door that opened: who is in, what the link is. Whether it fits the log is not known yet. */
export interface OpenedDoor {
  readonly sessionId: string
  readonly keys: InviteKeys
  readonly n: number
  readonly policy: Policy
  readonly invite: PolicyInvite
  readonly members: readonly RosterMember[]
  /** Fetch digests `after` this seq. */
  readonly position: Position
  readonly letter: Bytes | undefined
  readonly internal: unknown
}

/** Throws CannotOpen, Malformed or Refused; all mean: wait for a host to heal the door. */
export function openDoor(
  _keys: InviteKeys,
  _sealed: { door: Uint8Array; keyBox: Uint8Array; letter?: Uint8Array },
): Promise<OpenedDoor> {
  throw new Error("not yet")
}

export interface Joining {
  /** phase "joining". Keep it durably before posting; feed it every entry after `head`. */
  readonly state: MemberState
  /** Add `member: {id: state.self.memberId, tokenHash}`. */
  readonly request: CommitRequest
}

/**
 * Makes the external commit. `digests` are all entries after `door.position` and `lastCommit` the server's word.
 * With `returning` (a state that was in, with its leaf key) it is a re-sync. Throws DoorUnfit, or Refused when the
 * invite is closed or has no free place.
 */
export function join(
  _door: OpenedDoor,
  _log: { digests: readonly EntryDigest[]; lastCommit: number },
  _introduction: Introduction,
  _returning?: MemberState,
  _random: Random = secureRandom,
): Promise<Joining> {
  throw new Error("not yet")
}

/**
 * Applies the next log entry; never throws for what the entry holds, and changes nothing half-way. Throws Refused only
 * for a gap (entry.seq above head + 1).
 */
export function applyEntry(_state: MemberState, _entry: LogEntry, _now: number): Promise<Applied> {
  throw new Error("not yet")
}

/** Opens a chat entry of the past with the records that are there, without moving the state (scroll back, reload). */
export function openEntry(_state: MemberState, _entry: LogEntry): Promise<MessageEvent> {
  throw new Error("not yet")
}

/** A head that the server tells: the fork seq when it lies before what was verified, else undefined. */
export function checkHead(state: MemberState, head: number): number | undefined {
  return head < state.head.seq ? head : undefined
}

export interface Committing {
  /** The same state with `pending` set: keep it durably before posting. */
  readonly state: MemberState
  /** Add open, close and revoke. When it is in the log, put door and letters: `doorOf`. */
  readonly request: CommitRequest
}

/** An empty commit renews the epoch; leaves and policies are a host's. Throws Refused for what others would call void. */
export function makeCommit(
  _state: MemberState,
  _changes?: { removes?: readonly number[]; policy?: Policy },
  _random: Random = secureRandom,
): Promise<Committing> {
  throw new Error("not yet")
}

/** After a 409: forget the pending commit. */
export function dropPending(state: MemberState): MemberState {
  return { ...state, pending: undefined }
}

/** Seals a chat entry for the current epoch. A retry posts the same request again; after 409 seal anew. */
export function encryptMessage(
  _state: MemberState,
  _payload: Payload,
  _now: number,
  _random: Random = secureRandom,
): Promise<ChatRequest> {
  throw new Error("not yet")
}

/** Opens one chat entry (docs/protocol.md §5.1): `openEntry` under the name of its twin. */
export function decryptMessage(state: MemberState, entry: LogEntry): Promise<MessageEvent> {
  return openEntry(state, entry)
}

/** Door, key boxes and, for a host, letters of the current epoch: after an own commit or founding, and for healing. */
export function doorOf(_state: MemberState, _random: Random = secureRandom): Promise<DoorRequest> {
  throw new Error("not yet")
}

/** Whether a door is right for the current epoch and log: undefined, or why not. */
export function checkDoor(_state: MemberState, _door: Uint8Array): Promise<string | undefined> {
  throw new Error("not yet")
}

/** Invites that should have a letter at the server now (open, unused, not knocking). */
export function lettersDue(_state: MemberState): readonly string[] {
  throw new Error("not yet")
}

/** History for a member that asks (docs/protocol.md §5.4), cut into as many payloads as it needs. */
export function grantFor(_state: MemberState, _memberId: string, _random: Random = secureRandom): Promise<Payload[]> {
  throw new Error("not yet")
}

/** Whether this device may give history to that member: a host, or a device with the same invite. */
export function mayGrant(_state: MemberState, _memberId: string): boolean {
  throw new Error("not yet")
}

export interface History {
  readonly from: Position
  readonly epochs: readonly EpochRecord[]
}

/** Opens a letter with the invite's keys, or a grant's box with them. Throws CannotOpen or Malformed. */
export function openLetter(_keys: InviteKeys, _letter: Uint8Array): Promise<History> {
  throw new Error("not yet")
}

export function openGrant(_keys: InviteKeys, _memberId: string, _payload: Payload): Promise<History> {
  throw new Error("not yet")
}

/**
 * Takes a history after checking the chain: `digests` are the entries after `history.from` up to the first position
 * this state knows (`knownFrom`). Throws Refused when the log does not lead there: the same alarm as a fork.
 */
export function takeHistory(
  _state: MemberState,
  _history: History,
  _digests: readonly EntryDigest[],
): Promise<MemberState> {
  throw new Error("not yet")
}

/** The first position this state can vouch for: where it joined, or where its history begins. */
export function knownFrom(_state: MemberState): number {
  throw new Error("not yet")
}

export interface SignalSender {
  readonly instance: string
  /** Grows with every signal of this page. */
  readonly counter: number
}

/** Recipient "everybody" for hello, typing and bye only. */
export function sealSignal(
  _state: MemberState,
  _from: SignalSender,
  _to: Instance | "everybody",
  _payload: SignalPayload,
  _random: Random = secureRandom,
): Promise<Bytes> {
  throw new Error("not yet")
}

/** Throws CannotOpen, Malformed or Refused (replayed, for another page, of an old epoch). */
export function openSignal(
  _state: MemberState,
  _own: { instance: string },
  _window: SignalWindow,
  _signal: Uint8Array,
  _now: number,
): Promise<OpenedSignal> {
  throw new Error("not yet")
}

/** Base keys for frames: the current epoch, then the one before while it is held. */
export function frameKeys(state: MemberState, now: number): { leaf: number; epochs: { epoch: number; key: Bytes }[] } {
  const held = state.previous !== undefined && state.previous.until > now ? [state.previous.epoch] : []
  const epochs = state.epoch === undefined ? [] : [state.epoch, ...held]
  return { leaf: state.self.leaf, epochs: epochs.map(({ n, frameKey }) => ({ epoch: n, key: frameKey })) }
}

/** Everything but the epoch before and caches, a pending commit too. Secret: seal it at rest. */
export function encodeState(_state: MemberState): Bytes {
  throw new Error("not yet")
}

/** Throws Malformed. */
export function decodeState(_bytes: Uint8Array): Promise<MemberState> {
  throw new Error("not yet")
}

export type { IdentityKey }
