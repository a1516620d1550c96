/** Messages on their way: kept before they are shown, gone when the log shows them. */
import { type EditPayload, type Payload, type ReactionPayload, type WithdrawPayload } from "../encryption/e2ee.ts"
import { fileOf } from "./fileMessage.ts"
import { type Changing, type Said } from "./facts.ts"
import { type Change, type Storage } from "./storage.ts"
import { type Unsent } from "./timeline.ts"

/** Says something about a message that was sent before. */
export type ChangePayload = EditPayload | WithdrawPayload | ReactionPayload

export interface Outgoing {
  /** Order of writing; part of the record's key. */
  order: number
  message: string
  at: number
  payload: Payload
  state: Unsent["state"]
  /** Why it failed, where it is that (`Refusal.full`). */
  full?: Unsent["full"]
  /** The sealed entry as posted: a retry sends the same bytes, another `parent` wants another entry id. */
  sealed?: { id: string; parent: number; encryptedMessage: string }
  seq?: number
  /** File whose parts go from the server first. */
  file?: string
}

export class Outbox {
  private queue: Outgoing[] = []
  /** Being written to disk. */
  private readonly coming: Outgoing[] = []
  /** In the log, which is being written to disk before it is shown. */
  private landing: Outgoing[] = []

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

  /** Its user leaves, or ends the visit for all, as soon as that can be sent. */
  get departing(): boolean {
    return this.queue.some(({ payload: { type }, state }) => (type === "leave" || type === "end") && state !== "failed")
  }

  find(message: string): Outgoing | undefined {
    return this.queue.find((outgoing) => outgoing.message === message)
  }

  /** A message on its way, and the changes of it. */
  about(message: string): Outgoing[] {
    return this.queue.filter(
      ({ message: name, payload }) => name === message || (isChange(payload) && payload.message === message),
    )
  }

  /** Keeps a message durably; only then is it there to show and to send. The same message id twice is one message. */
  async put(message: string, payload: Payload, at: number, file?: string): Promise<void> {
    if (this.find(message) || this.coming.some((outgoing) => outgoing.message === message)) return
    const order = Math.max(at, ...[...this.queue, ...this.coming].map(({ order }) => order + 1))
    const outgoing: Outgoing = { order, message, at, payload, state: "waiting", ...(file === undefined ? {} : { file }) }
    this.coming.push(outgoing)
    try {
      await this.storage.write([this.kept(outgoing)])
      this.queue = [...this.queue, outgoing].sort((one, other) => one.order - other.order)
    } finally {
      this.coming.splice(this.coming.indexOf(outgoing), 1)
    }
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

  /** As `remove`, for what the log has; it is shown until `landed`, when the log shows it. */
  land(message: string): Change[] {
    this.landing = [...this.landing, ...this.queue.filter((outgoing) => outgoing.message === message)]
    return this.remove(message)
  }

  landed(messages: readonly string[]): void {
    this.landing = this.landing.filter(({ message }) => !messages.includes(message))
  }

  /** As the timeline shows them. */
  get shown(): Unsent[] {
    return [...this.landing, ...this.queue].flatMap((outgoing) => {
      const what = shownOf(outgoing.payload) ?? changeOf(outgoing.payload)
      if (!what) return []
      const { message, at, state, full, seq } = outgoing
      return [{ message, at, state, what, full, ...(seq === undefined ? {} : { seq }) }]
    })
  }

  private kept(outgoing: Outgoing): Change {
    return { put: ["outbox", this.sessionId, outgoing.order], value: outgoing }
  }
}

/** What people see of a payload; undefined for what is no message. */
export function shownOf(payload: Payload): Exclude<Said, { kind: "withdrawn" }> | undefined {
  if (payload.type === "text") {
    const { message, text, reply } = payload
    return { kind: "text", message, text, ...(reply === undefined ? {} : { reply }) }
  }
  if (payload.type === "note") return { kind: "note", message: payload.message, text: payload.text }
  if (payload.type === "file") return { kind: "file", message: payload.message, file: fileOf(payload) }
  return undefined
}

/** What a payload does to a message; undefined where it does nothing to one. */
export function changeOf(payload: Payload): Changing | undefined {
  if (payload.type === "edit") return { kind: "edit", message: payload.message, text: payload.text }
  if (payload.type === "withdraw") return { kind: "withdraw", message: payload.message }
  if (payload.type !== "reaction") return undefined
  const { author, message, emoji } = payload
  return { kind: "reaction", author, message, emoji }
}

const isChange = (payload: Payload): payload is ChangePayload => changeOf(payload) !== undefined

/** Whether what still waits need not be said any more: an older change of the same kind, or any of what is withdrawn. */
export function overtakes(payload: ChangePayload, { payload: before, state }: Outgoing): boolean {
  if (state !== "waiting" && state !== "failed") return false
  if (!isChange(before) || before.message !== payload.message) return false
  if (before.type === "reaction" || payload.type === "reaction") {
    return before.type === "reaction" && payload.type === "reaction" && before.author === payload.author
  }
  return payload.type === "withdraw" || before.type === "edit"
}
