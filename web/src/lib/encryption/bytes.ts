/** Byte strings and their text (docs/protocol.md §1.1, §1.2). */
import { Malformed } from "./errors.ts"

export type Bytes = Uint8Array<ArrayBuffer>

/** Where random bytes come from; tests and vectors pass one of their own. */
export type Random = (length: number) => Bytes

export const secureRandom: Random = (length) => crypto.getRandomValues(new Uint8Array(length))

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

/** Throws Malformed unless the bytes are UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    throw new Malformed("not UTF-8")
  }
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** The same bytes over an ArrayBuffer of their own kind, as WebCrypto wants them; copies only when it must. */
export function owned(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Bytes) : new Uint8Array(bytes)
}

/** Compares without telling by time where the difference is. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** Bytewise order. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function u8(value: number): Bytes {
  return Uint8Array.of(value)
}

export function u16(value: number): Bytes {
  return Uint8Array.of(value >>> 8, value)
}

export function u32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export function u64(value: number | bigint): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

export function vec16(bytes: Uint8Array): Bytes {
  if (bytes.length > 0xffff) throw new Malformed("too long for a 16-bit length")
  return concat(u16(bytes.length), bytes)
}

export function vec32(bytes: Uint8Array): Bytes {
  return concat(u32(bytes.length), bytes)
}

/** Reads a byte string from the front; every read throws Malformed when there is not enough left. */
export class Reader {
  readonly #bytes: Bytes
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = owned(bytes)
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  take(length: number): Bytes {
    if (length > this.left) throw new Malformed("cut short")
    const taken = this.#bytes.slice(this.#at, this.#at + length)
    this.#at += length
    return taken
  }

  #advance(length: number): number {
    if (length > this.left) throw new Malformed("cut short")
    const from = this.#at
    this.#at += length
    return from
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  /** As a number: above 2^53-1 it is refused, for nothing in this protocol counts so far. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#advance(8))
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed("number too large")
    return Number(value)
  }

  vec32(): Bytes {
    return this.take(this.u32())
  }

  /** Throws Malformed unless everything was read. */
  end(): void {
    if (this.left > 0) throw new Malformed("bytes behind the end")
  }
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const values = new Map(Array.from(alphabet, (letter, value) => [letter.charCodeAt(0), value]))

/** base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += alphabet.charAt(group >>> 18) + alphabet.charAt((group >>> 12) & 63)
    if (left > 1) text += alphabet.charAt((group >>> 6) & 63)
    if (left > 2) text += alphabet.charAt(group & 63)
  }
  return text
}

/**
 * Decodes base64url; `length` bytes when given. Throws Malformed for padding, other alphabets, another length, and low
 * bits that are not zero: what it takes encodes back to itself.
 */
export function fromBase64Url(text: string, length?: number): Bytes {
  const rest = text.length % 4
  if (rest === 1) throw new Malformed("not base64url")
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let at = 0
  let bits = 0
  let group = 0
  for (let i = 0; i < text.length; i += 1) {
    const value = values.get(text.charCodeAt(i))
    if (value === undefined) throw new Malformed("not base64url")
    group = ((group << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at] = group >>> bits
      at += 1
      group &= (1 << bits) - 1
    }
  }
  if (group !== 0) throw new Malformed("not base64url: stray low bits")
  if (length !== undefined && bytes.length !== length) throw new Malformed(`not ${length} bytes`)
  return bytes
}

export function toHex(bytes: Uint8Array): string {
  let text = ""
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0")
  return text
}

export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new Malformed("not hex")
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16))
}
