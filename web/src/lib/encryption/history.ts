/** What came before a member's join: letters and grants (docs/protocol.md §3.6, §5.3, §5.4). */
import { type Bytes, fromBase64Url, type Random, toBase64Url } from "./bytes.ts"
import { type Position } from "./entry.ts"
import { type EpochRecord, labelled } from "./epoch.ts"
import { Malformed } from "./errors.ts"
import { hpkeOpen, hpkeSeal } from "./hpke.ts"
import { readIdentity } from "./identity.ts"
import { type InviteKeys } from "./invite.ts"
import { bytes, decodeJson, encodeJson, integer, list, object, oneOf, text, tuple } from "./json.ts"
import { pad, unpad } from "./seal.ts"

export interface History {
  /** The position at the first record's `start` */
  readonly from: Position
  /** Ascending, without gaps */
  readonly epochs: readonly EpochRecord[]
}

const shape = object({
  from: tuple(integer(), bytes(64)),
  epochs: list(
    object({
      epoch: integer(),
      start: integer(),
      secret: bytes(32),
      context: bytes(64),
      members: list(
        object({ leaf: integer(0, 0xfffffffe), key: bytes(32), identity: text(1024), role: oneOf("host", "guest") }),
        1024,
        1,
      ),
    }),
    65536,
    1,
  ),
})

export function encodeHistory({ from, epochs }: History): Bytes {
  return encodeJson({
    from: [from.seq, toBase64Url(from.h)],
    epochs: epochs.map(({ epoch, start, secret, context, members }) => ({
      epoch,
      start,
      secret: toBase64Url(secret),
      context: toBase64Url(context),
      members: members.map(({ leaf, key, identity, role }) => ({ leaf, key: toBase64Url(key), identity, role })),
    })),
  })
}

/** Throws Malformed. */
export function decodeHistory(encoded: Uint8Array): History {
  const { from, epochs } = shape(decodeJson(encoded), "history")
  const position = { seq: from[0], h: fromBase64Url(from[1], 64) }
  const records = epochs.map(({ secret, context, members, ...rest }) => ({
    ...rest,
    secret: fromBase64Url(secret, 32),
    context: fromBase64Url(context, 64),
    members: members.map((each) => {
      readIdentity(new TextEncoder().encode(each.identity))
      return { ...each, key: fromBase64Url(each.key, 32) }
    }),
  }))
  records.forEach((record, i) => {
    const before = records[i - 1]
    if (before !== undefined && (record.epoch !== before.epoch + 1 || record.start <= before.start)) {
      throw new Malformed("history: order")
    }
    if (new Set(record.members.map(({ leaf }) => leaf)).size < record.members.length) {
      throw new Malformed("history: a leaf twice")
    }
  })
  if (records[0]?.start !== position.seq) throw new Malformed("history: from")
  return { from: position, epochs: records }
}

function letterInfo(sessionId: string, invite: string): Bytes {
  return labelled("careseal/1 letter", fromBase64Url(sessionId, 16), fromBase64Url(invite, 16))
}

function grantInfo(sessionId: string, memberId: string): Bytes {
  return labelled("careseal/1 grant", fromBase64Url(sessionId, 16), fromBase64Url(memberId, 16))
}

/** `box` is the invite's X-Wing public key (1216). */
export function sealLetter(
  sessionId: string,
  invite: { id: string; box: string },
  history: History,
  random: Random,
): Promise<Bytes> {
  const info = letterInfo(sessionId, invite.id)
  return hpkeSeal(fromBase64Url(invite.box, 1216), info, pad(encodeHistory(history)), random)
}

export function sealGrant(
  sessionId: string,
  memberId: string,
  box: string,
  history: History,
  random: Random,
): Promise<Bytes> {
  return hpkeSeal(fromBase64Url(box, 1216), grantInfo(sessionId, memberId), pad(encodeHistory(history)), random)
}

/** Opens a letter with the invite's keys. Throws CannotOpen or Malformed. */
export async function openLetter(keys: InviteKeys, letter: Uint8Array): Promise<History> {
  return decodeHistory(unpad(await hpkeOpen(keys.box.seed, letterInfo(keys.sessionId, keys.id), letter)))
}

/** Opens the box of a `history` payload meant for `memberId`. Throws CannotOpen or Malformed. */
export async function openGrant(keys: InviteKeys, memberId: string, box: string): Promise<History> {
  const info = grantInfo(keys.sessionId, memberId)
  return decodeHistory(unpad(await hpkeOpen(keys.box.seed, info, fromBase64Url(box))))
}

