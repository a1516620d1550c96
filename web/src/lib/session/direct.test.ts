import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { partSize } from "../encryption/e2ee.ts"
import { type SessionPage } from "./page.ts"
import { contentOf, until } from "./testing/device.ts"
import { World } from "./testing/world.ts"
import { type FileItem } from "./types.ts"

let world: World
beforeEach(() => {
  world = new World()
  world.server.store = () => undefined
})
afterEach(() => world.close())

const size = 2 * partSize + 12_345
const filesOf = (page: SessionPage) => page.timeline.value.filter((item): item is FileItem => item.kind === "file")

/** Sends a file, reads it again, and says how many parts went through the server each way. */
async function sentAndRead(length = size): Promise<{ up: number; down: number }> {
  const { host } = await world.founded()
  const bytes = new Uint8Array(length).map((_, i) => i % 251)
  await host.transfers.upload([new File([bytes], "scan.bin", { lastModified: 1 })])
  await until(() => filesOf(host).some(({ state }) => state === "sent"))
  const read = new Uint8Array(await (await contentOf(host, filesOf(host)[0]!.file)).arrayBuffer())
  expect(Buffer.compare(read, bytes)).toBe(0)
  const through = (wanted: string) =>
    world.server.asked.filter(({ method, path }) => method === wanted && /\/parts\/\d+$/.test(path)).length
  return { up: through("PUT"), down: through("GET") }
}

test("parts go to the store and come from there, without token or cookie", async () => {
  expect(await sentAndRead()).toEqual({ up: 0, down: 0 })
  expect(world.server.storeHeaders).toHaveLength(6)
  for (const [method, ...rest] of world.server.storeHeaders)
    expect(rest).toEqual(method === "PUT" ? ["if-none-match", "x-amz-checksum-sha256", "omit"] : ["omit"])
}, 20_000)

test("a file of one part goes the shorter way", async () => {
  expect(await sentAndRead(1000)).toEqual({ up: 1, down: 1 })
  expect(world.server.storeHeaders).toEqual([])
})

test("a server that does not offer it is asked nothing", async () => {
  world.server.store = undefined
  expect(await sentAndRead()).toEqual({ up: 3, down: 3 })
  expect(world.server.asked.some(({ path }) => path.endsWith("/direct"))).toBe(false)
}, 20_000)

test.each([
  ["refuses", () => new Response(null, { status: 403 })],
  ["is broken", () => new Response(null, { status: 503 })],
  [
    "cannot be reached",
    () => {
      throw new TypeError("no line")
    },
  ],
])(
  "a store that %s costs no part",
  async (_, answers) => {
    world.server.store = answers
    expect(await sentAndRead()).toEqual({ up: 3, down: 3 })
    // The three that were under way; then no more.
    expect(world.server.storeHeaders.length).toBeLessThanOrEqual(6)
  },
  20_000,
)

test("a store that gives back too little or too much is left", async () => {
  world.server.store = (method, part) =>
    method === "GET" && part ? new Response(part.slice(1)) : undefined
  expect(await sentAndRead()).toEqual({ up: 0, down: 3 })
  world.server.asked.length = 0
  world.server.store = (method, part) =>
    method === "GET" && part ? new Response(Buffer.concat([part, Buffer.alloc(9)])) : undefined
  expect(await sentAndRead()).toEqual({ up: 0, down: 3 })
}, 20_000)

test("a store that had the part already is as good as one that took it", async () => {
  world.server.store = (method) => (method === "PUT" ? new Response(null, { status: 412 }) : undefined)
  // Nothing was there after all: what is not confirmed goes through the server.
  expect(await sentAndRead()).toEqual({ up: 3, down: 0 })
}, 20_000)
