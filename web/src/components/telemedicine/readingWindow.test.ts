import { describe, expect, test } from "vitest"
import { bounds, moved } from "./readingWindow"
import { type Row } from "./timeline"

const rows = Array.from({ length: 1000 }, (_, i): Row => ({ kind: "day", key: `r${i}`, at: i }))
const latest = { first: undefined, size: 120 }

describe("the window of a long timeline", () => {
  test("begins with the latest rows", () => expect(bounds(latest, rows)).toEqual({ start: 880, end: 1000 }))

  test("grows upwards, and drops rows at the other end when it is full", () => {
    const once = moved({ first: "r880", size: 120 }, rows, true)
    expect(bounds(once, rows)).toEqual({ start: 820, end: 1000 })
    const thrice = moved(moved(once, rows, true), rows, true)
    expect(bounds(thrice, rows)).toEqual({ start: 700, end: 940 })
  })

  test("moves down again to the end", () => {
    let range = { first: "r0" as string | undefined, size: 240 }
    for (let i = 0; i < 20; i++) range = moved(range, rows, false)
    expect(bounds(range, rows)).toEqual({ start: 760, end: 1000 })
  })

  test("stays the same at the ends, so that nothing is drawn again", () => {
    const top = { first: "r0", size: 240 }
    expect(moved(top, rows, true)).toBe(top)
    const end = { first: "r760", size: 240 }
    expect(moved(end, rows, false)).toBe(end)
  })

  test("keeps its first row when rows come in before it", () => {
    const before = Array.from({ length: 50 }, (_, i): Row => ({ kind: "day", key: `p${i}`, at: i }))
    expect(bounds({ first: "r10", size: 100 }, [...before, ...rows])).toEqual({ start: 60, end: 160 })
  })
})
