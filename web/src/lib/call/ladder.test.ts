import { describe, expect, it } from "vitest"
import { type Look, RUNGS, rungOf, type Standing, step, TOP } from "./ladder.ts"

const GOOD: Look = { lost: 0, roundTrip: 40, available: 2_500_000 }
const after = (standing: Standing, look: Partial<Look>, seconds: number): Standing =>
  Array.from({ length: seconds }).reduce<Standing>((now) => step(now, { ...GOOD, ...look }), standing)
const settled = after(TOP, {}, 10)
/** Seconds of a look until the rung is another one. */
function until(standing: Standing, look: Partial<Look>): [seconds: number, then: Standing] {
  for (let seconds = 1, now = standing; seconds < 200; seconds++) {
    now = after(now, look, 1)
    if (now.rung !== standing.rung) return [seconds, now]
  }
  throw new Error(`stays on rung ${standing.rung}`)
}

describe("down", () => {
  it("stays at the top of a good line", () => {
    expect(after(TOP, {}, 600).rung).toBe(0)
  })

  it("does not judge a call that has just begun", () => {
    expect(after(TOP, { available: 100_000 }, 5).rung).toBe(0)
  })

  it("makes the picture smaller where the line carries less, at once as small as fits", () => {
    expect(until(settled, { available: 250_000 })[1].rung).toBe(1)
    expect(until(settled, { available: 100_000 })[1].rung).toBe(2)
    expect(rungOf(until(settled, { available: 30_000 })[1]).picture).toBe("paused")
  })

  it("takes some seconds, and fewer the worse it is", () => {
    expect(until(settled, { available: 300_000 })[0]).toBe(4)
    expect(until(settled, { available: 100_000 })[0]).toBe(2)
    expect(until(settled, { lost: 0.15 })[0]).toBe(4)
    expect(until(settled, { lost: 0.4 })[0]).toBe(2)
  })

  it("is not moved by one bad second", () => {
    const bad = after(settled, { lost: 0.2 }, 3)
    expect(after(after(bad, {}, 5), { lost: 0.2 }, 3).rung).toBe(0)
  })

  it("lives with the 5 % that a bad line loses anyway, and with its round trip", () => {
    expect(after(TOP, { lost: 0.05, roundTrip: 400 }, 600).rung).toBe(0)
  })

  it("goes down where packets wait", () => {
    expect(until(settled, { roundTrip: 800 })[1].rung).toBe(1)
  })

  it("keeps the voice when the picture is gone, and says to write only where no voice lives", () => {
    const paused = after(settled, { available: 30_000 }, 10)
    expect(rungOf(paused)).toMatchObject({ picture: "paused", write: false })
    expect(after(paused, { available: 30_000, lost: 0.25 }, 60).rung).toBe(3)
    const writing = after(paused, { available: 30_000, lost: 0.5 }, 20)
    expect(rungOf(writing)).toMatchObject({ picture: "paused", write: true })
    expect(after(writing, { lost: 0.9 }, 60).rung).toBe(RUNGS.length - 1)
  })
})

describe("up", () => {
  const bottom = after(settled, { available: 10_000, lost: 0.6 }, 60)

  it("goes up rung by rung, to the top within a minute", () => {
    const rungs = new Set<number>()
    let now = bottom
    for (let second = 0; second < 60; second++) {
      now = step(now, GOOD)
      rungs.add(now.rung)
    }
    expect([...rungs]).toEqual([4, 3, 2, 1, 0])
  })

  it("does not rise to what the line does not carry", () => {
    const low = after(bottom, { available: 200_000 }, 60)
    expect(low.rung).toBe(2)
    expect(after(low, { available: 400_000 }, 30).rung).toBe(1)
  })

  it("rises by trying where the browser does not tell what the line carries", () => {
    expect(after(bottom, { available: undefined }, 60).rung).toBe(0)
  })

  it("waits twice as long after a rise that was too early, and forgets it after one that held", () => {
    const paused = after(settled, { available: 30_000 }, 10)
    const [first, tried] = until(paused, { available: 90_000 })
    expect(tried.rung).toBe(2)
    const failed = until(tried, { available: 40_000 })[1]
    expect(failed.rung).toBe(3)
    const [second, again] = until(failed, { available: 90_000 })
    expect(second).toBeGreaterThan(first)
    expect(failed.patience).toBe(2 * paused.patience)
    expect(after(again, { available: 90_000 }, 30).patience).toBe(TOP.patience)
  })

  it("does not swing on a line that loses 5 %, at 400 ms", () => {
    const changes: number[] = []
    let now = TOP
    for (let second = 0; second < 600; second++) {
      const next = step(now, { lost: second % 3 === 0 ? 0.08 : 0.04, roundTrip: 400 + (second % 5) * 40, available: 230_000 })
      if (next.rung !== now.rung) changes.push(next.rung)
      now = next
    }
    expect(changes).toEqual([1])
  })
})
