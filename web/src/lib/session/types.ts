/** What the rest of the client may know of a session: plain values in signals, and verbs. */
import type { ReadonlySignal } from "@preact/signals"

export type Role = "host" | "guest"

/** Where a session stands on this device. */
export type Phase =
  | { kind: "loading" }
  /** The link is being looked at, or the join is under way. */
  | { kind: "joining" }
  /** A host must admit this device, or has refused to; asked since then, ms. */
  | { kind: "knocking"; refused: boolean; since: number }
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
  /** A host ended the visit. */
  | "ended"
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
  /** A guest whom no host has admitted yet (docs/protocol.md §5.5); writing and sending files is open to it. */
  waiting: boolean
}

/** Somebody who wants to be admitted; hosts see it. */
export interface Waiting {
  /** For `admit`. */
  key: string
  /** What it is called by itself; empty where that is not known. */
  name: string
  /** Of the link it came by. */
  label: string
  /** Since when, ms. */
  since: number
  /** Its page is open now. */
  here: boolean
  /** It stands before the door and is not in the group: it can be refused too (docs/protocol.md §3.8). */
  asks: boolean
  /** Who is in by the same link already, if it asks. */
  besides: string
}

/** What a host last said about being late. */
export interface Late {
  minutes: number
  /** When it was said, ms. */
  at: number
  name: string
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
  /** Each device must be admitted before it is in. */
  knock?: boolean
}

/** waiting: offline, goes out by itself. failed: can be retried or deleted. */
export type SendState = "waiting" | "sending" | "sent" | "delivered" | "seen" | "failed"

interface Item {
  /** Stable and unique: the message id for own messages, `author/message id` for others', `seq:N` for events. */
  key: string
  /** Undefined while unsent. */
  seq?: number
  /** Sender's clock, ms. */
  at: number
  /** Undefined for events of the log itself. */
  sender?: { memberId: string; name: string; role: Role; self: boolean }
}

interface MessageItem extends Item {
  /** The message id: with the sender's member id it names the message (docs/protocol.md §5.2). */
  message: string
  /** How far the message came, or a change of it that is still on its way. */
  state?: SendState
  /** Where no room was left for it, if that is why it failed. */
  full?: "session" | "server" | undefined
  reactions?: readonly Reaction[]
}

export interface TextItem extends MessageItem {
  kind: "text" | "note"
  /** As its author last put it. */
  text: string
  edited?: true
  /** Message id of what it answers: the first message with that id. */
  reply?: string
}

export interface FileItem extends MessageItem {
  kind: "file"
  file: FileRef
}

/** A text or file that its author took back: that there was one is all that is left. */
export interface WithdrawnItem extends MessageItem {
  kind: "withdrawn"
  was: "text" | "file"
}

/** One emoji under a message, and those who chose it. */
export interface Reaction {
  emoji: string
  /** Of the others. */
  names: readonly string[]
  /** Whether this device's user is one of them. */
  own: boolean
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
  /** Seconds, of a message that was spoken. */
  voice?: number
}

export interface EventItem extends Item {
  kind: "event"
  event:
    | { type: "created" }
    | { type: "joined"; name: string; role: Role; device: string; resync: boolean; second?: boolean }
    | { type: "removed"; name: string }
    | { type: "left"; name: string }
    | { type: "admitted"; name: string }
    | { type: "late"; minutes: number }
    | { type: "invite-made" | "invite-closed"; label: string }
    /** Another time was agreed for the visit, ms; or none any more. */
    | { type: "scheduled"; starts?: number }
    | { type: "call"; call: string; event: "started" | "ended" | "missed" | "declined"; seconds?: number }
    | { type: "history-given"; name: string }
    | { type: "commit-refused"; cause: string; who: string }
    | { type: "refused"; cause: string }
    | { type: "unsupported"; payload: string }
    | { type: "unreadable" }
    | { type: "ended" }
}

export type TimelineItem = TextItem | FileItem | WithdrawnItem | EventItem

/** Full-width, never dismissed by accident; sending has stopped where `stops`. */
export type Alarm =
  | { kind: "fork"; seq: number; stops: true }
  /** A member was shown another log, or says so: sending goes on once a host has removed that member. */
  | { kind: "contradiction"; seq: number; member: string; who: string; role: Role; stops: true }
  | { kind: "rolled-back"; seq: number; stops: true }
  | { kind: "wrong-parent"; seq: number; stops: true }
  | { kind: "void-commit"; seq: number; who: string; cause: string; stops: false }
  | { kind: "foreign-fingerprint"; who: string; stops: true }
  | { kind: "unsealed-media"; who: string; stops: false }
  | { kind: "identity-changed"; who: string; stops: false }

