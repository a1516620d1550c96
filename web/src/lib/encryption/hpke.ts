/** HPKE base mode with X-Wing, HKDF-SHA-512 and AES-256-GCM (docs/protocol.md §2; RFC 9180). */
import { Aes256Gcm, CipherSuite, HkdfSha512 } from "@hpke/core"
import { XWing } from "@hpke/hybridkem-x-wing"
import { type Bytes, concat, owned, type Random } from "./bytes.ts"
import { CannotOpen, Malformed } from "./errors.ts"
import { x25519 } from "./x25519.ts"

export const seedSize = 32
export const publicSize = 1216
export const encSize = 1120
const mlkemPublicSize = 1184
const mlkemModulus = 3329

const kem = Object.defineProperty(new XWing(), "_x25519", { value: { derive: x25519 } })
const suite = new CipherSuite({ kem, kdf: new HkdfSha512(), aead: new Aes256Gcm() })

/** An ArrayBuffer of exactly these bytes. */
function buffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/**
 * Throws Malformed unless it can be an X-Wing public key: its length, and the modulus check of FIPS 203 §7.2 on the
 * ML-KEM part, without which nobody could encapsulate to it.
 */
export function checkPublicKey(key: Uint8Array): void {
  if (key.length !== publicSize) throw new Malformed("X-Wing public key: length")
  for (let at = 0; at < mlkemPublicSize - 32; at += 3) {
    const [a, b, c] = [key[at] ?? 0, key[at + 1] ?? 0, key[at + 2] ?? 0]
    if (((b & 15) << 8 | a) >= mlkemModulus || (c << 4 | b >> 4) >= mlkemModulus) {
      throw new Malformed("X-Wing public key: modulus")
    }
  }
}

/** The public key (1216) of a seed (32), which is the private key. */
export async function publicKeyOfSeed(seed: Uint8Array): Promise<Bytes> {
  const pair = await kem.generateKeyPairDerand(new Uint8Array(seed))
  return new Uint8Array(await kem.serializePublicKey(pair.publicKey))
}

export interface KeyPair {
  readonly seed: Bytes
  readonly key: Bytes
}

/** DeriveKeyPair (RFC 9180 §7.1.3). */
export async function deriveKeyPair(material: Uint8Array): Promise<KeyPair> {
  const pair = await kem.deriveKeyPair(buffer(material))
  return {
    seed: new Uint8Array(await kem.serializePrivateKey(pair.privateKey)),
    key: new Uint8Array(await kem.serializePublicKey(pair.publicKey)),
  }
}

async function senderContext(key: Uint8Array, info: Uint8Array, random: Random) {
  const recipientPublicKey = await kem.deserializePublicKey(buffer(key))
  return suite.createSenderContext({ recipientPublicKey, info: buffer(info), ekm: buffer(random(64)) })
}

async function recipientContext(seed: Uint8Array, enc: Uint8Array, info: Uint8Array) {
  const recipientKey = await kem.deserializePrivateKey(buffer(seed))
  return suite.createRecipientContext({ recipientKey, info: buffer(info), enc: buffer(enc) })
}

export interface Sealed {
  readonly enc: Bytes
  readonly ct: Bytes
}

export async function hpkeSealTo(
  key: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plain: Uint8Array,
  random: Random,
): Promise<Sealed> {
  checkPublicKey(key)
  const context = await senderContext(key, info, random)
  return { enc: new Uint8Array(context.enc), ct: new Uint8Array(await context.seal(buffer(plain), buffer(aad))) }
}

/** Throws CannotOpen. */
export async function hpkeOpenFrom(
  seed: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  { enc, ct }: Sealed,
): Promise<Bytes> {
  try {
    const context = await recipientContext(seed, enc, info)
    return new Uint8Array(await context.open(buffer(ct), buffer(aad)))
  } catch {
    throw new CannotOpen("HPKE: authentication failed")
  }
}

/** SealBase as `enc || ct` with empty associated data. */
export async function hpkeSeal(key: Uint8Array, info: Uint8Array, plain: Uint8Array, random: Random): Promise<Bytes> {
  const { enc, ct } = await hpkeSealTo(key, info, new Uint8Array(), plain, random)
  return concat(enc, ct)
}

/** Throws CannotOpen. */
export function hpkeOpen(seed: Uint8Array, info: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  const bytes = owned(sealed)
  return hpkeOpenFrom(seed, info, new Uint8Array(), { enc: bytes.slice(0, encSize), ct: bytes.slice(encSize) })
}

/** A secret that the holder of `key` can import (RFC 9180 §5.3). */
export async function hpkeExport(
  key: Uint8Array,
  info: Uint8Array,
  exporterContext: Uint8Array,
  length: number,
  random: Random,
): Promise<{ enc: Bytes; secret: Bytes }> {
  checkPublicKey(key)
  const context = await senderContext(key, info, random)
  return {
    enc: new Uint8Array(context.enc),
    secret: new Uint8Array(await context.export(buffer(exporterContext), length)),
  }
}

/** Throws CannotOpen. */
export async function hpkeImport(
  seed: Uint8Array,
  enc: Uint8Array,
  info: Uint8Array,
  exporterContext: Uint8Array,
  length: number,
): Promise<Bytes> {
  try {
    const context = await recipientContext(seed, enc, info)
    return new Uint8Array(await context.export(buffer(exporterContext), length))
  } catch {
    throw new CannotOpen("HPKE: malformed encapsulation")
  }
}
