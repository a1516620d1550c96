/** Messages on their way: kept before they are shown, gone when the log shows them. */
import { type Payload } from "../encryption/e2ee.ts"
import { fileOf } from "./fileMessage.ts"
import { type Change, type Storage } from "./storage.ts"
import { type Unsent } from "./timeline.ts"


export interface Outgoing {
  /** Order of writing; part of the record's key. */
  order: number
  message: string
  at: number
  payload: Payload
  state: Unsent["state"]
  /** The sealed entry as posted: a retry sends the same bytes, another `parent` wants another entry id. */
  sealed?: { id: string; parent: number; encryptedMessage: string }
  seq?: number
}

export class Outbox {
  private queue: Outgoing[] = []

  constructor(
    private readonly storage: Storage,
    private readonly sessionId: string,
  ) {}

  async load(): Promise<void> {
    const kept = await this.storage.under(["outbox", this.sessionId])
    this.queue = kept.map(({ value }) => {
      const outgoing = value as Outgoing
      return outgoing.state === "sending" ? { ...outgoing, state: "waiting" } : outgoing
    })
  }

  get all(): readonly Outgoing[] {
    return this.queue
  }

  /** The first that wants to go. Order holds: nothing overtakes what is under way. */
  get next(): Outgoing | undefined {
    return this.queue.find(({ state }) => state === "waiting" || state === "sending")
  }

  /** Not yet taken by the server. */
  get count(): number {
    return this.queue.filter(({ state }) => state !== "sent").length
  }

  find(message: string): Outgoing | undefined {
    return this.queue.find((outgoing) => outgoing.message === message)
  }

  /** Keeps a message durably; the same message id twice is one message. */
  async put(message: string, payload: Payload, at: number): Promise<void> {
    if (this.find(message)) return
    const order = Math.max(at, (this.queue.at(-1)?.order ?? 0) + 1)
    const outgoing: Outgoing = { order, message, at, payload, state: "waiting" }
    this.queue = [...this.queue, outgoing]
    await this.storage.write([this.kept(outgoing)])
  }

  /** Another state in memory; durable with the returned change. */
  set(outgoing: Outgoing): Change {
    this.queue = this.queue.map((old) => (old.message === outgoing.message ? outgoing : old))
    return this.kept(outgoing)
  }

  remove(message: string): Change[] {
    const outgoing = this.find(message)
    if (!outgoing) return []
    this.queue = this.queue.filter((other) => other !== outgoing)
    return [{ delete: ["outbox", this.sessionId, outgoing.order] }]
  }

  /** As the timeline shows them. */
  get shown(): Unsent[] {
    return this.queue.flatMap((outgoing) => {
      const what = shownOf(outgoing.payload)
      if (!what) return []
      const { message, at, state, seq } = outgoing
      return [{ message, at, state, what, ...(seq === undefined ? {} : { seq }) }]
    })
  }

  private kept(outgoing: Outgoing): Change {
    return { put: ["outbox", this.sessionId, outgoing.order], value: outgoing }
  }
}

/** What people see of a payload; undefined for what is no message. */
export function shownOf(payload: Payload): Unsent["what"] | undefined {
  switch (payload.type) {
    case "text":
      return {
        kind: "text",
        message: payload.message,
        text: payload.text,
        ...(payload.reply === undefined ? {} : { reply: payload.reply }),
      }
    case "note":
      return { kind: "note", message: payload.message, text: payload.text }
    case "file":
      return { kind: "file", message: payload.message, file: fileOf(payload) }
    case "history":
    case "call":
    case "receipt":
    case "admit":
    case "leave":
    case "end":
      return undefined
  }
}
