/** What the rest of the client may know of a session: plain values in signals, and verbs. */
import type { ReadonlySignal } from "@preact/signals"

export type Role = "host" | "guest"

/** Where a session stands on this device. */
export type Phase =
  | { kind: "loading" }
  /** The link is being looked at, or the join is under way. */
  | { kind: "joining" }
  /** The door does not fit; a host that comes online mends it. */
  | { kind: "waiting-for-door" }
  | { kind: "joined" }
  /** A host removed this device; nothing more can be read or sent. */
  | { kind: "removed" }
  | { kind: "left" }
  /** A host ended the visit; what is here can still be read. */
  | { kind: "ended" }
  /** It cannot go on; the reason is a key of the error sentences. */
  | { kind: "failed"; reason: FailureReason }

export type FailureReason =
  | "link-malformed"
  /** Wrong, expired or closed: the server tells no difference (docs/protocol.md §8.2). */
  | "link-refused"
  | "passcode-wrong"
  | "link-used-up"
  | "expired"
  | "unsupported-browser"
  | "storage-unavailable"
  | "server-unreachable"
  | "internal"

export type Connection = "online" | "reconnecting" | "offline"

export interface Member {
  id: string
  leaf: number
  name: string
  device: string
  role: Role
  inviteId: string
  /** A clinician's identity key: seen before under this name, first seen, or another key than last time. */
  identity: "known" | "new" | "changed" | "none"
  self: boolean
  /** Said hello in a sealed signal and is connected. */
  here: boolean
  /** Join time, ms; when unknown, the time this device first saw the member. */
  since: number
}

/** Those who came by one invite. */
export interface Participant {
  inviteId: string
  role: Role
  label: string
  name: string
  devices: Member[]
  self: boolean
  here: boolean
}

export interface Invite {
  id: string
  role: Role
  label: string
  open: boolean
  devices: number
  history: boolean
  /** Devices in at the moment. */
  members: number
  used: boolean
  /** Time the link was last opened without a join yet (advisory), ms. */
  openedAt?: number
  /** Known only on the device that made it. */
  link?: string
}

export interface InviteOptions {
  role: Role
  label: string
  devices?: number
  history?: boolean
  passcode?: string
}

/** waiting: offline, goes out by itself. failed: can be retried or deleted. */
export type SendState = "waiting" | "sending" | "sent" | "delivered" | "seen" | "failed"

interface Item {
  /** Stable key: message id for own and received messages, `seq:N` for events. */
  key: string
  /** Undefined while unsent. */
  seq?: number
  /** Sender's clock, ms. */
  at: number
  /** Undefined for events of the log itself. */
  sender?: { memberId: string; name: string; role: Role; self: boolean }
}

export interface TextItem extends Item {
  kind: "text" | "note"
  text: string
  reply?: string
  state?: SendState
}

export interface FileItem extends Item {
  kind: "file"
  file: FileRef
  state?: SendState
}

/** What a sealed file message tells (docs/protocol.md §6). */
export interface FileRef {
  id: string
  key: Uint8Array
  size: number
  parts: number
  /** Made safe for a file system and for showing. */
  name: string
  mime: string
  /** Small picture, at most 24 KiB, JPEG, PNG or WebP. */
  thumb?: Uint8Array
}

export interface EventItem extends Item {
  kind: "event"
  event:
    | { type: "created" }
    | { type: "joined"; name: string; role: Role; device: string; resync: boolean }
    | { type: "removed"; name: string }
    | { type: "left"; name: string }
    | { type: "invite-made" | "invite-closed"; label: string }
    | { type: "call"; call: string; event: "started" | "ended" | "missed" | "declined"; seconds?: number }
    | { type: "history-given"; name: string }
    | { type: "commit-refused"; cause: string; who: string }
    | { type: "refused"; cause: string }
    | { type: "unsupported"; payload: string }
    | { type: "unreadable" }
    | { type: "ended" }
}

export type TimelineItem = TextItem | FileItem | EventItem

/** Full-width, never dismissed by accident; sending has stopped where `stops`. */
export type Alarm =
  | { kind: "fork"; seq: number; stops: true }
  | { kind: "rolled-back"; seq: number; stops: true }
  | { kind: "wrong-parent"; seq: number; stops: true }
  | { kind: "void-commit"; seq: number; who: string; cause: string; stops: false }
  | { kind: "foreign-fingerprint"; who: string; stops: true }
  | { kind: "unsealed-media"; who: string; stops: false }
  | { kind: "identity-changed"; who: string; stops: false }

export interface SecurityCode {
  /** Six groups of five digits. */
  groups: string[]
  /** Text for the QR code. */
  qr: string
  /** Compared and matching, for exactly this membership. */
  matched: boolean
}

export type TransferState = "queued" | "running" | "paused" | "waiting" | "done" | "failed" | "cancelled"

/** One upload or download, with verbs; values change in place as signals. */
export interface Transfer {
  id: string
  direction: "up" | "down"
  name: string
  mime: string
  size: number
  /** Plain bytes done. */
  done: ReadonlySignal<number>
  /** Bytes a second, smoothed. */
  rate: ReadonlySignal<number>
  /** Seconds, undefined while unknown. */
  left: ReadonlySignal<number | undefined>
  state: ReadonlySignal<TransferState>
  error: ReadonlySignal<string | undefined>
  pause(): void
  resume(): void
  cancel(): void
  retry(): void
  /** Set when an upload survived a reload but the browser needs the file to be chosen again. */
  needsFile: ReadonlySignal<boolean>
  provideFile(file: File): void
}

