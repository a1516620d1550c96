import { expect, test } from "vitest"
import { type Author, type Changing, type Fact, keyOf } from "./facts.ts"
import { Ledger } from "./ledger.ts"
import { reactionsOf } from "./reactions.ts"

const sam: Author = { memberId: "sam", name: "Sam", role: "guest" }
const roe: Author = { memberId: "roe", name: "Dr Roe", role: "host" }
const said = (seq: number, by = sam, message = "m"): Fact => ({ seq, at: seq, by, what: { kind: "text", message, text: `text ${seq}` } })
const change = (seq: number, what: Changing, by = sam): Fact => ({ seq, at: seq, by, what })
const edit = (seq: number, text: string, by = sam) => change(seq, { kind: "edit", message: "m", text }, by)
const withdraw = (seq: number, by = sam) => change(seq, { kind: "withdraw", message: "m" }, by)
const react = (seq: number, emoji: string, by = roe, author = "sam") => change(seq, { kind: "reaction", author, message: "m", emoji }, by)
const ended: Fact = { seq: 5, at: 5, by: roe, what: { kind: "event", event: { type: "ended" } } }

/** All facts that are kept after these arrived, each in an arrival of its own. */
function after(...facts: Fact[]): Fact[] {
  const ledger = new Ledger()
  const kept = new Map<string, Fact>()
  for (const fact of facts) {
    const booked = ledger.take([fact])
    for (const key of booked.dropped) kept.delete(key)
    for (const each of booked.kept) kept.set(keyOf(each), each)
  }
  return [...kept.values()]
}

const permutations = <T>(list: readonly T[]): T[][] =>
  list.length < 2 ? [[...list]] : list.flatMap((first, i) => permutations(list.toSpliced(i, 1)).map((rest) => [first, ...rest]))

test("a message is kept once for its sender and id", () => {
  const { kept } = new Ledger().take([said(1), said(2), said(3, roe)])
  expect(kept.map(({ seq }) => seq)).toEqual([1, 3])
})

test("the last edit of the log holds, in whatever order entries come", () => {
  for (const order of permutations([said(1), edit(2, "two"), edit(3, "three")])) {
    const [fact] = after(...order).filter(({ what }) => what.kind === "text")
    expect(fact?.what).toMatchObject({ text: "three", edited: 3 })
  }
})

test("of a withdrawn message nothing is kept but that it was, in whatever order entries come", () => {
  for (const order of permutations([said(1), edit(2, "secret"), react(3, "👍"), withdraw(4)])) {
    const kept = after(...order)
    expect(JSON.stringify(kept)).not.toMatch(/text 1|secret|👍/u)
    expect(kept.filter(({ what }) => what.kind === "withdrawn")).toHaveLength(1)
  }
})

test("a withdrawn message stays so: no edit, reaction or repetition brings it back", () => {
  const kept = after(said(1), withdraw(2), edit(3, "again"), react(4, "👍"), said(5))
  expect(kept.map(({ what }) => what)).toEqual([{ kind: "withdrawn", message: "m", was: "text" }])
})

test("only the author changes a message, whoever copies its id", () => {
  const kept = after(said(1), edit(2, "forged", roe), withdraw(3, roe), said(4, roe))
  expect(kept.find(({ by, what }) => by === sam && what.kind === "text")?.what).toEqual({ kind: "text", message: "m", text: "text 1" })
})

test("a reaction is to the message of the author that it names", () => {
  const ledger = new Ledger()
  ledger.take([said(1), said(2, roe)])
  const { kept } = ledger.take([react(3, "👍", roe, "sam")])
  expect(kept.map(({ by }) => by?.memberId)).toEqual(["sam"])
})

test("each member has one reaction, the last one, and the empty one takes it back", () => {
  const reactions = (...facts: Fact[]) => reactionsOf(after(said(1), ...facts)[0]?.reactions ?? [], "sam")
  expect(reactions(react(2, "👍"), react(3, "🙏"))).toEqual([{ emoji: "🙏", names: ["Dr Roe"], own: false }])
  expect(reactions(react(3, "🙏"), react(2, "👍"))).toEqual([{ emoji: "🙏", names: ["Dr Roe"], own: false }])
  expect(reactions(react(2, "👍"), react(3, "👍", sam))).toEqual([{ emoji: "👍", names: ["Dr Roe"], own: true }])
  expect(reactions(react(2, "👍"), react(3, ""))).toEqual([])
})

test("what is no emoji is no reaction, and of several only the first is one", () => {
  const shown = (emoji: string) => reactionsOf([{ seq: 1, by: roe, emoji }], "sam").map(({ emoji: each }) => each)
  expect(["ring me", "a👍", "", "7"].flatMap(shown)).toEqual([])
  expect(["👍🏽👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "❤️"].flatMap(shown)).toEqual(["👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "❤️"])
})

test("what speaks of a message behind it, or stands behind the end, changes nothing", () => {
  expect(after(edit(1, "before"), said(2)).map(({ what }) => what)).toContainEqual({ kind: "text", message: "m", text: "text 2" })
  const late = after(said(1), ended, edit(6, "late"), withdraw(7), react(8, "👍"))
  expect(late.find(({ by }) => by === sam)).toEqual(said(1))
})

test("a ledger that is read again goes on as the one that was written", () => {
  const again = new Ledger(after(said(1), edit(2, "two"), react(3, "👍"), ended))
  expect(again.take([edit(2, "two"), react(3, "👍"), said(1), edit(6, "late")])).toEqual({ kept: [], dropped: [] })
  expect(again.take([withdraw(4)]).kept[0]?.what).toEqual({ kind: "withdrawn", message: "m", was: "text" })
})
