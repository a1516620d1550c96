import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { toBase64Url } from "../encryption/e2ee.ts"
import { texts, until } from "./testing/device.ts"
import { shows, World } from "./testing/world.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const random = (length: number) => toBase64Url(crypto.getRandomValues(new Uint8Array(length)))

/** A chat of two, with something in the log. */
async function chat() {
  const made = await world.founded()
  const guest = await world.joined(made.id, made.secret, "Sam")
  await made.host.sendText("one")
  await shows(guest, "one")
  await guest.sendText("two")
  await shows(made.host, "two")
  return { ...made, guest, place: world.server.place(made.id) }
}

test("a server that shows two people different logs is found out, and sending stops, also after a reload", async () => {
  const { id, host, guest, profile } = await chat()
  const guestId = guest.self.value?.id
  // From here on, what one writes is withheld from the other, and the other's log is filled with something else.
  const place = world.server.place(id)
  const fork = [...place.log]
  world.server.shows = (log, member) => (member === guestId ? log : fork)
  const { lastCommit } = { lastCommit: fork.findLast(({ kind }) => kind === "commit")?.seq ?? 0 }
  fork.push({ seq: fork.length + 1, kind: "chat", parent: lastCommit, id: random(16), body: random(300), at: Date.now() })
  for (const socket of world.server.sockets) socket.catchUp()
  await guest.sendText("only I see this")
  await until(() => place.log.length === fork.length)
  // Now they are led together again: the host sees a message that was written upon the other log.
  await guest.sendText("which log?")
  await until(() => place.log.length > fork.length)
  fork.push(...place.log.slice(fork.length))
  for (const socket of world.server.sockets) socket.catchUp()
  await until(() => host.alarms.value.some(({ kind }) => kind === "fork"))
  await expect(host.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
  await host.closed()
  const again = await world.opened(profile, id)
  expect(again.alarms.value.some(({ kind }) => kind === "fork")).toBe(true)
  await expect(again.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

test("a log that was rolled back is an alarm", async () => {
  const { guest, place } = await chat()
  place.log.length -= 2
  world.server.breakSockets()
  await until(() => guest.alarms.value.some(({ kind }) => kind === "rolled-back"))
  await expect(guest.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

test("a head that was told late is no alarm", async () => {
  const { guest, host, place } = await chat()
  for (const socket of world.server.sockets) socket.give({ type: "beat", head: place.log.length - 1 })
  await host.sendText("after the beat")
  await shows(guest, "after the beat")
  expect(guest.alarms.value).toEqual([])
})

test("an entry with a wrong parent is an alarm that stops", async () => {
  const { guest, host, place } = await chat()
  world.server.append(place, "chat", random(16), 0, random(300))
  for (const page of [guest, host]) {
    await until(() => page.alarms.value.some(({ kind, stops }) => kind === "wrong-parent" && stops))
  }
  await expect(guest.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

test("a commit that nobody could make changes nothing, is told, and the talk goes on", async () => {
  const { id, secret, guest, host, place } = await chat()
  const parent = place.log.findLast(({ kind }) => kind === "commit")?.seq ?? 0
  world.server.append(place, "commit", random(16), parent, random(2000))
  for (const page of [guest, host]) {
    await until(() => page.alarms.value.some(({ kind, stops }) => kind === "void-commit" && !stops))
  }
  await guest.sendText("still here")
  await shows(host, "still here")
  expect(host.participants.value).toHaveLength(2)
  // The door was mended for it by the host.
  const phone = await world.joined(id, secret, "Sam's phone")
  await phone.sendText("in")
  await shows(host, "in")
})

test("a body that was changed on the way is shown as unreadable, and nothing of it as text", async () => {
  const { guest, host, place } = await chat()
  const hostId = host.self.value?.id
  world.server.shows = (log, member) =>
    member === hostId ? log : log.map((row) => (row.seq === place.log.length && row.seq > 4 ? { ...row, body: random(300) } : row))
  await host.sendText("changed")
  await until(() => guest.timeline.value.some((item) => item.kind === "event" && item.event.type === "unreadable"))
  expect(texts(guest.timeline)).not.toContain("changed")
})
