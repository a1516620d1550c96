import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type SessionPage } from "./page.ts"
import { Profile, texts, until } from "./testing/device.ts"
import { type Exchange } from "./testing/memoryServer.ts"
import { countOf, eventsOf, fragmentOf, promised, shows, World } from "./testing/world.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const isCommit = ({ method, path }: Exchange) => method === "POST" && path.endsWith("/commits")
const isChat = ({ method, path }: Exchange) => method === "POST" && path.endsWith("/chat")

/** Loses the answers to the first `times` exchanges of that kind. */
function loseAnswers(kind: (exchange: Exchange) => boolean, times: number) {
  let left = times
  world.server.loses = (exchange) => kind(exchange) && left-- > 0
}

test("two people who join in the same instant both get in", async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id, secret, host } = await world.founded()
    const { link } = await host.invite({ role: "guest", label: "Other" })
    const [one, two] = await Promise.all([
      world.joined(id, secret, "One"),
      world.joined(id, fragmentOf(link), "Two"),
    ])
    await one.sendText("from one")
    await two.sendText("from two")
    for (const page of [host, one, two]) {
      await shows(page, "from one")
      await shows(page, "from two")
      await until(() => page.participants.value.length === 3)
      expect(page.alarms.value).toEqual([])
    }
  }
}, 30_000)

test("what was fetched while the name was written is used once, and who joined meanwhile is no obstacle", async () => {
  const { id, secret, host } = await world.founded()
  const { link } = await host.invite({ role: "guest", label: "Other" })
  const sessions = new Profile().page()
  await sessions.look(id, secret)
  let doors = 0
  world.server.loses = ({ path }) => {
    if (path.endsWith("/door")) doors += 1
    return false
  }
  sessions.prepare(id, secret)
  await until(() => doors > 0)
  const before = await world.joined(id, fragmentOf(link), "Two")
  const page = await sessions.join(id, secret, "Sam")
  await page.sendText("from Sam")
  for (const each of [host, before, page]) await shows(each, "from Sam")
  expect(page.alarms.value).toEqual([])
  page.close()
})

test("of two hosts' commits at once the loser starts again, and nothing is lost", async () => {
  const { id, host } = await world.founded()
  const { link } = await host.invite({ role: "host", label: "Colleague" })
  const other = await world.joined(id, fragmentOf(link), "Dr Poe")
  await until(() => host.participants.value.length === 2)
  await Promise.all([
    host.invite({ role: "guest", label: "A" }),
    other.invite({ role: "guest", label: "B" }),
    host.retitle("Hip"),
  ])
  for (const page of [host, other]) {
    await until(() => page.title.value === "Hip" && page.invites.value.length === 5)
    expect(page.alarms.value).toEqual([])
  }
})

test("a message that met another commit is sealed again under another id and shown once", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  const held = promised()
  const begun = promised()
  let first = true
  world.server.before = (exchange) => {
    if (!isChat(exchange) || !first) return
    first = false
    begun.resolve()
    return held.promise
  }
  await guest.sendText("crossing")
  await begun.promise
  await host.line.renew()
  held.resolve()
  for (const page of [host, guest]) {
    await shows(page, "crossing")
    expect(countOf(page, "crossing")).toBe(1)
  }
  await until(() => guest.unsent.value === 0)
  const bodies = new Map<unknown, unknown>()
  for (const { body } of world.server.asked.filter(isChat)) {
    expect(bodies.get(body?.["id"]) ?? body?.["encryptedMessage"]).toBe(body?.["encryptedMessage"])
    bodies.set(body?.["id"], body?.["encryptedMessage"])
  }
  expect(bodies.size).toBeGreaterThanOrEqual(2)
})

test("a message whose answer was lost is there once", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  loseAnswers(isChat, 3)
  await host.sendText("once")
  await shows(guest, "once")
  await until(() => host.unsent.value === 0)
  expect([countOf(host, "once"), countOf(guest, "once")]).toEqual([1, 1])
})

