import { describe, expect, test } from "vitest"
import { type TimelineItem } from "../../lib/session/types"
import { findIn, search } from "./search"

const found = (written: string, words: string) => findIn(written, words).map(([start, end]) => written.slice(start, end))

describe("words in a text", () => {
  test("are found whatever their case and accents, and marked as they are written", () => {
    expect(found("Fièvre, FIEVRE and fie\u0300vre", "fievre")).toEqual(["Fièvre", "FIEVRE", "fie\u0300vre"])
    expect(found("Weiße Straße", "STRASSE")).toEqual(["Straße"])
    expect(found("Οδός, ΟΔΟΣ", "οδος")).toEqual(["Οδός", "ΟΔΟΣ"])
  })

  test("are found in Arabic and Hebrew with and without vowel signs", () => {
    expect(found("أَلَمٌ في الرُّكبة", "الم")).toEqual(["أَلَمٌ"])
    expect(found("كـــتاب", "كتاب")).toEqual(["كـــتاب"])
    expect(found("שָׁלוֹם", "שלום")).toEqual(["שָׁלוֹם"])
  })

  test("are marked in their places behind letters of two units", () => expect(found("😀😀 knee 😀", "knee")).toEqual(["knee"]))

  test("that are none find nothing", () => {
    expect(found("knee", "  ")).toEqual([])
    expect(found("", "knee")).toEqual([])
  })
})

test("a timeline is searched in texts and names of files, not in what was withdrawn or in events", () => {
  const common = { at: 0, message: "" }
  const file = { id: "f", key: new Uint8Array(), size: 1, parts: 1, name: "Knee.PDF", mime: "" }
  const timeline: TimelineItem[] = [
    { ...common, kind: "text", key: "a", text: "my knee" },
    { ...common, kind: "file", key: "b", file },
    { ...common, kind: "withdrawn", key: "c", was: "text" },
    { at: 0, kind: "event", key: "d", event: { type: "left", name: "knee" } },
    { ...common, kind: "note", key: "e", text: "elbow" },
  ]
  expect(search(timeline, " KNEE ")).toEqual(["a", "b"])
  expect(search(timeline, "")).toEqual([])
})