/** What carrying on after a restore is at: entries still to be put back, or whose device has them (if that is known). */
export type Carrying = { kind: "going"; left: number } | { kind: "waits"; who: string | undefined }

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
  /** Of an archive: names that could not be had and are not in it. */
  leftOut: ReadonlySignal<readonly string[]>
  provideFile(file: File): void
}

export interface Transfers {
  readonly active: ReadonlySignal<readonly Transfer[]>
  /** Seals and uploads, then sends the file messages. Resolves once all are kept on this device; then they go by themselves. */
  upload(files: readonly File[]): Promise<void>
  /** Sends what was made in this page, a photo or a spoken message of so many seconds; a reload does not lose it. As `upload`. */
  sendMade(file: File, voice?: number): Promise<void>
  /** Opens to disk as it comes (file picker or service-worker-free stream save). */
  save(file: FileRef): Promise<Transfer>
  /** One ZIP, made on this device and written to disk as it comes. Names are made safe and told apart. */
  saveArchive(name: string, entries: readonly ArchiveEntry[]): Promise<Transfer>
  /** The plain parts in their order, opened as they come; `stop` ends it. */
  open(file: FileRef, stop?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>
}

/** A file of the visit, or something made here; `name` may have folders ("files/knee.jpg"), `at` is its time, ms. */
export type ArchiveEntry = { name: string; at: number } & ({ file: FileRef } | { content: Blob })

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
  | {
      type: "media"
      call: string
      audio: boolean
      video: boolean
      screen: boolean
      context: [string, string, string]
      /** Pictures are on, and held back because the line does not carry them. */
      paused?: boolean
    }

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
  /** This page is looked at: what rings rings here, unless another page of this device is in a call. */
  attend(): void
  /** Whether this page rings or is in a call; as long as it is, it stays the page that others reach. */
  hold(on: boolean): void
}

export interface Session {
  readonly id: string
  readonly phase: ReadonlySignal<Phase>
  readonly connection: ReadonlySignal<Connection>
  /** Sealed title of the session; empty when none. */
  readonly title: ReadonlySignal<string>
  /** The time agreed for the visit, ms. */
  readonly starts: ReadonlySignal<number | undefined>
  readonly self: ReadonlySignal<Member | undefined>
  readonly participants: ReadonlySignal<readonly Participant[]>
  readonly invites: ReadonlySignal<readonly Invite[]>
  readonly timeline: ReadonlySignal<readonly TimelineItem[]>
  /** Names of those who type now. */
  readonly typing: ReadonlySignal<readonly string[]>
  readonly alarms: ReadonlySignal<readonly Alarm[]>
  /** Whether a log that was rolled back can be made whole from here; undefined when it cannot, or is not rolled back. */
  readonly carrying: ReadonlySignal<Carrying | "offered" | undefined>
  readonly code: ReadonlySignal<SecurityCode | undefined>
  /** Messages and uploads that have not reached the server. */
  readonly unsent: ReadonlySignal<number>
  /** To leave, or to end the visit for all, was asked for here and is on its way. */
  readonly departing: ReadonlySignal<boolean>
  /** Highest seq seen by this device's user; for the new-messages line. */
  readonly seenUpTo: ReadonlySignal<number>
  readonly historyRequests: ReadonlySignal<readonly HistoryRequest[]>
  /** Who waits to be admitted, longest first; empty for guests. */
  readonly waiting: ReadonlySignal<readonly Waiting[]>
  readonly late: ReadonlySignal<Late | undefined>
  readonly transfers: Transfers
  readonly line: CallLine

