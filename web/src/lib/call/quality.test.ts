import { describe, expect, it } from "vitest"
import { type Counted, countOf, lineOf } from "./quality.ts"

const counted = (some: Partial<Counted> = {}): Counted => ({
  at: 0,
  received: 1000,
  lost: 0,
  receivedBytes: 0,
  sent: 1000,
  sentBytes: 0,
  lostThere: 0,
  decoded: 0,
  concealed: 0,
  sounded: 0,
  roundTrip: 40,
  measured: 1,
  available: undefined,
  route: undefined,
  ...some,
})

describe("the line", () => {
  it.each([
    ["good", { received: 1100 }],
    ["good", { received: 1100, lost: 2 }],
    ["fair", { received: 1100, lost: 6 }],
    ["fair", { received: 1100, sent: 1100, lostThere: 5 }],
    ["fair", { received: 1100, roundTrip: 500 }],
    ["weak", { received: 1100, lost: 30 }],
    ["weak", { received: 1100, roundTrip: 1200 }],
  ] as const)("is %s after %o", (words, now) => {
    expect(lineOf(counted(), counted(now)).quality).toBe(words)
  })

  it("has numbers too", () => {
    const now = counted({ at: 2000, received: 1090, lost: 10, receivedBytes: 50_000, sent: 1200, sentBytes: 100_000, lostThere: 4, route: "relay" })
    expect(lineOf(counted(), now)).toEqual({
      quality: "fair",
      roundTrip: 40,
      lostHere: 0.1,
      lostThere: 0.02,
      received: 200_000,
      sent: 400_000,
      route: "relay",
    })
  })
})

it("counts over all streams of a report, and the pair in use", () => {
  const report = new Map<string, object>([
    ["a", { type: "inbound-rtp", packetsReceived: 5, packetsLost: 1, bytesReceived: 90, headerBytesReceived: 10 }],
    ["b", { type: "inbound-rtp", packetsReceived: 7, packetsLost: -1, framesDecoded: 3 }],
    ["s", { type: "inbound-rtp", concealedSamples: 2, totalSamplesReceived: 9 }],
    ["c", { type: "candidate-pair", id: "c", nominated: true, currentRoundTripTime: 0.05, responsesReceived: 3, availableOutgoingBitrate: 300_000, localCandidateId: "l", remoteCandidateId: "r" }],
    ["d", { type: "candidate-pair", id: "d", nominated: true, currentRoundTripTime: 0.5 }],
    ["t", { type: "transport", selectedCandidatePairId: "c" }],
    ["l", { type: "local-candidate", candidateType: "relay" }],
    ["r", { type: "remote-candidate", candidateType: "host" }],
    ["e", { type: "remote-inbound-rtp", packetsLost: 4 }],
    ["f", { type: "outbound-rtp", packetsSent: 40, bytesSent: 100, headerBytesSent: 20 }],
  ])
  expect(countOf(report as unknown as RTCStatsReport, 7)).toEqual({
    at: 7,
    received: 12,
    lost: 1,
    receivedBytes: 100,
    sent: 40,
    sentBytes: 120,
    lostThere: 4,
    decoded: 3,
    concealed: 2,
    sounded: 9,
    roundTrip: 50,
    measured: 3,
    available: 300_000,
    route: "relay",
  })
})

describe("the way of a call", () => {
  const wayOf = (local: object | undefined, remote: object | undefined) => {
    const report = new Map<string, object | undefined>([
      ["pair", { type: "candidate-pair", id: "pair", nominated: true, localCandidateId: "l", remoteCandidateId: "r" }],
      ["l", local && { type: "local-candidate", ...local }],
      ["r", remote && { type: "remote-candidate", ...remote }],
    ])
    return countOf(new Map([...report].filter(([, stats]) => stats)), 0).route
  }

  it.each([
    ["direct", { candidateType: "host" }, { candidateType: "srflx" }],
    ["direct", { candidateType: "srflx" }, { candidateType: "host" }],
    ["relay", { candidateType: "relay", relayProtocol: "udp" }, { candidateType: "prflx" }],
    ["relay", { candidateType: "prflx", relayProtocol: "tls" }, { candidateType: "host" }],
    ["relay", { candidateType: "host" }, { candidateType: "relay" }],
  ])("is %s where that is known: %o, %o", (way, local, remote) => {
    expect(wayOf(local, remote)).toBe(way)
  })

  it.each([
    [{ candidateType: "host" }, { candidateType: "prflx" }],
    [{ candidateType: "prflx" }, { candidateType: "host" }],
    [{ candidateType: "host" }, undefined],
    [undefined, { candidateType: "host" }],
    [undefined, undefined],
  ])("is not called direct where an end may be somebody's relay: %o, %o", (local, remote) => {
    expect(wayOf(local, remote)).toBeUndefined()
  })
})