test("what is written offline waits, outlives a reload, and goes out by itself", async () => {
  const { id, secret, host, profile } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  world.server.down = true
  world.server.breakSockets()
  await host.sendText("first")
  await host.sendText("second")
  await until(() => host.connection.value === "reconnecting")
  expect(host.unsent.value).toBe(2)
  await host.closed()
  const again = await world.opened(profile, id)
  expect(texts(again.timeline)).toEqual(["first", "second"])
  world.server.down = false
  await shows(guest, "second")
  expect(texts(guest.timeline)).toEqual(["first", "second"])
  await until(() => again.unsent.value === 0)
}, 15_000)

const states = (page: SessionPage) => page.timeline.value.flatMap((item) => (item.kind === "text" ? [item.state] : []))

test.each(["ended", "removed"] as const)("what waited when the visit was %s is not sent, and not unsent for ever", async (phase) => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const guest = await world.joined(id, secret, "Sam", profile)
  await until(() => host.participants.value.length === 2)
  await guest.closed()
  world.server.down = true
  const offline = await world.opened(profile, id)
  await offline.sendText("too late")
  expect(offline.unsent.value).toBe(1)
  await offline.closed()
  world.server.down = false
  if (phase === "ended") await host.end()
  else await host.remove(host.participants.value.find(({ name }) => name === "Sam")?.inviteId ?? "")
  await host.engine?.rested()
  const settled = async () => {
    const page = await world.opened(profile, id)
    await until(
      () => page.phase.value.kind === phase && states(page).at(-1) === "failed",
      () => [page.phase.value, states(page)],
    )
    expect(page.unsent.value).toBe(0)
    return page
  }
  await (await settled()).closed()
  const again = await settled()
  again.discard(again.timeline.value.at(-1)?.key ?? "")
  await until(() => countOf(again, "too late") === 0)
})

test("a message that the server took before the end is there, though the end was heard first", async () => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const guest = await world.joined(id, secret, "Sam", profile)
  await guest.engine?.rested()
  const { log } = world.server.place(id)
  const before = log.length
  // The log does not come to the guest, nor the answer.
  world.server.shows = (all, member) => (member === guest.self.value?.id ? all.slice(0, before) : all)
  world.server.loses = isChat
  await guest.sendText("in time")
  await shows(host, "in time")
  await guest.closed()
  world.server.loses = () => false
  await host.end()
  await host.engine?.rested()
  world.server.shows = (all) => all
  const again = await world.opened(profile, id)
  await until(
    () => again.phase.value.kind === "ended" && eventsOf(again).includes("ended") && ["sent", "delivered"].includes(states(again).at(-1) ?? ""),
    () => [again.phase.value, states(again), eventsOf(again)],
  )
  expect(countOf(again, "in time")).toBe(1)
})

test("who leaves or ends without a connection is shown to wait for it, and a reload changes nothing", async () => {
  const { id, secret, host, profile } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  world.server.down = true
  world.server.breakSockets()
  const leaving = guest.leave()
  void host.end().catch(() => undefined)
  await until(() => guest.departing.value && host.departing.value)
  expect([guest.phase.value.kind, host.phase.value.kind]).toEqual(["joined", "joined"])
  await host.closed()
  const again = await world.opened(profile, id)
  expect(again.departing.value).toBe(true)
  world.server.down = false
  await until(() => again.phase.value.kind === "ended")
  await leaving
  expect(["left", "ended"]).toContain(guest.phase.value.kind)
  expect(again.departing.value).toBe(false)
}, 15_000)

test("a visit that has no room left can be ended", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.engine?.rested()
  world.server.full = "storedBytes"
  await host.end()
  await until(() => guest.phase.value.kind === "ended")
  expect([host.phase.value.kind, world.server.place(id).ended]).toEqual(["ended", true])
})