  sendText(text: string, reply?: string): Promise<void>
  /** Another text in the place of an own one. */
  edit(item: TextItem, text: string): Promise<void>
  /** Takes an own text or file back, everywhere. */
  withdraw(item: TextItem | FileItem): Promise<void>
  /** One reaction for each member and message; the empty one takes it back. */
  react(item: TextItem | FileItem, emoji: string): Promise<void>
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
  /** Lets in those of `waiting` with these keys. */
  admit(keys: readonly string[]): Promise<void>
  /** Tells all that this host is so many minutes late. */
  /** Turns away somebody of `waiting` who asks. */
  refuse(key: string): Promise<void>
  /** As a joiner that was refused: asks once more. */
  askAgain(): Promise<void>
  /** As a joiner that asks: goes away, and nothing of it stays here. */
  stopAsking(): Promise<void>
  runLate(minutes: number): Promise<void>
  confirmCode(): void
  retitle(title: string): Promise<void>
  /** Hosts only; undefined when no time is agreed any more. */
  reschedule(starts: number | undefined): Promise<void>
  end(): Promise<void>
  leave(): Promise<void>
  deleteFromDevice(): Promise<void>
  /** Puts back what a restored server misses; goes on by itself until that is done. */
  carryOn(): Promise<void>
  /** Stops all work of this page (not a leave). */
  close(): void
}

/** What the join page shows before "Join": read from the sealed door. */
export interface LinkPreview {
  /** Written here before by this link on this device; empty when nothing was. */
  ownName: string
  /** The clinician must admit who joins; before, nothing of the session can be read. */
  knock?: boolean
  title: string
  /** Host members by name and identity. */
  hosts: { name: string; identity: "known" | "new" | "changed" | "none" }[]
  role: Role
  label: string
  /** The time agreed for the visit, ms. */
  starts?: number
}

/** Another member, as the list of sessions knows it. */
export interface OtherMember {
  id: string
  name: string
  role: Role
  /** A guest that no host has admitted yet came then, ms. */
  waitsSince?: number
}

export interface SessionSummary {
  id: string
  title: string
  /** The time agreed for the visit, ms. */
  starts?: number
  role: Role
  lastActivityAt: number
  unread: number
  people: number
  /** Member id of this device; empty while unknown. */
  self: string
  /** The other members, by the claims of their devices. */
  others: readonly OtherMember[]
  /** How far the log is read here. */
  head: number
  /** Some open link of it needs admitting, and so somebody may stand before the door. */
  knockable?: true
  phase: "joined" | "ended" | "removed" | "left"
}

/** What a clinician writes about a session for itself: kept sealed on this device, and never sent. */
export interface PrivateNotes {
  read(id: string): Promise<string>
  /**
   * Durable when it resolves, with what is kept now: where another tab wrote since `before` was read, the text of both.
   */
  write(id: string, text: string, before: string): Promise<string>
  /** Hears that another tab has written; stops when the result is called. */
  follow(id: string, changed: () => void): () => void
  /** All that are not empty, by session. */
  all(): Promise<ReadonlyMap<string, string>>
}

/** lib/session/index.ts exports one of these as `sessions`. */
export interface Sessions {
  /** Sessions known to this device, by last activity. */
  list(): Promise<SessionSummary[]>
  /**
   * Reads on to the head of a session's log, does what is due, and keeps nothing open. Tells whether it was this page's
   * to do: a session that another tab has open is followed there. Gives up when the signal says so.
   */
  catchUp(id: string, signal: AbortSignal): Promise<boolean>
  /** Who asks to come in, for a host; nothing is opened or decided. Gives up when the signal says so. */
  knocks(id: string, signal: AbortSignal): Promise<readonly Waiting[]>
  readonly notes: PrivateNotes
  /** Founder: makes the group, uploads, returns the open session and the first guest's link. */
  create(options: {
    title: string
    name: string
    passcode?: string
    history?: boolean
    knock?: boolean
    relayOnly?: boolean
    /** The time agreed for the visit, ms. */
    starts?: number
    /** The server deletes the session after so many seconds; undefined: when the server likes. */
    lifetime?: number
  }): Promise<{ id: string; link: string }>
  /**
   * Begins to look at a link without a passcode, before it is known whether this device is in its session. Tells whether
   * the device keeps nothing at all yet, and so is in none.
   */
  ahead(id: string, secret: string): Promise<boolean>
  /** Looks at a link without joining. Rejects with a SessionFailure. */
  look(id: string, secret: string, passcode?: string): Promise<LinkPreview>
  /** Fetches what a join needs, while the name is written. */
  prepare(id: string, secret: string, passcode?: string): void
  join(id: string, secret: string, name: string, passcode?: string): Promise<Session>
  /** Keeps a name for this link on this device, until the session is deleted from it. */
  keepName(id: string, secret: string, name: string, passcode?: string): Promise<void>
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
