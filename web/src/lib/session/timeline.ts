/** Facts of the log, and what is still on its way, as the items that people see. Items are never changed in place. */
import { type EventItem, type FileRef, type Role, type SendState, type TimelineItem } from "./types.ts"

export interface Author {
  memberId: string
  name: string
  role: Role
}

/** What one log entry came to, as it is kept. */
export interface Fact {
  seq: number
  /** Which of several facts of one entry; 0 when left out. */
  nth?: number
  at: number
  by?: Author
  what:
    | { kind: "text" | "note"; message: string; text: string; reply?: string }
    | { kind: "file"; message: string; file: FileRef }
    | { kind: "event"; event: EventItem["event"] }
}

/** Own message that the log has not shown yet. */
export interface Unsent {
  message: string
  at: number
  state: "waiting" | "sending" | "sent" | "failed"
  /** Taken by the server at this place. */
  seq?: number
  what: Extract<Fact["what"], { kind: "text" | "note" | "file" }>
}

/** How far each other member's device has come (docs/protocol.md §5.2, `receipt`). */
export type Receipts = Readonly<Record<string, { delivered: number; seen: number }>>

export class Timeline {
  private logged: TimelineItem[] = []
  private readonly keys = new Set<string>()
  private delivered = 0
  private seen = 0
  private items: readonly TimelineItem[] = []

  constructor(private readonly selfId: () => string | undefined) {}

  /** The list as it is; another array whenever something changed. */
  get value(): readonly TimelineItem[] {
    return this.items
  }

  /** Own messages known to be in the log. */
  has(author: string, message: string): boolean {
    return this.keys.has(`${author}/${message}`)
  }

  /** One change: facts may be of the past; receipts replace what was, and `unsent` is all there is. */
  update(change: { facts?: readonly Fact[]; receipts?: Receipts }, unsent: readonly Unsent[]): void {
    if (change.facts && change.facts.length > 0) this.add(change.facts)
    if (change.receipts) this.take(change.receipts)
    const self = this.selfId()
    const waiting = unsent.filter(({ message }) => !this.has(self ?? "", message))
    this.items = [...this.logged, ...waiting.map((each) => this.unsentItem(each))]
  }

  private add(facts: readonly Fact[]): void {
    const fresh: TimelineItem[] = []
    for (const fact of facts) {
      const key = "message" in fact.what ? `${fact.by?.memberId ?? ""}/${fact.what.message}` : placeOf(fact)
      // Receivers show one message per sender and message id (§5.2); a fact of the past may come twice.
      if (this.keys.has(key)) continue
      this.keys.add(key)
      fresh.push(this.item(fact))
    }
    const last = this.logged.at(-1)?.seq ?? -1
    const inOrder = fresh.every((item, i) => (item.seq ?? 0) >= (i === 0 ? last : (fresh[i - 1]?.seq ?? 0)))
    this.logged = [...this.logged, ...fresh]
    if (!inOrder) this.logged.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  }

  private take(receipts: Receipts): void {
    const all = Object.values(receipts)
    this.delivered = Math.max(0, ...all.map(({ delivered, seen }) => Math.max(delivered, seen)))
    this.seen = Math.max(0, ...all.map(({ seen }) => seen))
    this.logged = this.logged.map((item) => {
      if (item.kind === "event" || item.state === undefined) return item
      const state = this.stateAt(item.seq ?? 0)
      return state === item.state ? item : { ...item, state }
    })
  }

  private stateAt(seq: number): SendState {
    return seq <= this.seen ? "seen" : seq <= this.delivered ? "delivered" : "sent"
  }

  private item(fact: Fact): TimelineItem {
    const { what, seq, at, by } = fact
    const self = by !== undefined && by.memberId === this.selfId()
    const common = { seq, at, ...(by ? { sender: { ...by, self } } : {}) }
    const state = self ? { state: this.stateAt(seq) } : {}
    if (what.kind === "event") return { ...common, key: placeOf(fact), kind: "event", event: what.event }
    if (what.kind === "file") return { ...common, ...state, key: what.message, kind: "file", file: what.file }
    const reply = what.reply === undefined ? {} : { reply: what.reply }
    return { ...common, ...state, ...reply, key: what.message, kind: what.kind, text: what.text }
  }

  private unsentItem(unsent: Unsent): TimelineItem {
    const { what, at, state, message } = unsent
    const self = this.selfId() ?? ""
    const common = { key: message, at, state, sender: { memberId: self, name: "", role: "guest" as Role, self: true } }
    if (what.kind === "file") return { ...common, kind: "file", file: what.file }
    return { ...common, kind: what.kind, text: what.text, ...(what.reply === undefined ? {} : { reply: what.reply }) }
  }
}

function placeOf({ seq, nth }: Fact): string {
  return nth === undefined || nth === 0 ? `seq:${seq}` : `seq:${seq}.${nth}`
}

/** The places in which `next` differs from `before`, so that other tabs need not be sent the whole list. */
export interface TimelinePatch {
  length: number
  changed: [number, TimelineItem][]
}

export function timelinePatch(before: readonly TimelineItem[], next: readonly TimelineItem[]): TimelinePatch {
  const changed: [number, TimelineItem][] = []
  next.forEach((item, i) => {
    if (before[i] !== item) changed.push([i, item])
  })
  return { length: next.length, changed }
}

export function patched(before: readonly TimelineItem[], patch: TimelinePatch): readonly TimelineItem[] {
  const next = before.slice(0, patch.length)
  for (const [i, item] of patch.changed) next[i] = item
  return next
}
