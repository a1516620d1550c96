import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { fromBase64Url, inviteKeys, isKnock, makeKnock, nameIn, newInvite, readFragment, toBase64Url } from "../encryption/e2ee.ts"
import { Profile, until } from "./testing/device.ts"
import { fragmentOf, World } from "./testing/world.ts"
import { type SessionPage } from "./page.ts"
import { SessionFailure } from "./types.ts"

let world: World
const pages: SessionPage[] = []
beforeEach(() => {
  world = new World()
})
afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.closed()))
  await world.close()
})

async function knocks(id: string, secret: string, name: string, profile = new Profile()): Promise<SessionPage> {
  const page = await profile.page().join(id, secret, name)
  pages.push(page)
  return page
}

const asked = (host: SessionPage) => host.waiting.value.filter(({ asks }) => asks)
const isIn = (page: SessionPage) => until(() => page.phase.value.kind === "joined", () => page.phase.value)

test("who knocks is in once a host admits it, and sees nothing before", async () => {
  const { id, secret, host } = await world.founded({ knock: true })
  expect(secret.endsWith(".k")).toBe(true)
  const guest = await knocks(id, secret, "Sam")
  expect(guest.phase.value).toMatchObject({ kind: "knocking", refused: false })
  expect([guest.title.value, guest.participants.value]).toEqual(["", []])
  await until(() => asked(host).length === 1)
  expect(asked(host)[0]).toMatchObject({ name: "Sam", asks: true, besides: "" })
  // A new epoch in between: the key box is sealed again.
  await host.line.renew()
  await host.admit(host.waiting.value.map(({ key }) => key))
  await isIn(guest)
  await until(() => host.participants.value.length === 2)
  expect(host.participants.value.map(({ name, waiting }) => [name, waiting])).toEqual([
    ["Dr Roe", false],
    ["Sam", false],
  ])
  await until(() => world.server.place(id).knocks.size === 0)
})

test("an epoch that changes while the admitted one comes does not keep it out", async () => {
  const { id, secret, host } = await world.founded({ knock: true })
  let renewed = false
  world.server.before = async ({ method, path }) => {
    if (method !== "POST" || !path.endsWith("/commits") || renewed) return
    renewed = true
    await host.line.renew()
  }
  const guest = await knocks(id, secret, "Sam")
  await until(() => asked(host).length === 1)
  await host.admit(host.waiting.value.map(({ key }) => key))
  await isIn(guest)
  expect(renewed).toBe(true)
})

test("a refusal is told, and one may ask again", async () => {
  const { id, secret, host } = await world.founded({ knock: true })
  const guest = await knocks(id, secret, "Sam")
  await until(() => asked(host).length === 1)
  await host.refuse(host.waiting.value[0]?.key ?? "")
  await until(() => guest.phase.value.kind === "knocking" && guest.phase.value.refused)
  expect(asked(host)).toEqual([])
  await guest.askAgain()
  await until(() => asked(host).length === 1)
  await host.admit(host.waiting.value.map(({ key }) => key))
  await isIn(guest)
})

test("a reload keeps the place, leaving gives it up", async () => {
  const { id, secret, host } = await world.founded({ knock: true })
  const profile = new Profile()
  const first = await knocks(id, secret, "Sam", profile)
  await until(() => asked(host).length === 1)
  const [before] = asked(host)
  await first.closed()
  const again = await profile.page().open(id)
  if (!again) throw new Error("nothing kept")
  pages.push(again)
  await until(() => again.phase.value.kind === "knocking")
  expect(asked(host)).toEqual([before])
  await again.stopAsking()
  await until(() => asked(host).length === 0)
  expect(await profile.page().open(id)).toBeUndefined()
})

test("another host sees the link, not the name, and a second device is told apart", async () => {
  const { id, host } = await world.founded()
  const invited = await host.invite({ role: "guest", label: "Interpreter", knock: true })
  const colleague = await host.invite({ role: "host", label: "" })
  const second = await world.joined(id, fragmentOf(colleague.link), "Dr Lee")
  const ana = await knocks(id, fragmentOf(invited.link), "Ana")
  await until(() => asked(second).length === 1 && asked(host).length === 1)
  expect(asked(host)[0]).toMatchObject({ name: "Ana", label: "Interpreter" })
  expect(asked(second)[0]).toMatchObject({ name: "", label: "Interpreter" })
  await second.admit(asked(second).map(({ key }) => key))
  await isIn(ana)
  await knocks(id, fragmentOf(invited.link), "Ana's phone")
  await until(() => asked(host).some(({ besides }) => besides === "Ana"))
})

