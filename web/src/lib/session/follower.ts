/** Follows a session's log and signals (docs/protocol.md §8.1): WebSocket, or long poll where those are blocked. */
import { backoff, isRecord, pause, Refusal } from "./http.ts"
import { isOffline, onNetwork, onPage } from "./network.ts"
import { entryOf, isWhole, type ServerEntry, type Transport } from "./transport.ts"
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
  /** Knocks came, went, or were decided on. */
  knocks(): void
  connection(connection: Connection): void
  /** The server takes this token no more; following has stopped. */
  refused(cause: "not-authorised" | "revoked" | "ended"): void
}

export interface Follower {
  /** Relays a signal to connected members (null: all others); false when there is no line. */
  signal(to: string[] | null, signal: string): boolean
  /** The network may be back: connects at once instead of after the pause, or asks whether the line still lives. */
  hurry(): void
  stop(): void
}

const readyWithin = 10_000
const beatEvery = 10_000
/** Each beat is answered: a line that is as silent as this is dead, whatever the browser thinks. */
const silentAfter = 18_000
/** The same where there is reason to doubt it. */
const doubtedAfter = 4_000
/** Timers this late tell that the machine has slept. */
const slept = 5_000
/** A line that broke sooner was no good: the next pause is longer. */
const lasting = 10_000
/** With so many sockets in a row that never got ready, the long poll goes on in their place. */
const blockedAfter = 2
const pollingFor = 120_000
/** At least so long lies between two long polls of which the first brought nothing. */
const unasked = 1_000

type Ending = "lost" | "brief" | "never-ready" | "not-authorised" | "revoked" | "ended"

export function follow(transport: Transport, token: string, events: FollowEvents): Follower {
  const stopped = new AbortController()
  let socket: Following | undefined
  let wake = new AbortController()
  const hurry = () => {
    wake.abort()
    socket?.doubt()
  }
  const deaf = [
    onNetwork("online", hurry),
    onPage("visibilitychange", hurry),
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
      failures = ending === "lost" ? 0 : failures + 1
      events.connection(isOffline() ? "offline" : "reconnecting")
      wake = new AbortController()
      await pause(backoff(failures, 200, 5_000), AbortSignal.any([wake.signal, stopped.signal])).catch(() => undefined)
    }
  }
  void run()
  return {
    signal(to, signal) {
      return socket?.send({ type: "signal", to, signal }) ?? false
    },
    hurry,
    stop() {
      stopped.abort()
      socket?.close()
      for (const off of deaf) off()
    },
  }
}

/** A socket that is ready. */
interface Following {
  /** False when it is closing. */
  send(frame: object): boolean
  /** Asks for a sign of life, soon. */
  doubt(): void
  close(): void
}

/** One socket from opening to its end. */
function socketLife(
  transport: Transport,
  token: string,
  events: FollowEvents,
  stop: AbortSignal,
  opened: (socket: Following) => void,
): Promise<Ending> {
  return new Promise((resolve) => {
    let readyAt: number | undefined
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
    const lost = () => end(endingSince(readyAt))
    let silence = setTimeout(lost, readyWithin)
    const patience = (ms: number) => {
      clearTimeout(silence)
      silence = setTimeout(lost, ms)
    }
    const send = (frame: object): boolean => {
      if (socket.readyState !== 1) return false
      socket.send(JSON.stringify(frame))
      return true
    }
    const doubt = () => {
      if (send({ type: "beat" })) patience(doubtedAfter)
    }
    let beat = Date.now()
    const beats = setInterval(() => {
      const late = Date.now() - beat - beatEvery
      beat = Date.now()
      if (late > slept) doubt()
      else send({ type: "beat" })
    }, beatEvery)
    stop.addEventListener("abort", lost, { once: true })
    socket.onopen = () => void send({ type: "auth", token })
    socket.onclose = ({ code }) => end(endingOf(code) ?? endingSince(readyAt))
    socket.onerror = () => undefined
    socket.onmessage = ({ data }) => {
      if (settled) return
      const frame = frameOf(data)
      if (frame === "broken") {
        lost()
        return
      }
      if (!frame) return
      if (frame.type === "ready") {
        readyAt = Date.now()
        opened({ send, doubt, close: () => socket.close() })
        events.connection("online")
      }
      // Until it is ready nothing that a server says makes the wait longer.
      if (readyAt !== undefined) patience(silentAfter)
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

function endingSince(readyAt: number | undefined): Ending {
  if (readyAt === undefined) return "never-ready"
  return Date.now() - readyAt < lasting ? "brief" : "lost"
}

function endingOf(code: number): Ending | undefined {
  if (code === 4401) return "not-authorised"
  if (code === 4403) return "revoked"
  if (code === 4410) return "ended"
  return undefined
}

type Frame =
  | { type: "ready"; head: number; members: string[] }
  | { type: "entry"; entry: ServerEntry }
  | { type: "signal"; from: string; signal: string }
  | { type: "present"; members: string[] }
  | { type: "opened"; invite: string }
  | { type: "knocks" }
  | { type: "beat"; head: number }

/** A frame of the protocol. What is none is passed over, and is no sign of life; an entry that is none breaks the line. */
function frameOf(data: unknown): Frame | "broken" | undefined {
  const frame = jsonOf(data)
  if (frame === undefined) return "broken"
  if (!isRecord(frame)) return undefined
  const { type, head, from, signal, invite } = frame
  const members = names(frame["members"])
  if (type === "ready" && isWhole(head) && members) return { type, head, members }
  if (type === "entry") {
    const entry = entryOf(frame)
    return entry ? { type, entry } : "broken"
  }
  if (type === "signal" && typeof from === "string" && typeof signal === "string") return { type, from, signal }
  if (type === "present" && members) return { type, members }
  if (type === "opened" && typeof invite === "string") return { type, invite }
  if (type === "knocks") return { type }
  if (type === "beat" && isWhole(head)) return { type, head }
  return undefined
}

/** Undefined for what is no JSON. */
function jsonOf(data: unknown): unknown {
  if (typeof data !== "string") return undefined
  try {
    return JSON.parse(data) as unknown
  } catch {
    return undefined
  }
}

function deliver(frame: Frame, events: FollowEvents): void {
  switch (frame.type) {
    case "ready":
      events.head(frame.head)
      events.present(frame.members)
      return
    case "entry":
      events.entry(frame.entry)
      return
    case "signal":
      events.signal(frame.from, frame.signal)
      return
    case "present":
      events.present(frame.members)
      return
    case "opened":
      events.opened(frame.invite)
      return
    case "knocks":
      events.knocks()
      return
    case "beat":
      events.head(frame.head)
  }
}

function names(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : undefined
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
      const asked = Date.now()
      const page = await transport.entries(token, events.after(), { limit: 200, wait: 25, signal: stop, tries: 1 })
      events.connection("online")
      events.head(page.head)
      page.entries.forEach((entry) => events.entry(entry))
      // A server that does not wait as it was asked to is not asked again at once.
      if (page.entries.length === 0) await pause(Math.max(0, asked + unasked - Date.now()), stop)
    } catch (error) {
      if (error instanceof Refusal && error.problem === "not-authorised") return "not-authorised"
      return "lost"
    }
  }
  return "lost"
}
