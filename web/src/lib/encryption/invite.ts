/** Invite secrets, and the keys that come from them (docs/protocol.md §3.1). */
import { type Bytes, type Random, secureRandom } from "./bytes.ts"
import { type PolicyInvite, type Role } from "./policy.ts"

/** What a link's fragment says: the secret, and whether a passcode belongs to it. */
export interface LinkSecret {
  readonly secret: Bytes
  readonly passcode: boolean
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
export function readFragment(_fragment: string): LinkSecret {
  throw new Error("not yet")
}

/** Derives the invite; takes about a second when there is a passcode. Throws Refused when one is needed and missing. */
export function inviteKeys(_sessionId: string, _link: LinkSecret, _passcode?: string): Promise<InviteKeys> {
  throw new Error("not yet")
}

/** Makes an invite; `since` is the first epoch in which it stands in a policy: for a commit, the current one and 1. */
export function newInvite(
  _sessionId: string,
  _options: InviteOptions,
  _since: number,
  _random: Random = secureRandom,
): Promise<NewInvite> {
  throw new Error("not yet")
}
