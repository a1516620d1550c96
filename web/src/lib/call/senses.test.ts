import { signal } from "@preact/signals"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { isBlack, watchSound } from "./senses.ts"

const picture = (...lights: number[]): Uint8ClampedArray => new Uint8ClampedArray(lights.flatMap((light) => [light, light, light, 255]))

describe("a black picture", () => {
  it("has no spot that is lit", () => {
    expect(isBlack(picture(0, 0, 0, 0))).toBe(true)
    expect(isBlack(picture(12, 20, 9, 30))).toBe(true)
  })

  it("is not one of a dark room with a lamp, nor a grey one", () => {
    expect(isBlack(picture(4, 4, 4, 200))).toBe(false)
    expect(isBlack(picture(40, 40, 40, 40))).toBe(false)
  })
})

describe("silence", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it("is told after some seconds without a sound, and is over with the first", () => {
    const level = signal(0)
    const watch = watchSound(level)
    vi.advanceTimersByTime(4900)
    expect(watch.nothing.value).toBe(false)
    vi.advanceTimersByTime(200)
    expect(watch.nothing.value).toBe(true)
    level.value = 0.3
    expect(watch.nothing.value).toBe(false)
    level.value = 0
    vi.advanceTimersByTime(5100)
    expect(watch.nothing.value).toBe(true)
    watch.stop()
  })
})
