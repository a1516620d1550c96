/** Log entries as they come from the server (docs/protocol.md §4): ids are base64url text, bodies and digests bytes. */
import { type Bytes, fromBase64Url } from "./bytes.ts"
import { Malformed } from "./errors.ts"

export type EntryKind = "commit" | "chat"

export interface LogEntry {
  readonly seq: number
  readonly kind: EntryKind
  readonly parent: number
  /** b(16) */
  readonly id: string
  readonly body: Bytes
}

/** An entry by H(body), for joiners. */
export interface EntryDigest {
  readonly seq: number
  readonly kind: EntryKind
  readonly parent: number
  readonly id: string
  /** 64 bytes */
  readonly digest: Bytes
}

/** A chain position: h is 64 bytes. */
export interface Position {
  readonly seq: number
  readonly h: Bytes
}

interface Row {
  seq: number
  kind: EntryKind
  parent: number
  id: string
}

/** Reads what the server sent as JSON. Throws Malformed. */
export function readEntry(row: Row & { body: string }): LogEntry {
  return { ...readRow(row), body: fromBase64Url(row.body) }
}

/** Reads a row of `form=digest`. Throws Malformed. */
export function readDigest(row: Row & { digest: string }): EntryDigest {
  return { ...readRow(row), digest: fromBase64Url(row.digest, 64) }
}

function readRow(row: Row): Row {
  const { seq, kind, parent, id } = row
  if (!Number.isSafeInteger(seq) || seq < 1) throw new Malformed("entry: seq")
  if (!Number.isSafeInteger(parent) || parent < 0 || parent >= seq) throw new Malformed("entry: parent")
  fromBase64Url(id, 16)
  return { seq, kind, parent, id }
}
