/** Invite secrets, and the keys that come from them (docs/protocol.md §3.1). */
import { argon2id } from "@noble/hashes/argon2.js"
import { type Bytes, concat, fromBase64Url, owned, type Random, secureRandom, toBase64Url, utf8 } from "./bytes.ts"
import { Malformed, Refused } from "./errors.ts"
import { publicKeyOfSeed } from "./hpke.ts"
import { type PolicyInvite, type Role } from "./policy.ts"
import { hash256, hkdfExpand, hkdfExtract } from "./seal.ts"
import { publicKeyOf } from "./signature.ts"

/** What a link's fragment says: the secret (32 bytes), whether a passcode belongs to it, whether one must knock. */
export interface LinkSecret {
  readonly secret: Bytes
  readonly passcode: boolean
  readonly knock: boolean
}

/** Everything that comes from an invite secret. */
export interface InviteKeys {
  readonly sessionId: string
  /** b(16), the invite's public name */
  readonly id: string
  /** Bearer token for the door, 32 bytes */
  readonly accessToken: Bytes
  /** SHA-256 of the access token, 32 bytes: what the server has */
  readonly accessTokenHash: Bytes
  /** Ed25519 seed and public key, 32 bytes each */
  readonly join: { readonly seed: Bytes; readonly key: Bytes }
  /** X-Wing seed (32) and public key (1216) */
  readonly box: { readonly seed: Bytes; readonly key: Bytes }
  /** Secret under which a joiner's name is sealed (§3.8), 32 bytes */
  readonly knockName: Bytes
  /** The link says that who has it must be admitted */
  readonly knock: boolean
}

export interface InviteOptions {
  readonly role: Role
  readonly label: string
  /** 1 to 16, default 4 */
  readonly devices?: number
  readonly open?: boolean
  readonly history?: boolean
  readonly knock?: boolean
  readonly passcode?: string
}

export interface NewInvite {
  readonly invite: PolicyInvite
  readonly keys: InviteKeys
  /** What stands behind `#` in the link. */
  readonly fragment: string
}

/** Reads a link's fragment, without `#`. Throws Malformed. */
export function readFragment(fragment: string): LinkSecret {
  const [secret = "", mark] = fragment.split(/(\.p|\.k|\.pk)$/)
  return { secret: fromBase64Url(secret, 32), passcode: mark === ".p" || mark === ".pk", knock: mark === ".k" || mark === ".pk" }
}

function markOf({ passcode, knock }: LinkSecret): string {
  return passcode || knock ? `.${passcode ? "p" : ""}${knock ? "k" : ""}` : ""
}

/** What HKDF makes of an invite secret; the public keys are not among it. */
function secretsOf(sessionId: string, link: LinkSecret, passcode?: string) {
  const session = fromBase64Url(sessionId, 16)
  if (link.passcode && passcode === undefined) throw new Refused("the link needs its passcode")
  const salt = link.passcode && passcode !== undefined ? stretch(passcode, session) : new Uint8Array(64)
  const prk = hkdfExtract(salt, link.secret)
  return (label: string, length: number) => hkdfExpand(prk, concat(utf8(`careseal/1 ${label}`), session), length)
}

/** The access token alone, of a link without passcode: to ask the server for the door while the keys are made. */
export function accessTokenOf(sessionId: string, link: LinkSecret): Bytes {
  return secretsOf(sessionId, link)("access token", 32)
}

/** Derives the invite; takes about a second when there is a passcode. Throws Refused when one is needed and missing. */
export async function inviteKeys(sessionId: string, link: LinkSecret, passcode?: string): Promise<InviteKeys> {
  const derive = secretsOf(sessionId, link, passcode)
  const [join, box] = [derive("join key", 32), derive("box key", 32)]
  const accessToken = derive("access token", 32)
  return {
    sessionId,
    id: toBase64Url(derive("invite id", 16)),
    accessToken,
    accessTokenHash: hash256(accessToken),
    join: { seed: join, key: await publicKeyOf(join) },
    box: { seed: box, key: await publicKeyOfSeed(box) },
    knockName: derive("knock name", 32),
    knock: link.knock,
  }
}

// The white space of Unicode that both languages mean: what String.prototype.trim removes is another set than Python's.
const around = /^\p{White_Space}+|\p{White_Space}+$/gu

function stretch(passcode: string, session: Bytes): Bytes {
  const text = passcode.normalize("NFKC").replace(around, "")
  if (text === "") throw new Malformed("passcode: empty")
  return owned(argon2id(utf8(text), session, { t: 2, m: 19456, p: 1, version: 0x13, dkLen: 32 }))
}

/** Makes an invite; `since` is the first epoch in which it stands in a policy: for a commit, the current one and 1. */
export async function newInvite(
  sessionId: string,
  options: InviteOptions,
  since: number,
  random: Random = secureRandom,
): Promise<NewInvite> {
  const { passcode, knock = false } = options
  const link: LinkSecret = { secret: random(32), passcode: passcode !== undefined, knock }
  const keys = await inviteKeys(sessionId, link, options.passcode)
  const invite: PolicyInvite = {
    id: keys.id,
    role: options.role,
    join: toBase64Url(keys.join.key),
    box: toBase64Url(keys.box.key),
    devices: options.devices ?? 4,
    open: options.open ?? true,
    history: options.history ?? false,
    knock,
    since,
    label: options.label,
  }
  return { invite, keys, fragment: toBase64Url(link.secret) + markOf(link) }
}
