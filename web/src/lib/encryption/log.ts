/** The log: headers, the hash chain, and the sealing of commit entries (docs/protocol.md §4). */
import { type Bytes, concat, equal, fromBase64Url, u64, u8, utf8 } from "./bytes.ts"
import { type EntryDigest, type EntryKind, type LogEntry, type Position } from "./entry.ts"
import { hash, hashNow, open, seal } from "./seal.ts"

const kinds: Record<EntryKind, number> = { commit: 1, chat: 2 }

export interface HeaderFields {
  readonly kind: EntryKind
  readonly parent: number
  readonly id: string
}

export function header(sessionId: string, { kind, parent, id }: HeaderFields): Bytes {
  return concat(u8(1), fromBase64Url(sessionId, 16), u8(kinds[kind]), u64(parent), fromBase64Url(id, 16))
}

/** h(0), before any entry. */
export function chainStart(sessionId: string): Position {
  return { seq: 0, h: hashNow(utf8("careseal/1 log"), fromBase64Url(sessionId, 16)) }
}

/** h after an entry, by its digest. The caller looks that `seq` is the next one. */
export function nextPosition(sessionId: string, before: Position, entry: EntryDigest): Position {
  const entryHash = hashNow(u64(entry.seq), header(sessionId, entry), entry.digest)
  return { seq: entry.seq, h: hashNow(before.h, entryHash) }
}

export async function digestOf({ seq, kind, parent, id, body }: LogEntry): Promise<EntryDigest> {
  return { seq, kind, parent, id, digest: await hash(body) }
}

/**
 * What this device knows of the chain: h of every seq from `base` on. The list is shared between states and only grows
 * at its end; a state that is not the newest grows a copy.
 */
export interface Chain {
  readonly base: number
  readonly head: Position
  readonly known: { readonly list: Bytes[] }
}

export function chainAt(position: Position): Chain {
  return { base: position.seq, head: position, known: { list: [position.h] } }
}

export function grow(chain: Chain, head: Position): Chain {
  const length = chain.head.seq - chain.base + 1
  const known = chain.known.list.length === length ? chain.known : { list: chain.known.list.slice(0, length) }
  known.list.push(head.h)
  return { base: chain.base, head, known }
}

/** h of a seq, where it is known. */
export function hashAt(chain: Chain, seq: number): Bytes | undefined {
  return seq < chain.base || seq > chain.head.seq ? undefined : chain.known.list[seq - chain.base]
}

/** Whether a position is one of this chain's; undefined when it lies outside of what is known. */
export function agrees(chain: Chain, position: Position): boolean | undefined {
  const known = hashAt(chain, position.seq)
  return known === undefined ? undefined : equal(known, position.h)
}

/** Whether an entry is the one that this chain holds at its seq; undefined when that is not known. */
export function holds(sessionId: string, chain: Chain, entry: EntryDigest): boolean | undefined {
  const before = hashAt(chain, entry.seq - 1)
  if (before === undefined) return undefined
  return agrees(chain, nextPosition(sessionId, { seq: entry.seq - 1, h: before }, entry))
}

/** Whether two chains contradict each other anywhere that both know. */
export function contradicts(a: Chain, b: Chain): boolean {
  const to = Math.min(a.head.seq, b.head.seq)
  for (let seq = Math.max(a.base, b.base); seq <= to; seq += 1) {
    const known = hashAt(a, seq)
    if (known !== undefined && agrees(b, { seq, h: known }) === false) return true
  }
  return false
}

/** `newer` with what `older` knows before it, where the two meet; they must not contradict each other. */
export function joinChains(older: Chain, newer: Chain): Chain {
  if (older.base >= newer.base || older.head.seq < newer.base) return newer
  const front = older.known.list.slice(0, newer.base - older.base)
  const own = newer.known.list.slice(0, newer.head.seq - newer.base + 1)
  return { base: older.base, head: newer.head, known: { list: [...front, ...own] } }
}

const commitLabel = "careseal/1 commit"

/** Seals an MLSMessage for the log under the door key of the epoch that the commit leaves (docs/protocol.md §4.2). */
export function sealCommit(doorKey: Bytes, sessionId: string, fields: HeaderFields, message: Bytes): Promise<Bytes> {
  return seal(doorKey, commitLabel, fromBase64Url(fields.id, 16), header(sessionId, fields), message)
}

/** Throws CannotOpen or Malformed. */
export function openCommit(doorKey: Bytes, sessionId: string, entry: LogEntry): Promise<Bytes> {
  return open(doorKey, commitLabel, fromBase64Url(entry.id, 16), header(sessionId, entry), entry.body)
}

/** The seq where a whole log, by its digests, is not what this chain knows; undefined where it is. */
export function firstContradiction(
  { sessionId, chain }: { readonly sessionId: string; readonly chain: Chain },
  digests: readonly EntryDigest[],
): number | undefined {
  let position = chainStart(sessionId)
  for (const digest of digests) {
    if (digest.seq !== position.seq + 1) return digest.seq
    position = nextPosition(sessionId, position, digest)
    if (agrees(chain, position) === false) return digest.seq
  }
  return undefined
}

/** Whether what lies up to `seq` could be compared with what this chain knows. */
export function vouchesFor({ chain }: { readonly chain: Chain }, seq: number): boolean {
  return seq > chain.head.seq || hashAt(chain, seq) !== undefined
}
