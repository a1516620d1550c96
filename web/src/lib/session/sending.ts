/** What goes out by itself: messages in the order of writing, receipts, the last words of who leaves or ends. */
import { encryptMessage, Malformed, type MemberState, Refused } from "../encryption/e2ee.ts"
import { type Engine } from "./engine.ts"
import { Refusal } from "./http.ts"
import { type Outgoing } from "./outbox.ts"
import { renewing } from "./plans.ts"
import { textualChat } from "./requests.ts"

const receiptEvery = 2_000
const epochLife = 24 * 60 * 60_000

export class Sending {
  private receiptAt = 0

  constructor(private readonly engine: Engine) {}

  async sendAll(): Promise<void> {
    await this.missed()
    for (let next = this.engine.outbox.next; next && !this.engine.sealed; next = this.engine.outbox.next) {
      if (this.engine.state?.phase !== "in" || this.engine.core.phase !== "in") return
      await this.renewWhenDue()
      await this.sendOne(next)
      await this.engine.log.drain()
    }
  }

  /** Taken by the server at a place where the log then showed something else: it has not arrived. */
  private async missed(): Promise<void> {
    const head = this.engine.state?.head.seq ?? 0
    for (const outgoing of this.engine.outbox.all) {
      if (outgoing.state === "sent" && outgoing.seq !== undefined && outgoing.seq <= head) await this.undeliverable(outgoing)
    }
  }

  /** Nothing goes out any more: what still waits is not sent. */
  async giveUp(): Promise<void> {
    await this.missed()
    const unsent = this.engine.outbox.all.filter(({ state }) => state === "waiting" || state === "sending")
    for (const outgoing of unsent) await this.undeliverable(outgoing)
  }

  private async sendOne(outgoing: Outgoing): Promise<void> {
    const { transport } = this.engine
    const { storage } = this.engine.options
    const { token } = this.engine.core
    const state = this.engine.assertOpen()
    if (token === undefined) return
    if (outgoing.file !== undefined) await this.deleteParts(token, outgoing.file)
    const sealed = await this.sealedFor(state, outgoing)
    if (!sealed) return this.undeliverable(outgoing)
    const sending: Outgoing = { ...outgoing, sealed, state: "sending" }
    await storage.write([this.engine.outbox.set(sending)])
    this.engine.showOutbox()
    try {
      const { seq } = await transport.chat(token, { ...sealed, after: this.engine.knownHead }, 2)
      if (this.engine.outbox.find(outgoing.message)) await storage.write([this.engine.outbox.set({ ...sending, state: "sent", seq })])
      this.engine.showOutbox()
      await this.sentOut(outgoing)
    } catch (error) {
      if (error instanceof Refusal && error.problem === "stale-parent") return this.engine.log.catchUp()
      if (error instanceof Refusal && error.problem === "wrong-place") return this.engine.log.lookBack()
      if (error instanceof Refusal && ["too-large", "malformed", "forbidden", "entry-exists"].includes(error.problem)) {
        return this.undeliverable(outgoing)
      }
      if (error instanceof Refusal && error.full) return this.withoutRoom({ ...outgoing, full: error.full })
      this.engine.outbox.set({ ...sending, state: "waiting" })
      this.engine.showOutbox()
      throw error
    }
  }

  /** The bytes as they were posted, unless the group has moved since: then anew, under another entry id. */
  private async sealedFor(state: MemberState, outgoing: Outgoing): Promise<Outgoing["sealed"]> {
    if (outgoing.sealed?.parent === state.lastCommit) return outgoing.sealed
    try {
      return textualChat(await encryptMessage(state, outgoing.payload, outgoing.at))
    } catch (error) {
      if (error instanceof Refused || error instanceof Malformed) return undefined
      throw error
    }
  }

