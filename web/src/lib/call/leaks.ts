/**
 * A sender from which more leaves than was given to the worker leaks (docs/protocol.md §7.3).
 *
 * Frames are counted, not packets: on a weak line packets that were sealed long ago leave late, and again.
 */
import { type SlotCounts, type SlotNumber } from "./frameMessages.ts"

/** Frames that leave may be counted before the worker's word on them is here. */
const LEAK = 20

/** `frames` by slot, as they left since the link began. Whether some slot leaked. */
export function leaks(frames: readonly number[], counts: (slot: SlotNumber) => SlotCounts): boolean {
  return frames.some((left, slot) => {
    const { sealed, unsent } = counts(slot as SlotNumber)
    return left - sealed - unsent > LEAK
  })
}

/** A packet of sound is one frame. */
export async function framesSent(sender: RTCRtpSender): Promise<number> {
  let frames = 0
  const report = await sender.getStats().catch(() => undefined)
  report?.forEach((stats: RTCOutboundRtpStreamStats) => {
    if (stats.type !== "outbound-rtp") return
    frames += stats.kind === "video" ? (stats.framesSent ?? 0) : firstPackets(stats)
  })
  return frames
}

function firstPackets({ packetsSent = 0, retransmittedPacketsSent = 0 }: RTCOutboundRtpStreamStats): number {
  return packetsSent - retransmittedPacketsSent
}
