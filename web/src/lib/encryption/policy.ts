/** The policy of a session: its invites and settings, and which policy may follow which (docs/protocol.md §3.2). */
import { type Bytes } from "./bytes.ts"
import { Malformed, Refused } from "./errors.ts"
import { bool, bytes, decodeJson, encodeJson, integer, list, object, oneOf, text } from "./json.ts"

export type Role = "host" | "guest"

export interface PolicyInvite {
  /** b(16) */
  readonly id: string
  readonly role: Role
  /** Ed25519 public key, b(32) */
  readonly join: string
  /** X-Wing public key, b(1216) */
  readonly box: string
  /** How many devices may be in by it at once, 1 to 16 */
  readonly devices: number
  /** Whether new devices may come by it */
  readonly open: boolean
  /** Whether what was written before may be handed over without asking */
  readonly history: boolean
  /** Whether each device must be admitted */
  readonly knock: boolean
  /** First epoch in which it stood in a policy */
  readonly since: number
  readonly label: string
}

export interface PolicySettings {
  readonly title: string
  readonly relayOnly: boolean
  /** The time agreed for the visit, ms since 1970; shown, and nothing depends on it */
  readonly starts?: number
}

export interface Policy {
  readonly v: 1
  readonly invites: readonly PolicyInvite[]
  readonly settings: PolicySettings
}

const largest = 65536
/** The last moment of the year 9999: both languages can show every time that a policy may hold. */
const latestStart = 253_402_300_799_999

const shape = object({
  v: oneOf(1),
  invites: list(
    object({
      id: bytes(16),
      role: oneOf("host", "guest"),
      join: bytes(32),
      box: bytes(1216),
      devices: integer(1, 16),
      open: bool,
      history: bool,
      knock: bool,
      since: integer(),
      label: text(128),
    }),
    32,
    1,
  ),
  settings: object({ title: text(128), relayOnly: bool }, { starts: integer(0, latestStart) }),
})

/** Throws Malformed. */
export function decodePolicy(encoded: Uint8Array): Policy {
  if (encoded.length > largest) throw new Malformed("policy: too long")
  const policy = shape(decodeJson(encoded), "policy")
  if (new Set(policy.invites.map(({ id }) => id)).size < policy.invites.length) throw new Malformed("policy: ids")
  if (!policy.invites.some(({ role }) => role === "host")) throw new Malformed("policy: no host")
  return policy
}

/** Throws Malformed when it is no valid policy. */
export function encodePolicy(policy: Policy): Bytes {
  const encoded = encodeJson(policy)
  decodePolicy(encoded)
  return encoded
}

export function inviteOf(policy: Policy, id: string): PolicyInvite | undefined {
  return policy.invites.find((invite) => invite.id === id)
}

/** The commit that brings a policy: the epoch it leaves, its committer's invite, the invites of all leaves after it. */
export interface Succession {
  readonly epoch: number
  readonly committer: string
  readonly leaves: readonly string[]
}

/** Throws Refused unless `after` may follow `before`. */
export function checkSuccessor(before: Policy, after: Policy, { epoch, committer, leaves }: Succession): void {
  for (const invite of after.invites) {
    const old = inviteOf(before, invite.id)
    if (old === undefined) {
      if (invite.since !== epoch + 1) throw new Refused("policy: since of a new invite")
    } else if (
      old.role !== invite.role ||
      old.join !== invite.join ||
      old.box !== invite.box ||
      old.since !== invite.since
    ) {
      throw new Refused("policy: an invite changed")
    }
  }
  if (!leaves.every((id) => inviteOf(after, id) !== undefined)) throw new Refused("policy: a member has no invite")
  if (inviteOf(after, committer)?.role !== "host") throw new Refused("policy: the committer is no host")
}

/** Adds an invite, or puts it in the place of the one with its id. */
export function withInvite(policy: Policy, invite: PolicyInvite): Policy {
  const there = policy.invites.some(({ id }) => id === invite.id)
  const invites = there
    ? policy.invites.map((old) => (old.id === invite.id ? invite : old))
    : [...policy.invites, invite]
  return { ...policy, invites }
}

export function withoutInvite(policy: Policy, id: string): Policy {
  return { ...policy, invites: policy.invites.filter((invite) => invite.id !== id) }
}

/** New devices may no longer come by it; those that are in stay. */
export function withInviteClosed(policy: Policy, id: string): Policy {
  return { ...policy, invites: policy.invites.map((old) => (old.id === id ? { ...old, open: false } : old)) }
}

export function withSettings(policy: Policy, settings: Partial<PolicySettings>): Policy {
  return { ...policy, settings: { ...policy.settings, ...settings } }
}

/** Without `starts` no time is agreed. */
export function withStart(policy: Policy, starts: number | undefined): Policy {
  const { title, relayOnly } = policy.settings
  return { ...policy, settings: { title, relayOnly, ...(starts === undefined ? {} : { starts }) } }
}
