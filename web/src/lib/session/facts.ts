/** What log entries came to, as it is kept: things said, things that happened, and changes of what was said. */
import { type EventItem, type FileRef, type Role } from "./types.ts"

export interface Author {
  memberId: string
  name: string
  role: Role
}

export interface Fact {
  seq: number
  /** Which of several facts of one entry; 0 when left out. */
  nth?: number
  at: number
  by?: Author
  what: Said | Changing | Happened
  /** To something said; each member's last, in the order of the log. An empty one was taken back. */
  reactions?: readonly Felt[]
}

export type Said =
  /** `edited` is the seq of the edit that put the text. */
  | { kind: "text" | "note"; message: string; text: string; reply?: string; edited?: number }
  | { kind: "file"; message: string; file: FileRef }
  | { kind: "withdrawn"; message: string; was: "text" | "file" }

/** Of the author's own message, but for `reaction`, which names the author (docs/protocol.md §5.2). */
export type Changing =
  | { kind: "edit"; message: string; text: string }
  | { kind: "withdraw"; message: string }
  | { kind: "reaction"; author: string; message: string; emoji: string }

interface Happened {
  kind: "event"
  event: EventItem["event"]
}

export interface Felt {
  seq: number
  by: Author
  emoji: string
}

export function isSaid(what: Fact["what"]): what is Said {
  return what.kind === "text" || what.kind === "note" || what.kind === "file" || what.kind === "withdrawn"
}

export function isChanging(what: Fact["what"]): what is Changing {
  return what.kind === "edit" || what.kind === "withdraw" || what.kind === "reaction"
}

/** One message for each sender and message id, whatever another sender may copy. */
export const saidKey = (author: string, message: string): string => `${author}/${message}`

/** The message that a change speaks of. */
export function targetOf({ what, by }: Fact): string | undefined {
  if (!isChanging(what)) return undefined
  return saidKey(what.kind === "reaction" ? what.author : (by?.memberId ?? ""), what.message)
}

/** Of two facts with one key, one is kept. */
export function keyOf(fact: Fact): string {
  const { what, by, seq, nth } = fact
  if (what.kind === "event") return nth === undefined || nth === 0 ? `seq:${seq}` : `seq:${seq}.${nth}`
  if (isSaid(what)) return saidKey(by?.memberId ?? "", what.message)
  return `${what.kind} ${by?.memberId ?? ""} ${targetOf(fact) ?? ""}`
}

/** Something said, after a change of it; the same fact when that changes nothing. */
export function changed(fact: Fact, change: Fact): Fact {
  const { what: said } = fact
  const { what, seq, by } = change
  if (seq <= fact.seq || !isSaid(said) || said.kind === "withdrawn") return fact
  if (what.kind === "edit") {
    if (said.kind !== "text" || (said.edited ?? 0) >= seq) return fact
    return { ...fact, what: { ...said, text: what.text, edited: seq } }
  }
  if (what.kind === "withdraw") {
    if (said.kind === "note") return fact
    const withdrawn: Said = { kind: "withdrawn", message: said.message, was: said.kind }
    return { seq: fact.seq, at: fact.at, ...(fact.by ? { by: fact.by } : {}), what: withdrawn }
  }
  if (what.kind !== "reaction" || !by) return fact
  const before = fact.reactions ?? []
  if (before.some((felt) => felt.by.memberId === by.memberId && felt.seq >= seq)) return fact
  const others = before.filter((felt) => felt.by.memberId !== by.memberId)
  const reactions = [...others, { seq, by, emoji: what.emoji }].sort((a, b) => a.seq - b.seq)
  return { ...fact, reactions }
}
