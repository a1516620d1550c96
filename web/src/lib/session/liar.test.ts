import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { toBase64Url } from "../encryption/e2ee.ts"
import { type SessionPage } from "./page.ts"
import { texts, until } from "./testing/device.ts"
import { type Place } from "./testing/memoryServer.ts"
import { shows, World } from "./testing/world.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const random = (length: number) => toBase64Url(crypto.getRandomValues(new Uint8Array(length)))

/** Both have seen all that the server has, their own included. */
const haveAll = (place: Place, ...pages: SessionPage[]) =>
  until(() =>
    pages.every(({ engine }) => engine && engine.state?.head.seq === place.log.length && engine.outbox.all.length === 0),
  )

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
  await until(() => host.alarms.value.some(({ kind }) => kind === "contradiction"))
  await expect(host.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
  await host.closed()
  const again = await world.opened(profile, id)
  expect(again.alarms.value.some((alarm) => alarm.kind === "contradiction" && alarm.who === "Sam")).toBe(true)
  await expect(again.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

test("who was shown another log stops the sending only until a host has removed it", async () => {
  const { id, guest, host, place, profile } = await chat()
  const guestId = guest.self.value?.id
  const other = random(300)
  // Both receipts are in the log, so that the next entry is the one that is meant.
  await until(() =>
    [host, guest].every(({ engine }) => Object.values(engine?.core.receipts ?? {}).some(({ delivered }) => delivered > 0)),
  )
  const at = place.log.length + 1
  world.server.shows = (log, member) =>
    member === guestId ? log.map((row) => (row.seq === at ? { ...row, body: other } : row)) : log
  await host.sendText("not for Sam")
  await until(() => guest.timeline.value.some((item) => item.kind === "event" && item.event.type === "unreadable"))
  await guest.sendText("what was that?")
  await until(() => host.alarms.value.length > 0)
  expect(host.alarms.value).toMatchObject([{ kind: "contradiction", who: "Sam", role: "guest", member: guestId, stops: true }])
  await expect(host.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
  await expect(host.invite({ label: "another", role: "guest" })).rejects.toMatchObject({ reason: "stopped" })
  await host.closed()
  const again = await world.opened(profile, id)
  await expect(again.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
  await again.remove(guest.self.value?.inviteId ?? "")
  await until(() => again.alarms.value.length === 0)
  await again.sendText("now among us")
  await shows(again, "now among us")
  await until(() => guest.phase.value.kind === "removed")
})

test("a log that was rolled back is an alarm", async () => {
  const { guest, place } = await chat()
  place.log.length -= 2
  world.server.breakSockets()
  await until(() => guest.alarms.value.some(({ kind }) => kind === "rolled-back"))
  await expect(guest.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

/** The server is as it was: with so many entries, and who was in then. Both had seen what came after. */
async function restored(made: { host: SessionPage; guest: SessionPage; place: Place }, length: number, members = new Map(made.place.members)) {
  const { host, guest, place } = made
  await haveAll(place, host, guest)
  place.log.length = length
  place.members.clear()
  for (const [hash, member] of members) place.members.set(hash, member)
  world.server.breakSockets()
}

const isOffered = (page: SessionPage) => until(() => page.carrying.value === "offered")

test("after a restore, carrying on puts the same entries back, and both go on, also after a reload", async () => {
  const made = await chat()
  const { id, host, guest, place, profile } = made
  const before = place.log.length
  await host.sendText("three")
  await shows(guest, "three")
  await host.line.renew()
  await guest.sendText("four")
  await shows(host, "four")
  const whole = place.log.map(({ seq, kind, parent, id, body }) => ({ seq, kind, parent, id, body }))
  const sent = world.server.asked.length
  await restored(made, before)
  await isOffered(host)
  await isOffered(guest)
  await expect(guest.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
  expect(world.server.asked.slice(sent).filter(({ method }) => method === "POST")).toEqual([])
  await host.closed()
  const again = await world.opened(profile, id)
  await isOffered(again)
  await again.carryOn()
  await until(() => again.alarms.value.length === 0)
  expect(place.log.slice(0, whole.length)).toMatchObject(whole)
  await guest.carryOn()
  await until(() => guest.alarms.value.length === 0)
  await again.sendText("five")
  await shows(guest, "five")
  await guest.sendText("six")
  await shows(again, "six")
  expect(place.log.slice(0, whole.length)).toMatchObject(whole)
  expect(new Set(place.log.map(({ body }) => body)).size).toBe(place.log.length)
})

test("what another device alone can put back is waited for by name, and comes by itself", async () => {
  const made = await chat()
  const { host, guest, place } = made
  const before = place.log.length
  await host.invite({ label: "another", role: "guest" })
  await guest.sendText("behind it")
  await shows(host, "behind it")
  const whole = place.log.length
  await restored(made, before)
  await isOffered(guest)
  await isOffered(host)
  await guest.carryOn()
  await until(() => guest.carrying.value !== "offered" && guest.carrying.value?.kind === "waits")
  expect(guest.carrying.value).toEqual({ kind: "waits", who: "Dr Roe" })
  expect(place.log.slice(before).filter(({ kind }) => kind === "commit")).toEqual([])
  await host.carryOn()
  await until(() => guest.alarms.value.length === 0 && host.alarms.value.length === 0)
  expect(place.log.length).toBeGreaterThanOrEqual(whole)
})

test("who came after the backup is known again", async () => {
  const { host, id, secret } = await world.founded()
  const place = world.server.place(id)
  const members = new Map(place.members)
  const guest = await world.joined(id, secret, "Sam")
  await guest.sendText("I came later")
  await shows(host, "I came later")
  await restored({ host, guest, place }, 0, members)
  await isOffered(guest)
  await isOffered(host)
  await guest.carryOn()
  await host.carryOn()
  await until(() => host.alarms.value.length === 0 && guest.alarms.value.length === 0)
  await guest.sendText("and am still here")
  await shows(host, "and am still here")
})

test("another entry in the place is an alarm for good, and nothing is posted", async () => {
  const made = await chat()
  const { guest, place } = made
  const parent = place.log.findLast(({ kind }) => kind === "commit")?.seq ?? 0
  await restored(made, place.log.length - 1)
  await isOffered(guest)
  world.server.append(place, "chat", random(16), parent, random(300))
  const sent = world.server.asked.length
  await guest.carryOn()
  await until(() => guest.alarms.value.some(({ kind }) => kind === "fork"))
  await until(() => guest.carrying.value === undefined)
  expect(world.server.asked.slice(sent).filter(({ method }) => method === "POST")).toEqual([])
  await expect(guest.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

test("nothing new lands in a restored log before its sender has noticed", async () => {
  const made = await chat()
  const { host, guest, place } = made
  const before = place.log.length
  await host.sendText("three")
  await shows(guest, "three")
  place.log.length = before
  await guest.sendText("four")
  await isOffered(guest)
  expect(place.log.length).toBe(before)
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
