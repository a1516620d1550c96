import { describe, expect, test } from "vitest"
import { bytes, clock, dayName, length } from "./format"
import { en } from "./en"
import { pieces, t, type Key } from "./index"
// Vite brings the text of every source file, so that the test sees what the interface asks for.
const sources = import.meta.glob<string>("../{app,components,i18n}/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
})

describe("the catalogue", () => {
  test("every key is used somewhere in the interface", () => {
    const text = Object.entries(sources)
      .filter(([path]) => !path.endsWith("/en.ts") && !path.endsWith(".test.ts"))
      .map(([, source]) => source)
      .join("\n")
    // Keys put together at run time, by their stems.
    const stems = [...text.matchAll(/[`"]([a-zA-Z.-]+\.)\$\{/g)].map((match) => match[1] ?? "")
    const unused = Object.keys(en).filter(
      (key) => !text.includes(`"${key}"`) && !stems.some((stem) => key.startsWith(stem)),
    )
    expect(unused).toEqual([])
  })

  test("a plural has a form for whatever English needs, and says its count", () => {
    for (const [key, text] of Object.entries(en)) {
      if (typeof text === "string") continue
      expect(Object.keys(text), key).toEqual(["one", "other"])
      expect(text.other, key).toMatch(/\{(count|names)\}/)
    }
  })

  test("no text is empty or has a stray space", () => {
    for (const key of Object.keys(en) as Key[]) {
      for (const piece of Object.values(en[key] as string | Record<string, string>)) {
        if (piece.length > 1) expect(piece, key).toBe(piece.trim())
      }
      expect(pieces(key).length, key).toBeGreaterThan(0)
    }
  })
})

describe("t", () => {
  test("puts values in", () => expect(t("people.remove.title", { name: "Ann" })).toBe("Remove Ann?"))
  test("chooses the plural form", () => {
    expect(t("dashboard.people", { count: 1 })).toBe("1 person")
    expect(t("dashboard.people", { count: 1200 })).toBe("1,200 people")
  })
  test("does not read a value as a pattern", () =>
    expect(t("chat.announce", { name: "{text}", text: "$&" })).toBe("{text}: $&"))
})

describe("formats", () => {
  test("sizes have one digit behind the point when small", () => {
    expect(bytes(0)).toBe("0 bytes")
    expect(bytes(999)).toBe("999 bytes")
    expect(bytes(1_234_567)).toBe("1.2 MB")
    expect(bytes(104_857_600)).toBe("105 MB")
  })
  test("clocks show hours only when there are any", () => {
    expect(clock(247)).toBe("4:07")
    expect(clock(3729)).toBe("1:02:09")
  })
  test("lengths name their two largest units at most", () => {
    expect(length(0)).toBe("0 seconds")
    expect(length(61)).toBe("1 minute 1 second")
    expect(length(1234)).toBe("20 minutes")
    expect(length(7260)).toBe("2 hours 1 minute")
  })
  test("days are told from today", () => {
    const now = new Date(2026, 10, 24, 0, 30).getTime()
    expect(dayName(now - 3_600_000, now)).toBe("Yesterday")
    expect(dayName(now, now)).toBe("Today")
    expect(dayName(new Date(2026, 0, 2).getTime(), now)).toContain("2026")
  })
})
