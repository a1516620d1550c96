import { expect, test } from "vitest"
import { type SessionSummary, type Waiting } from "../../lib/session/types"
import { type AccountSession } from "../account"
import { behind, elsewhere, found, knockable, rowsOf, unlisted } from "./rows"

const ann = { id: "ann", name: "Ann", role: "guest" as const }
const colleague = { id: "cole", name: "Dr Cole", role: "host" as const }

function local(id: string, more: Partial<SessionSummary> = {}): SessionSummary {
  return {
    id, title: "", role: "host", lastActivityAt: 10, unread: 0, people: 2, self: "me", others: [ann, colleague], head: 5,
    phase: "joined", ...more,
  }
}

function told(id: string, more: Partial<AccountSession> = {}): AccountSession {
  return { id, head: 5, createdAt: 1, expiresAt: 1000, lastActivityAt: 10, ended: false, present: [], ...more }
}

const known = (sessions: SessionSummary[], account: AccountSession[] | undefined) => ({
  local: sessions, account, notes: new Map([["a", "Anxious"]]), knocks: new Map<string, Waiting[]>(),
})

test("a guest who is there alone waits; with a clinician there, nobody does", () => {
  const rows = (present: string[]) => rowsOf(known([local("a")], [told("a", { present })]))[0]
  expect(rows(["ann"])).toMatchObject({ waiting: [{ name: "Ann" }], here: [] })
  expect(rows(["ann", "me"])).toMatchObject({ waiting: [], here: [{ name: "Ann" }] })
  expect(rows(["ann", "cole"])).toMatchObject({ waiting: [], here: [{ name: "Ann" }, { name: "Dr Cole" }] })
  expect(rows([])).toMatchObject({ waiting: [], here: [] })
})

test("a guest whom nobody has admitted waits though a clinician is there", () => {
  const sam = { id: "sam", name: "Sam", role: "guest" as const, waitsSince: 7 }
  const summary = local("a", { others: [ann, sam] })
  const [row] = rowsOf(known([summary], [told("a", { present: ["ann", "sam", "me"] })]))
  expect(row).toMatchObject({ waiting: [{ name: "Sam", waitsSince: 7 }], here: [{ name: "Ann" }] })
  expect(rowsOf(known([summary], [told("a")]))[0]?.waiting).toEqual([])
})

test("who asks to come in waits, and is asked for only where a link needs admitting", () => {
  const knock = { key: "knock:1", name: "Lee", label: "", since: 7, here: true, asks: true, besides: "" }
  const sessions = [
    local("a", { knockable: true }), local("b"), local("c", { knockable: true, phase: "ended" }),
    local("d", { knockable: true, role: "guest" }),
  ]
  const all = { ...known(sessions, [told("a", { present: ["ann"] })]), knocks: new Map([["a", [knock]], ["c", [knock]]]) }
  expect(rowsOf(all).map(({ waiting }) => waiting.map(({ name }) => name))).toEqual([["Ann", "Lee"], [], [], []])
  expect(knockable(all).map(({ id }) => id)).toEqual(["a"])
})

test("nobody waits for a guest, nor in a visit that has ended", () => {
  const rows = (more: Partial<SessionSummary>) => rowsOf(known([local("a", more)], [told("a", { present: ["ann"] })]))[0]
  expect(rows({ role: "guest" })?.waiting).toEqual([])
  expect(rows({ phase: "ended" })?.waiting).toEqual([])
})

test("rows stand by last activity, which the server may know better, and carry notes and end", () => {
  const sessions = [local("a"), local("b", { lastActivityAt: 20 }), local("c", { lastActivityAt: 5 })]
  const rows = rowsOf(known(sessions, [told("a", { lastActivityAt: 30, ended: true })]))
  expect(rows.map(({ id }) => id)).toEqual(["a", "b", "c"])
  expect(rows[0]).toMatchObject({ phase: "ended", notes: "Anxious", expiresAt: 1000 })
  expect(rows[1]).not.toHaveProperty("expiresAt")
})

test("what the account made on another device is told apart", () => {
  const account = [told("a"), told("x", { lastActivityAt: 1 }), told("y", { lastActivityAt: 2 })]
  expect(elsewhere(known([local("a")], account)).map(({ id }) => id)).toEqual(["y", "x"])
  expect(elsewhere(known([local("a")], undefined))).toEqual([])
})

test("only sessions that are open here and went on at the server are behind", () => {
  const sessions = [local("a"), local("b"), local("c", { phase: "ended" })]
  const account = [told("a"), told("b", { head: 6 }), told("c", { head: 9 }), told("x", { head: 9 })]
  expect(behind(known(sessions, account)).map(({ id }) => id)).toEqual(["b"])
  expect(unlisted(known(sessions, [told("a")])).map(({ id }) => id)).toEqual(["b"])
})

test("a session is found by its label, its notes and the names of people", () => {
  const rows = rowsOf(known([local("a", { title: "Knie" }), local("b", { others: [{ ...ann, name: "Zoë" }] })], []))
  const ids = (query: string) => found(rows, query).map(({ id }) => id)
  expect([ids("knie"), ids("anxi"), ids("zoe"), ids(" ")]).toEqual([["a"], ["a"], ["b"], ["a", "b"]])
})
