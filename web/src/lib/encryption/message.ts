/** Chat entries and their payloads (docs/protocol.md §5.1, §5.2). */
import { type Bytes, concat, fromBase64Url, Reader, u32, u64, vec32 } from "./bytes.ts"
import { type LogEntry, type Position } from "./entry.ts"
import { type Epoch, type EpochRecord } from "./epoch.ts"
import { Malformed, SealError } from "./errors.ts"
import { readIdentity } from "./identity.ts"
import { bytes, decodeJson, encodeJson, integer, object, type Of, oneOf, type Shape, text, typeOf } from "./json.ts"
import { header, type HeaderFields } from "./log.ts"
import { member, type RosterMember } from "./roster.ts"
import { open, seal } from "./seal.ts"
import { sign, verify } from "./signature.ts"

const label = "careseal/1 message"
const largestPayload = 49152

const messageId = bytes(16)

/** One shape for each type that this version knows. */
const shapes = {
  text: object({ type: oneOf("text"), message: messageId, text: text(16384, 1) }, { reply: messageId }),
  file: object(
    {
      type: oneOf("file"),
      message: messageId,
      file: bytes(16),
      key: bytes(32),
      size: integer(),
      parts: integer(1, 65536),
      name: text(255),
      mime: text(127),
    },
    { thumb: bytes(undefined, 24576), voice: integer(1, 3600) },
  ),
  history: object({ type: oneOf("history"), to: bytes(16), box: bytes() }),
  call: object(
    { type: oneOf("call"), call: bytes(16), event: oneOf("started", "ended", "missed", "declined") },
    { seconds: integer() },
  ),
  receipt: object({ type: oneOf("receipt"), delivered: integer(), seen: integer() }),
  admit: object({ type: oneOf("admit"), member: bytes(16) }),
  late: object({ type: oneOf("late"), minutes: integer(1, 240) }),
  leave: object({ type: oneOf("leave") }),
  note: object({ type: oneOf("note"), message: messageId, text: text(1024) }),
  end: object({ type: oneOf("end") }),
  edit: object({ type: oneOf("edit"), message: messageId, text: text(16384, 1) }),
  withdraw: object({ type: oneOf("withdraw"), message: messageId }),
  reaction: object({ type: oneOf("reaction"), author: bytes(16), message: messageId, emoji: text(64) }),
}

type Shapes = typeof shapes

export type TextPayload = Of<Shapes["text"]>
export type FilePayload = Of<Shapes["file"]>
export type HistoryPayload = Of<Shapes["history"]>
export type CallPayload = Of<Shapes["call"]>
export type ReceiptPayload = Of<Shapes["receipt"]>
export type AdmitPayload = Of<Shapes["admit"]>
export type LatePayload = Of<Shapes["late"]>
export type LeavePayload = Of<Shapes["leave"]>
export type NotePayload = Of<Shapes["note"]>
export type EndPayload = Of<Shapes["end"]>
export type EditPayload = Of<Shapes["edit"]>
export type WithdrawPayload = Of<Shapes["withdraw"]>
export type ReactionPayload = Of<Shapes["reaction"]>

/** Byte strings are base64url text, as in the JSON. */
export type Payload = { [T in keyof Shapes]: Of<Shapes[T]> }[keyof Shapes]

/** Why a payload is refused. */
export type RefusedCause = "malformed" | "too-large" | "not-allowed"

/** What came of a chat entry. */
export type MessageEvent =
  | { readonly kind: "message"; readonly payload: Payload; readonly sender: RosterMember; readonly time: number }
  /** Out of shape, or not for this sender to send. */
  | {
      readonly kind: "refused"
      readonly cause: RefusedCause
      /** The payload's type, where it has one */
      readonly type: string | undefined
      readonly sender: RosterMember
      readonly time: number
    }
  /** Of a type this version does not know; kept. */
  | { readonly kind: "unsupported"; readonly type: string; readonly sender: RosterMember; readonly time: number }
  /** `not-ours`: no keys of that epoch here. `tampered`: it does not open, or its signature is wrong. */
  | { readonly kind: "unreadable"; readonly cause: "not-ours" | "tampered" }

