import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { partSize } from "../encryption/e2ee.ts"
import { type SessionPage } from "./page.ts"
import { contentOf, until } from "./testing/device.ts"
import { type Exchange } from "./testing/memoryServer.ts"
import { World } from "./testing/world.ts"
import { type ArchiveEntry, type FileItem } from "./types.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await world.close()
})

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
  await host.transfers.upload([file])
  await until(() => filesOf(guest).length === 1)
  const [item] = filesOf(guest)
  expect(item?.file).toMatchObject({ name: "knee.jpg", mime: "image/jpeg", size: file.size, parts: 3 })
  expect(await same(await contentOf(guest, item!.file), file)).toBe(true)
  await until(() => host.transfers.active.value[0]?.state.value === "done" && host.unsent.value === 0)
  expect(host.transfers.active.value[0]?.done.value).toBe(file.size)
})

test("a part whose stream stands still is read another way", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  const wait = globalThis.setTimeout
  vi.stubGlobal("setTimeout", (run: () => void, ms?: number) => wait(run, ms === 10_000 ? 0 : ms))
  const file = fileOf(partSize + 12_345)
  let stuck = 0
  file.slice = (start, end) => {
    const part = File.prototype.slice.call(file, start, end)
    part.stream = () => {
      stuck += 1
      return new ReadableStream({ type: "bytes", pull: () => new Promise(() => undefined) })
    }
    return part
  }
  await host.transfers.upload([file])
  await until(() => filesOf(guest).length === 1)
  expect(stuck).toBe(2)
  expect(await same(await contentOf(guest, filesOf(guest)[0]!.file), new Blob([await file.arrayBuffer()]))).toBe(true)
})

test.each([
  ["storedBytes", "session-full"],
  ["allStoredBytes", "server-full"],
  [undefined, "server-full"], // its disk
])("a full server says what is full: %s", async (limit, reason) => {
  const { host } = await world.founded()
  world.server.full = limit ?? ""
  await host.transfers.upload([fileOf(100)])
  await until(() => host.transfers.active.value[0]?.state.value === "failed")
  expect(host.transfers.active.value[0]?.error.value).toBe(reason)
  world.server.full = undefined
  host.transfers.active.value[0]?.retry()
  await until(() => filesOf(host).some(({ state }) => state === "sent"))
})

test("an empty file is a file", async () => {
  const { id, secret, host } = await world.founded()
  const guest = await world.joined(id, secret, "Sam")
  await host.transfers.upload([fileOf(0, "empty.txt", "text/plain")])
  await until(() => filesOf(guest).length === 1)
  expect((await contentOf(guest, filesOf(guest)[0]!.file)).size).toBe(0)
})

test("never more than four parts are under way, of all files together", async () => {
  const { host } = await world.founded()
  const held: (() => void)[] = []
  let underWay = 0
  let most = 0
  world.server.before = async (exchange) => {
    if (!isPart(exchange)) return
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise<void>((letGo) => held.push(letGo))
    underWay -= 1
  }
  await host.transfers.upload([fileOf(6 * partSize, "a.bin"), fileOf(3 * partSize, "b.bin")])
  for (let left = 9; left > 0; left--) {
    await until(() => held.length >= Math.min(4, left))
    held.shift()?.()
  }
  await until(() => filesOf(host).length === 2)
  expect(most).toBe(4)
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
  await host.transfers.upload([file])
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
  expect(await same(await contentOf(again, filesOf(again)[0]!.file), file)).toBe(true)
}, 20_000)

