import { describe, expect, it, vi } from "vitest"
import { mediaErrorOf } from "./deviceFailure.ts"
import { type Devices, openDevices } from "./devices.ts"
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

describe("a screen that is not shared", () => {
  /** Devices of a browser whose choice of a screen ends in these words, one after the other. */
  function choosing(...endings: string[]): Devices {
    const getDisplayMedia = vi.fn()
    for (const words of endings) getDisplayMedia.mockRejectedValueOnce(new DOMException(words, "NotAllowedError"))
    const media = { getDisplayMedia, getSupportedConstraints: () => ({}), addEventListener: vi.fn() }
    vi.stubGlobal("navigator", { mediaDevices: media })
    return openDevices()
  }

  it("because its choice was closed is no error, and what was said before is forgotten", async () => {
    const devices = choosing("Permission denied by system", "Permission denied by user")
    await devices.openScreen()
    expect(devices.errors.value).toEqual([{ about: "screen", error: "system-denied" }])
    await devices.openScreen()
    expect(devices.errors.value).toEqual([])
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
