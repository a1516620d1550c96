/** Compact JSON and the shapes that values must have (docs/protocol.md §1.3). */
import { type Bytes, fromBase64Url, fromUtf8, utf8 } from "./bytes.ts"
import { Malformed } from "./errors.ts"

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

const deepest = 16
const loneSurrogate = /\p{Surrogate}/u
const memberName = /^[a-z][A-Za-z0-9]*$/

/** Throws Malformed for what the protocol's JSON has no place for. */
export function encodeJson(value: unknown): Bytes {
  return utf8(write(value, 1))
}

/** Takes only what encodes back to the same bytes. Throws Malformed. */
export function decodeJson(bytes: Uint8Array): Json {
  const text = fromUtf8(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Malformed("not JSON")
  }
  if (write(value, 1) !== text) throw new Malformed("JSON that is not compact")
  return value as Json
}

function write(value: unknown, depth: number): string {
  if (value === null || typeof value === "boolean") return String(value)
  if (typeof value === "object") return writeNested(value, depth)
  if (typeof value === "string" && !loneSurrogate.test(value)) return JSON.stringify(value)
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return String(value)
  throw new Malformed("JSON: no such value")
}

function writeNested(value: object, depth: number): string {
  if (depth > deepest) throw new Malformed("JSON: nested too deep")
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(",")}]`
  const members = Object.entries(value).map(([name, item]) => {
    if (!memberName.test(name)) throw new Malformed("JSON: member name")
    return `"${name}":${write(item, depth + 1)}`
  })
  return `{${members.join(",")}}`
}

/** Gives the value back, typed, or throws Malformed naming the place. */
export type Shape<T> = (value: Json, place: string) => T

export type Of<S> = S extends Shape<infer T> ? T : never

function wrong(place: string): never {
  throw new Malformed(`JSON: ${place}`)
}

/** b(n): base64url text of `length` bytes; of any number up to `most` when it is left out. */
export function bytes(length?: number, most?: number): Shape<string> {
  return (value, place) => {
    if (typeof value !== "string") wrong(place)
    if (length !== undefined && value.length !== Math.ceil((length * 4) / 3)) wrong(place)
    const decoded = fromBase64Url(value, length)
    if (most !== undefined && decoded.length > most) wrong(place)
    return value
  }
}

/** text(n): a string of `least` to `most` bytes of UTF-8. */
export function text(most: number, least = 0): Shape<string> {
  return (value, place) => {
    if (typeof value !== "string" || value.length > most) wrong(place)
    const length = utf8(value).length
    return length > most || length < least ? wrong(place) : value
  }
}

export function integer(least = 0, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, place) => (typeof value !== "number" || value < least || value > most ? wrong(place) : value)
}

export const bool: Shape<boolean> = (value, place) => (typeof value === "boolean" ? value : wrong(place))

export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
  return (value, place) => values.find((each) => each === value) ?? wrong(place)
}

export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value, place) => (value === null ? null : shape(value, place))
}

export function list<T>(item: Shape<T>, most: number, least = 0): Shape<T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length > most || value.length < least) wrong(place)
    return (value as readonly Json[]).map((each, i) => item(each, `${place}[${i}]`))
  }
}

export function tuple<const S extends readonly Shape<unknown>[]>(
  ...items: S
): Shape<{ -readonly [K in keyof S]: Of<S[K]> }> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length !== items.length) wrong(place)
    return items.map((item, i) => item((value as readonly Json[])[i] ?? null, `${place}[${i}]`)) as never
  }
}

type Members = Record<string, Shape<unknown>>
type Needed<M extends Members> = { [K in keyof M]: Of<M[K]> }
type Optional<M extends Members> = { [K in keyof M]?: Of<M[K]> }

/** All of `needed`, any of `optional`, nothing else. */
export function object<const N extends Members>(needed: N): Shape<Needed<N>>
export function object<const N extends Members, const O extends Members>(
  needed: N,
  optional: O,
): Shape<Needed<N> & Optional<O>>
export function object(needed: Members, optional: Members = {}): Shape<Record<string, unknown>> {
  const names = Object.keys(needed)
  return (value, place) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) wrong(place)
    const members = value as Readonly<Record<string, Json>>
    for (const name of names) if (!Object.hasOwn(members, name)) wrong(`${place}.${name}`)
    const checked = Object.entries(members).map(([name, member]) => {
      const shapes = Object.hasOwn(needed, name) ? needed : optional
      const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined
      return [name, shape === undefined ? wrong(`${place}.${name}`) : shape(member, `${place}.${name}`)]
    })
    return Object.fromEntries(checked) as Record<string, unknown>
  }
}

/** The member `type` of an object, whatever else it has. */
export function typeOf(value: Json, place: string): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) wrong(place)
  const type = (value as Readonly<Record<string, Json>>)["type"]
  return typeof type === "string" ? type : wrong(`${place}.type`)
}
