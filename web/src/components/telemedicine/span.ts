import { type TimelineItem } from "../../lib/session/types"

/** From when somebody came, to the end, ms; what was prepared before, or said after, is not the visit. */
export function spanOf(timeline: readonly TimelineItem[]): { from: number; to: number } | undefined {
  const came = timeline.find((item) => item.kind === "event" && item.event.type === "joined")
  const over = timeline.findLast((item) => item.kind === "event" && item.event.type === "ended")
  const from = came?.at ?? timeline[0]?.at
  const to = over?.at ?? timeline.at(-1)?.at
  return from === undefined || to === undefined || to - from < 1000 ? undefined : { from, to }
}
