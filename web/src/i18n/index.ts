/** Words of the interface: `t("key", params)`, checked by the compiler against the English catalogue. */
import { batch, signal } from "@preact/signals"
import { en } from "./en"

type English = typeof en
export type Key = keyof English

/** Forms of a plural; which of them a language uses is Intl.PluralRules' to say. */
export type Forms = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string }
/** A catalogue of another language has these keys, and plural forms where English has them. */
export type Catalogue = { readonly [K in Key]: English[K] extends string ? string : Forms }

type NamesIn<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never
/** Placeholders of a key: `{count}` is a number, the others are text. */
export type Names<K extends Key> = English[K] extends string ? NamesIn<English[K]> : NamesIn<English[K][keyof English[K]]> | "count"
type Value<Name, V> = Name extends "count" ? number : V
type Params<K extends Key, V> = { readonly [N in Names<K>]: Value<N, V> }
export type Args<K extends Key, V = string> = [Names<K>] extends [never] ? [] : [Params<K, V>]

const english: Catalogue = en
/** Add a language here and a catalogue beside en.ts. Each but English is a chunk of its own. */
const all = {
  de: { name: "Deutsch", direction: "ltr", load: async () => (await import("./de")).default },
  en: { name: "English", direction: "ltr", load: () => Promise.resolve(english) },
  es: { name: "Español", direction: "ltr", load: async () => (await import("./es")).default },
  fr: { name: "Français", direction: "ltr", load: async () => (await import("./fr")).default },
  ar: { name: "العربية", direction: "rtl", load: async () => (await import("./ar")).default },
} as const satisfies Record<string, { name: string; direction: "ltr" | "rtl"; load: () => Promise<Catalogue> }>
export type Language = keyof typeof all

/** Every language, by the name that it has for itself. */
export const languages = Object.entries(all).map(([tag, { name }]) => ({ tag: tag as Language, name }))

const catalogue = signal<Catalogue>(english)
/** Language of the words, as a tag for the `lang` attribute. */
export const language = signal<Language>("en")
/** Language and region for dates and numbers. */
export const locale = signal("en")
let latest = 0

/** Chooses the first language that the person prefers and that there is; English where its words cannot be loaded. */
export async function chooseLanguage(preferred: readonly string[]): Promise<void> {
  const turn = ++latest
  const chosen = preferred.map(primary).find(isLanguage) ?? "en"
  const words = await all[chosen].load().catch(() => undefined)
  if (turn !== latest) return
  const tag = words ? chosen : "en"
  batch(() => {
    catalogue.value = words ?? english
    language.value = tag
    // "de" may have been chosen in words, and "de-AT" be what the device says of the region.
    locale.value = preferred.find((wanted) => primary(wanted) === tag && wanted !== tag) ?? tag
  })
  document.documentElement.lang = tag
  document.documentElement.dir = all[tag].direction
}

const primary = (tag: string): string => tag.toLowerCase().split("-")[0] ?? ""
const isLanguage = (tag: string): tag is Language => Object.hasOwn(all, tag)

/** Whether the words run from right to left. */
export const rightToLeft = (): boolean => all[language.value].direction === "rtl"

function form(text: string | Forms, count: unknown): string {
  if (typeof text === "string") return text
  const rule = new Intl.PluralRules(language.value).select(typeof count === "number" ? count : 0)
  return text[rule] ?? text.other
}

/** The pieces of a text: plain strings, and `{ name }` where a value goes. */
export function pieces(key: Key, count?: unknown): (string | { name: string })[] {
  return form(catalogue.value[key], count)
    .split(/\{([a-z]+)\}/i)
    .map((piece, i) => (i % 2 === 1 ? { name: piece } : piece))
    .filter((piece) => piece !== "")
}

/** Text with its values put in; numbers are written as the language does. */
export const t = <K extends Key>(key: K, ...args: Args<K>): string => sayAny(key, args[0] ?? {})

/** For keys that are chosen at run time; `t` is checked more closely. */
export function sayAny(key: Key, values: Readonly<Record<string, string | number>>): string {
  return pieces(key, values["count"])
    .map((piece) => (typeof piece === "string" ? piece : plain(values[piece.name])))
    .join("")
}

/** A number as the language writes it. */
export const number = (value: number): string => new Intl.NumberFormat(locale.value).format(value)

/** From right to left a value is isolated, so that a name in Latin letters does not turn the sentence around. */
function plain(value: string | number | undefined): string {
  if (typeof value === "number") return number(value)
  return value && rightToLeft() ? `\u2068${value}\u2069` : (value ?? "")
}
