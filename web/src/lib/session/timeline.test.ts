import { expect, test } from "vitest"
import { type Fact } from "./facts.ts"
import { patched, Timeline, timelinePatch } from "./timeline.ts"

const sam = { memberId: "sam", name: "Sam", role: "guest" as const }
const roe = { memberId: "roe", name: "Dr Roe", role: "host" as const }

function textFact(seq: number, by: typeof sam | typeof roe, message = `m${seq}`): Fact {
  return { seq, at: seq, by, what: { kind: "text", message, text: `text ${seq}` } }
}

test("own messages are sent, delivered and seen as the others' receipts say", () => {
  const timeline = new Timeline(() => "sam")
  timeline.update({ facts: [textFact(1, sam), textFact(2, roe), textFact(3, sam), textFact(4, sam)] }, [])
  timeline.update({ receipts: { roe: { delivered: 3, seen: 1 } } }, [])
  expect(timeline.value.map((item) => ("state" in item ? item.state : undefined))).toEqual(["seen", undefined, "delivered", "sent"])
})

test("the past that is given later stands before", () => {
  const timeline = new Timeline(() => "sam")
  timeline.update({ facts: [textFact(5, roe)] }, [])
  timeline.update({ facts: [textFact(1, roe), textFact(2, sam)] }, [])
  expect(timeline.value.map(({ seq }) => seq)).toEqual([1, 2, 5])
})

test("an unsent message stands at the end until the log shows it", () => {
  const timeline = new Timeline(() => "sam")
  const unsent = { message: "m2", at: 9, state: "waiting" as const, what: { kind: "text" as const, message: "m2", text: "text 2" } }
  timeline.update({ facts: [textFact(1, roe)] }, [unsent])
  expect(timeline.value.map(({ key }) => key)).toEqual(["roe/m1", "m2"])
  timeline.update({ facts: [textFact(2, sam)] }, [unsent])
  expect(timeline.value.map(({ key, seq }) => [key, seq])).toEqual([
    ["roe/m1", 1],
    ["m2", 2],
  ])
})

test("a change of one item is a patch of one place, and gives the same list elsewhere", () => {
  const timeline = new Timeline(() => "sam")
  timeline.update({ facts: Array.from({ length: 10_000 }, (_, i) => textFact(i + 1, i % 2 ? sam : roe)) }, [])
  const before = timeline.value
  timeline.update({ receipts: { roe: { delivered: 2, seen: 2 } } }, [])
  timeline.update({ facts: [textFact(10_001, roe)] }, [])
  const patch = timelinePatch(before, timeline.value)
  expect(patch.changed.map(([i]) => i)).toEqual([1, 10_000])
  expect(patched(before, patch)).toEqual(timeline.value)
})
