import { expect, it } from "vitest"
import { type TimelineItem } from "../../lib/session/types"
import { missedCalls } from "./missed"

const entry = (seq: number, call: string, event: "started" | "missed" | "declined", self = false): TimelineItem => ({
  kind: "event",
  key: `seq:${seq}`,
  seq,
  at: seq,
  event: { type: "call", call, event },
  sender: { memberId: "roe", name: "Roe", role: "host", self },
})

it("a call that came while the page was closed is missed until it was seen", () => {
  const timeline = [entry(1, "a", "started"), entry(2, "a", "missed"), entry(3, "b", "started"), entry(4, "b", "declined")]
  expect(missedCalls([], timeline, 0)).toEqual([{ call: "a", name: "Roe", at: 2 }])
  expect(missedCalls([], timeline, 2)).toEqual([])
})

it("one that rang here is named once, and the own ones are not missed", () => {
  const rang = [{ call: "a", from: { memberId: "roe", name: "Roe" }, at: 9 }]
  expect(missedCalls(rang, [entry(2, "a", "missed"), entry(3, "c", "missed", true)], 0)).toEqual([
    { call: "a", name: "Roe", at: 9 },
  ])
})
