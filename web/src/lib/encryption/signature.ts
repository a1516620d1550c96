/** Ed25519, and MLS SignWithLabel (docs/protocol.md §1.6; RFC 9420 §5.1.2). */
import { type Bytes, concat, fromBase64Url, owned, u16, u32, utf8 } from "./bytes.ts"
import { Malformed } from "./errors.ts"

// PrivateKeyInfo of an Ed25519 seed (RFC 8410) up to the seed itself.
const pkcs8Front = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)

// A key is imported once; the caches go with the byte strings they belong to.
const signingKeys = new WeakMap<Uint8Array, Promise<CryptoKey>>()
const verifyingKeys = new WeakMap<Uint8Array, Promise<CryptoKey>>()

function signingKey(seed: Uint8Array): Promise<CryptoKey> {
  const known = signingKeys.get(seed)
  if (known !== undefined) return known
  const key = crypto.subtle.importKey("pkcs8", concat(pkcs8Front, seed), "Ed25519", false, ["sign"])
  signingKeys.set(seed, key)
  return key
}

function verifyingKey(key: Uint8Array): Promise<CryptoKey> {
  const known = verifyingKeys.get(key)
  if (known !== undefined) return known
  const imported = crypto.subtle.importKey("raw", owned(key), "Ed25519", false, ["verify"])
  imported.catch(() => undefined) // Whoever asks is told; nobody asking is no error.
  verifyingKeys.set(key, imported)
  return imported
}

/** The public key (32 bytes) of a seed (32 bytes). */
export async function publicKeyOf(seed: Uint8Array): Promise<Bytes> {
  const key = await crypto.subtle.importKey("pkcs8", concat(pkcs8Front, seed), "Ed25519", true, ["sign"])
  const { x } = await crypto.subtle.exportKey("jwk", key)
  if (x === undefined) throw new Malformed("no public key")
  return fromBase64Url(x, 32)
}

export async function signRaw(seed: Uint8Array, content: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", await signingKey(seed), owned(content)))
}

export async function verifyRaw(key: Uint8Array, content: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await crypto.subtle.verify("Ed25519", await verifyingKey(key), owned(signature), owned(content))
  } catch {
    return false
  }
}

/** V of RFC 9420 §2.1.2: bytes behind their length in 1, 2 or 4 bytes. */
export function variable(bytes: Uint8Array): Bytes {
  const { length } = bytes
  if (length < 0x40) return concat(Uint8Array.of(length), bytes)
  if (length < 0x4000) return concat(u16(length | 0x4000), bytes)
  if (length < 0x40000000) return concat(u32((length | 0x80000000) >>> 0), bytes)
  throw new Malformed("too long for a variable-length vector")
}

function labelled(label: string, content: Uint8Array): Bytes {
  return concat(variable(utf8(`MLS 1.0 ${label}`)), variable(content))
}

export function sign(seed: Uint8Array, label: string, content: Uint8Array): Promise<Bytes> {
  return signRaw(seed, labelled(label, content))
}

export function verify(key: Uint8Array, label: string, content: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return verifyRaw(key, labelled(label, content), signature)
}