export interface Transfers {
  readonly active: ReadonlySignal<readonly Transfer[]>
  /** Seals and uploads, then sends the file message. */
  upload(files: readonly File[]): void
  /** Opens to disk as it comes (file picker or service-worker-free stream save). */
  save(file: FileRef): Promise<Transfer>
  /** Opens a picture of at most 20 MiB for showing in the page. */
  preview(file: FileRef): Promise<Blob>
}

/** Another device that wants what came before its join. */
export interface HistoryRequest {
  memberId: string
  name: string
  sameParticipant: boolean
}

export type CallSignal =
  | { type: "offer" | "answer"; call: string; sdp: string; round: number }
  | { type: "candidate"; call: string; round: number; candidate: string | null; mid: string; line: number }
  | { type: "restart" | "accept" | "decline" | "hangup" | "busy" | "unsealed"; call: string }
  | { type: "media"; call: string; audio: boolean; video: boolean; screen: boolean; context: [string, string, string] }

/** A verified peer page: leaf and instance of its sealed hello (docs/protocol.md §7.1). */
export interface Peer {
  memberId: string
  leaf: number
  instance: string
  name: string
}

/** Base keys for frames: the current epoch's first, then the one before for 10 s. */
export interface FrameKeys {
  leaf: number
  epochs: { epoch: number; key: Uint8Array }[]
}

/** What lib/call needs of a session. */
export interface CallLine {
  readonly peers: ReadonlySignal<readonly Peer[]>
  readonly frameKeys: ReadonlySignal<FrameKeys | undefined>
  readonly relayOnly: ReadonlySignal<boolean>
  send(to: Peer, signal: CallSignal): Promise<void>
  /** Verified signals for this instance; returns the function that stops listening. */
  onSignal(listener: (from: Peer, signal: CallSignal) => void): () => void
  iceServers(): Promise<RTCIceServer[]>
  /** A new epoch, at the start of a call (docs/protocol.md §3.7). */
  renew(): Promise<void>
  /** Writes the durable call entry that rings at the others. */
  announce(call: string, event: "started" | "ended" | "missed" | "declined", seconds?: number): Promise<void>
  /** Call entries by others as they arrive live (not from the past). */
  onCallEntry(
    listener: (from: Member, call: string, event: "started" | "ended" | "missed" | "declined", at: number) => void,
  ): () => void
  raise(alarm: Alarm): void
}

export interface Session {
  readonly id: string
  readonly phase: ReadonlySignal<Phase>
  readonly connection: ReadonlySignal<Connection>
  /** Sealed title of the session; empty when none. */
  readonly title: ReadonlySignal<string>
  readonly self: ReadonlySignal<Member | undefined>
  readonly participants: ReadonlySignal<readonly Participant[]>
  readonly invites: ReadonlySignal<readonly Invite[]>
  readonly timeline: ReadonlySignal<readonly TimelineItem[]>
  /** Names of those who type now. */
  readonly typing: ReadonlySignal<readonly string[]>
  readonly alarms: ReadonlySignal<readonly Alarm[]>
  readonly code: ReadonlySignal<SecurityCode | undefined>
  /** Messages and uploads that have not reached the server. */
  readonly unsent: ReadonlySignal<number>
  /** Highest seq seen by this device's user; for the new-messages line. */
  readonly seenUpTo: ReadonlySignal<number>
  readonly historyRequests: ReadonlySignal<readonly HistoryRequest[]>
  readonly transfers: Transfers
  readonly line: CallLine

  sendText(text: string, reply?: string): Promise<void>
  retry(key: string): void
  discard(key: string): void
  markSeen(seq: number): void
  noteTyping(): void
  /** Text being written, kept over a reload. */
  draft: { read(): Promise<string>; write(text: string): void }

  invite(options: InviteOptions): Promise<{ link: string; invite: Invite }>
  closeInvite(inviteId: string): Promise<void>
  /** Removes all devices of a participant and closes the invite. */
  remove(inviteId: string): Promise<void>
  giveHistory(memberId: string): Promise<void>
  declineHistory(memberId: string): void
  confirmCode(): void
  retitle(title: string): Promise<void>
  end(): Promise<void>
  leave(): Promise<void>
  deleteFromDevice(): Promise<void>
  /** Stops all work of this page (not a leave). */
  close(): void
}

/** What the join page shows before "Join": read from the sealed door. */
export interface LinkPreview {
  title: string
  /** Host members by name and identity. */
  hosts: { name: string; identity: "known" | "new" | "changed" | "none" }[]
  role: Role
  label: string
}

export interface SessionSummary {
  id: string
  title: string
  role: Role
  lastActivityAt: number
  unread: number
  people: number
  phase: "joined" | "ended" | "removed" | "left"
}

/** lib/session/index.ts exports one of these as `sessions`. */
export interface Sessions {
  /** Sessions known to this device, by last activity. */
  list(): Promise<SessionSummary[]>
  /** Founder: makes the group, uploads, returns the open session and the first guest's link. */
  create(options: {
    title: string
    name: string
    passcode?: string
    history?: boolean
    relayOnly?: boolean
  }): Promise<{ id: string; link: string }>
  /** Looks at a link without joining. Rejects with a SessionFailure. */
  look(id: string, secret: string, passcode?: string): Promise<LinkPreview>
  join(id: string, secret: string, name: string, passcode?: string): Promise<Session>
  /** Opens a session this device is in; undefined when it is not. */
  open(id: string): Promise<Session | undefined>
}

/** Rejections of Sessions and Session verbs. */
export class SessionFailure extends Error {
  constructor(
    readonly reason: FailureReason | "stopped" | "too-large" | "rate-limited" | "not-allowed" | "offline",
    message?: string,
  ) {
    super(message ?? reason)
    this.name = "SessionFailure"
  }
}
