/** Hash, key derivation, padding and sealing (docs/protocol.md §1.1, §1.4, §1.5). */
import { expand, extract } from "@noble/hashes/hkdf.js"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import { type Bytes, concat, owned, u32, utf8 } from "./bytes.ts"
import { CannotOpen, Malformed } from "./errors.ts"

const shortInput = 2048

/** H: SHA-512 of the parts joined, 64 bytes. */
export async function hash(...parts: readonly Uint8Array[]): Promise<Bytes> {
  const input = parts.length === 1 && parts[0] !== undefined ? owned(parts[0]) : concat(...parts)
  // A short input is hashed faster here than it is handed to another thread.
  if (input.length <= shortInput) return hashNow(input)
  return new Uint8Array(await crypto.subtle.digest("SHA-512", input))
}

export function hashNow(...parts: readonly Uint8Array[]): Bytes {
  return owned(sha512(parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(...parts)))
}

export function hash256(input: Uint8Array): Bytes {
  return owned(sha256(input))
}

export function hkdfExtract(salt: Uint8Array, secret: Uint8Array): Bytes {
  return owned(extract(sha512, secret, salt))
}

export function hkdfExpand(secret: Uint8Array, info: Uint8Array, length: number): Bytes {
  return owned(expand(sha512, secret, info, length))
}

/** Length after padding: 256 at least, then Padmé. */
export function padded(length: number): number {
  if (length <= 256) return 256
  const e = Math.floor(Math.log2(length))
  const s = Math.floor(Math.log2(e)) + 1
  const step = 2 ** (e - s)
  return Math.ceil(length / step) * step
}

export function pad(content: Uint8Array): Bytes {
  const filled = new Uint8Array(padded(4 + content.length))
  filled.set(u32(content.length))
  filled.set(content, 4)
  return filled
}

/** Throws Malformed. */
export function unpad(filled: Uint8Array): Bytes {
  if (filled.length < 256) throw new Malformed("padding: too short")
  const length = new DataView(filled.buffer, filled.byteOffset, 4).getUint32(0)
  if (length > filled.length - 4 || padded(4 + length) !== filled.length) throw new Malformed("padding: length")
  for (let i = 4 + length; i < filled.length; i += 1) if (filled[i] !== 0) throw new Malformed("padding: not zero")
  return owned(filled.slice(4, 4 + length))
}

/** AES-256-GCM with the tag behind. */
export async function aeadSeal(key: Bytes, nonce: Bytes, aad: Bytes, plain: Bytes): Promise<Bytes> {
  const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"])
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, aes, plain))
}

/** Throws CannotOpen. */
export async function aeadOpen(key: Bytes, nonce: Bytes, aad: Bytes, sealed: Bytes): Promise<Bytes> {
  const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"])
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, aes, sealed))
  } catch {
    throw new CannotOpen("authentication failed")
  }
}

function sealingKey(secret: Uint8Array, label: string, salt: Uint8Array): { key: Bytes; nonce: Bytes } {
  const okm = hkdfExpand(secret, concat(utf8(label), salt), 44)
  return { key: okm.slice(0, 32), nonce: okm.slice(32) }
}

/** `salt` (16 bytes) is new for each text under a secret and label. */
export function seal(
  secret: Uint8Array,
  label: string,
  salt: Uint8Array,
  aad: Uint8Array,
  content: Uint8Array,
): Promise<Bytes> {
  const { key, nonce } = sealingKey(secret, label, salt)
  return aeadSeal(key, nonce, owned(aad), pad(content))
}

/** Throws CannotOpen for a wrong tag, Malformed for wrong padding. */
export async function open(
  secret: Uint8Array,
  label: string,
  salt: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Promise<Bytes> {
  const { key, nonce } = sealingKey(secret, label, salt)
  return unpad(await aeadOpen(key, nonce, owned(aad), owned(sealed)))
}
