/** The line in words, from what the browser counts. */
import { type Quality } from "./types.ts"

/** What was counted since the connection began. */
export interface Counted {
  received: number
  lost: number
  /** Frames shown, of all pictures. */
  decoded: number
  /** Seconds of sound made up for what did not come. */
  concealed: number
  /** Seconds of sound in all. */
  sounded: number
  /** Round trip, ms; undefined while unknown. */
  roundTrip: number | undefined
  /** What the other side says it lost of ours, 0 to 1. */
  lostThere: number
}

export function countOf(report: RTCStatsReport): Counted {
  const counted: Counted = {
    received: 0,
    lost: 0,
    decoded: 0,
    concealed: 0,
    sounded: 0,
    roundTrip: undefined,
    lostThere: 0,
  }
  report.forEach((stats: RTCStats) => add(counted, stats))
  return counted
}

function add(counted: Counted, stats: RTCStats): void {
  if (stats.type === "inbound-rtp") {
    const inbound = stats as RTCInboundRtpStreamStats
    counted.received += inbound.packetsReceived ?? 0
    counted.lost += Math.max(0, inbound.packetsLost ?? 0)
    counted.decoded += inbound.framesDecoded ?? 0
    counted.concealed += inbound.concealedSamples ?? 0
    counted.sounded += inbound.totalSamplesReceived ?? 0
  } else if (stats.type === "remote-inbound-rtp") {
    const { fractionLost } = stats as RTCStats & { fractionLost?: number }
    counted.lostThere = Math.max(counted.lostThere, fractionLost ?? 0)
  } else if (stats.type === "candidate-pair") {
    const pair = stats as RTCIceCandidatePairStats
    if (pair.nominated && pair.currentRoundTripTime !== undefined) counted.roundTrip = pair.currentRoundTripTime * 1000
  }
}

/** Judges one interval. `expecting`: the other side says it sends something. */
export function qualityOf(before: Counted, now: Counted, expecting: boolean): Quality {
  const received = now.received - before.received
  const lost = Math.max(0, now.lost - before.lost)
  if (expecting && received <= 0) return "lost"
  const loss = Math.max(lost / Math.max(1, received + lost), now.lostThere)
  const sounded = now.sounded - before.sounded
  const concealed = sounded > 0 ? Math.max(0, now.concealed - before.concealed) / sounded : 0
  const roundTrip = now.roundTrip ?? 0
  if (loss > 0.1 || roundTrip > 800) return "bad"
  if (loss > 0.03 || roundTrip > 350 || (concealed > 0.1 && lost > 0)) return "weak"
  return "good"
}
