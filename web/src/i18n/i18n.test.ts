// @vitest-environment happy-dom
import { beforeEach, describe, expect, test, vi } from "vitest"
import { bytes, clock, dayName, length, timeOfDay } from "./format"
import { en } from "./en"
import ar from "./ar"
import { changeLanguage } from "./choice"
import de from "./de"
import es from "./es"
import fr from "./fr"
import { chooseLanguage, language, languages, locale, t, type Catalogue, type Forms, type Key, type Language } from "./index"

// Vite brings the text of every source file, so that the test sees what the interface asks for.
const sources = import.meta.glob<string>("../{app,components,i18n}/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
})

const source = Object.entries(sources)
  .filter(([path]) => !path.startsWith("./") && !path.endsWith(".test.ts"))
  .map(([, text]) => text)
  .join("\n")
const formatSource = sources["./format.ts"] ?? ""

/** Every key that the interface can ask for: those that it writes out, and those put together at run time. */
function isUsed(key: string): boolean {
  if (`${source}\n${formatSource}`.includes(`"${key}"`)) return true
  return templates.some((template) => template.test(key))
}

/** Texts like `device.error.${kind}.${error}`; what is put in may be any name. */
const templates = [...source.matchAll(/`([a-zA-Z]+\.[\w.-]*(?:\$\{[^}]*\}[\w.-]*)+)`/g)].map(
  ([, template = ""]) => new RegExp(`^${template.replaceAll(".", "\\.").replaceAll(/\$\{[^}]*\}/g, "[\\w-]+")}$`),
)

const forms = (text: string | Forms): string[] => (typeof text === "string" ? [text] : Object.values(text))
const holes = (text: string): string[] => [...new Set(text.match(/\{[a-z]+\}/gi) ?? [])].sort()
const words = (text: string): string[] => text.split(/\s+/).filter((word) => /\p{L}/u.test(word))

const catalogues: Readonly<Record<Language, Catalogue>> = { de, en, es, fr, ar }
const others = languages.map(({ tag }) => tag).filter((tag) => tag !== "en")
const keys = Object.keys(en) as Key[]

