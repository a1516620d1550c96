/** The policy of a session: its invites and settings, and which policy may follow which (docs/protocol.md §3.2). */
import { type Bytes } from "./bytes.ts"

export type Role = "host" | "guest"

export interface PolicyInvite {
  /** b(16) */
  readonly id: string
  readonly role: Role
  /** Ed25519 public key, b(32) */
  readonly join: string
  /** X-Wing public key, b(1216) */
  readonly box: string
  readonly devices: number
  readonly open: boolean
  readonly history: boolean
  readonly knock: boolean
  readonly since: number
  readonly label: string
}

export interface PolicySettings {
  readonly title: string
  readonly relayOnly: boolean
}

export interface Policy {
  readonly v: 1
  readonly invites: readonly PolicyInvite[]
  readonly settings: PolicySettings
}

/** Throws Malformed or Refused. */
export function decodePolicy(_bytes: Uint8Array): Policy {
  throw new Error("not yet")
}

export function encodePolicy(_policy: Policy): Bytes {
  throw new Error("not yet")
}

export function inviteOf(policy: Policy, id: string): PolicyInvite | undefined {
  return policy.invites.find((invite) => invite.id === id)
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
