import { describe, expect, it } from "vitest"
import { type Counted, countOf, qualityOf } from "./quality.ts"

const counted = (some: Partial<Counted> = {}): Counted => ({
  received: 1000,
  lost: 0,
  decoded: 0,
  concealed: 0,
  sounded: 0,
  roundTrip: 40,
  lostThere: 0,
  ...some,
})

describe("the line", () => {
  it.each([
    ["good", { received: 1100 }],
    ["good", { received: 1100, lost: 2 }],
    ["weak", { received: 1100, lost: 6 }],
    ["weak", { received: 1100, lostThere: 0.05 }],
    ["weak", { received: 1100, roundTrip: 500 }],
    ["bad", { received: 1100, lost: 30 }],
    ["bad", { received: 1100, roundTrip: 1200 }],
    ["lost", { received: 1000 }],
  ] as const)("is %s after %o", (words, now) => {
    expect(qualityOf(counted(), counted(now), true)).toBe(words)
  })

  it("is not lost when nothing is sent", () => {
    expect(qualityOf(counted(), counted(), false)).toBe("good")
  })
})

it("counts over all streams of a report", () => {
  const report = new Map<string, object>([
    ["a", { type: "inbound-rtp", packetsReceived: 5, packetsLost: 1, concealedSamples: 2, totalSamplesReceived: 9 }],
    ["b", { type: "inbound-rtp", packetsReceived: 7, packetsLost: -1, framesDecoded: 3 }],
    ["c", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.05 }],
    ["d", { type: "candidate-pair", nominated: false, currentRoundTripTime: 0.5 }],
    ["e", { type: "remote-inbound-rtp", fractionLost: 0.25 }],
  ])
  expect(countOf(report as unknown as RTCStatsReport)).toEqual({
    received: 12,
    lost: 1,
    decoded: 3,
    concealed: 2,
    sounded: 9,
    roundTrip: 50,
    lostThere: 0.25,
  })
})