test("who cannot end a visit has not begun to", async () => {
  const { host } = await world.founded()
  host.line.raise({ kind: "wrong-parent", seq: 1, stops: true })
  await until(() => host.alarms.value.length === 1)
  await expect(host.end()).rejects.toMatchObject({ reason: "stopped" })
  expect([host.engine?.core.ending, host.departing.value]).toEqual([false, false])
})

test("a page that died before its message was posted, or before the answer, sends the same bytes again", async () => {
  for (const moment of ["before", "after"] as const) {
    const { id, secret, host, profile } = await world.founded()
    const guest = await world.joined(id, secret, "Sam")
    const died = promised()
    world.server[moment === "before" ? "before" : "loses"] = ((exchange: Exchange) => {
      if (!isChat(exchange)) return false
      died.resolve()
      if (moment === "after") return true
      world.server.down = true
      return false
    }) as never
    await host.sendText("survivor")
    await died.promise
    await host.closed()
    const posted = world.server.asked.filter(isChat).length
    world.server.down = false
    world.server.before = () => undefined
    world.server.loses = () => false
    await world.opened(profile, id)
    await shows(guest, "survivor")
    expect(countOf(guest, "survivor")).toBe(1)
    // One whose answer was lost may be seen in the log before its turn comes.
    if (moment === "before") expect(world.server.asked.filter(isChat).length).toBeGreaterThan(posted)
  }
})

test("a join that died at any moment goes on after a reload, as the same member", async () => {
  for (const moment of ["before", "after"] as const) {
    const { id, secret, host } = await world.founded()
    const profile = new Profile()
    const died = promised()
    world.server[moment === "before" ? "before" : "loses"] = ((exchange: Exchange) => {
      if (!isCommit(exchange)) return false
      died.resolve()
      if (moment === "after") return true
      world.server.down = true
      return false
    }) as never
    const sessions = profile.page()
    void sessions.join(id, secret, "Sam")
    await died.promise
    for (const page of sessions.pages) await page.closed()
    world.server.down = false
    world.server.before = () => undefined
    world.server.loses = () => false
    const page = await world.opened(profile, id)
    await until(
      () => page.phase.value.kind === "joined",
      () => [page.phase.value, String(page.engine?.lastError)],
    )
    await page.sendText("made it")
    await shows(host, "made it")
    expect(host.participants.value.flatMap(({ devices }) => devices)).toHaveLength(2)
    const posted = world.server.asked.filter(isCommit).map(({ body }) => body?.["id"])
    expect(new Set(posted.slice(-2)).size).toBe(moment === "after" ? 1 : posted.slice(-2).length)
  }
}, 20_000)

test("a commit whose answer was lost with the page is found in the log", async () => {
  const { id, host, profile } = await world.founded()
  loseAnswers(isCommit, 100)
  const inviting = host.invite({ role: "guest", label: "Late" }).catch((error: unknown) => error)
  await until(() => world.server.asked.some(isCommit))
  await host.closed()
  world.server.loses = () => false
  const again = await world.opened(profile, id)
  await until(() => again.invites.value.some(({ label }) => label === "Late"))
  const late = again.invites.value.find(({ label }) => label === "Late")
  expect(late?.link).toBeDefined()
  await world.joined(id, fragmentOf(late?.link ?? ""), "Lee")
  void inviting
})

test("an invite that was made after the letter was due has its own, kept by the host", async () => {
  const { id, host } = await world.founded()
  const { link } = await host.invite({ role: "guest", label: "Later" })
  await host.sendText("for the third")
  await until(() => host.unsent.value === 0)
  await until(() => world.server.place(id).letters.size === 2)
  const third = await world.joined(id, fragmentOf(link), "Ana")
  await shows(third, "for the third")
})

test("a door that was broken is mended by a host, and the joiner waits for it", async () => {
  const { id, secret, profile, host } = await world.founded()
  await host.closed()
  const place = world.server.place(id)
  place.door = place.door.slice(0, -8) + "AAAAAAAA"
  const joining = new Profile().page().join(id, secret, "Sam")
  const page = await joining
  expect(page.phase.value.kind).toBe("waiting-for-door")
  const again = await world.opened(profile, id)
  // A host looks at the door after a commit of somebody else, and when it opens the session.
  await until(() => page.phase.value.kind === "joined", () => page.phase.value)
  await page.sendText("thank you")
  await shows(again, "thank you")
  await page.closed()
}, 15_000)

