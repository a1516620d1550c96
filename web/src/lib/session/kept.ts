/** Sealed entries that this device keeps, to put them back into a restored log (docs/protocol.md §4.3). */
import { type Applied } from "../encryption/e2ee.ts"
import { type Posted } from "./core.ts"
import { type Change, type RecordKey } from "./storage.ts"
import { type CommitRequest, type ServerEntry } from "./transport.ts"

export interface Kept extends Omit<ServerEntry, "seq" | "at"> {
  /** Who alone can put it back, by name: what it changed at the server is its maker's to say. Undefined: anybody. */
  only?: string | undefined
  /** What this device posted for a commit of its own. */
  request?: CommitRequest | undefined
}

/** The own join, kept for good. */
export interface KeptJoin {
  seq: number
  request: CommitRequest
}

/** The last ones are kept. */
const most = 1024

export const keptKey = (id: string, seq: number): RecordKey => ["kept", id, seq]
export const joinKey = (id: string): RecordKey => ["kept", id, "join"]

/** Writes an entry that was just applied, and lets an old one go. */
export function keeping(id: string, entry: ServerEntry, { event }: Applied, posted: Posted | undefined): Change[] {
  const { seq } = entry
  const own = posted && posted.kind !== "create" && posted.request.id === entry.id ? posted : undefined
  const bound = event.kind === "commit" && !event.joined && (event.removed.length > 0 || event.policy)
  const value: Kept = { ...entry, only: bound ? event.sender.name : undefined, request: own?.request }
  return [
    { put: keptKey(id, seq), value },
    { delete: keptKey(id, seq - most) },
    ...(own?.kind === "join" ? [{ put: joinKey(id), value: { seq, request: own.request } }] : []),
  ]
}
