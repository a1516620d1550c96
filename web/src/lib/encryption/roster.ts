/** Who is in the group (docs/protocol.md §2, §2.1). */
import { type Bytes, fromBase64Url, fromUtf8, toBase64Url } from "./bytes.ts"
import { Refused } from "./errors.ts"
import { type Leaf } from "./groupTree.ts"
import { type Identity, knownHolds, readIdentity } from "./identity.ts"
import { inviteOf, type Policy, type Role } from "./policy.ts"
import { hash256 } from "./seal.ts"

export interface RosterMember {
  readonly leaf: number
  /** b(16) */
  readonly memberId: string
  /** Signature key of the leaf, 32 bytes */
  readonly key: Bytes
  /** Claims of the device itself. */
  readonly name: string
  readonly device: string
  /** The invite it came by, b(16); the role is the invite's. */
  readonly invite: string
  readonly role: Role
  /** Identity key whose signature over this leaf verified, 32 bytes. */
  readonly known?: Bytes
  /** The identity JSON as it stands in the leaf */
  readonly identity: string
}

/** b(16): the first 16 bytes of SHA-256 of the leaf's signature key (docs/protocol.md §1.2). */
export function memberIdOf(leafKey: Uint8Array): string {
  return toBase64Url(hash256(leafKey).slice(0, 16))
}

/** A member whose identity was found to hold. */
export function member(leaf: number, key: Bytes, identity: string, parsed: Identity, role: Role): RosterMember {
  const { name, device, invite, known } = parsed
  const base = { leaf, memberId: memberIdOf(key), key, name, device, invite, role, identity }
  return known === undefined ? base : { ...base, known: fromBase64Url(known.key, 32) }
}

/** All leaves as members. Throws Malformed or Refused when an identity does not hold or has no invite there. */
export function rosterOf(sessionId: string, leaves: readonly Leaf[], policy: Policy): Promise<RosterMember[]> {
  return Promise.all(
    leaves.map(async ({ index, key, identity }) => {
      const parsed = readIdentity(identity)
      if (!(await knownHolds(sessionId, parsed, key))) throw new Refused("identity: known")
      const invite = inviteOf(policy, parsed.invite)
      if (invite === undefined) throw new Refused("a member's invite is not in the policy")
      return member(index, key, fromUtf8(identity), parsed, invite.role)
    }),
  )
}
