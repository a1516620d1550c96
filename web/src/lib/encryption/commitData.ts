/** What a commit carries in its authenticated_data (docs/protocol.md §3.3). */
import { type Bytes, concat, fromBase64Url, toBase64Url, u64 } from "./bytes.ts"
import { type Position } from "./entry.ts"
import { type InviteKeys } from "./invite.ts"
import { bytes, decodeJson, encodeJson, integer, object, tuple } from "./json.ts"
import { sign, verify } from "./signature.ts"

export interface CommitData {
  readonly at: Position
  readonly join?: { readonly invite: string; readonly signature: Bytes }
  /** The successor policy, byte for byte */
  readonly policy?: Bytes
}

const shape = object(
  { at: tuple(integer(), bytes(64)) },
  { join: object({ invite: bytes(16), signature: bytes(64) }), policy: bytes() },
)

export function encodeCommitData({ at, join, policy }: CommitData): Bytes {
  return encodeJson({
    at: [at.seq, toBase64Url(at.h)],
    ...(join === undefined ? {} : { join: { invite: join.invite, signature: toBase64Url(join.signature) } }),
    ...(policy === undefined ? {} : { policy: toBase64Url(policy) }),
  })
}

/** Throws Malformed. */
export function decodeCommitData(encoded: Uint8Array): CommitData {
  const { at, join, policy } = shape(decodeJson(encoded), "commit data")
  return {
    at: { seq: at[0], h: fromBase64Url(at[1], 64) },
    ...(join === undefined ? {} : { join: { invite: join.invite, signature: fromBase64Url(join.signature, 64) } }),
    ...(policy === undefined ? {} : { policy: fromBase64Url(policy) }),
  }
}

const joinLabel = "careseal/1 join"

function joinContent(sessionId: string, epoch: number, leafKey: Uint8Array): Bytes {
  return concat(fromBase64Url(sessionId, 16), u64(epoch), leafKey)
}

/** `epoch` is the one that the external commit leaves. */
export function signJoin(keys: InviteKeys, epoch: number, leafKey: Uint8Array): Promise<Bytes> {
  return sign(keys.join.seed, joinLabel, joinContent(keys.sessionId, epoch, leafKey))
}

export function joinHolds(
  joinKey: Uint8Array,
  sessionId: string,
  epoch: number,
  leafKey: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return verify(joinKey, joinLabel, joinContent(sessionId, epoch, leafKey), signature)
}