/** Seals a payload under the epoch that holds at `parent`; `at` is the own last verified position. Throws Malformed. */
export async function sealMessage(
  sessionId: string,
  epoch: Epoch,
  fields: HeaderFields,
  at: Position,
  payload: Payload,
  now: number,
): Promise<Bytes> {
  const encoded = encodeJson(payload)
  if (encoded.length > largestPayload) throw new Malformed("payload: too large")
  shapes[payload.type](decodeJson(encoded), payload.type)
  const front = header(sessionId, fields)
  const content = concat(u32(epoch.group.leaf), u64(now), u64(at.seq), at.h, vec32(encoded))
  const signature = await sign(epoch.group.seed, label, concat(front, u64(epoch.n), epoch.context, content))
  return seal(epoch.secrets.content, label, fromBase64Url(fields.id, 16), front, concat(content, signature))
}

export interface OpenedMessage {
  readonly event: MessageEvent
  /** What the sender had verified; undefined when it did not open. */
  readonly at: Position | undefined
}

const tampered: OpenedMessage = { event: { kind: "unreadable", cause: "tampered" }, at: undefined }

/** Opens an entry with the record of its epoch. Never throws for what the entry holds. */
export async function openMessage(sessionId: string, record: EpochRecord, entry: LogEntry): Promise<OpenedMessage> {
  try {
    const front = header(sessionId, entry)
    const plain = await open(record.secret, label, fromBase64Url(entry.id, 16), front, entry.body)
    const read = readMessage(plain)
    const sender = senders(record).get(read.leaf)
    if (sender === undefined) return tampered
    const signed = concat(front, u64(record.epoch), record.context, read.content)
    if (!(await verify(sender.key, label, signed, read.signature))) return tampered
    return { event: readPayload(read.payload, sender, read.time, record), at: read.at }
  } catch (error) {
    if (error instanceof SealError) return tampered
    throw error
  }
}

function readMessage(plain: Bytes) {
  const reader = new Reader(plain)
  const leaf = reader.u32()
  const time = reader.u64()
  const at: Position = { seq: reader.u64(), h: reader.take(64) }
  const payload = reader.vec32()
  const signature = reader.take(64)
  reader.end()
  return { leaf, time, at, payload, signature, content: plain.subarray(0, plain.length - 64) }
}

// The members of a record in full, read once.
const sendersOf = new WeakMap<EpochRecord, ReadonlyMap<number, RosterMember>>()

function senders(record: EpochRecord): ReadonlyMap<number, RosterMember> {
  const known = sendersOf.get(record)
  if (known !== undefined) return known
  const read = new Map(
    record.members.map(({ leaf, key, identity, role }) => {
      const parsed = readIdentity(new TextEncoder().encode(identity))
      return [leaf, member(leaf, key, identity, parsed, role)]
    }),
  )
  sendersOf.set(record, read)
  return read
}

function readPayload(encoded: Bytes, sender: RosterMember, time: number, record: EpochRecord): MessageEvent {
  const from = { sender, time }
  if (encoded.length > largestPayload) return { kind: "refused", cause: "too-large", type: undefined, ...from }
  let type: string | undefined
  try {
    const value = decodeJson(encoded)
    type = typeOf(value, "payload")
    if (!isKnown(type)) return { kind: "unsupported", type, ...from }
    const payload = (shapes[type] as Shape<Payload>)(value, type)
    if (!maySend(payload, sender, record)) return { kind: "refused", cause: "not-allowed", type, ...from }
    return { kind: "message", payload, ...from }
  } catch (error) {
    if (error instanceof SealError) return { kind: "refused", cause: "malformed", type, ...from }
    throw error
  }
}

function isKnown(type: string): type is keyof Shapes {
  return Object.hasOwn(shapes, type)
}

/** The last column of §5.2. */
function maySend(payload: Payload, sender: RosterMember, record: EpochRecord): boolean {
  switch (payload.type) {
    case "admit":
    case "late":
    case "note":
    case "end":
      return sender.role === "host"
    case "history":
      return sender.role === "host" || hasInvite(record, payload.to, sender.invite)
    case "text":
    case "file":
    case "call":
    case "receipt":
    case "leave":
    case "edit":
    case "withdraw":
    case "reaction":
      return true
  }
}

function hasInvite(record: EpochRecord, memberId: string, invite: string): boolean {
  return [...senders(record).values()].some((each) => each.memberId === memberId && each.invite === invite)
}

