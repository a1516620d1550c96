import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { Profile, texts, until } from "./testing/device.ts"
import { type TextItem } from "./types.ts"
import { countOf, eventsOf, fragmentOf, shows, World } from "./testing/world.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

test("two people join by a link and write both ways", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.sendText("How is the knee?")
  await shows(guest, "How is the knee?")
  await guest.sendText("Better.")
  await shows(host, "Better.")
  expect(host.participants.value.map(({ name, role }) => [name, role])).toEqual([
    ["Dr Roe", "host"],
    ["Sam", "guest"],
  ])
  expect(guest.title.value).toBe("Knee")
  expect(guest.code.value?.groups).toEqual(host.code.value?.groups)
})

test("what is shown stays, and in the order of writing, while it goes out", async () => {
  const { host } = await world.founded()
  const lines = Array.from({ length: 40 }, (_, i) => `Line ${String(i)}`)
  const gaps: string[][] = []
  host.timeline.subscribe(() => {
    const shown = texts(host.timeline)
    if (shown.some((line, i) => line !== lines[i])) gaps.push(shown)
  })
  for (const line of lines) {
    await host.sendText(line)
    await new Promise((next) => setTimeout(next, 0))
  }
  await until(() => host.unsent.value === 0)
  expect(gaps).toEqual([])
  expect(texts(host.timeline)).toEqual(lines)
})

test("a message is sent, then delivered, then seen", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.sendText("Hello")
  const state = () => host.timeline.value.flatMap((item) => (item.kind === "text" ? [item.state] : [])).at(-1)
  await until(() => state() === "delivered")
  guest.markSeen(99)
  await until(() => state() === "seen")
})

test("what the clinician wrote before the patient came stands in the patient's letter", async () => {
  const { id, secret, host } = await world.founded()
  await host.sendText("Please bring the form.")
  await until(() => host.unsent.value === 0)
  const guest = await world.joined(id, secret, "Sam")
  await shows(guest, "Please bring the form.")
  expect(countOf(guest, "Please bring the form.")).toBe(1)
  expect(host.historyRequests.value).toEqual([])
})

test("a second device of the patient is given the past on a click, and only then", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await guest.sendText("before")
  await shows(host, "before")
  const second = await world.joined(id, secret, "Sam's phone")
  await until(() => guest.historyRequests.value.length === 1)
  expect(guest.historyRequests.value[0]).toMatchObject({ name: "Sam's phone", sameParticipant: true })
  expect(texts(second.timeline)).toEqual([])
  await guest.giveHistory(guest.historyRequests.value[0]?.memberId ?? "")
  await shows(second, "before")
  await until(() => host.historyRequests.value.length === 0)
  expect(guest.historyRequests.value).toEqual([])
})

test("where the invite says so, the past is given without asking", async () => {
  const { id, secret, host } = await world.founded({ history: true })
  const guest = await world.joined(id, secret, "Sam")
  await guest.sendText("before")
  await shows(host, "before")
  const second = await world.joined(id, secret, "Sam's phone")
  await shows(second, "before")
})

test("a third person comes by a new link, and goes by a removal that closes everything", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  const { link, invite } = await host.invite({ role: "guest", label: "Interpreter" })
  const third = await world.joined(id, fragmentOf(link), "Ana")
  await third.sendText("Hola")
  await shows(guest, "Hola")
  await host.remove(invite.id)
  await until(() => third.phase.value.kind === "removed")
  await host.sendText("alone again")
  await shows(guest, "alone again")
  expect(texts(third.timeline)).not.toContain("alone again")
  expect(host.participants.value.map(({ name }) => name)).toEqual(["Dr Roe", "Sam"])
  await expect(third.sendText("still here?")).rejects.toMatchObject({ reason: "not-allowed" })
  await expect(new Profile().page().join(id, fragmentOf(link), "Eve")).rejects.toMatchObject({ reason: "link-refused" })
  expect(eventsOf(guest)).toContain("removed")
})

test("the time agreed is read before joining and in the list, and a host changes it for all", async () => {
  const { id, secret, profile, host } = await world.founded({ starts: 1_790_000_000_000 })
  const look = () => new Profile().page().look(id, secret)
  expect(await look()).toMatchObject({ starts: 1_790_000_000_000 })
  expect((await profile.page().list())[0]).toMatchObject({ starts: 1_790_000_000_000 })
  const guest = await world.joined(id, secret, "Sam")
  await host.reschedule(1_790_000_600_000)
  await until(() => guest.starts.value === 1_790_000_600_000)
  await until(() => eventsOf(guest).includes("scheduled"))
  await host.reschedule(undefined)
  await until(() => guest.starts.value === undefined)
  expect("starts" in ((await profile.page().list())[0] ?? {})).toBe(false)
  await expect(guest.reschedule(1)).rejects.toMatchObject({ reason: "not-allowed" })
})

