/** How soon a dead line is noticed, and how often a bad server is asked (docs/protocol.md §8.1). */
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { type FollowEvents, type Follower, follow } from "./follower.ts"
import { type Transport } from "./transport.ts"

/** The server's end of each socket that was opened. */
class FakeSocket {
  readyState = 0
  sent: { type: string }[] = []
  onopen?: () => void
  onclose?: (event: { code: number }) => void
  onmessage?: (event: { data: unknown }) => void
  constructor() {
    sockets.push(this)
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string })
  }
  close(): void {
    this.readyState = 3
  }
  open(): this {
    this.readyState = 1
    this.onopen?.()
    this.say({ type: "ready", head: 0, lastCommit: 0, members: [] })
    return this
  }
  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
  get beats(): number {
    return this.sent.filter(({ type }) => type === "beat").length
  }
}

let sockets: FakeSocket[] = []
let following: Follower
let connection: string[]
/** What the server answers to a long poll. */
let asked: () => Promise<unknown>

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal("WebSocket", FakeSocket)
  sockets = []
  connection = []
  asked = () => Promise.reject(new Error("not asked"))
  const session = () => Promise.resolve({})
  const transport = { followUrl: () => "ws://x", session, entries: () => asked() } as unknown as Transport
  const ignore = () => undefined
  const events: FollowEvents = {
    after: () => 0,
    entry: ignore,
    head: ignore,
    signal: ignore,
    present: ignore,
    opened: ignore,
    knocks: ignore,
    connection: (state) => connection.push(state),
    refused: ignore,
  }
  following = follow(transport, "token", events)
})

afterEach(() => {
  following.stop()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const newest = (): FakeSocket => {
  const socket = sockets.at(-1)
  if (!socket) throw new Error("no socket")
  return socket
}

test("a line that answers its beats stays, for as long as it does", async () => {
  const socket = newest().open()
  for (let beats = 1; beats <= 30; beats++) {
    await vi.advanceTimersByTimeAsync(10_000)
    expect(socket.beats).toBe(beats)
    socket.say({ type: "beat", head: 0 })
  }
  expect(sockets).toHaveLength(1)
})

test("a line on which nothing comes is another one within 20 seconds", async () => {
  newest().open()
  await vi.advanceTimersByTimeAsync(17_000)
  expect(sockets).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(sockets).toHaveLength(2)
  expect(connection).toEqual(["online", "reconnecting"])
})

test("where there is reason to doubt it, within 5", async () => {
  const socket = newest().open()
  following.hurry()
  expect(socket.beats).toBe(1)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(sockets).toHaveLength(2)
})

test("a doubt that is answered changes nothing", async () => {
  const socket = newest().open()
  following.hurry()
  socket.say({ type: "beat", head: 0 })
  await vi.advanceTimersByTimeAsync(9_000)
  expect(sockets).toHaveLength(1)
})

test("after a sleep the line is doubted", async () => {
  const socket = newest().open()
  await vi.advanceTimersByTimeAsync(9_000)
  vi.setSystemTime(Date.now() + 600_000)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(socket.beats).toBe(1)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(sockets).toHaveLength(2)
})

test("a server that talks nonsense is asked less and less often", async () => {
  const nonsense = async (seconds: number): Promise<number> => {
    const before = sockets.length
    for (let passed = 0; passed < seconds * 10; passed++) {
      if (newest().readyState === 0) newest().open().onmessage?.({ data: "nonsense" })
      await vi.advanceTimersByTimeAsync(100)
    }
    return sockets.length - before
  }
  await nonsense(30)
  expect(await nonsense(60)).toBeLessThan(40)
})

test("a server that talks and is never ready is left within 10 seconds", async () => {
  const socket = newest()
  socket.readyState = 1
  socket.onopen?.()
  for (let seconds = 0; seconds < 10; seconds++) {
    socket.say({})
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(socket.readyState).toBe(3)
})

test("a server that is ready and then says only what is no frame is left within 20 seconds", async () => {
  const socket = newest().open()
  const nonsense = [{}, { type: "beat" }, { type: "beat", head: "9" }, { type: "signal", from: "a" }, { type: "ready", head: 0 }]
  for (let seconds = 0; seconds < 20; seconds++) {
    for (const each of nonsense) socket.say(each)
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(socket.readyState).toBe(3)
  expect(sockets.length).toBeGreaterThan(1)
})

test("a greeting without a head or members is none", async () => {
  const socket = newest()
  socket.readyState = 1
  socket.onopen?.()
  socket.say({ type: "ready", members: [] })
  socket.say({ type: "ready", head: 0, members: 7 })
  expect(connection).toEqual([])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(socket.readyState).toBe(3)
})

test("an entry that is none ends the line, and another one is made", async () => {
  const socket = newest().open()
  socket.say({ type: "entry", seq: "1", kind: "chat", parent: 0, id: "a", body: "b", at: 0 })
  expect(socket.readyState).toBe(3)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(sockets).toHaveLength(2)
  expect(connection).toEqual(["online", "reconnecting"])
})

test("a server that answers long polls at once is asked once a second", async () => {
  let polls = 0
  asked = () => {
    polls += 1
    return Promise.resolve({ entries: [], head: 0, lastCommit: 0 })
  }
  for (let round = 0; round < 2; round++) {
    newest().onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(1_000)
  }
  await vi.advanceTimersByTimeAsync(20_000)
  expect(polls).toBeGreaterThan(10)
  expect(polls).toBeLessThan(25)
})

test("a line that had lasted is tried again at once", async () => {
  for (let round = 0; round < 5; round++) {
    const socket = newest().open()
    await vi.advanceTimersByTimeAsync(15_000)
    socket.onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(400)
    expect(sockets).toHaveLength(round + 2)
  }
})