describe("English, which is the list of keys", () => {
  test("has no key that the interface never asks for", () => expect(keys.filter((key) => !isUsed(key))).toEqual([]))

  test("has every key that the interface asks for", () => {
    const asked = [...source.matchAll(/\b(?:t|sayAny)\(\s*"([^"]+)"|\bk="([^"]+)"/g)].map((match) => match[1] ?? match[2])
    expect(asked.length).toBeGreaterThan(100)
    expect(asked.filter((key) => !keys.some((known) => known === key))).toEqual([])
  })
})

describe.each(others)("the catalogue in %s", (tag) => {
  const catalogue = catalogues[tag]

  test("has exactly the keys of English", () => expect(Object.keys(catalogue).sort()).toEqual([...keys].sort()))

  test("is translated: no sentence is the English one", () => {
    const same = keys.filter((key) => {
      const english = new Set(forms(en[key]))
      return forms(catalogue[key]).some((text) => english.has(text) && words(text).length > 3)
    })
    expect(same).toEqual([])
  })
})

describe.each(languages)("in $name", ({ tag }) => {
  const catalogue = catalogues[tag]

  test("a text has the values that the English one has", () => {
    for (const key of keys) {
      const wanted = [...new Set(forms(en[key]).flatMap(holes))].sort()
      const text = catalogue[key]
      if (typeof text === "string") expect(holes(text), key).toEqual(wanted)
      else for (const form of forms(text)) expect(wanted, key).toEqual(expect.arrayContaining(holes(form)))
    }
  })

  test("a plural has exactly the forms that the language distinguishes", () => {
    const wanted = new Intl.PluralRules(tag).resolvedOptions().pluralCategories
    for (const key of keys) {
      const text = catalogue[key]
      expect(typeof text, key).toBe(typeof en[key])
      if (typeof text === "string") continue
      expect(Object.keys(text).sort(), key).toEqual([...wanted].sort())
      expect(text.other, key).toMatch(/\{(count|names)\}/)
    }
  })

  test("a form that does not say its number stands for one number only", () => {
    const rules = new Intl.PluralRules(tag)
    for (const key of keys) {
      const text = catalogue[key]
      if (typeof text === "string" || text.other.includes("{names}")) continue
      for (const [rule, form] of Object.entries(text)) {
        if (form.includes("{count}")) continue
        const numbers = Array.from({ length: 200 }, (_, n) => n).filter((n) => rules.select(n) === rule)
        expect(numbers, `${key} ${rule}`).toHaveLength(1)
      }
    }
  })

  test("no text is empty, has a stray space or is written in two ways of quoting", () => {
    for (const key of keys)
      for (const text of forms(catalogue[key])) {
        expect(text, key).not.toBe("")
        expect(text, key).toBe(text.trim())
        expect(text, key).not.toMatch(/ {2}|"|'(?=\s)/)
      }
  })
})

beforeEach(() => chooseLanguage([]))

describe("the language", () => {
  const page = document.documentElement

  test("is the first of the browser's that there is, with its region for numbers", async () => {
    await chooseLanguage(["nl", "de-CH", "fr"])
    expect([language.value, locale.value, page.lang, page.dir]).toEqual(["de", "de-CH", "de", "ltr"])
    expect(t("action.close")).toBe("Schließen")
  })
  test("is English where none of the browser's is there", async () => {
    await chooseLanguage(["ar"])
    await chooseLanguage(["nl", "eo"])
    expect([language.value, locale.value, page.lang, page.dir]).toEqual(["en", "en", "en", "ltr"])
  })
  test("runs from right to left in Arabic", async () => {
    await chooseLanguage(["ar-EG"])
    expect([page.lang, page.dir]).toEqual(["ar", "rtl"])
  })
  test("that was chosen is kept on the device", async () => {
    const { startLanguage } = await import("./choice")
    vi.stubGlobal("navigator", { languages: ["fr-CA", "es-MX"] })
    await changeLanguage("es")
    expect([language.value, locale.value]).toEqual(["es", "es-MX"])
    await chooseLanguage([])
    await startLanguage()
    expect([language.value, locale.value]).toEqual(["es", "es-MX"])
    localStorage.setItem("careseal.language", "es-!")
    await startLanguage()
    expect([language.value, locale.value]).toEqual(["fr", "fr-CA"])
    localStorage.clear()
    vi.unstubAllGlobals()
  })
  test("that was chosen last wins, whichever is loaded first", async () => {
    await Promise.all([chooseLanguage(["ar"]), chooseLanguage(["en"])])
    expect([language.value, page.dir]).toEqual(["en", "ltr"])
  })
})

describe("t", () => {
  test("puts values in", () => expect(t("people.remove.title", { name: "Ann" })).toBe("Remove Ann?"))
  test("chooses the plural form", () => {
    expect(t("dashboard.people", { count: 1 })).toBe("1 person")
    expect(t("dashboard.people", { count: 1200 })).toBe("1,200 people")
  })
  test("counts in Arabic with six forms", async () => {
    await chooseLanguage(["ar-MA"])
    const said = [0, 1, 2, 3, 11, 100].map((count) => t("dashboard.people", { count }))
    expect(said).toEqual(["لا أحد", "شخص واحد", "شخصان", "3 أشخاص", "11 شخصًا", "100 شخص"])
  })
  test("isolates a value in a sentence that runs from right to left", async () => {
    await chooseLanguage(["ar"])
    expect(t("people.removeName", { name: "Ann" })).toBe("إزالة \u2068Ann\u2069")
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
  test("are the language's own", async () => {
    const at = new Date(2026, 10, 24, 15, 5).getTime()
    const said: Record<string, string[]> = {}
    for (const tag of ["de-DE", "es-ES", "fr-FR", "ar-EG"]) {
      await chooseLanguage([tag])
      const texts = [length(3660), length(90), bytes(1_234_567), clock(247), timeOfDay(at)]
      said[tag] = texts.map((text) => text.replaceAll(/\s/g, " "))
    }
    expect(said).toEqual({
      "de-DE": ["1 Stunde, 1 Minute", "1 Minute, 30 Sekunden", "1,2 MB", "4:07", "15:05"],
      "es-ES": ["1 hora 1 minuto", "1 minuto 30 segundos", "1,2 MB", "4:07", "15:05"],
      "fr-FR": ["1 heure 1 minute", "1 minute 30 secondes", "1,2 Mo", "4:07", "15:05"],
      "ar-EG": ["ساعة ودقيقة", "دقيقة و٣٠ ثانية", "١٫٢ م.ب", "٤:٠٧", "٣:٠٥ م"],
    })
  })
  test("days are told from today", () => {
    const now = new Date(2026, 10, 24, 0, 30).getTime()
    expect(dayName(now - 3_600_000, now)).toBe("Yesterday")
    expect(dayName(now, now)).toBe("Today")
    expect(dayName(new Date(2026, 0, 2).getTime(), now)).toContain("2026")
  })
})
