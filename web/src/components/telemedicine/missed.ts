/** Calls that rang here, or would have, and that nobody answered. Pure. */
import { type MissedCall } from "../../lib/call/types"
import { type TimelineItem } from "../../lib/session/types"

export interface Missed {
  call: string
  name: string
  /** ms since 1970. */
  at: number
}

/** Those that rang on this page, and those that came while it was closed: their entries stand above `seenUpTo`. */
export function missedCalls(rang: readonly MissedCall[], timeline: readonly TimelineItem[], seenUpTo: number): Missed[] {
  const missed = new Map<string, Missed>()
  for (const item of timeline) {
    if (item.kind !== "event" || item.event.type !== "call" || item.event.event !== "missed") continue
    if (!item.sender || item.sender.self || (item.seq ?? 0) <= seenUpTo) continue
    missed.set(item.event.call, { call: item.event.call, name: item.sender.name, at: item.at })
  }
  for (const { call, from, at } of rang) missed.set(call, { call, name: from.name, at })
  return [...missed.values()].sort((one, other) => one.at - other.at)
}
