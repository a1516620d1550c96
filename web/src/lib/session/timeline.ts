/** Facts of the log, and what is still on its way, as the items that people see. Items are never changed in place. */
import { type Changing, changed, type Fact, type Felt, isSaid, keyOf, type Said, saidKey } from "./facts.ts"
import { reactionsOf } from "./reactions.ts"
import { type SendState, type TextItem, type TimelineItem } from "./types.ts"

/** Own message, or change of one, that the log has not shown yet. */
export interface Unsent {
  message: string
  at: number
  state: "waiting" | "sending" | "sent" | "failed"
  full?: TextItem["full"]
  /** Taken by the server at this place. */
  seq?: number
  what: Said | Changing
}

/** How far each other member's device has come (docs/protocol.md §5.2, `receipt`). */
export type Receipts = Readonly<Record<string, { delivered: number; seen: number }>>

/** A fact, and the item that it is shown as. */
interface Shown {
  fact: Fact
  item: TimelineItem
}

export class Timeline {
  private logged: Shown[] = []
  private readonly facts = new Map<string, Fact>()
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
    return this.facts.has(saidKey(author, message))
  }

  /** What a message of the log says now. */
  said(author: string, message: string): Said | undefined {
    const what = this.facts.get(saidKey(author, message))?.what
    return what && isSaid(what) ? what : undefined
  }

  /**
   * One change: facts may be of the past, or say anew what one of before said; receipts replace what was, and `unsent` is
   * all there is.
   */
  update(change: { facts?: readonly Fact[]; receipts?: Receipts }, unsent: readonly Unsent[]): void {
    if (change.facts && change.facts.length > 0) this.add(change.facts)
    if (change.receipts) this.take(change.receipts)
    const self = this.selfId() ?? ""
    const waiting = unsent.flatMap((each) => {
      const { what, message } = each
      return isSaid(what) && !this.has(self, message) ? [this.unsentItem(each, what)] : []
    })
    this.items = [...this.changing(unsent, self), ...waiting]
  }

  private add(facts: readonly Fact[]): void {
    const fresh: Shown[] = []
    const replaced = new Map<string, Fact>()
    for (const fact of facts) {
      const key = keyOf(fact)
      if (this.facts.has(key)) replaced.set(key, fact)
      else fresh.push({ fact, item: this.item(fact) })
      this.facts.set(key, fact)
    }
    const before = this.logged.map((shown) => {
      const fact = replaced.size > 0 ? replaced.get(keyOf(shown.fact)) : undefined
      return fact ? { fact, item: this.item(fact) } : shown
    })
    const last = before.at(-1)?.fact.seq ?? -1
    const inOrder = fresh.every(({ fact }, i) => fact.seq >= (i === 0 ? last : (fresh[i - 1]?.fact.seq ?? 0)))
    this.logged = [...before, ...fresh]
    if (!inOrder) this.logged.sort((a, b) => a.fact.seq - b.fact.seq)
  }

  private take(receipts: Receipts): void {
    const all = Object.values(receipts)
    this.delivered = Math.max(0, ...all.map(({ delivered, seen }) => Math.max(delivered, seen)))
    this.seen = Math.max(0, ...all.map(({ seen }) => seen))
    this.logged = this.logged.map((shown) => {
      const { fact, item } = shown
      if (item.kind === "event" || item.state === undefined) return shown
      const state = this.stateAt(fact.seq)
      return state === item.state ? shown : { fact, item: { ...item, state } }
    })
  }

  /** What is logged, with the changes of it that are on their way. */
  private changing(unsent: readonly Unsent[], self: string): TimelineItem[] {
    const changes = new Map<string, Unsent[]>()
    for (const each of unsent) {
      const { what } = each
      if (isSaid(what)) continue
      const key = saidKey(what.kind === "reaction" ? what.author : self, what.message)
      changes.set(key, [...(changes.get(key) ?? []), each])
    }
    return this.logged.map(({ fact, item }) => {
      const waiting = changes.size > 0 && isSaid(fact.what) ? changes.get(keyOf(fact)) : undefined
      return waiting ? this.changingItem(fact, waiting, self) : item
    })
  }

  private changingItem(fact: Fact, waiting: readonly Unsent[], self: string): TimelineItem {
    const by = { memberId: self, name: "", role: "guest" as const }
    const next = waiting.reduce(
      (said, { at, what }) => changed(said, { seq: Number.MAX_SAFE_INTEGER, at, by, what }),
      fact,
    )
    const item = this.item(next)
    const last = waiting.findLast(({ what }) => what.kind !== "reaction")
    return item.kind === "event" || last === undefined ? item : { ...item, state: last.state, full: last.full }
  }

  private stateAt(seq: number): SendState {
    return seq <= this.seen ? "seen" : seq <= this.delivered ? "delivered" : "sent"
  }

  private item(fact: Fact): TimelineItem {
    const { what, seq, at, by } = fact
    const self = by !== undefined && by.memberId === this.selfId()
    const common = { seq, at, ...(by ? { sender: { ...by, self } } : {}) }
    if (!isSaid(what)) {
      if (what.kind === "event") return { ...common, key: keyOf(fact), kind: "event", event: what.event }
      throw new Error("a change by itself is not shown")
    }
    return {
      ...common,
      ...(self ? { state: this.stateAt(seq) } : {}),
      ...this.feltAbout(fact.reactions),
      ...bodyOf(what),
      key: self ? what.message : keyOf(fact),
    }
  }

  private feltAbout(felt: readonly Felt[] = []) {
    const reactions = reactionsOf(felt, this.selfId())
    return reactions.length > 0 ? { reactions } : {}
  }

  private unsentItem({ at, state, full, message }: Unsent, what: Said): TimelineItem {
    const sender = { memberId: this.selfId() ?? "", name: "", role: "guest" as const, self: true }
    return { key: message, at, state, full, sender, ...bodyOf(what) }
  }
}

function bodyOf(what: Said) {
  if (what.kind === "file" || what.kind === "withdrawn") return what
  const { edited, ...text } = what
  return edited === undefined ? text : { ...text, edited: true as const }
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
