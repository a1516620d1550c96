/** What a timeline looks like: rows for days, events, the new-messages line and grouped messages. Pure. */
import { dayOf } from "../../i18n/format"
import { type EventItem, type FileItem, type TextItem, type TimelineItem, type WithdrawnItem } from "../../lib/session/types"

export type Row =
  | { kind: "day"; key: string; at: number }
  | { kind: "new"; key: "new" }
  | { kind: "event"; key: string; item: EventItem }
  /** `first` and `last` of a run of one person's messages. */
  | { kind: "message"; key: string; item: TextItem | FileItem | WithdrawnItem; first: boolean; last: boolean }

/** Messages of one person within this time stand together, ms. */
const together = 5 * 60_000

export const isOthers = (item: TimelineItem): boolean => item.kind !== "event" && item.sender?.self === false

/** Messages of others that the person has not seen. */
export function unreadCount(timeline: readonly TimelineItem[], seenUpTo: number): number {
  let count = 0
  for (let i = timeline.length - 1; i >= 0; i--) {
    const item = timeline[i]
    if (item?.seq === undefined) continue
    if (item.seq <= seenUpTo) break
    if (isOthers(item) && item.kind !== "withdrawn") count++
  }
  return count
}

/** The highest place in the log that is shown. */
export function lastSeq(timeline: readonly TimelineItem[]): number {
  for (let i = timeline.length - 1; i >= 0; i--) {
    const seq = timeline[i]?.seq
    if (seq !== undefined) return seq
  }
  return 0
}

function joins(before: TimelineItem | undefined, item: TimelineItem): boolean {
  return (
    before !== undefined &&
    before.kind !== "event" &&
    item.kind !== "event" &&
    before.kind !== "note" &&
    item.kind !== "note" &&
    before.sender?.memberId === item.sender?.memberId &&
    dayOf(before.at) === dayOf(item.at) &&
    Math.abs(item.at - before.at) <= together
  )
}

/** Rows for a timeline; the new-messages line stands before the first message of another above `newAfter`. */
export function rowsOf(timeline: readonly TimelineItem[], newAfter: number | undefined): Row[] {
  const rows: Row[] = []
  let day: number | undefined
  let lineDrawn = newAfter === undefined
  timeline.forEach((item, i) => {
    const itemDay = dayOf(item.at)
    if (itemDay !== day) {
      day = itemDay
      rows.push({ kind: "day", key: `day:${itemDay}:${item.key}`, at: item.at })
    }
    const drawLine = !lineDrawn && isOthers(item) && (item.seq ?? 0) > (newAfter ?? 0)
    if (drawLine) {
      lineDrawn = true
      rows.push({ kind: "new", key: "new" })
    }
    if (item.kind === "event") {
      rows.push({ kind: "event", key: item.key, item })
      return
    }
    const next = timeline[i + 1]
    rows.push({
      kind: "message",
      key: item.key,
      item,
      first: drawLine || !joins(timeline[i - 1], item),
      last: next === undefined || !joins(item, next),
    })
  })
  return rows
}
