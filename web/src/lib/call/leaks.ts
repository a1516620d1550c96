/** A sender whose packets leave while the worker seals nothing leaks (docs/protocol.md §7.3). */
import { type SlotNumber } from "./frameMessages.ts"
import { SLOTS } from "./slots.ts"

/** Packets between two looks that cannot be what was sealed before. */
const LEAK = 20

export class LeakWatch {
  #seen = SLOTS.map(() => ({ packets: 0, sealed: 0 }))

  /** `packets` by slot, and frames sealed, both since the link began. Whether a slot leaked since the last look. */
  leaks(packets: readonly number[], sealed: (slot: SlotNumber) => number): boolean {
    const before = this.#seen
    this.#seen = SLOTS.map((slot) => ({ packets: packets[slot] ?? 0, sealed: sealed(slot) }))
    return this.#seen.some((now, slot) => {
      const last = before[slot]
      return last !== undefined && now.packets - last.packets > LEAK && now.sealed === last.sealed
    })
  }
}

export async function packetsSent(sender: RTCRtpSender): Promise<number> {
  let packets = 0
  const report = await sender.getStats().catch(() => undefined)
  report?.forEach((stats: RTCOutboundRtpStreamStats) => {
    if (stats.type === "outbound-rtp") packets += stats.packetsSent ?? 0
  })
  return packets
}
