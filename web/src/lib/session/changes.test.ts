import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type SessionPage } from "./page.ts"
import { Storage } from "./storage.ts"
import { type Profile, texts, until } from "./testing/device.ts"
import { type Exchange } from "./testing/memoryServer.ts"
import { shows, World } from "./testing/world.ts"
import { type FileItem, type TextItem, type TimelineItem } from "./types.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const isChat = ({ method, path }: Exchange) => method === "POST" && path.endsWith("/chat")

const said = (page: SessionPage, kind: TimelineItem["kind"] = "text") => page.timeline.value.filter((item) => item.kind === kind)
const lastText = (page: SessionPage) => said(page).at(-1) as TextItem
const logged = (page: SessionPage, text: string) =>
  until(() => said(page).some((item) => item.kind === "text" && item.text === text && item.seq !== undefined && page.unsent.value === 0))

/** Everything that a profile keeps, opened, as text. */
async function keptBy(profile: Profile): Promise<string> {
  const storage = await Storage.open(profile.database)
  const kinds = ["session", "summary", "facts", "outbox", "transfer", "draft"]
  const records = await Promise.all(kinds.map((kind) => storage.under([kind])))
  storage.close()
  return JSON.stringify(records, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
  )
}

async function two() {
  const { id, secret, host, profile } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  return { id, secret, host, profile, guest }
}

test("an edited text is the new one for all, says so, and leaves the old one on no disk", async () => {
  const { id, host, profile, guest } = await two()
  await host.sendText("Take twenty tablets.")
  await shows(guest, "Take twenty tablets.")
  await logged(host, "Take twenty tablets.")
  await host.edit(lastText(host), "Take two tablets.")
  await shows(guest, "Take two tablets.")
  await logged(host, "Take two tablets.")
  expect(lastText(guest)).toMatchObject({ edited: true, text: "Take two tablets." })
  expect(said(guest)).toHaveLength(1)
  await until(() => host.engine?.outbox.all.length === 0)
  expect(await keptBy(profile)).not.toContain("twenty")
  await host.closed()
  const again = await world.opened(profile, id)
  await until(() => said(again).length === 1)
  expect(lastText(again)).toMatchObject({ edited: true, text: "Take two tablets.", message: lastText(guest).message })
})

test("a withdrawn text is gone from every device's disk, and a late device that is given the past sees no more of it", async () => {
  const { id, secret, host, profile, guest } = await two()
  await host.sendText("For somebody else entirely")
  await shows(guest, "For somebody else entirely")
  await logged(host, "For somebody else entirely")
  await guest.react(lastText(guest), "😮")
  await until(() => (lastText(host).reactions ?? []).length > 0)
  await host.withdraw(lastText(host))
  await until(() => said(guest, "withdrawn").length === 1 && host.unsent.value === 0)
  expect(said(host, "withdrawn")[0]).toMatchObject({ was: "text", sender: { self: true } })
  await until(() => host.engine?.outbox.all.length === 0)
  expect(await keptBy(profile)).not.toMatch(/somebody else|😮/u)
  await guest.sendText("after")
  await logged(guest, "after")
  const second = await world.joined(id, secret, "Sam's phone")
  await until(() => guest.historyRequests.value.length === 1)
  await guest.giveHistory(guest.historyRequests.value[0]?.memberId ?? "")
  await shows(second, "after")
  expect(said(second, "withdrawn")).toHaveLength(1)
  expect(texts(second.timeline)).toEqual(["after"])
})

test("a withdrawn file takes its parts from the server with it", async () => {
  const { id, host, guest } = await two()
  await host.transfers.upload([new File([new Uint8Array(5000)], "scan.png", { type: "image/png" })])
  await until(() => said(guest, "file").length === 1 && host.unsent.value === 0)
  await until(() => said(host, "file")[0]?.seq !== undefined)
  expect(world.server.place(id).files.size).toBe(1)
  await host.withdraw(said(host, "file")[0] as FileItem)
  await until(() => said(guest, "withdrawn").length === 1)
  expect(said(guest, "withdrawn")[0]).toMatchObject({ was: "file" })
  expect(world.server.place(id).files.size).toBe(0)
})

test("reactions are one for each member, are changed, and are taken back", async () => {
  const { host, guest } = await two()
  await host.sendText("Better?")
  await shows(guest, "Better?")
  const felt = (page: SessionPage) => lastText(page).reactions ?? []
  await guest.react(lastText(guest), "🙏")
  expect(felt(guest)).toEqual([{ emoji: "🙏", names: [], own: true }])
  await until(() => felt(host).length === 1)
  await guest.react(lastText(guest), "👍")
  await until(() => felt(host)[0]?.emoji === "👍")
  await host.react(lastText(host), "👍")
  await until(() => felt(guest)[0]?.names.length === 1)
  expect(felt(guest)).toEqual([{ emoji: "👍", names: ["Dr Roe"], own: true }])
  await guest.react(lastText(guest), "")
  await until(() => felt(host)[0]?.names.length === 0)
  expect(felt(host)).toEqual([{ emoji: "👍", names: [], own: true }])
})

test("only an own message is edited or withdrawn, and nothing once it is withdrawn or the visit has ended", async () => {
  const { host, guest } = await two()
  await host.sendText("mine")
  await shows(guest, "mine")
  const foreign = lastText(guest)
  const refused = { reason: "not-allowed" }
  await expect(guest.edit(foreign, "yours")).rejects.toMatchObject(refused)
  await expect(guest.withdraw(foreign)).rejects.toMatchObject(refused)
  await logged(host, "mine")
  const item = lastText(host)
  await host.withdraw(item)
  await until(() => said(guest, "withdrawn").length === 1 && host.unsent.value === 0)
  await expect(host.edit(item, "again")).rejects.toMatchObject(refused)
  await expect(host.react(item, "👍")).rejects.toMatchObject(refused)
  await host.sendText("last")
  await logged(host, "last")
  await host.end()
  await expect(host.edit(lastText(host), "later")).rejects.toMatchObject(refused)
  await expect(host.withdraw(lastText(host))).rejects.toMatchObject(refused)
})

test("changes wait while there is no line, show at once, and only the last of them goes out", async () => {
  const { host, guest } = await two()
  await host.sendText("one")
  await logged(host, "one")
  await shows(guest, "one")
  let held: () => void = () => undefined
  const open = new Promise<void>((resolve) => (held = resolve))
  const edits: Exchange[] = []
  world.server.before = async (exchange) => {
    if (!isChat(exchange)) return
    edits.push(exchange)
    await open
  }
  await host.sendText("first in the queue")
  await until(() => edits.length === 1)
  await host.edit(lastText(host).text === "one" ? lastText(host) : (said(host)[0] as TextItem), "two")
  await host.edit(said(host)[0] as TextItem, "three")
  await host.react(said(host)[0] as TextItem, "👍")
  expect(said(host)[0]).toMatchObject({ text: "three", edited: true, state: "waiting", reactions: [{ emoji: "👍", own: true }] })
  expect(host.engine?.outbox.all.map(({ payload }) => payload.type)).toEqual(["text", "edit", "reaction"])
  held()
  await shows(guest, "three")
  expect(texts(guest.timeline)).not.toContain("two")
})
