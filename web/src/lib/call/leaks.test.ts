import { describe, expect, it } from "vitest"
import { framesSent, leaks } from "./leaks.ts"

const counts = (sealed: number, unsent = 0) => () => ({ sealed, unsent, opened: 0, unsealed: 0, undecodable: 0, early: 0 })

describe("a leak", () => {
  it("is what leaves and was never sealed, also beside frames that were", () => {
    expect(leaks([0, 30, 0], counts(0))).toBe(true)
    expect(leaks([1030, 0, 0], counts(1000))).toBe(true)
  })

  it("is not what is sealed before it leaves, is dropped, or is counted a moment later", () => {
    expect(leaks([1000, 1000, 0], counts(1000))).toBe(false)
    expect(leaks([100, 0, 0], counts(20, 80))).toBe(false)
    expect(leaks([15, 0, 0], counts(0))).toBe(false)
  })
})

it("counts frames, and not what of them is sent again", async () => {
  const sender = (stats: object) =>
    ({ getStats: () => Promise.resolve(new Map([["a", { type: "outbound-rtp", ...stats }]])) }) as unknown as RTCRtpSender
  expect(await framesSent(sender({ kind: "audio", packetsSent: 50, retransmittedPacketsSent: 4 }))).toBe(46)
  expect(await framesSent(sender({ kind: "video", packetsSent: 900, framesSent: 30 }))).toBe(30)
})
