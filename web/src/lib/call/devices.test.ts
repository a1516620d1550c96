import { describe, expect, it } from "vitest"
import { mediaErrorOf } from "./deviceFailure.ts"
import { loudness } from "./meter.ts"

describe("a device that cannot be had", () => {
  it.each([
    ["NotAllowedError", "permission-denied"],
    ["NotFoundError", "no-device"],
    ["OverconstrainedError", "no-device"],
    ["NotReadableError", "busy-device"],
    ["AbortError", "busy-device"],
    ["TypeError", "failed"],
  ])("for %s is %s", (name, key) => {
    expect(mediaErrorOf(new DOMException("no", name))).toBe(key)
  })

  it("was not refused for good where the question was closed without an answer", () => {
    const refusal = new DOMException("Permission denied", "NotAllowedError")
    expect(mediaErrorOf(refusal, "prompt")).toBe("permission-dismissed")
    expect(mediaErrorOf(refusal, "denied")).toBe("permission-denied")
    expect(mediaErrorOf(new DOMException("Permission dismissed", "NotAllowedError"))).toBe("permission-dismissed")
  })

  it("may be kept back by the operating system", () => {
    expect(mediaErrorOf(new DOMException("Permission denied by system", "NotAllowedError"))).toBe("system-denied")
  })
})

describe("loudness", () => {
  it("is 0 for silence, 1 at full scale and grows in between", () => {
    const tone = (size: number): number => loudness(new Float32Array(64).fill(size))
    expect(tone(0)).toBe(0)
    expect(tone(1)).toBe(1)
    expect(tone(0.1)).toBeCloseTo(2 / 3)
    expect(tone(0.0001)).toBe(0)
  })
})
