/**
 * What this room throws:
 *
 *     SealError
 *      ├─ Malformed     bytes that do not have the form the protocol gives them
 *      ├─ CannotOpen    authentication failed: another key, or somebody changed the bytes
 *      ├─ Refused       well formed, but the protocol does not allow it
 *      └─ DoorUnfit     the door does not fit the log; a host that comes online heals it (docs/protocol.md §3.7)
 *
 * Texts name the rule, never a secret or a name.
 */
export class SealError extends Error {
  override name = "SealError"
}

export class Malformed extends SealError {
  override name = "Malformed"
}

export class CannotOpen extends SealError {
  override name = "CannotOpen"
}

export class Refused extends SealError {
  override name = "Refused"
}

export class DoorUnfit extends SealError {
  override name = "DoorUnfit"
}
