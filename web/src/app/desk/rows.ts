/** What the list of sessions shows: what this device keeps, joined with what the server tells of the account's sessions. Pure. */
import { type SessionSummary, type Waiting } from "../../lib/session/types"
import { type AccountSession } from "../account"
import { matches } from "./search"

export interface Person {
  id: string
  name: string
  /** When it came to wait, ms, where the log of the session tells. */
  waitsSince?: number
  /** It is not in yet, and asks to be let in. */
  knock?: Waiting
}

export interface Row extends SessionSummary {
  /** Guests who are there and whom no clinician has admitted, or with whom there is no clinician now; and who asks to come in. */
  waiting: readonly Person[]
  /** Anybody else who is there now. */
  here: readonly Person[]
  notes: string
  /** When the server deletes it, ms; undefined when it was not told. */
  expiresAt?: number
}

export interface Known {
  local: readonly SessionSummary[]
  /** Undefined when nobody is signed in, or the server cannot be reached. */
  account: readonly AccountSession[] | undefined
  notes: ReadonlyMap<string, string>
  /** Who asks to come in, by session. */
  knocks: ReadonlyMap<string, readonly Waiting[]>
}

/** By last activity, as this device or the server knows it. */
export function rowsOf({ local, account, notes, knocks }: Known): Row[] {
  const told = new Map(account?.map((session) => [session.id, session]))
  return local
    .map((summary) => rowOf(summary, told.get(summary.id), notes.get(summary.id) ?? "", knocks.get(summary.id) ?? []))
    .sort((a, b) => b.lastActivityAt - a.lastActivityAt)
}

function rowOf(summary: SessionSummary, told: AccountSession | undefined, notes: string, knocks: readonly Waiting[]): Row {
  const present = new Set(told?.present)
  const hostThere = present.has(summary.self) || summary.others.some(({ id, role }) => role === "host" && present.has(id))
  const there = summary.others.filter(({ id }) => present.has(id))
  const open = summary.role === "host" && summary.phase === "joined"
  const inside = open ? there.filter(({ role, waitsSince }) => role === "guest" && (!hostThere || waitsSince !== undefined)) : []
  return {
    ...summary,
    phase: told?.ended && summary.phase === "joined" ? "ended" : summary.phase,
    lastActivityAt: Math.max(summary.lastActivityAt, told?.lastActivityAt ?? 0),
    waiting: [...inside, ...(open ? knocks.map(asPerson) : [])],
    here: there.filter((person) => !inside.includes(person)),
    notes,
    ...(told ? { expiresAt: told.expiresAt } : {}),
  }
}

const asPerson = (knock: Waiting): Person => ({ id: knock.key, name: knock.name, waitsSince: knock.since, knock })

/** Sessions before whose door somebody may stand: no log tells of it. */
export function knockable({ local }: Known): SessionSummary[] {
  return local.filter(({ role, phase, knockable }) => role === "host" && phase === "joined" && knockable)
}

/** Sessions of the account that this device has no keys to, the newest first. */
export function elsewhere({ local, account }: Known): AccountSession[] {
  const here = new Set(local.map(({ id }) => id))
  return (account ?? []).filter(({ id }) => !here.has(id)).sort((a, b) => b.lastActivityAt - a.lastActivityAt)
}

/** Sessions whose log went on at the server, the most recently active first. */
export function behind({ local, account }: Known): AccountSession[] {
  const heads = new Map(local.filter(({ phase }) => phase === "joined").map(({ id, head }) => [id, head]))
  return (account ?? [])
    .filter(({ id, head }) => head > (heads.get(id) ?? Infinity))
    .sort((a, b) => b.lastActivityAt - a.lastActivityAt)
}

/** Open sessions of which the account's list says nothing: made by somebody else, or nobody is signed in. */
export function unlisted({ local, account }: Known): SessionSummary[] {
  const listed = new Set(account?.map(({ id }) => id))
  return local.filter(({ id, phase }) => phase === "joined" && !listed.has(id))
}

export function found(rows: readonly Row[], query: string): readonly Row[] {
  if (query.trim() === "") return rows
  return rows.filter(({ title, notes, others }) => matches(query, [title, notes, ...others.map(({ name }) => name)]))
}
