/** Asking to be admitted by a link that alone opens nothing (docs/protocol.md §3.8). */
import { type Bytes, concat, fromBase64Url, type Random, secureRandom, toBase64Url, utf8 } from "./bytes.ts"
import { sealKeyBox } from "./door.ts"
import { Malformed } from "./errors.ts"
import { checkPublicKey, publicKeyOfSeed, publicSize } from "./hpke.ts"
import { type InviteKeys } from "./invite.ts"
import { writable } from "./member.ts"
import { type PolicyInvite } from "./policy.ts"
import { hash256, open, seal } from "./seal.ts"
import { sign, verify } from "./signature.ts"
import { type MemberState } from "./state.ts"

const label = "careseal/1 knock"
const nameLabel = "careseal/1 knock name"
const nameSize = 16 + 256 + 16
const signedSize = publicSize + nameSize
const size = signedSize + 64
const longestName = 128

export interface Knock {
  /** b(16), of the public key */
  readonly id: string
  /** X-Wing seed: opens the key box with which a host answers */
  readonly seed: Bytes
  /** What is posted: public key, sealed name, signature */
  readonly knock: Bytes
}

/** Throws Malformed for a name that is too long. */
export async function makeKnock(keys: InviteKeys, name: string, random: Random = secureRandom): Promise<Knock> {
  if (utf8(name).length > longestName) throw new Malformed("knock: name")
  const seed = random(32)
  const key = await publicKeyOfSeed(seed)
  const salt = random(16)
  const sealed = await seal(keys.knockName, nameLabel, salt, concat(fromBase64Url(keys.sessionId, 16), key), utf8(name))
  const content = concat(key, salt, sealed)
  const signature = await sign(keys.join.seed, label, concat(fromBase64Url(keys.sessionId, 16), content))
  return { id: idOf(key), seed, knock: concat(content, signature) }
}

/** Whether it was made by somebody with this invite's link, and is what its id says. */
export async function isKnock(sessionId: string, invite: PolicyInvite, id: string, knock: Bytes): Promise<boolean> {
  if (knock.length !== size || idOf(keyIn(knock)) !== id) return false
  try {
    checkPublicKey(keyIn(knock))
  } catch {
    return false
  }
  const content = concat(fromBase64Url(sessionId, 16), knock.subarray(0, signedSize))
  return verify(fromBase64Url(invite.join, 32), label, content, knock.slice(signedSize))
}

/** What the joiner calls itself; empty unless it was sealed under this secret. */
export async function nameIn(secret: Bytes, sessionId: string, knock: Bytes): Promise<string> {
  const sealed = knock.slice(publicSize, signedSize)
  const about = concat(fromBase64Url(sessionId, 16), keyIn(knock))
  try {
    const name = await open(secret, nameLabel, sealed.slice(0, 16), about, sealed.subarray(16))
    return name.length > longestName ? "" : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(name)
  } catch {
    return ""
  }
}

/** The key box of the current epoch for who knocked. The knock was checked. */
export function admission(
  state: MemberState,
  invite: string,
  knock: Bytes,
  random: Random = secureRandom,
): Promise<Bytes> {
  return sealKeyBox(state.sessionId, writable(state), invite, keyIn(knock), random)
}

const keyIn = (knock: Bytes): Bytes => knock.slice(0, publicSize)
const idOf = (key: Bytes): string => toBase64Url(hash256(key).slice(0, 16))
