import { describe, expect, test } from "vitest"
import { type EventItem, type TextItem, type TimelineItem } from "../../lib/session/types"
import { lastSeq, rowsOf, unreadCount } from "./timeline"

const noon = new Date(2026, 10, 24, 12).getTime()

const text = (seq: number | undefined, from: string, minutes: number): TextItem => ({
  kind: "text",
  key: `${from}${seq ?? "unsent"}${minutes}`,
  message: `${from}${seq ?? "unsent"}${minutes}`,
  ...(seq === undefined ? {} : { seq }),
  at: noon + minutes * 60_000,
  sender: { memberId: from, name: from, role: "guest", self: from === "me" },
  text: "words",
})

const event = (seq: number, minutes: number): EventItem => ({
  kind: "event",
  key: `seq:${seq}`,
  seq,
  at: noon + minutes * 60_000,
  event: { type: "created" },
})

const shape = (timeline: readonly TimelineItem[], newAfter?: number): string[] =>
  rowsOf(timeline, newAfter).map((row) =>
    row.kind === "message" ? `${row.first ? "(" : ""}${row.key}${row.last ? ")" : ""}` : row.kind,
  )

describe("rows of a timeline", () => {
  test("messages of one person stand together until another speaks", () =>
    expect(shape([text(1, "ann", 0), text(2, "ann", 1), text(3, "me", 2), text(4, "ann", 3)])).toEqual([
      "day",
      "(ann10",
      "ann21)",
      "(me32)",
      "(ann43)",
    ]))

  test("a pause of more than five minutes begins a new group", () =>
    expect(shape([text(1, "ann", 0), text(2, "ann", 6)])).toEqual(["day", "(ann10)", "(ann26)"]))

  test("an event ends a group", () =>
    expect(shape([text(1, "ann", 0), event(2, 1), text(3, "ann", 2)])).toEqual(["day", "(ann10)", "event", "(ann32)"]))

  test("a new day has its line, and ends a group", () =>
    expect(shape([text(1, "ann", 11 * 60 + 59), text(2, "ann", 12 * 60 + 1)])).toEqual([
      "day",
      "(ann1719)",
      "day",
      "(ann2721)",
    ]))

  test("the new-messages line stands before the first unseen message of another, and begins a group", () =>
    expect(shape([text(1, "ann", 0), text(2, "me", 1), text(3, "ann", 2), text(4, "ann", 3)], 1)).toEqual([
      "day",
      "(ann10)",
      "(me21)",
      "new",
      "(ann32",
      "ann43)",
    ]))

  test("there is no line when only own messages are new", () =>
    expect(shape([text(1, "ann", 0), text(2, "me", 1)], 1)).not.toContain("new"))

  test("keys of rows are unique", () => {
    const rows = rowsOf([text(1, "ann", 0), event(2, 1), text(3, "me", 1500), text(undefined, "me", 1501)], 0)
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
  })
})

describe("what is unread", () => {
  const timeline = [text(1, "ann", 0), text(2, "me", 1), event(3, 2), text(4, "ann", 3), text(undefined, "me", 4)]

  test("messages of others above what was seen count; own ones and events do not", () => {
    expect(unreadCount(timeline, 0)).toBe(2)
    expect(unreadCount(timeline, 1)).toBe(1)
    expect(unreadCount(timeline, 4)).toBe(0)
  })

  test("the last place in the log is that of the last item that has one", () => {
    expect(lastSeq(timeline)).toBe(4)
    expect(lastSeq([])).toBe(0)
  })
})
