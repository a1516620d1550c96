import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { Profile, until } from "./testing/device.ts"
import { eventsOf, fragmentOf, World } from "./testing/world.ts"
import { type Session } from "./types.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const waits = (page: Session) => page.participants.value.some(({ self, waiting }) => self && waiting)
const keys = (page: Session) => page.waiting.value.map(({ key }) => key)

test("a guest waits from its join until a host admits it, and has written meanwhile", async () => {
  const { id, secret, host, profile } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await until(() => host.waiting.value.length === 1)
  expect(host.waiting.value[0]).toMatchObject({ name: "Sam", label: "" })
  expect(host.waiting.value[0]?.since).toBeGreaterThan(0)
  expect(waits(guest)).toBe(true)
  expect(guest.waiting.value).toEqual([])
  await guest.sendText("I am here")
  expect((await profile.page().list())[0]?.others[0]?.waitsSince).toBeGreaterThan(0)
  await host.admit(keys(host))
  await until(() => !waits(guest))
  expect(eventsOf(guest)).toContain("admitted")
  await until(() => host.waiting.value.length === 0)
  await expect.poll(async () => (await profile.page().list())[0]?.others[0]).not.toHaveProperty("waitsSince")
  await expect(guest.admit(["x"])).rejects.toMatchObject({ reason: "not-allowed" })
})

test("who was admitted stays so over a reload, and with a second device", async () => {
  const { id, secret, host, profile } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await until(() => host.waiting.value.length === 1)
  await host.admit(keys(host))
  await until(() => !waits(guest))
  const second = await world.joined(id, secret, "Sam's phone")
  await until(() => !waits(second))
  expect(eventsOf(second)).not.toContain("admitted")
  expect(host.waiting.value).toEqual([])
  await host.closed()
  const again = await world.opened(profile, id)
  await until(() => again.participants.value.length === 2)
  expect(again.waiting.value).toEqual([])
})

test("another host sees who waits and who does not, and may admit", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await until(() => host.waiting.value.length === 1)
  await host.admit(keys(host))
  await until(() => !waits(guest))
  const other = await host.invite({ role: "guest", label: "Interpreter" })
  const colleague = await host.invite({ role: "host", label: "" })
  const third = await world.joined(id, fragmentOf(other.link), "Ana")
  const second = await world.joined(id, fragmentOf(colleague.link), "Dr Lee")
  await until(() => second.waiting.value.length === 1)
  expect(second.waiting.value[0]).toMatchObject({ name: "Ana", label: "Interpreter" })
  await second.admit(keys(second))
  await until(() => !waits(third) && host.waiting.value.length === 0)
})

test("a call that a host starts admits who is in, a guest's does not", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await until(() => host.waiting.value.length === 1)
  await guest.line.announce("A".repeat(22), "started")
  await until(() => eventsOf(host).includes("call"))
  expect(host.waiting.value.length).toBe(1)
  await host.line.announce(`${"B".repeat(21)}A`, "started")
  await until(() => !waits(guest) && host.waiting.value.length === 0)
})

test("who has left waits anew when it comes by the same link", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await until(() => host.waiting.value.length === 1)
  await host.admit(keys(host))
  await until(() => !waits(guest))
  await guest.leave()
  await until(() => host.participants.value.length === 1)
  const back = await world.joined(id, secret, "Sam", new Profile())
  await until(() => host.waiting.value.length === 1)
  expect(waits(back)).toBe(true)
})

test("being late is told to who waits, and stands in the letter of who comes after", async () => {
  const { id, secret, host } = await world.founded()
  await host.runLate(15)
  await until(() => host.unsent.value === 0)
  const guest = await world.joined(id, secret, "Sam")
  await until(() => guest.late.value?.minutes === 15)
  await host.runLate(5)
  await until(() => guest.late.value?.minutes === 5)
  expect(guest.late.value?.name).toBe("Dr Roe")
  expect(eventsOf(guest).filter((type) => type === "late")).toHaveLength(2)
  await expect(guest.runLate(5)).rejects.toMatchObject({ reason: "not-allowed" })
})