test("a session is read on for the list without being followed, unless another tab has it open", async () => {
  const { id, secret, profile, host } = await world.founded()
  const sessions = profile.page()
  const listed = async () => (await sessions.list())[0]
  expect(await sessions.catchUp(id, new AbortController().signal)).toBe(false)
  await host.closed()
  const guest = await world.joined(id, secret, "Sam")
  await guest.sendText("I am early")
  await until(() => guest.unsent.value === 0)
  expect(await listed()).toMatchObject({ unread: 0, people: 1, others: [] })
  const sockets = world.server.sockets.size
  expect(await sessions.catchUp(id, new AbortController().signal)).toBe(true)
  expect(await listed()).toMatchObject({ unread: 1, people: 2, others: [{ name: "Sam", role: "guest" }] })
  expect((await listed())?.others[0]?.waitsSince).toBeGreaterThan(0)
  expect(world.server.sockets.size).toBe(sockets)
  await until(() => guest.timeline.value.some((item) => item.kind === "text" && item.state === "delivered"))
  const again = await world.opened(profile, id)
  await shows(again, "I am early")
})

test("private notes are kept sealed on the device, and go with the session", async () => {
  const { id, profile, host } = await world.founded()
  const { notes } = profile.page()
  await notes.write(id, "Anxious about the needle", "")
  expect(await profile.page().notes.read(id)).toBe("Anxious about the needle")
  expect([...(await notes.all())]).toEqual([[id, "Anxious about the needle"]])
  await host.deleteFromDevice()
  expect(await notes.read(id)).toBe("")
})

test("of notes that two tabs write at once nothing is lost", async () => {
  const { id, profile } = await world.founded()
  const one = profile.page().notes
  const other = profile.page().notes
  await one.write(id, "Knee.", "")
  const written = [one.write(id, "Knee. Left", "Knee."), other.write(id, "Knee. Since May", "Knee.")]
  expect(await Promise.all(written)).toEqual(["Knee. Left", "Knee. Left\n Since May"])
  expect(await other.write(id, "Not the knee", "Knee. Left")).toBe("Knee. Left\n Since May\nNot the knee")
  expect(await one.read(id)).toBe("Knee. Left\n Since May\nNot the knee")
})

test("a guest cannot remove, invite or end", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  const hostInvite = host.self.value?.inviteId ?? ""
  await expect(guest.remove(hostInvite)).rejects.toMatchObject({ reason: "not-allowed" })
  await expect(guest.invite({ role: "guest", label: "" })).rejects.toMatchObject({ reason: "not-allowed" })
  await expect(guest.end()).rejects.toMatchObject({ reason: "not-allowed" })
  await guest.sendText("still fine")
  await shows(host, "still fine")
})

test("who leaves says so, keeps no keys, and is taken out by the host", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await guest.leave()
  expect(guest.phase.value.kind).toBe("left")
  await until(() => eventsOf(host).includes("left") && host.participants.value.length === 1)
  expect(eventsOf(host)).not.toContain("removed")
})

test.each([
  ["entries", "session"],
  [undefined, "server"], // its disk
] as const)("in a full place a message says so and waits to be sent again: %s", async (limit, full) => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  world.server.full = limit ?? ""
  await host.sendText("No room")
  const last = () => host.timeline.value.findLast((item): item is TextItem => item.kind === "text")
  await until(() => last()?.state === "failed")
  expect(last()?.full).toBe(full)
  expect(host.connection.value).toBe("online")
  world.server.full = undefined
  host.retry(last()?.key ?? "")
  await shows(guest, "No room")
  await until(() => last()?.state === "delivered")
})

test("one link too many is refused at once, and nothing waits behind it", async () => {
  const { host } = await world.founded()
  world.server.full = "invites"
  await expect(host.invite({ role: "guest", label: "Other" })).rejects.toMatchObject({ reason: "not-allowed" })
  world.server.full = undefined
  await host.retitle("Hip")
  expect(host.title.value).toBe("Hip")
})

test("who leaves a full session has left", async () => {
  const { id, secret } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  world.server.full = "entries"
  await guest.leave()
  await until(() => guest.phase.value.kind === "left")
})

test("a host ends the visit for everybody", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.sendText("Goodbye")
  await host.end()
  await until(() => guest.phase.value.kind === "ended")
  await shows(guest, "Goodbye")
  await until(() => world.server.place(id).ended)
  await expect(guest.sendText("wait")).rejects.toMatchObject({ reason: "not-allowed" })
})

test("a link with a passcode opens with it only", async () => {
  const { id, secret } = await world.founded({ passcode: "blue whale" })
  expect(secret.endsWith(".p")).toBe(true)
  const sessions = new Profile().page()
  await expect(sessions.look(id, secret)).rejects.toMatchObject({ reason: "passcode-wrong" })
  await expect(sessions.look(id, secret, "red whale")).rejects.toMatchObject({ reason: "passcode-wrong" })
  expect(await sessions.look(id, secret, " blue whale ")).toMatchObject({ title: "Knee", hosts: [{ name: "Dr Roe" }] })
}, 30_000)

