/** What a leaf says of itself, and a clinician's long-lived key (docs/protocol.md §2.1). */
import { type Bytes, type Random, secureRandom } from "./bytes.ts"

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

export function newIdentityKey(_random: Random = secureRandom): Promise<IdentityKey> {
  throw new Error("not yet")
}