test("a file that has changed since is a new file with a new key", async () => {
  const { id, host, profile } = await world.founded()
  world.server.before = (exchange) => {
    if (isPart(exchange)) world.server.down = true
  }
  await host.transfers.upload([fileOf(100)])
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

test("of many files three go at once, and each that ends makes room for the next", async () => {
  const { id, host } = await world.founded()
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  world.server.before = (exchange) => (isPart(exchange) ? held : undefined)
  await host.transfers.upload(Array.from({ length: 7 }, (_, i) => fileOf(10, `${i}.bin`)))
  const states = () => host.transfers.active.value.map(({ state }) => state.value)
  await until(() => world.server.place(id).files.size === 3 && states().length === 7)
  expect(states().filter((state) => state === "queued")).toHaveLength(4)
  host.transfers.active.value.find(({ state }) => state.value === "queued")?.cancel()
  release()
  await until(() => filesOf(host).length === 6)
  // The message stands before the upload has put its own notes away.
  await until(() => states().filter((state) => state === "done").length === 6)
})

test("an upload pauses, goes on, and a cancelled one leaves nothing behind", async () => {
  const { id, host } = await world.founded()
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  world.server.before = (exchange) => (isPart(exchange) ? held : undefined)
  await host.transfers.upload([fileOf(2 * partSize, "a.bin"), fileOf(100, "b.bin")])
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

test("what was made in the page goes on after a reload by itself, as the message that it was", async () => {
  const { id, host, profile } = await world.founded()
  world.server.before = (exchange) => {
    if (isPart(exchange)) world.server.down = true
  }
  const spoken = fileOf(5000, "voice.webm", "audio/webm")
  await host.transfers.sendMade(spoken, 12)
  await until(() => world.server.down)
  await host.closed()
  world.server.down = false
  world.server.before = () => undefined
  const again = await world.opened(profile, id)
  await until(() => filesOf(again).length === 1)
  expect(filesOf(again)[0]?.file).toMatchObject({ name: "voice.webm", voice: 12 })
  expect(await same(await contentOf(again, filesOf(again)[0]!.file), spoken)).toBe(true)
}, 15_000)

test("a file that cannot be kept here is told to whom it concerns, and not shown as if it went", async () => {
  const { host } = await world.founded()
  await host.engine?.rested()
  const write = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
    throw new DOMException("no room", "QuotaExceededError")
  })
  try {
    await expect(host.transfers.upload([fileOf(10)])).rejects.toMatchObject({ message: "QuotaExceededError" })
    await expect(host.transfers.sendMade(fileOf(10), 3)).rejects.toMatchObject({ message: "QuotaExceededError" })
  } finally {
    write.mockRestore()
  }
  expect(host.transfers.active.value).toEqual([])
  await host.transfers.upload([fileOf(10)])
  await until(() => filesOf(host).length === 1)
})

test("a part that was swapped does not open", async () => {
  const { id, host } = await world.founded()
  await host.transfers.upload([fileOf(2 * partSize)])
  await until(() => filesOf(host).length === 1)
  const [stored] = world.server.place(id).files.values()
  const [one, two] = [stored!.present.get(0)!, stored!.present.get(1)!]
  stored!.present.set(0, two).set(1, one)
  await expect(contentOf(host, filesOf(host)[0]!.file)).rejects.toThrow()
})

/** Stands for the browser's "save as": what was written, and whether it was handed over. */
function fakePicker() {
  const saved = { bytes: Buffer.alloc(0), name: "", whole: false, gone: false }
  const writable = {
    write({ position, data }: { position: number; data: Uint8Array }) {
      const bytes = Buffer.alloc(Math.max(saved.bytes.length, position + data.length))
      saved.bytes.copy(bytes)
      bytes.set(data, position)
      saved.bytes = bytes
      return Promise.resolve()
    },
    truncate: (length: number) => Promise.resolve(void (saved.bytes = saved.bytes.subarray(0, length))),
    close: () => Promise.resolve(void (saved.whole = true)),
    abort: () => Promise.resolve(void (saved.gone = true)),
  }
  vi.stubGlobal("showSaveFilePicker", ({ suggestedName }: { suggestedName: string }) => {
    saved.name = suggestedName
    return Promise.resolve({ createWritable: () => Promise.resolve(writable) })
  })
  return saved
}

async function entriesOf(page: SessionPage, count: number): Promise<ArchiveEntry[]> {
  await until(() => filesOf(page).length === count)
  return filesOf(page).map(({ file, at }) => ({ name: file.name, at, file }))
}

test("all files go into one archive, over a broken line and a pause, and what is gone is told", async () => {
  const { id, host } = await world.founded()
  const files = [fileOf(2 * partSize + 5, "scan.bin"), fileOf(100, "SCAN.bin"), fileOf(50, "gone.bin")]
  for (const [i, file] of files.entries()) {
    await host.transfers.upload([file])
    await until(() => filesOf(host).length === i + 1)
  }
  const note = new Blob(["the record"])
  const entries = [...(await entriesOf(host, 3)), { name: "../record.html", at: 1_700_000_000_000, content: note }]
  world.server.place(id).files.delete(filesOf(host)[2]!.file.id)
  let got = 0
  world.server.before = ({ method, path }) => {
    if (method !== "GET" || !path.includes("/parts/")) return
    got += 1
    if (got === 2) world.server.down = true
  }
  const saved = fakePicker()
  const job = await host.transfers.saveArchive("Visit.zip", entries)
  await until(() => job.state.value === "waiting")
  job.pause()
  world.server.down = false
  job.resume()
  await until(() => job.state.value === "done", () => [job.state.value, job.error.value])
  expect(saved).toMatchObject({ name: "Visit.zip", whole: true })
  expect(job.leftOut.value).toEqual(["gone.bin"])
  for (const content of [files[0]!, files[1]!, note])
    expect(saved.bytes.includes(Buffer.from(await content.arrayBuffer()))).toBe(true)
  for (const name of ["scan.bin", "SCAN (2).bin", "record.html"]) expect(saved.bytes.includes(name)).toBe(true)
  expect(saved.bytes.includes("gone.bin")).toBe(false)
}, 20_000)

test("a dropped archive leaves nothing and fetches nothing more", async () => {
  const { host } = await world.founded()
  await host.transfers.upload([fileOf(2 * partSize)])
  const entries = await entriesOf(host, 1)
  const saved = fakePicker()
  world.server.down = true
  const job = await host.transfers.saveArchive("Visit.zip", entries)
  await until(() => job.state.value === "waiting")
  job.cancel()
  await until(() => saved.gone)
  expect(saved.whole).toBe(false)
})

test("names in an archive stay inside it and are told apart", async () => {
  const { namesInArchive } = await import("./fileName.ts")
  expect(namesInArchive(["a.jpg", "A.jpg", "a.jpg", "files/a.jpg", "a (2).jpg"])).toEqual([
    "a.jpg",
    "A (2).jpg",
    "a (3).jpg",
    "files/a.jpg",
    "a (2) (2).jpg",
  ])
  expect(namesInArchive(["../../etc/passwd", "/", ".hidden", "x/.profile"])).toEqual([
    "etc/passwd",
    "file",
    "hidden",
    "x/profile",
  ])
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
