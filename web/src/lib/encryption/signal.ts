/** Sealed signals between connected members (docs/protocol.md §7.1). */
import {
  type Bytes,
  concat,
  fromBase64Url,
  type Random,
  Reader,
  secureRandom,
  toBase64Url,
  u32,
  u64,
  vec32,
} from "./bytes.ts"
import { type Epoch, labelled, memberAt } from "./epoch.ts"
import { Malformed, Refused } from "./errors.ts"
import {
  bool,
  bytes,
  decodeJson,
  encodeJson,
  integer,
  object,
  type Of,
  oneOf,
  orNull,
  type Shape,
  text,
  tuple,
  typeOf,
} from "./json.ts"
import { type RosterMember } from "./roster.ts"
import { open, seal } from "./seal.ts"
import { sign, verify } from "./signature.ts"
import { assertSending, type MemberState } from "./state.ts"

const label = "careseal/1 signal"
const call = bytes(16)

function described<const T extends "offer" | "answer">(type: T) {
  return object({ type: oneOf(type), call, sdp: text(32768), round: integer() })
}

function bare<const T extends string>(type: T) {
  return object({ type: oneOf(type), call })
}

const shapes = {
  hello: object({ type: oneOf("hello"), reply: bool }),
  bye: object({ type: oneOf("bye") }),
  typing: object({ type: oneOf("typing") }),
  offer: described("offer"),
  answer: described("answer"),
  candidate: object({
    type: oneOf("candidate"),
    call,
    round: integer(),
    candidate: orNull(text(1024)),
    mid: text(16),
    line: integer(0, 255),
  }),
  restart: bare("restart"),
  accept: bare("accept"),
  decline: bare("decline"),
  hangup: bare("hangup"),
  busy: bare("busy"),
  media: object({
    type: oneOf("media"),
    call,
    audio: bool,
    video: bool,
    screen: bool,
    context: tuple(bytes(5), bytes(5), bytes(5)),
  }, { paused: bool }),
  unsealed: bare("unsealed"),
}

type Shapes = typeof shapes

/** Byte strings are base64url text, as in the JSON. */
export type SignalPayload = { [T in keyof Shapes]: Of<Shapes[T]> }[keyof Shapes]

const everybodyLeaf = 0xffffffff
const nobody = toBase64Url(new Uint8Array(8))
const forEverybody: readonly string[] = ["hello", "typing", "bye"]

/** A page of a member: its leaf and 8 random bytes, b(8). */
export interface Instance {
  readonly leaf: number
  readonly instance: string
}

export interface SignalSender {
  readonly instance: string
  /** Grows with every signal of this page. */
  readonly counter: number
}

/** Last counter taken from each (leaf, instance); kept in memory by the page. */
export type SignalWindow = ReadonlyMap<string, number>

export interface OpenedSignal {
  readonly payload: SignalPayload
  readonly sender: RosterMember
  readonly from: Instance
  /** Addressed to everybody rather than to this page. */
  readonly toAll: boolean
  readonly window: SignalWindow
}

function associated(sessionId: string, n: number): Bytes {
  return labelled(label, fromBase64Url(sessionId, 16), u64(n))
}

/** Seals a signal in the current epoch; "everybody" for hello, typing and bye only. Throws Refused or Malformed. */
export async function sealSignal(
  state: MemberState,
  from: SignalSender,
  to: Instance | "everybody",
  payload: SignalPayload,
  random: Random = secureRandom,
): Promise<Bytes> {
  const { epoch, sessionId } = state
  if (epoch === undefined || state.phase !== "in") throw new Refused("not in the group")
  assertSending(state)
  if (to === "everybody" && !forEverybody.includes(payload.type)) throw new Refused("signal: not for everybody")
  const encoded = encodeJson(payload)
  shapes[payload.type](decodeJson(encoded), payload.type)
  const recipient = to === "everybody" ? { leaf: everybodyLeaf, instance: nobody } : to
  const content = concat(
    u32(epoch.group.leaf),
    fromBase64Url(from.instance, 8),
    u32(recipient.leaf),
    fromBase64Url(recipient.instance, 8),
    u64(from.counter),
    vec32(encoded),
  )
  const aad = associated(sessionId, epoch.n)
  const signature = await sign(epoch.group.seed, label, concat(aad, epoch.context, content))
  const salt = random(16)
  const sealed = await seal(epoch.secrets.signal, label, salt, aad, concat(content, signature))
  return concat(u64(epoch.n), salt, sealed)
}

/** Throws CannotOpen, Malformed, or Refused: replayed, for another page, of an epoch that has passed. */
export async function openSignal(
  state: MemberState,
  own: { readonly instance: string },
  window: SignalWindow,
  signal: Uint8Array,
  now: number,
): Promise<OpenedSignal> {
  const reader = new Reader(signal)
  const n = reader.u64()
  const salt = reader.take(16)
  const epoch = epochFor(state, n, now)
  const aad = associated(state.sessionId, n)
  const content = await open(epoch.secrets.signal, label, salt, aad, reader.take(reader.left))
  const read = readContent(content)
  const sender = memberAt(epoch, read.from.leaf)
  // Nor from one who was removed meanwhile.
  if (sender === undefined || !isStillIn(state, sender)) throw new Refused("signal: sender")
  if (!(await verify(sender.key, label, concat(aad, epoch.context, read.signed), read.signature))) {
    throw new Refused("signal: signature")
  }
  const payload = readPayload(read.payload)
  const toAll = read.to.leaf === everybodyLeaf && read.to.instance === nobody
  if (toAll ? !forEverybody.includes(payload.type) : !isOwn(state, own, read.to)) throw new Refused("signal: recipient")
  if (isOwn(state, own, read.from)) throw new Refused("signal: own")
  const place = `${read.from.leaf} ${read.from.instance}`
  if (read.counter <= (window.get(place) ?? -1)) throw new Refused("signal: replayed")
  return { payload, sender, from: read.from, toAll, window: new Map(window).set(place, read.counter) }
}

function epochFor({ epoch, previous, phase }: MemberState, n: number, now: number): Epoch {
  if (phase === "in" && epoch?.n === n) return epoch
  if (phase === "in" && previous?.epoch.n === n && now < previous.until) return previous.epoch
  throw new Refused("signal: epoch")
}

function isStillIn({ epoch }: MemberState, sender: RosterMember): boolean {
  return epoch?.members.some(({ memberId }) => memberId === sender.memberId) === true
}

function isOwn(state: MemberState, own: { readonly instance: string }, place: Instance): boolean {
  return place.leaf === state.self.leaf && place.instance === own.instance
}

function readContent(content: Bytes) {
  const reader = new Reader(content)
  const from: Instance = { leaf: reader.u32(), instance: toBase64Url(reader.take(8)) }
  const to: Instance = { leaf: reader.u32(), instance: toBase64Url(reader.take(8)) }
  const counter = reader.u64()
  const payload = reader.vec32()
  const signature = reader.take(64)
  reader.end()
  return { from, to, counter, payload, signature, signed: content.subarray(0, content.length - 64) }
}

function readPayload(encoded: Bytes): SignalPayload {
  const value = decodeJson(encoded)
  const type = typeOf(value, "signal")
  if (!Object.hasOwn(shapes, type)) throw new Malformed("signal: type")
  return (shapes[type as keyof Shapes] as Shape<SignalPayload>)(value, type)
}