test("a host who is there mends the door also for another device of somebody who is in", async () => {
  const { id, secret, host } = await world.founded()
  await world.joined(id, secret, "Sam")
  await until(() => host.participants.value.length === 2)
  await host.engine?.rested()
  const place = world.server.place(id)
  place.door = place.door.slice(0, -8) + "AAAAAAAA"
  const telephone = await world.joined(id, secret, "Sam")
  await telephone.sendText("from the telephone")
  await shows(host, "from the telephone")
}, 15_000)

test("a host who is there puts key boxes that open, though the door itself was right", async () => {
  const { id, secret, host } = await world.founded()
  await host.engine?.rested()
  const { boxes } = world.server.place(id)
  for (const [invite, box] of boxes) boxes.set(invite, box.slice(0, -8) + "AAAAAAAA")
  const guest = await world.joined(id, secret, "Sam")
  await guest.sendText("inside")
  await shows(host, "inside")
}, 20_000)

test("two tabs show the same, either can write, and one takes over from the other", async () => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const first = await world.joined(id, secret, "Sam", profile)
  const second = await world.opened(profile, id)
  await second.sendText("from the second tab")
  await shows(host, "from the second tab")
  await shows(first, "from the second tab")
  await host.sendText("to both")
  await shows(first, "to both")
  await shows(second, "to both")
  expect(host.participants.value).toHaveLength(2)
  await first.closed()
  await second.sendText("alone")
  await shows(host, "alone")
  await host.sendText("heard")
  await shows(second, "heard")
  expect(eventsOf(second).filter((type) => type === "joined")).toHaveLength(1)
})

test("where sockets are blocked, the long poll carries the chat", async () => {
  world.server.socketsBlocked = true
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.sendText("slow but sure")
  await until(() => host.connection.value === "online" && guest.connection.value === "online")
  await shows(guest, "slow but sure")
  await guest.sendText("indeed")
  await shows(host, "indeed")
}, 15_000)

test("a device that lost its state comes back by its invite", async () => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const guest = await world.joined(id, secret, "Sam", profile)
  const storage = guest.engine?.options.storage
  const core = guest.engine?.core
  await guest.closed()
  await storage?.write([{ put: ["session", id], value: { ...core, state: new Uint8Array([1, 2, 3]) } }])
  const again = await world.opened(profile, id)
  await until(() => again.phase.value.kind === "joined" && again.self.value !== undefined)
  await again.sendText("back")
  await shows(host, "back")
})

test("a device whose group state is of the past comes back as the same member by a re-sync", async () => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const guest = await world.joined(id, secret, "Sam", profile)
  const me = guest.self.value?.id
  guest.engine?.returnByResync()
  await until(() => eventsOf(host).filter((type) => type === "joined").length === 2)
  await guest.sendText("same as before")
  await shows(host, "same as before")
  expect(guest.self.value?.id).toBe(me)
  expect(host.participants.value.flatMap(({ devices }) => devices)).toHaveLength(2)
  await host.sendText("welcome back")
  await shows(guest, "welcome back")
})

test("a second tab that opens in the middle of a join sees it through", async () => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const held = promised()
  const begun = promised()
  world.server.before = (exchange) => {
    if (!isCommit(exchange)) return
    begun.resolve()
    return held.promise
  }
  const joining = profile.page().join(id, secret, "Sam")
  await begun.promise
  const second = await world.opened(profile, id)
  expect(second.phase.value.kind).toBe("joining")
  held.resolve()
  const first = await joining
  await until(() => second.phase.value.kind === "joined")
  await first.closed()
  await second.sendText("both in")
  await shows(host, "both in")
})
