/** Follows a session's log and signals (docs/protocol.md §8.1): WebSocket, or long poll where those are blocked. */
import { backoff, isRecord, pause, Refusal } from "./http.ts"
import { isOffline, onNetwork } from "./network.ts"
import { entryOf, type ServerEntry, type Transport } from "./transport.ts"
import { type Connection } from "./types.ts"

export interface FollowEvents {
  /** The highest seq that the listener has taken; following goes on behind it. */
  after(): number
  entry(entry: ServerEntry): void
  /** What the server says of its head: at the start, and with each beat. */
  head(head: number): void
  signal(from: string, signal: string): void
  /** Members connected; undefined while that is not known. */
  present(members: string[] | undefined): void
  opened(invite: string): void
  connection(connection: Connection): void
  /** The server takes this token no more; following has stopped. */
  refused(cause: "not-authorised" | "revoked" | "ended"): void
}

export interface Follower {
  /** Relays a signal to connected members (null: all others); false when there is no line. */
  signal(to: string[] | null, signal: string): boolean
  /** Connects at once instead of after the pause, as when the network is back. */
  hurry(): void
  stop(): void
}

const readyWithin = 10_000
const beatEvery = 25_000
const silentAfter = 50_000
/** With so many sockets in a row that never got ready, the long poll goes on in their place. */
const blockedAfter = 2
const pollingFor = 120_000

type Ending = "lost" | "never-ready" | "not-authorised" | "revoked" | "ended"

export function follow(transport: Transport, token: string, events: FollowEvents): Follower {
  const stopped = new AbortController()
  let socket: WebSocket | undefined
  let wake = new AbortController()
  const hurry = () => wake.abort()
  const deaf = [
    onNetwork("online", hurry),
    onNetwork("offline", () => {
      events.connection("offline")
      socket?.close()
    }),
  ]

  const run = async () => {
    let failures = 0
    let neverReady = 0
    for (;;) {
      const ending =
        neverReady >= blockedAfter
          ? await poll(transport, token, events, stopped.signal)
          : await socketLife(transport, token, events, stopped.signal, (opened) => {
              socket = opened
            })
      socket = undefined
      events.present(undefined)
      if (stopped.signal.aborted) return
      if (ending === "not-authorised" || ending === "revoked" || ending === "ended") {
        events.refused(ending)
        return
      }
      neverReady = ending === "never-ready" && (await answersAtAll(transport, token, stopped.signal)) ? neverReady + 1 : 0
      failures = ending === "never-ready" ? failures + 1 : 0
      events.connection(isOffline() ? "offline" : "reconnecting")
      wake = new AbortController()
      await pause(backoff(failures, 200, 10_000), AbortSignal.any([wake.signal, stopped.signal])).catch(() => undefined)
    }
  }
  void run()
  return {
    signal(to, signal) {
      if (socket?.readyState !== 1) return false
      socket.send(JSON.stringify({ type: "signal", to, signal }))
      return true
    },
    hurry,
    stop() {
      stopped.abort()
      socket?.close()
      for (const off of deaf) off()
    },
  }
}

/** One socket from opening to its end. */
function socketLife(
  transport: Transport,
  token: string,
  events: FollowEvents,
  stop: AbortSignal,
  opened: (socket: WebSocket) => void,
): Promise<Ending> {
  return new Promise((resolve) => {
    let ready = false
    let settled = false
    const socket = socketTo(transport.followUrl(events.after()))
    if (!socket) {
      resolve("never-ready")
      return
    }
    const end = (ending: Ending) => {
      if (settled) return
      settled = true
      clearTimeout(silence)
      clearInterval(beats)
      stop.removeEventListener("abort", lost)
      socket.close()
      resolve(ending)
    }
    const lost = () => end(ready ? "lost" : "never-ready")
    let silence = setTimeout(lost, readyWithin)
    const beats = setInterval(() => {
      if (socket.readyState === 1) socket.send('{"type":"beat"}')
    }, beatEvery)
    stop.addEventListener("abort", lost, { once: true })
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token }))
    socket.onclose = ({ code }) => end(endingOf(code) ?? (ready ? "lost" : "never-ready"))
    socket.onerror = () => undefined
    socket.onmessage = ({ data }) => {
      if (settled) return
      const frame = frameOf(data)
      if (!frame) {
        lost()
        return
      }
      clearTimeout(silence)
      silence = setTimeout(lost, silentAfter)
      if (frame["type"] === "ready") {
        ready = true
        opened(socket)
        events.connection("online")
      }
      deliver(frame, events)
    }
  })
}

/** Undefined where there are no sockets, or a policy forbids them. */
function socketTo(url: string): WebSocket | undefined {
  try {
    return new WebSocket(url)
  } catch {
    return undefined
  }
}

function endingOf(code: number): Ending | undefined {
  if (code === 4401) return "not-authorised"
  if (code === 4403) return "revoked"
  if (code === 4410) return "ended"
  return undefined
}

function frameOf(data: unknown): Record<string, unknown> | undefined {
  if (typeof data !== "string") return undefined
  try {
    const frame: unknown = JSON.parse(data)
    return isRecord(frame) ? frame : undefined
  } catch {
    return undefined
  }
}

function deliver(frame: Record<string, unknown>, events: FollowEvents): void {
  switch (frame["type"]) {
    case "ready":
      if (typeof frame["head"] === "number") events.head(frame["head"])
      events.present(names(frame["members"]))
      return
    case "entry": {
      const entry = entryOf(frame)
      if (entry) events.entry(entry)
      return
    }
    case "signal":
      if (typeof frame["from"] === "string" && typeof frame["signal"] === "string") {
        events.signal(frame["from"], frame["signal"])
      }
      return
    case "present":
      events.present(names(frame["members"]))
      return
    case "opened":
      if (typeof frame["invite"] === "string") events.opened(frame["invite"])
      return
    case "beat":
      if (typeof frame["head"] === "number") events.head(frame["head"])
      return
    default:
  }
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : []
}

async function answersAtAll(transport: Transport, token: string, stop: AbortSignal): Promise<boolean> {
  try {
    await transport.session(token, stop)
    return true
  } catch (error) {
    return error instanceof Refusal
  }
}

/** Long polls for a while, then lets the caller try a socket again. */
async function poll(transport: Transport, token: string, events: FollowEvents, stop: AbortSignal): Promise<Ending> {
  const until = Date.now() + pollingFor
  while (Date.now() < until && !stop.aborted) {
    try {
      const page = await transport.entries(token, events.after(), { limit: 200, wait: 25, signal: stop, tries: 1 })
      events.connection("online")
      events.head(page.head)
      page.entries.forEach((entry) => events.entry(entry))
    } catch (error) {
      if (error instanceof Refusal && error.problem === "not-authorised") return "not-authorised"
      return "lost"
    }
  }
  return "lost"
}
