import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type SessionPage } from "./page.ts"
import { Profile, texts, until } from "./testing/device.ts"
import { MemoryServer } from "./testing/memoryServer.ts"
import { type Session } from "./types.ts"

let server: MemoryServer
let open: SessionPage[] = []

beforeEach(() => {
  server = new MemoryServer()
  server.install()
})

afterEach(async () => {
  await Promise.all(open.map((page) => page.closed()))
  open = []
})

function fragmentOf(link: string): string {
  return link.slice(link.indexOf("#") + 1)
}

/** A clinician's session, opened, and the first guest's link. */
async function founded(profile = new Profile()) {
  const sessions = profile.page()
  const { id, link } = await sessions.create({ title: "Knee", name: "Dr Roe" })
  return { id, secret: fragmentOf(link), profile, host: await opened(profile, id) }
}

async function opened(profile: Profile, id: string): Promise<SessionPage> {
  const page = await profile.page().open(id)
  if (!page) throw new Error("not there")
  open.push(page)
  return page
}

async function joined(id: string, secret: string, name: string, profile = new Profile()): Promise<SessionPage> {
  const page = await profile.page().join(id, secret, name)
  open.push(page)
  await until(() => page.phase.value.kind === "joined", () => [page.phase.value, String(page.engine?.lastError)])
  return page
}

const shows = (page: Session, text: string) => until(() => texts(page.timeline).includes(text), () => page.timeline.value)

test("two people join by a link and write both ways", async () => {
  const { id, secret, host } = await founded()
  const guest = await joined(id, secret, "Sam")
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
