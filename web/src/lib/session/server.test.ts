/** The session against the real server in a process of its own (docs/protocol.md §8). */
import "fake-indexeddb/auto"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { partSize } from "../encryption/e2ee.ts"
import { type SessionPage } from "./page.ts"
import { contentOf, Profile, until } from "./testing/device.ts"
import { countOf, fragmentOf, shows } from "./testing/world.ts"
import { type FileItem } from "./types.ts"

const careseal = resolve(import.meta.dirname, "../../../../.venv/bin/careseal")

let folder = ""
let port = 0
let running: ChildProcess | undefined
let cookie = ""
const pages: SessionPage[] = []
const plainFetch = globalThis.fetch

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "careseal-"))
  port = await freePort()
  await start()
  const link = await readFile(join(folder, "link"), "utf8")
  const answer = await plainFetch(`${origin()}/api/accounts/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code: link.trim().split("#")[1] }),
  })
  cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? ""
  // What a browser does by itself.
  globalThis.fetch = (input, init) =>
    plainFetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), cookie, origin: origin() } })
}, 60_000)

afterAll(async () => {
  await Promise.all(pages.map((page) => page.closed()))
  globalThis.fetch = plainFetch
  await stop("SIGTERM")
  await rm(folder, { recursive: true, force: true })
})

const origin = () => `http://127.0.0.1:${port}`

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1")
  await new Promise((done) => probe.once("listening", done))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}

async function start(): Promise<void> {
  await rm(join(folder, "link"), { force: true })
  running = spawn(
    careseal,
    ["serve", "--data", join(folder, "data"), "--port", `${port}`, "--sign-in-link-file", join(folder, "link")],
    { stdio: "ignore" },
  )
  for (let tries = 0; ; tries += 1) {
    const ready = existsSync(join(folder, "link")) && (await plainFetch(`${origin()}/readyz`).catch(() => undefined))
    if (ready && ready.ok) return
    if (tries > 300) throw new Error("the server did not start")
    await new Promise((done) => setTimeout(done, 100))
  }
}

async function stop(signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise((done) => running?.once("exit", done))
  running?.kill(signal)
  await gone
}

async function visit() {
  const profile = new Profile()
  const { id, link } = await profile.page(origin()).create({ title: "Knee", name: "Dr Roe" })
  const host = await profile.page(origin()).open(id)
  const patient = new Profile()
  const guest = await patient.page(origin()).join(id, fragmentOf(link), "Sam")
  if (!host) throw new Error("not there")
  pages.push(host, guest)
  return { id, link, host, guest, patient }
}

test("two people chat over a real server, and go on after it was killed", async () => {
  const { host, guest } = await visit()
  await host.sendText("How is the knee?")
  await shows(guest, "How is the knee?")
  await guest.sendText("Better.")
  await shows(host, "Better.")
  await stop("SIGKILL")
  await Promise.all([host.sendText("while you were away"), guest.sendText("me too")])
  await start()
  for (const page of [host, guest]) {
    const both = () => countOf(page, "me too") + countOf(page, "while you were away") === 2
    await until(both, () => page.timeline.value, 20_000)
    expect([countOf(page, "while you were away"), countOf(page, "me too")]).toEqual([1, 1])
    expect(page.alarms.value).toEqual([])
  }
}, 60_000)

test("a file goes both ways, and a removal shuts the door", async () => {
  const { id, host, guest, link } = await visit()
  const bytes = crypto.getRandomValues(new Uint8Array(65_536))
  const file = new File([...Array.from({ length: 70 }, () => bytes), new Uint8Array(3)], "scan.png", { type: "image/png" })
  expect(file.size).toBeGreaterThan(partSize)
  await guest.transfers.upload([file])
  const filesOf = (page: SessionPage) => page.timeline.value.filter((item): item is FileItem => item.kind === "file")
  await until(() => filesOf(host).length === 1, () => host.timeline.value, 20_000)
  const opened = await contentOf(host, filesOf(host)[0]!.file)
  expect(Buffer.compare(Buffer.from(await opened.arrayBuffer()), Buffer.from(await file.arrayBuffer()))).toBe(0)
  await host.remove(guest.self.value?.inviteId ?? "")
  await until(() => guest.phase.value.kind === "removed")
  await expect(new Profile().page(origin()).join(id, fragmentOf(link), "Eve")).rejects.toMatchObject({
    reason: "link-refused",
  })
}, 60_000)
