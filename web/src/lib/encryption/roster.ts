/** Who is in the group (docs/protocol.md §2, §2.1). */
import { type Bytes } from "./bytes.ts"
import { type Role } from "./policy.ts"

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
}
