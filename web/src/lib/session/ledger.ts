/** Facts of the log folded into one another: what was said, as it was last put (docs/protocol.md §5.2). */
import { changed, type Fact, isSaid, keyOf, targetOf } from "./facts.ts"

export interface Booked {
  /** Facts that are new, or stand now in the place of one with the same key. */
  kept: Fact[]
  /** Keys of facts that are no more. */
  dropped: string[]
}

/**
 * Takes facts in any order of arrival, and comes to what the order of the log says. A change whose message is not known
 * is kept by itself, for the past may bring it; one that is folded in leaves nothing else behind.
 */
export class Ledger {
  private readonly facts = new Map<string, Fact>()
  /** Changes of messages that are not known, by the key of the message. */
  private readonly loose = new Map<string, Fact[]>()
  private endedAt = Infinity

  constructor(kept: readonly Fact[] = []) {
    for (const fact of kept) this.set(fact)
  }

  take(facts: readonly Fact[]): Booked {
    const before = new Map<string, Fact | undefined>()
    const note = (fact: Fact) => {
      const key = keyOf(fact)
      if (!before.has(key)) before.set(key, this.facts.get(key))
      return key
    }
    for (const fact of [...facts].sort((a, b) => a.seq - b.seq)) {
      for (const touched of this.book(fact)) {
        const key = note(touched.fact)
        if (touched.gone) this.unset(key, touched.fact)
        else this.set(touched.fact)
      }
    }
    const kept: Fact[] = []
    const dropped: string[] = []
    for (const [key, was] of before) {
      const now = this.facts.get(key)
      if (now === was) continue
      if (now) kept.push(now)
      else dropped.push(key)
    }
    return { kept, dropped }
  }

  private book(fact: Fact): { fact: Fact; gone?: true }[] {
    const target = targetOf(fact)
    if (target !== undefined) return this.bookChange(fact, target)
    // Receivers show one message per sender and message id (§5.2); a fact of the past may come twice.
    if (this.facts.has(keyOf(fact))) return []
    if (!isSaid(fact.what)) return [{ fact }]
    const loose = this.loose.get(keyOf(fact)) ?? []
    const folded = loose.reduce(changed, fact)
    return [{ fact: folded }, ...loose.map((each) => ({ fact: each, gone: true as const }))]
  }

  private bookChange(change: Fact, target: string): { fact: Fact; gone?: true }[] {
    if (change.seq > this.endedAt) return []
    const said = this.facts.get(target)
    if (said) {
      const next = changed(said, change)
      return next === said ? [] : [{ fact: next }]
    }
    const loose = this.loose.get(target) ?? []
    const isNewer = ({ seq }: Fact) => seq >= change.seq
    if (loose.some((each) => isNewer(each) && (keyOf(each) === keyOf(change) || each.what.kind === "withdraw"))) return []
    // What is withdrawn is not to lie here until the message turns up.
    const erased = change.what.kind === "withdraw" ? loose.filter((each) => !isNewer(each)) : []
    return [...erased.map((each) => ({ fact: each, gone: true as const })), { fact: change }]
  }

  private set(fact: Fact): void {
    const key = keyOf(fact)
    const target = targetOf(fact)
    this.facts.set(key, fact)
    if (fact.what.kind === "event" && fact.what.event.type === "ended") this.endedAt = Math.min(this.endedAt, fact.seq)
    if (target === undefined) return
    const others = (this.loose.get(target) ?? []).filter((each) => keyOf(each) !== key)
    this.loose.set(target, [...others, fact].sort((a, b) => a.seq - b.seq))
  }

  private unset(key: string, fact: Fact): void {
    this.facts.delete(key)
    const target = targetOf(fact)
    if (target === undefined) return
    const others = (this.loose.get(target) ?? []).filter((each) => keyOf(each) !== key)
    if (others.length > 0) this.loose.set(target, others)
    else this.loose.delete(target)
  }
}