test("a name is kept for its link on its device, not for another link, and goes with the session", async () => {
  const { id, secret, host } = await world.founded()
  const profile = new Profile()
  const page = profile.page()
  const nameFor = async (link: string, of = page): Promise<string> => (await of.look(id, link)).ownName
  await page.keepName(id, secret, "Sam")
  expect(await nameFor(secret)).toBe("Sam")
  expect(await nameFor(secret, new Profile().page())).toBe("")
  const { link } = await host.invite({ role: "guest", label: "" })
  expect(await nameFor(fragmentOf(link))).toBe("")
  const guest = await world.joined(id, secret, "Sam", profile)
  expect(await nameFor(secret)).toBe("Sam")
  await guest.deleteFromDevice()
  expect(await nameFor(secret)).toBe("")
})

test("a link to a visit that was ended says so before a name is asked for", async () => {
  const { id, secret, host } = await world.founded()
  await host.end()
  await until(() => world.server.place(id).ended)
  await expect(new Profile().page().look(id, secret)).rejects.toMatchObject({ reason: "ended" })
})

test("looking at a link tells the host that it was opened, and joins nobody", async () => {
  const { id, secret, host } = await world.founded()
  await until(() => host.connection.value === "online")
  const preview = await new Profile().page().look(id, secret)
  expect(preview).toEqual({ ownName: "", title: "Knee", role: "guest", label: "", hosts: [{ name: "Dr Roe", identity: "new" }] })
  await until(() => host.invites.value.some(({ openedAt }) => openedAt !== undefined))
  expect(host.participants.value).toHaveLength(1)
})

test("broken links are told apart from refused ones", async () => {
  const { id } = await world.founded()
  const sessions = new Profile().page()
  await expect(sessions.look(id, "short")).rejects.toMatchObject({ reason: "link-malformed" })
  await expect(sessions.look("no-id", "A".repeat(43))).rejects.toMatchObject({ reason: "link-malformed" })
  await expect(sessions.look(id, "A".repeat(43))).rejects.toMatchObject({ reason: "link-refused" })
})

test("a clinician met in another session is known, and another key under the name is an alarm", async () => {
  const clinician = new Profile()
  const patient = new Profile()
  const first = await clinician.page().create({ title: "One", name: "Dr Roe" })
  const one = await world.joined(first.id, fragmentOf(first.link), "Sam", patient)
  expect(one.participants.value[0]?.devices[0]?.identity).toBe("new")
  const second = await clinician.page().create({ title: "Two", name: "Dr Roe" })
  expect(await patient.page().look(second.id, fragmentOf(second.link))).toMatchObject({ hosts: [{ identity: "known" }] })
  const two = await world.joined(second.id, fragmentOf(second.link), "Sam", patient)
  await until(() => two.participants.value[0]?.devices[0]?.identity === "known")
  const impostor = await new Profile().page().create({ title: "Three", name: "Dr Roe" })
  const three = await world.joined(impostor.id, fragmentOf(impostor.link), "Sam", patient)
  await until(() => three.participants.value[0]?.devices[0]?.identity === "changed")
  expect(three.alarms.value).toEqual([{ kind: "identity-changed", who: "Dr Roe", stops: false }])
})

test("a compared code stays matched until somebody comes", async () => {
  const { id, secret, host, profile } = await world.founded()
  await world.joined(id, secret, "Sam")
  await until(() => host.participants.value.length === 2)
  host.confirmCode()
  await until(() => host.code.value?.matched === true)
  await host.line.renew()
  expect(host.code.value?.matched).toBe(true)
  await host.closed()
  const again = await world.opened(profile, id)
  expect(again.code.value?.matched).toBe(true)
  await world.joined(id, secret, "Sam's phone")
  await until(() => again.code.value?.matched === false)
})

test("the title is changed for all, and the list knows it", async () => {
  const { id, secret, host, profile } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.retitle("Knee, left")
  await until(() => guest.title.value === "Knee, left")
  expect(await profile.page().list()).toMatchObject([{ id, title: "Knee, left", role: "host", people: 2, phase: "joined" }])
})

test("after a day of use the next active host renews the epoch", async () => {
  let now = Date.now()
  const { id, secret, host } = await world.founded({ now: () => now })
  const guest = await world.joined(id, secret, "Sam")
  await host.sendText("today")
  await shows(guest, "today")
  const before = guest.code.value?.groups.join()
  now += 25 * 60 * 60_000
  await host.sendText("tomorrow")
  await shows(guest, "tomorrow")
  await until(() => guest.code.value?.groups.join() !== before)
})

test("a session deleted from the device is gone from it", async () => {
  const { id, host, profile } = await world.founded()
  await host.deleteFromDevice()
  expect(await profile.page().open(id)).toBeUndefined()
  expect(await profile.page().list()).toEqual([])
})

test("a draft outlives the page", async () => {
  const { id, host, profile } = await world.founded()
  host.draft.write("half a sent")
  await host.closed()
  const again = await world.opened(profile, id)
  expect(await again.draft.read()).toBe("half a sent")
})

test("a session that has expired is over, not a removal", async () => {
  let now = Date.now()
  const { id, host } = await world.founded({ now: () => now })
  await until(() => (host.engine?.core.expiresAt ?? 0) > 0)
  now = 9e12 + 1
  world.server.places.delete(id)
  world.server.breakSockets()
  await until(() => host.phase.value.kind === "ended")
})
