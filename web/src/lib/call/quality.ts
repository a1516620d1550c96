/** The line in words and numbers, from what the browser counts. */
import { type Line, type Quality } from "./types.ts"

/** What was counted since the connection began. */
export interface Counted {
  /** ms, of this count. */
  at: number
  received: number
  lost: number
  receivedBytes: number
  sent: number
  sentBytes: number
  /** Packets of ours that the other side says it lost. */
  lostThere: number
  /** Frames shown, of all pictures. */
  decoded: number
  /** Samples of sound made up for what did not come. */
  concealed: number
  /** Samples of sound in all. */
  sounded: number
  /** Round trip, ms, as measured last; undefined while unknown. */
  roundTrip: number | undefined
  /** Measurements of the round trip. */
  measured: number
  /** What the browser believes that the line carries, bit/s; undefined where it does not tell. */
  available: number | undefined
  route: Line["route"]
}

export function countOf(report: RTCStatsReport, at: number): Counted {
  const counted: Counted = {
    at,
    received: 0,
    lost: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    lostThere: 0,
    decoded: 0,
    concealed: 0,
    sounded: 0,
    roundTrip: undefined,
    measured: 0,
    available: undefined,
    route: undefined,
  }
  report.forEach((stats: RTCStats) => add(counted, stats, report))
  return counted
}

function add(counted: Counted, stats: RTCStats, report: RTCStatsReport): void {
  if (stats.type === "inbound-rtp") {
    const inbound = stats as RTCInboundRtpStreamStats
    counted.received += inbound.packetsReceived ?? 0
    counted.lost += Math.max(0, inbound.packetsLost ?? 0)
    counted.receivedBytes += (inbound.bytesReceived ?? 0) + (inbound.headerBytesReceived ?? 0)
    counted.decoded += inbound.framesDecoded ?? 0
    counted.concealed += inbound.concealedSamples ?? 0
    counted.sounded += inbound.totalSamplesReceived ?? 0
  } else if (stats.type === "outbound-rtp") {
    const outbound = stats as RTCOutboundRtpStreamStats
    counted.sent += outbound.packetsSent ?? 0
    counted.sentBytes += (outbound.bytesSent ?? 0) + (outbound.headerBytesSent ?? 0)
  } else if (stats.type === "remote-inbound-rtp") {
    counted.lostThere += Math.max(0, (stats as RTCStats & { packetsLost?: number }).packetsLost ?? 0)
  } else if (stats.type === "candidate-pair") {
    const pair = stats as RTCIceCandidatePairStats
    if (!pair.nominated || !isSelected(pair, report)) return
    if (pair.currentRoundTripTime !== undefined) counted.roundTrip = pair.currentRoundTripTime * 1000
    counted.measured = pair.responsesReceived ?? 0
    counted.available = pair.availableOutgoingBitrate ?? counted.available
    counted.route = routeOf(pair, report)
  }
}

/** After an ICE restart the pair before it is still there. Firefox marks none as selected. */
function isSelected({ id }: RTCIceCandidatePairStats, report: RTCStatsReport): boolean {
  let selected: string | undefined
  report.forEach((stats: RTCTransportStats) => {
    if (stats.type === "transport") selected ??= stats.selectedCandidatePairId
  })
  return selected === undefined || selected === id
}

/** Direct only where both ends are known to be addresses of devices: what is found by itself (prflx) may be a relay's. */
function routeOf(pair: RTCIceCandidatePairStats, report: RTCStatsReport): Line["route"] {
  const ends = [pair.localCandidateId, pair.remoteCandidateId].map((id) => report.get(id) as IceCandidateStats | undefined)
  if (ends.some((end) => end?.candidateType === "relay" || end?.relayProtocol !== undefined)) return "relay"
  return ends.every((end) => end?.candidateType === "host" || end?.candidateType === "srflx") ? "direct" : undefined
}

interface IceCandidateStats {
  candidateType?: string
  /** Of a candidate by way of a relay only. */
  relayProtocol?: string
}

/** What an interval tells. */
export function lineOf(before: Counted, now: Counted): Line {
  const received = now.received - before.received
  const lost = Math.max(0, now.lost - before.lost)
  const seconds = Math.max(0.001, (now.at - before.at) / 1000)
  const numbers = {
    roundTrip: now.roundTrip,
    lostHere: lost / Math.max(1, received + lost),
    lostThere: lostThere(before, now),
    received: Math.max(0, (8 * (now.receivedBytes - before.receivedBytes)) / seconds),
    sent: Math.max(0, (8 * (now.sentBytes - before.sentBytes)) / seconds),
    route: now.route,
  }
  const sounded = now.sounded - before.sounded
  const concealed = sounded > 0 ? Math.max(0, now.concealed - before.concealed) / sounded : 0
  return { quality: wordFor(numbers, concealed > 0.1 && lost > 0), ...numbers }
}

export function lostThere(before: Counted, now: Counted): number {
  const lost = Math.max(0, now.lostThere - before.lostThere)
  return Math.min(1, lost / Math.max(1, now.sent - before.sent))
}

function wordFor(line: Omit<Line, "quality">, gaps: boolean): Quality {
  const loss = Math.max(line.lostHere, line.lostThere)
  const roundTrip = line.roundTrip ?? 0
  if (loss > 0.1 || roundTrip > 800) return "weak"
  if (loss > 0.03 || roundTrip > 350 || gaps) return "fair"
  return "good"
}