test("a knock that the link did not make is not shown, and none is answered that nobody admitted", async () => {
  const { id, secret, host } = await world.founded({ knock: true })
  const guest = await knocks(id, secret, "Sam")
  await until(() => asked(host).length === 1)
  const place = world.server.place(id)
  const [name, real] = [...place.knocks][0] ?? []
  if (name === undefined || !real) throw new Error("no knock")
  const bytes = fromBase64Url(real.knock)
  const other = await newInvite(id, { role: "guest", label: "", knock: true }, 0)
  const foreign = await makeKnock(other.keys, "Mallory")
  for (const [at, key] of [[0, "Q".repeat(21) + "A"], [1230, name], [1567, name]] as const) {
    const changed = bytes.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    place.knocks.set(key, { ...real, knock: toBase64Url(changed), box: null, refused: false })
  }
  place.knocks.set(foreign.id, { invite: real.invite, knock: toBase64Url(foreign.knock), box: null, refused: false, at: 1 })
  await host.line.renew()
  world.server.breakSockets()
  await until(() => asked(host).length === 0)
  expect([...place.knocks.values()].every(({ box }) => box === null)).toBe(true)
  expect(guest.phase.value.kind).toBe("knocking")
})

test("knocks are bound to session, link and id, names to the secret", async () => {
  const id = toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
  const made = await newInvite(id, { role: "guest", label: "", knock: true, passcode: "sun" }, 0)
  expect(made.fragment.endsWith(".pk")).toBe(true)
  const keys = await inviteKeys(id, readFragment(made.fragment), "sun")
  const knock = await makeKnock(keys, "Ann")
  expect(knock.knock.length).toBe(1568)
  expect(await isKnock(id, made.invite, knock.id, knock.knock)).toBe(true)
  expect(await nameIn(made.keys.knockName, id, knock.knock)).toBe("Ann")
  const elsewhere = toBase64Url(new Uint8Array(16))
  expect(await isKnock(elsewhere, made.invite, knock.id, knock.knock)).toBe(false)
  expect(await isKnock(id, made.invite, elsewhere, knock.knock)).toBe(false)
  expect(await isKnock(id, made.invite, knock.id, knock.knock.slice(1))).toBe(false)
  expect(await nameIn(keys.accessToken, id, knock.knock)).toBe("")
  await expect(makeKnock(keys, "x".repeat(129))).rejects.toThrow()
})

test("a closed link is told to who knocks", async () => {
  const { id, secret, host } = await world.founded({ knock: true })
  const guest = await knocks(id, secret, "Sam")
  const invite = host.invites.value.find(({ role }) => role === "guest")
  await host.closeInvite(invite?.id ?? "")
  await until(() => guest.phase.value.kind === "failed")
  expect(guest.phase.value).toEqual({ kind: "failed", reason: "link-refused" })
  await expect(new Profile().page().join(id, secret, "Ben")).rejects.toBeInstanceOf(SessionFailure)
})

test("a host is told of who knocks without opening the session, and nobody else is", async () => {
  const { id, secret, host, profile } = await world.founded({ knock: true })
  const sessions = profile.page()
  expect((await sessions.list())[0]).toMatchObject({ knockable: true })
  await host.closed()
  const guest = await knocks(id, secret, "Sam")
  const { signal } = new AbortController()
  expect(await sessions.knocks(id, signal)).toMatchObject([{ name: "Sam", asks: true }])
  await guest.closed()
  const again = await world.opened(profile, id)
  await until(() => asked(again).length === 1)
  await again.admit(again.waiting.value.map(({ key }) => key))
  expect(await sessions.knocks(id, signal)).toEqual([])
  await again.closeInvite(again.invites.value.find(({ used }) => !used)?.id ?? "")
  await until(() => again.invites.value.every(({ open, role }) => !open || role === "host"))
  expect((await sessions.list())[0]).not.toHaveProperty("knockable")
})
