/** What was plugged in, from the lists of devices before and after. */
import { type Device } from "./types.ts"

/** Entries that stand for another of the list. */
const ALIASES: ReadonlySet<string> = new Set(["default", "communications"])

/** The ends of the one thing that is new; undefined where nothing is, or the browser does not yet tell devices apart. */
export function cameFrom(before: readonly Device[], now: readonly Device[]): readonly Device[] | undefined {
  if (before.length === 0) return undefined
  const known = new Set(before.map(({ kind, id }) => `${kind} ${id}`))
  const fresh = now.filter(({ kind, id, label }) => label !== "" && !ALIASES.has(id) && !known.has(`${kind} ${id}`))
  const [first] = fresh
  return first && fresh.filter((device) => device === first || (device.group !== "" && device.group === first.group))
}
