/** Words of the interface: `t("key", params)`, checked by the compiler against the English catalogue. */
import { signal } from "@preact/signals"
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

interface Language {
  tag: string
  direction: "ltr" | "rtl"
  load: () => Promise<Catalogue>
}

const english: Catalogue = en
/** Add a language here and a catalogue beside en.ts. */
const languages: readonly Language[] = [{ tag: "en", direction: "ltr", load: () => Promise.resolve(english) }]

const catalogue = signal<Catalogue>(english)
/** Language of the words, as a tag for the `lang` attribute. */
export const language = signal("en")
/** Language and region for dates and numbers. */
export const locale = signal("en")

/** Chooses the first language that the person prefers and that there is. */
export async function chooseLanguage(preferred: readonly string[]): Promise<void> {
  for (const wanted of preferred) {
    const found = languages.find(({ tag }) => wanted === tag || wanted.startsWith(`${tag}-`))
    if (!found) continue
    catalogue.value = await found.load()
    language.value = found.tag
    locale.value = wanted
    document.documentElement.lang = found.tag
    document.documentElement.dir = found.direction
    return
  }
}

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

function plain(value: string | number | undefined): string {
  return typeof value === "number" ? new Intl.NumberFormat(locale.value).format(value) : (value ?? "")
}
