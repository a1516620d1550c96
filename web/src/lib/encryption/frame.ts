/**
 * Frames of calls under SFrame (RFC 9605; docs/protocol.md §7.3), suite AES_256_GCM_SHA512_128.
 *
 * Fit for a worker: nothing of the group comes along.
 */
import { type Bytes, concat, owned, u16, u64, utf8 } from "./bytes.ts"
import { CannotOpen, Malformed } from "./errors.ts"

const suite = 0x0005
const tagSize = 16
const largestHeader = 17

/** The key of one stream in one epoch; derive it once for each KID and keep it. */
export interface FrameKey {
  readonly kid: bigint
  readonly key: CryptoKey
  /** 12 bytes */
  readonly salt: Bytes
}

/** context: 5 random bytes for each stream and page load. */
export function frameKid(context: Uint8Array, leaf: number, epoch: number): bigint {
  if (context.length !== 5 || leaf < 0 || leaf > 255) throw new Malformed("frame: KID")
  const high = context.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
  return (high << 24n) | (BigInt(leaf) << 16n) | BigInt(epoch % 65536)
}

/** Derives the key of a KID from the epoch's base key (RFC 9605 §4.4.2). */
export async function deriveFrameKey(baseKey: Uint8Array, kid: bigint): Promise<FrameKey> {
  const base = await crypto.subtle.importKey("raw", owned(baseKey), "HKDF", false, ["deriveBits"])
  const expand = async (label: string, length: number) => {
    const info = concat(utf8(label), u64(kid), u16(suite))
    const parameters = { name: "HKDF", hash: "SHA-512", salt: new Uint8Array(), info }
    return new Uint8Array(await crypto.subtle.deriveBits(parameters, base, 8 * length))
  }
  const raw = await expand("SFrame 1.0 Secret key ", 32)
  const salt = await expand("SFrame 1.0 Secret salt ", 12)
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"])
  return { kid, key, salt }
}

/** Bytes that hold a value, without leading zeros. */
function shortest(value: bigint): Bytes {
  const bytes = u64(value)
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? bytes.slice(7) : bytes.slice(first)
}

/** SFrame header (RFC 9605 §4.3). */
export function encodeFrameHeader(kid: bigint, counter: bigint): Bytes {
  const [kidBytes, counterBytes] = [shortest(kid), shortest(counter)]
  const [kidShort, counterShort] = [kid < 8n, counter < 8n]
  const k = kidShort ? Number(kid) : 8 | (kidBytes.length - 1)
  const c = counterShort ? Number(counter) : 8 | (counterBytes.length - 1)
  const none = new Uint8Array()
  return concat(Uint8Array.of((k << 4) | c), kidShort ? none : kidBytes, counterShort ? none : counterBytes)
}

/** What stands in a sealed frame's header. */
export interface FrameHeader {
  readonly kid: bigint
  readonly counter: bigint
  /** 5 bytes */
  readonly context: Bytes
  readonly leaf: number
  /** n mod 2^16 */
  readonly epoch: number
  /** Length of the header */
  readonly length: number
}

/** Undefined when the frame is too short, or its header is not in its shortest form. */
export function readFrameHeader(frame: Uint8Array, readable: number): FrameHeader | undefined {
  const first = frame[readable]
  if (first === undefined) return undefined
  let at = readable + 1
  const read = (field: number): bigint | undefined => {
    if ((field & 8) === 0) return BigInt(field)
    const bytes = frame.subarray(at, at + (field & 7) + 1)
    if (bytes.length !== (field & 7) + 1) return undefined
    at += bytes.length
    const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    return value < 8n || shortest(value).length !== bytes.length ? undefined : value
  }
  const kid = read(first >>> 4)
  const counter = kid === undefined ? undefined : read(first & 15)
  if (kid === undefined || counter === undefined || frame.length < at + tagSize) return undefined
  const context = u64(kid).slice(0, 5)
  const leaf = Number((kid >> 16n) & 255n)
  return { kid, counter, context, leaf, epoch: Number(kid & 65535n), length: at - readable }
}

function nonceOf({ salt }: FrameKey, counter: bigint): Bytes {
  const nonce = salt.slice()
  const bytes = u64(counter)
  for (let i = 0; i < 8; i += 1) nonce[4 + i] = (nonce[4 + i] ?? 0) ^ (bytes[i] ?? 0)
  return nonce
}

/**
 * Seals a frame; its first `readable` bytes stay as they are in front, authenticated as metadata. `counter` never
 * repeats under a key. Throws Malformed for a frame shorter than its readable part.
 */
export async function encryptFrame(
  key: FrameKey,
  counter: number | bigint,
  frame: Uint8Array,
  readable: number,
): Promise<Bytes> {
  if (frame.length < readable) throw new Malformed("frame: shorter than its readable part")
  const header = encodeFrameHeader(key.kid, BigInt(counter))
  const metadata = frame.subarray(0, readable)
  const parameters = { name: "AES-GCM", iv: nonceOf(key, BigInt(counter)), additionalData: concat(header, metadata) }
  const sealed = await crypto.subtle.encrypt(parameters, key.key, owned(frame.subarray(readable)))
  return concat(metadata, header, new Uint8Array(sealed))
}

/** Opens a sealed frame with the key of its KID; the readable bytes are in front again. Throws CannotOpen. */
export async function decryptFrame(key: FrameKey, frame: Uint8Array, readable: number): Promise<Bytes> {
  const found = readFrameHeader(frame, readable)
  if (found?.kid !== key.kid) throw new CannotOpen("frame: no header of this key")
  const metadata = frame.subarray(0, readable)
  const header = frame.subarray(readable, readable + found.length)
  const parameters = { name: "AES-GCM", iv: nonceOf(key, found.counter), additionalData: concat(header, metadata) }
  try {
    const plain = await crypto.subtle.decrypt(parameters, key.key, owned(frame.subarray(readable + found.length)))
    return concat(metadata, new Uint8Array(plain))
  } catch {
    throw new CannotOpen("frame: authentication failed")
  }
}

const windowSize = 1024

/** Counters seen under one KID: the highest, and which of the 1023 before it. It changes in place; one for each KID. */
export class ReplayWindow {
  #highest = -1
  readonly #seen = new Uint8Array(windowSize)

  /** Takes a counter whose frame opened; false when it was seen, or is too old to tell. */
  take(counter: number | bigint): boolean {
    const value = Number(counter)
    if (value <= this.#highest - windowSize) return false
    if (value > this.#highest) {
      const skipped = Math.min(value - this.#highest - 1, windowSize)
      for (let i = 1; i <= skipped; i += 1) this.#seen[(value - i) % windowSize] = 0
      this.#highest = value
    } else if (this.#seen[value % windowSize] === 1) {
      return false
    }
    this.#seen[value % windowSize] = 1
    return true
  }
}

/** How much of a VP8 frame stays readable: 10 bytes of a key frame, 3 of another. */
export function readableOfVp8(frame: Uint8Array): number {
  return ((frame[0] ?? 0) & 1) === 0 ? 10 : 3
}

/** What sealing adds to a frame at most. */
export const frameOverhead = largestHeader + tagSize