  /** Before the withdrawal goes out, so that one that was interrupted does it again. */
  private async deleteParts(token: string, file: string): Promise<void> {
    await this.engine.transport.deleteFile(token, file).catch((error: unknown) => {
      // Gone already, or not this device's to delete.
      if (!(error instanceof Refusal && ["not-found", "forbidden"].includes(error.problem))) throw error
    })
  }

  private async undeliverable(outgoing: Outgoing): Promise<void> {
    if (outgoing.payload.type === "reaction") {
      // What could not be felt is not worth a question: it is as if it had not been chosen.
      await this.engine.options.storage.write(this.engine.outbox.remove(outgoing.message))
      this.engine.showOutbox()
      return
    }
    await this.engine.options.storage.write([this.engine.outbox.set({ ...outgoing, state: "failed" })])
    this.engine.showOutbox()
  }

  /** Who leaves, or ends the visit, does so without a word. */
  private async withoutRoom(outgoing: Outgoing): Promise<void> {
    if (outgoing.payload.type === "leave") return this.finishLeaving()
    await this.undeliverable(outgoing)
    if (outgoing.payload.type !== "end") return
    await this.engine.keep({ phase: "ended" })
    this.engine.log.settle()
    this.engine.kick()
  }

  /** What follows once the server took a message. */
  private async sentOut(outgoing: Outgoing): Promise<void> {
    if (outgoing.payload.type === "leave") await this.finishLeaving()
  }

  private async finishLeaving(): Promise<void> {
    const { token, id } = this.engine.core
    this.engine.log.unlisten()
    const self = this.engine.state?.self.memberId
    if (token !== undefined && self !== undefined) await this.engine.transport.revoke(token, self).catch(() => undefined)
    this.engine.state = undefined
    const gone = { state: undefined, returning: undefined, token: undefined, keys: undefined, posted: undefined, links: {} }
    await this.engine.keep({ ...gone, phase: "left" }, [{ deleteUnder: ["outbox", id] }, { deleteUnder: ["kept", id] }, { deleteUnder: ["transfer", id] }])
    this.engine.log.settle()
  }

  async finishEnding(): Promise<void> {
    this.engine.commits.refuseIntents()
    if (!this.engine.core.ending || this.engine.core.token === undefined) return
    await this.engine.transport.end(this.engine.core.token)
    await this.engine.keep({ ending: false })
  }

  /** Before a message, not by a clock: a session that nobody uses needs no new epoch (§3.7). */
  private async renewWhenDue(): Promise<void> {
    if (!this.engine.isHost || this.engine.now() - this.engine.core.renewedAt <= epochLife) return
    const change = renewing(this.engine.assertOpen())(this.engine.assertOpen())
    if (change) await this.engine.commits.makeAndPost(change)
  }

  /** At most one in two seconds, and only news. */
  async tellReceipt(): Promise<void> {
    const { delivered, seen, told, token } = this.engine.core
    const alone = (this.engine.state?.epoch?.members.length ?? 0) < 2
    if (alone || token === undefined || (delivered <= told.delivered && seen <= told.seen)) return
    const wait = this.receiptAt + receiptEvery - this.engine.now()
    if (wait > 0) {
      this.engine.later(wait)
      return
    }
    this.receiptAt = this.engine.now()
    const state = this.engine.assertOpen()
    const payload = { type: "receipt" as const, delivered: Math.max(delivered, told.delivered), seen: Math.max(seen, told.seen) }
    try {
      const sealed = textualChat(await encryptMessage(state, payload, this.engine.now()))
      await this.engine.transport.chat(token, { ...sealed, after: this.engine.knownHead }, 2)
      await this.engine.keep({ told: { delivered: payload.delivered, seen: payload.seen } })
    } catch (error) {
      if (error instanceof Refusal && error.problem === "wrong-place") return this.engine.log.lookBack()
      if (error instanceof Refusal && error.full) return // with the next news, if there is room then
      if (!(error instanceof Refusal && error.problem === "stale-parent")) throw error
      await this.engine.log.catchUp()
      this.engine.kick()
    }
  }
}
