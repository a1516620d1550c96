// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from "vitest"
import { type SessionSummary, type Sessions } from "../../lib/session/types"
import { type AccountSession } from "../account"
import { Desk } from "./desk"

const summary = (id: string): SessionSummary => ({
  id, title: id, role: "host", lastActivityAt: 0, unread: 0, people: 1, self: "me", others: [], head: 1, phase: "joined",
})
const row = (id: string, head: number): AccountSession => ({
  id, head, createdAt: 0, expiresAt: 1, lastActivityAt: head, ended: false, present: [],
})

function world(local: SessionSummary[], account: () => Promise<AccountSession[] | undefined>) {
  let running = 0
  const most = { atOnce: 0 }
  const asked: string[] = []
  const doors: string[] = []
  const sessions = {
    list: () => Promise.resolve(local),
    notes: { all: () => Promise.resolve(new Map()) },
    catchUp: async (id: string) => {
      asked.push(id)
      running += 1
      most.atOnce = Math.max(most.atOnce, running)
      await Promise.resolve()
      running -= 1
      return true
    },
    knocks: (id: string) => {
      doors.push(id)
      return Promise.resolve([{ key: "knock:1", name: "Lee" }])
    },
  } as unknown as Sessions
  desk = new Desk(() => Promise.resolve(sessions), { sessions: account })
  return { desk, asked, doors, most }
}

let desk: Desk
afterEach(() => {
  desk.close()
  vi.useRealTimers()
})

test("only sessions that went on are read, two at a time and twenty after one look", async () => {
  const ids = Array.from({ length: 30 }, (_, i) => `s${i}`)
  const still = summary("still")
  const made = world([...ids.map(summary), still], () => Promise.resolve([...ids.map((id) => row(id, 5)), row("still", 1)]))
  await made.desk.look()
  expect(new Set(made.asked).size).toBe(20)
  expect(made.asked).not.toContain("still")
  expect(made.most.atOnce).toBe(2)
})

test("a session that cannot be read on is left after three tries, until there is something new", async () => {
  let head = 5
  const made = world([summary("a")], () => Promise.resolve([row("a", head)]))
  for (let i = 0; i < 5; i++) await made.desk.look()
  expect(made.asked).toEqual(["a", "a", "a"])
  head = 6
  await made.desk.look()
  expect(made.asked).toHaveLength(4)
})

test("it looks again by itself, and not after it was closed", async () => {
  vi.useFakeTimers()
  const account = vi.fn(() => Promise.resolve<AccountSession[]>([]))
  const made = world([summary("a")], account)
  await made.desk.look()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(account).toHaveBeenCalledTimes(2)
  made.desk.close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(account).toHaveBeenCalledTimes(2)
})

test("with the server away the list stays, and nobody is said to be there", async () => {
  let away = false
  const made = world([summary("a")], () =>
    away ? Promise.reject(new Error("away")) : Promise.resolve([{ ...row("a", 1), present: ["x"] }]),
  )
  await made.desk.look()
  away = true
  await made.desk.look()
  expect(made.desk.serverAway.value).toBe(true)
  expect(made.desk.known.value?.local).toHaveLength(1)
  expect(made.desk.known.value?.account?.[0]?.present).toEqual([])
})

test("who stands before a door is asked for at each look, twenty doors at a time, and is gone with the server", async () => {
  const doors = Array.from({ length: 25 }, (_, i) => ({ ...summary(`s${i}`), knockable: true as const }))
  let away = false
  const made = world([...doors, summary("no door")], () => (away ? Promise.reject(new Error("away")) : Promise.resolve([])))
  await made.desk.look()
  expect(made.doors).toHaveLength(20)
  await made.desk.look()
  expect(new Set(made.doors).size).toBe(25)
  expect(made.doors).not.toContain("no door")
  expect(made.desk.known.value?.knocks.get("s24")).toMatchObject([{ name: "Lee" }])
  away = true
  await made.desk.look()
  expect(made.desk.known.value?.knocks.size).toBe(0)
})
