import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { partSize } from "../encryption/e2ee.ts"
import { type SessionPage } from "./page.ts"
import { until } from "./testing/device.ts"
import { type Exchange } from "./testing/memoryServer.ts"
import { World } from "./testing/world.ts"
import { type FileItem } from "./types.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const isPart = ({ method, path }: Exchange) => method === "PUT" && path.includes("/parts/")

function fileOf(size: number, name = "knee.jpg", type = "image/jpeg", lastModified = 1_700_000_000_000): File {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)))
  return new File([bytes], name, { type, lastModified })
}

const filesOf = (page: SessionPage) => page.timeline.value.filter((item): item is FileItem => item.kind === "file")

async function same(a: Blob, b: Blob): Promise<boolean> {
  return Buffer.compare(Buffer.from(await a.arrayBuffer()), Buffer.from(await b.arrayBuffer())) === 0
}

test("a file of several parts arrives as it was", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  const file = fileOf(2 * partSize + 12_345)
  host.transfers.upload([file])
  await until(() => filesOf(guest).length === 1)
  const [item] = filesOf(guest)
  expect(item?.file).toMatchObject({ name: "knee.jpg", mime: "image/jpeg", size: file.size, parts: 3 })
  expect(await same(await guest.transfers.preview(item!.file), file)).toBe(true)
  await until(() => host.transfers.active.value[0]?.state.value === "done" && host.unsent.value === 0)
  expect(host.transfers.active.value[0]?.done.value).toBe(file.size)
})

test("an empty file is a file", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  host.transfers.upload([fileOf(0, "empty.txt", "text/plain")])
  await until(() => filesOf(guest).length === 1)
  expect((await guest.transfers.preview(filesOf(guest)[0]!.file)).size).toBe(0)
})

test("never more than three parts are under way", async () => {
  const { host } = await world.founded()
  let now = 0
  let most = 0
  world.server.before = async (exchange) => {
    if (!isPart(exchange)) return
    now += 1
    most = Math.max(most, now)
    await new Promise((resolve) => setTimeout(resolve, 20))
    now -= 1
  }
  host.transfers.upload([fileOf(6 * partSize)])
  await until(() => filesOf(host).length === 1)
  expect(most).toBe(3)
}, 15_000)

test("an upload broken by a reload asks for the file, and sends only what is missing", async () => {
  const { id, host, profile } = await world.founded()
  const file = fileOf(5 * partSize)
  let put = 0
  world.server.before = (exchange) => {
    if (!isPart(exchange)) return
    put += 1
    if (put > 3) world.server.down = true
  }
  host.transfers.upload([file])
  await until(() => world.server.down)
  await host.closed()
  world.server.down = false
  world.server.before = () => undefined
  const there = [...world.server.place(id).files.values()][0]?.present.size ?? 0
  expect(there).toBeGreaterThan(0)
  const again = await world.opened(profile, id)
  await until(() => again.transfers.active.value[0]?.needsFile.value === true)
  expect(again.unsent.value).toBe(1)
  const before = world.server.asked.filter(isPart).length
  again.transfers.active.value[0]?.provideFile(file)
  await until(() => filesOf(again).some(({ state }) => state === "sent"))
  expect(world.server.asked.filter(isPart).length - before).toBe(5 - there)
  expect(await same(await again.transfers.preview(filesOf(again)[0]!.file), file)).toBe(true)
}, 20_000)

test("a file that has changed since is a new file with a new key", async () => {
  const { id, host, profile } = await world.founded()
  world.server.before = (exchange) => {
    if (isPart(exchange)) world.server.down = true
  }
  host.transfers.upload([fileOf(100)])
  await until(() => world.server.down)
  await host.closed()
  world.server.down = false
  world.server.before = () => undefined
  const [first] = world.server.place(id).files.keys()
  const again = await world.opened(profile, id)
  await until(() => again.transfers.active.value[0]?.needsFile.value === true)
  const changed = fileOf(200, "knee.jpg", "image/jpeg", 1_800_000_000_000)
  again.transfers.active.value[0]?.provideFile(changed)
  await until(() => filesOf(again).length === 1)
  expect(filesOf(again)[0]?.file.id).not.toBe(first)
  expect(filesOf(again)[0]?.file.size).toBe(200)
  await until(() => !world.server.place(id).files.has(first ?? ""))
}, 15_000)

test("an upload pauses, goes on, and a cancelled one leaves nothing behind", async () => {
  const { id, host } = await world.founded()
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  world.server.before = (exchange) => (isPart(exchange) ? held : undefined)
  host.transfers.upload([fileOf(2 * partSize, "a.bin"), fileOf(100, "b.bin")])
  await until(() => host.transfers.active.value.length === 2)
  const [a, b] = [...host.transfers.active.value].sort((x, y) => x.name.localeCompare(y.name))
  await until(() => world.server.place(id).files.size === 2)
  a?.pause()
  b?.cancel()
  release()
  await until(() => world.server.place(id).files.size === 1)
  expect(a?.state.value).toBe("paused")
  a?.resume()
  await until(() => filesOf(host).length === 1)
  expect(filesOf(host)[0]?.file.name).toBe("a.bin")
  expect(b?.state.value).toBe("cancelled")
})

test("a part that was swapped does not open", async () => {
  const { id, host } = await world.founded()
  host.transfers.upload([fileOf(2 * partSize)])
  await until(() => filesOf(host).length === 1)
  const [stored] = world.server.place(id).files.values()
  const [one, two] = [stored!.present.get(0)!, stored!.present.get(1)!]
  stored!.present.set(0, two).set(1, one)
  await expect(host.transfers.preview(filesOf(host)[0]!.file)).rejects.toThrow()
})

test("a picture too large to show is refused before it is fetched", async () => {
  const { host } = await world.founded()
  const file = { id: "x", key: new Uint8Array(32), size: 21 * 1024 * 1024, parts: 6, name: "x", mime: "image/png" }
  await expect(host.transfers.preview(file)).rejects.toMatchObject({ reason: "too-large" })
})

test("names from others are safe for a disk", async () => {
  const { safeName, safeMime } = await import("./fileName.ts")
  expect(safeName("../../etc/passwd")).toBe("_.._etc_passwd")
  expect(safeName("report\u202Efdp.exe")).toBe("report_fdp.exe")
  expect(safeName("CON.txt")).toBe("_CON.txt")
  expect(safeName(" . ")).toBe("file")
  expect(new TextEncoder().encode(safeName("ä".repeat(300) + ".pdf")).length).toBeLessThanOrEqual(200)
  expect(safeName("ä".repeat(300) + ".pdf").endsWith(".pdf")).toBe(true)
  expect(safeMime("text/html\r\nx: y")).toBe("application/octet-stream")
})
