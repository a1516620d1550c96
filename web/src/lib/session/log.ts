/** The log as it comes: followed, applied in batches, and written in one step with what came of it (docs/protocol.md §4). */
import { type Applied, applyEntry, encodeState, type MemberState, readEntry } from "../encryption/e2ee.ts"
import { type Arrival, arrive } from "./arrival.ts"
import { coreKey } from "./core.ts"
import { type Engine } from "./engine.ts"
import { type Fact, isSaid } from "./facts.ts"
import { follow, type Follower } from "./follower.ts"
import { headway } from "./headway.ts"
import { keeping } from "./kept.ts"
import { type Change } from "./storage.ts"
import { type ServerEntry } from "./transport.ts"

/** One entry, applied. */
interface Step {
  entry: ServerEntry
  before: MemberState
  applied: Applied
}

const batchSize = 256
/** Call entries this young ring even when they were waiting for us. */
const ringsFor = 30_000

export class Log {
  private follower: Follower | undefined
  private inbox: ServerEntry[] = []
  private draining = 0
  private liveFrom = 0
  private waiting: (() => void)[] = []

  constructor(private readonly engine: Engine) {}

  listen(): void {
    const { token } = this.engine.core
    if (this.follower || token === undefined || this.engine.options.once === true) return
    this.follower = follow(this.engine.transport, token, {
      // Behind the end of a log that is shorter, so as to see what comes in the place of what is missing.
      after: () => this.inbox.at(-1)?.seq ?? this.engine.carrying.from ?? this.engine.state?.head.seq ?? 0,
      entry: (entry) => {
        this.inbox.push(entry)
        this.engine.kick()
      },
      head: (head) => void this.headTold(head),
      signal: (_, signal) => this.engine.line.take(signal),
      present: (members) => this.engine.line.connectedAre(members),
      knocks: () => this.engine.knocks.look(),
      opened: (invite) => void this.openedNow(invite),
      connection: (connection) => {
        if (connection === "online") {
          this.engine.breaks = 0
          this.engine.knocks.look()
          void this.learnExpiry()
        }
        this.engine.showing.change({ connection })
      },
      refused: (cause) => void this.engine.refused(cause),
    })
  }

  unlisten(): void {
    this.follower?.stop()
    this.follower = undefined
  }

  /** The server's head must not lie before what was verified; asked twice, as frames may cross. */
  private async headTold(head: number): Promise<void> {
    this.liveFrom = Math.max(this.liveFrom, head)
    if (head < this.engine.knownHead) await this.lookBack()
    if (this.engine.core.carryOn === true) this.engine.kick()
  }

  /** Asks whether the log ends before what is known of it. */
  async lookBack(): Promise<void> {
    const { core, knownHead } = this.engine
    if (core.token === undefined) return
    try {
      const row = await this.engine.transport.session(core.token, this.engine.stopped.signal)
      if (row.head < knownHead) await this.rolledBack(row.head)
    } catch {
      // It tells again with its next beat.
    }
  }

  /** Said once, however often it shows. */
  async rolledBack(seq: number): Promise<void> {
    if (this.engine.core.alarms.some(({ kind }) => kind === "rolled-back")) return
    await this.engine.raise({ kind: "rolled-back", seq, stops: true })
  }

  /** Once; later the server takes the token no more, and tells no difference. */
  private async learnExpiry(): Promise<void> {
    const { core, transport } = this.engine
    if (core.expiresAt > 0 || core.token === undefined) return
    try {
      const { expiresAt } = await transport.session(core.token)
      await this.engine.keep({ expiresAt })
    } catch {
      // The next connection asks again.
    }
  }

  /** Somebody stands at the door: it had better be right. */
  private async openedNow(invite: string): Promise<void> {
    const { state, core, now } = this.engine
    const inside = state?.epoch?.members.some((member) => member.invite === invite) === true
    await this.engine.keep({
      ...(inside ? {} : { opened: { ...core.opened, [invite]: now() } }),
      checkDue: Math.max(1, state?.head.seq ?? 0),
    })
    this.engine.chores.fetched(invite)
    this.engine.kick()
  }

  /** Applies what has come, a batch at a time: state, facts and outbox are written in one step, then shown. */
  async drain(): Promise<void> {
    this.draining += 1
    try {
      while (this.inbox.length > 0 && this.engine.state && !this.engine.stopped.signal.aborted) {
        await this.applyAll(this.inbox.splice(0, batchSize))
      }
    } finally {
      this.draining -= 1
    }
    this.settle()
  }

