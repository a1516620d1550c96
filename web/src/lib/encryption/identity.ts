/** What a leaf says of itself, and a clinician's long-lived key (docs/protocol.md §2.1). */
import { type Bytes, concat, fromBase64Url, type Random, secureRandom, toBase64Url } from "./bytes.ts"
import { Malformed } from "./errors.ts"
import { bytes, decodeJson, encodeJson, object, text } from "./json.ts"
import { publicKeyOf, sign, verify } from "./signature.ts"

/** A clinician's long-lived Ed25519 key, kept on the device; 32 bytes each. */
export interface IdentityKey {
  readonly seed: Bytes
  readonly key: Bytes
}

/** What a device says of itself when it joins. */
export interface Introduction {
  /** At most 128 bytes of UTF-8; the same for device with 64. */
  readonly name: string
  readonly device: string
  readonly identityKey?: IdentityKey
}

/** The identity of a credential. */
export interface Identity {
  readonly name: string
  readonly device: string
  readonly invite: string
  readonly known?: { readonly key: string; readonly signature: string }
}

const largest = 1024
const label = "careseal/1 identity"
const shape = object(
  { name: text(128), device: text(64), invite: bytes(16) },
  { known: object({ key: bytes(32), signature: bytes(64) }) },
)

export async function newIdentityKey(random: Random = secureRandom): Promise<IdentityKey> {
  const seed = random(32)
  return { seed, key: await publicKeyOf(seed) }
}

/** Identity JSON for a leaf with that signature key. Throws Malformed when a name is too long. */
export async function makeIdentity(
  sessionId: string,
  invite: string,
  { name, device, identityKey }: Introduction,
  leafKey: Uint8Array,
): Promise<Bytes> {
  const identity = { name, device, invite }
  if (identityKey === undefined) return checked(encodeJson(identity))
  const signature = await sign(identityKey.seed, label, concat(fromBase64Url(sessionId, 16), leafKey))
  const known = { key: toBase64Url(identityKey.key), signature: toBase64Url(signature) }
  return checked(encodeJson({ ...identity, known }))
}

function checked(encoded: Bytes): Bytes {
  readIdentity(encoded)
  return encoded
}

/** Throws Malformed. */
export function readIdentity(encoded: Uint8Array): Identity {
  if (encoded.length > largest) throw new Malformed("identity: too long")
  return shape(decodeJson(encoded), "identity")
}

/** Whether `known`, if there is one, is signed for this leaf. */
export async function knownHolds(sessionId: string, { known }: Identity, leafKey: Uint8Array): Promise<boolean> {
  if (known === undefined) return true
  const content = concat(fromBase64Url(sessionId, 16), leafKey)
  return verify(fromBase64Url(known.key, 32), label, content, fromBase64Url(known.signature, 64))
}
