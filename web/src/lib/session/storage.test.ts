import "fake-indexeddb/auto"
import { openDB } from "idb"
import { beforeEach, expect, test } from "vitest"
import { forgetSession } from "./core.ts"
import { Storage } from "./storage.ts"

let name = ""
beforeEach(() => {
  name = crypto.randomUUID()
})

test("what was written is there after the database is opened again", async () => {
  const first = await Storage.open(name)
  await first.write([{ put: ["session", "a"], value: { token: new Uint8Array([1, 2, 255]), at: [1, "x"] } }])
  first.close()
  const second = await Storage.open(name)
  expect(await second.get(["session", "a"])).toEqual({ token: new Uint8Array([1, 2, 255]), at: [1, "x"] })
})

test("nothing of a value stands readable on the disk, and its key cannot be taken out", async () => {
  const storage = await Storage.open(name)
  await storage.write([{ put: ["session", "a"], value: { text: "canary-canary" } }])
  storage.close()
  const db = await openDB(name)
  const kept = JSON.stringify(await db.getAll("records"), (_, v: unknown) =>
    v instanceof ArrayBuffer ? new TextDecoder("latin1").decode(v) : v,
  )
  expect(kept).toContain("nonce")
  expect(kept).not.toContain("canary")
  const key = (await db.get("keys", "records")) as CryptoKey
  expect(key.extractable).toBe(false)
  await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow()
})

test("a record that was put in another's place does not open", async () => {
  const storage = await Storage.open(name)
  await storage.write([
    { put: ["session", "a"], value: 1 },
    { put: ["session", "b"], value: 2 },
  ])
  storage.close()
  const db = await openDB(name)
  await db.put("records", (await db.get("records", ["session", "a"])) as unknown, ["session", "b"])
  db.close()
  const again = await Storage.open(name)
  expect(await again.get(["session", "a"])).toBe(1)
  await expect(again.get(["session", "b"])).rejects.toThrow()
})

test("records come by prefix in order, and go by prefix", async () => {
  const storage = await Storage.open(name)
  await storage.write([
    { put: ["page", "a", 10], value: "ten" },
    { put: ["page", "a", 2], value: "two" },
    { put: ["page", "ab", 1], value: "other" },
    { put: ["page", "a"], value: "itself" },
  ])
  expect((await storage.under(["page", "a"])).map(({ value }) => value)).toEqual(["itself", "two", "ten"])
  await storage.write([{ deleteUnder: ["page", "a"] }])
  expect((await storage.under(["page"])).map(({ value }) => value)).toEqual(["other"])
})

test("two pages that open at once have one key", async () => {
  const [one, two] = await Promise.all([Storage.open(name), Storage.open(name)])
  await one.write([{ put: ["session", "a"], value: "x" }])
  expect(await two.get(["session", "a"])).toBe("x")
})

test("a session that is forgotten leaves no draft, no half-sent file and no way to the file, and others are left alone", async () => {
  const storage = await Storage.open(name)
  for (const id of ["a", "b"]) {
    await storage.write([
      { put: ["draft", id], value: "Not sent" },
      { put: ["transfer", id, `letter-${id}`], value: {} },
    ])
    await storage.keepHandle(`letter-${id}`, { kind: "file" } as FileSystemFileHandle)
  }
  await forgetSession(storage, "a")
  expect(await storage.get(["draft", "a"])).toBeUndefined()
  expect(await storage.under(["transfer", "a"])).toEqual([])
  expect(await storage.handle("letter-a")).toBeUndefined()
  expect(await storage.get(["draft", "b"])).toBe("Not sent")
  expect(await storage.handle("letter-b")).toBeDefined()
})