  private async applyAll(batch: readonly ServerEntry[]): Promise<void> {
    const { steps, gap } = await this.applied(batch)
    const last = steps.at(-1)
    if (last) {
      const epochBefore = this.engine.state?.epoch
      // From here to the write nothing waits, so that no other change of the core is lost.
      const { core, facts, rings, changes, own } = this.arrived(steps)
      const lost = last.applied.event.kind === "join-lost"
      this.engine.state = lost ? undefined : last.applied.state
      this.engine.core = { ...core, state: this.engine.state && encodeState(this.engine.state) }
      const pages = this.engine.pages.add(facts)
      await this.engine.options.storage.write([
        { put: coreKey(core.id), value: this.engine.core },
        ...pages.changes,
        ...this.engine.portrait.summary(),
        ...changes,
      ])
      if (this.engine.state && this.engine.state.epoch !== epochBefore) await this.engine.epochChanged()
      for (const { by, what } of facts) if (by && isSaid(what)) this.engine.line.wrote(by.memberId)
      this.engine.outbox.landed(own)
      this.engine.timeline.update({ facts: pages.facts, receipts: core.receipts }, this.engine.outbox.shown)
      this.engine.portrait.show()
      for (const { by, ...ring } of rings) this.engine.tell(this.engine.line.speaking, { kind: "ring", by: by.memberId, ...ring })
    }
    if (gap) {
      // What is missing is asked for, and the rest comes with it.
      this.inbox = []
      await this.catchUp()
    }
  }

  /** Entries applied one after the other, up to a gap or a lost join. */
  private async applied(batch: readonly ServerEntry[]): Promise<{ steps: Step[]; gap: boolean }> {
    const steps: Step[] = []
    let state = this.engine.state
    for (const entry of batch) {
      if (!state) break
      if (entry.seq > state.head.seq + 1) return { steps, gap: true }
      const applied: Applied = await applyEntry(state, readEntry(entry), this.engine.now())
      steps.push({ entry, before: state, applied })
      if (applied.event.kind === "join-lost") break
      ;({ state } = applied)
    }
    return { steps, gap: false }
  }

  private arrived(steps: readonly Step[]) {
    let core = this.engine.core
    const facts: Fact[] = []
    const rings: NonNullable<Arrival["ring"]>[] = []
    const changes: Change[] = []
    const own: string[] = []
    for (const { entry, before, applied } of steps) {
      const arrival = arrive(core, before, applied, entry, this.engine.now())
      core = arrival.core
      facts.push(...arrival.facts)
      if (arrival.ring && this.rings(entry)) rings.push(arrival.ring)
      if (arrival.stuck) this.engine.entering.stuck = "behind"
      const mine = this.engine.outbox.all.find(({ sealed }) => sealed?.id === entry.id)
      if (mine) {
        own.push(mine.message)
        changes.push(...this.engine.outbox.land(mine.message))
      }
      if (entry.seq > before.head.seq && applied.event.kind !== "join-lost") {
        changes.push(...keeping(core.id, entry, applied, this.engine.core.posted))
      }
    }
    return { core, facts, rings, changes, own }
  }

  private rings(entry: ServerEntry): boolean {
    return entry.seq > this.liveFrom || Math.abs(this.engine.now() - entry.at) < ringsFor
  }

  /** Reads on over HTTP to the head. */
  async catchUp(): Promise<void> {
    const goesOn = headway()
    for (;;) {
      const { state, core } = this.engine
      if (!state || core.token === undefined) return
      const after = state.head.seq
      const page = await this.engine.transport.entries(core.token, after, { signal: this.engine.stopped.signal })
      void this.headTold(page.head)
      if (page.entries.length > 0) {
        this.inbox = [...page.entries, ...this.inbox.filter(({ seq }) => seq > (page.entries.at(-1)?.seq ?? 0))]
        await this.drain()
      }
      if (!this.engine.state || this.engine.state.head.seq >= page.head || this.engine.state.head.seq === after) return
      goesOn(page.head - this.engine.state.head.seq)
    }
  }

  relay(to: string[] | null, signal: string): boolean {
    return this.follower?.signal(to, signal) ?? false
  }

  /** Resolves when something has been settled: entries applied, or a phase. */
  next(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  /** Lets those go on who wait for entries or for a phase. */
  settle(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Entries that have come are applied, or three seconds have passed. */
  async settled(): Promise<void> {
    if (this.inbox.length === 0 && this.draining === 0) return
    await new Promise<void>((resolve) => {
      this.waiting.push(resolve)
      setTimeout(resolve, 3_000)
    })
  }
}
