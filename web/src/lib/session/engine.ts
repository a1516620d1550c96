/**
 * The one place that moves a session on this device (docs/protocol.md §3.7, §4, §5). It runs in the tab that owns the
 * session, does one thing at a time, and writes durably before anything leaves that depends on it.
 */
import { type Bytes, contradicting, decodeState, isStopped, type MemberState, type RosterMember } from "../encryption/e2ee.ts"
import { withAlarm } from "./arrival.ts"
import { Carrying } from "./carrying.ts"
import { Chores } from "./chores.ts"
import { recognise } from "./clinicians.ts"
import { Commits } from "./commits.ts"
import { type Core, coreKey, forgetSession } from "./core.ts"
import { Entering } from "./entering.ts"
import { backoff, Refusal, Unreachable } from "./http.ts"
import { DoorNotReady } from "./joining.ts"
import { Knocks } from "./knocks.ts"
import { Line } from "./line.ts"
import { Log } from "./log.ts"
import { Outbox } from "./outbox.ts"
import { FactPages } from "./pages.ts"
import { type Change as PlannedChange } from "./plans.ts"
import { Portrait } from "./portrait.ts"
import { Sending } from "./sending.ts"
import { spokenVerbs } from "./speaking.ts"
import { type Change, type Storage } from "./storage.ts"
import { type Owner, type ToTab } from "./tabs.ts"
import { Timeline } from "./timeline.ts"
import { Transport } from "./transport.ts"
import { type Alarm, type FailureReason, type Phase, SessionFailure } from "./types.ts"
import { type TabVerbs, type Told, type Verbs } from "./verbs.ts"
import { type Patch, Showing } from "./view.ts"

export interface EngineOptions {
  id: string
  tab: string
  storage: Storage
  /** Origin of the server; empty for the page's own. */
  server: string
  /** Origin for links. */
  origin: string
  /** Reads once and keeps no line open. */
  once?: boolean
  toTabs(message: ToTab): void
  shown(patch: Patch): void
  now?: () => number
}

export class Engine implements Owner {
  readonly line: Line
  readonly outbox: Outbox
  readonly timeline: Timeline
  readonly showing: Showing
  readonly verbs: Omit<Verbs, keyof TabVerbs>
  core!: Core
  state: MemberState | undefined

  readonly pages: FactPages
  readonly now: () => number
  readonly transport: Transport
  failure: FailureReason | undefined
  private running: Promise<void> | undefined
  again = false
  breaks = 0
  private timers = new Set<ReturnType<typeof setTimeout>>()
  stopped = new AbortController()
  /** The log is to be read on by asking, as nobody listens. */
  private behind: boolean
  /** The last error that was not foreseen, for tests. */
  lastError: unknown

  readonly log = new Log(this)
  readonly entering = new Entering(this)
  readonly commits = new Commits(this)
  readonly sending = new Sending(this)
  readonly chores = new Chores(this)
  readonly carrying = new Carrying(this)
  readonly knocks = new Knocks(this)
  readonly portrait = new Portrait(this)

  constructor(readonly options: EngineOptions) {
    this.now = options.now ?? Date.now
    this.behind = options.once === true
    this.transport = new Transport(options.id, options.server, this.stopped.signal)
    this.outbox = new Outbox(options.storage, options.id)
    this.pages = new FactPages(options.storage, options.id)
    this.timeline = new Timeline(() => this.state?.self.memberId)
    this.showing = new Showing((patch) => {
      options.toTabs({ patch })
      options.shown(patch)
    })
    this.line = new Line(
      {
        state: () => this.state,
        settled: () => this.log.settled(),
        relay: (to, signal) => this.log.relay(to, signal),
        changed: () => this.portrait.show(),
        deliver: (tab, from, signal) => this.tell(tab, { kind: "signal", from, signal }),
        now: this.now,
      },
      options.tab,
    )
    this.verbs = spokenVerbs(this)
  }

  /** Reads what is kept and begins to move. Rejects when there is no such session here. */
  async start(): Promise<void> {
    const core = (await this.options.storage.get(coreKey(this.options.id))) as Core | undefined
    if (!core) throw new SessionFailure("internal", "no such session on this device")
    this.core = core
    await this.outbox.load()
    const facts = await this.pages.load()
    if (core.state) this.state = await this.decoded(core.state)
    this.timeline.update({ facts, receipts: core.receipts }, this.outbox.shown)
    this.portrait.refreshCode()
    this.portrait.show()
    if (core.phase === "in" && core.posted?.kind !== "create") {
      this.core = { ...core, checkDue: Math.max(1, core.checkDue) }
      this.log.listen()
    }
    this.kick()
  }

  /** Nothing is under way and nothing wants to be done now. */
  async rested(): Promise<void> {
    while (this.running) await this.running
  }

  whole(): Patch {
    return this.showing.whole()
  }

  async call(tab: string, verb: string, args: readonly unknown[]): Promise<unknown> {
    if (verb === "signal" || verb === "announce" || verb === "renew") this.line.speakFrom(tab)
    if (verb === "attend" || verb === "hold") {
      if (verb === "attend") this.line.attend(tab)
      else this.line.hold(tab, args[0] === true)
      return undefined
    }
    if (verb === "signal") {
      const [to, signal] = args as Parameters<Verbs["signal"]>
      if (!(await this.line.send(tab, to, signal))) throw new SessionFailure("offline")
      return undefined
    }
    const spoken = this.verbs as unknown as Record<string, ((...args: readonly unknown[]) => Promise<unknown>) | undefined>
    const run = Object.hasOwn(spoken, verb) ? spoken[verb] : undefined
    if (!run) throw new SessionFailure("internal", `no such verb: ${verb}`)
    try {
      return await run(...args)
    } finally {
      // Who asked sees what came of it.
      this.showing.flush()
    }
  }

  gone(tab: string): void {
    this.line.bye(tab)
  }

  async stop(): Promise<void> {
    this.line.bye(this.options.tab)
    await new Promise((resolve) => setTimeout(resolve, 0))
    this.stopped.abort(new DOMException("closed", "AbortError"))
    this.log.unlisten()
    this.line.close()
    this.knocks.stop()
    for (const timer of this.timers) clearTimeout(timer)
    await this.running
    this.showing.flush()
  }

  /** Resolves when this device is in no more, whoever's doing that was. */
  async out(): Promise<void> {
    while (this.core.phase === "in" && !this.stopped.signal.aborted) await this.log.next()
  }

  /** Nothing of the session stays on this device. */
  async forget(): Promise<void> {
    const { id } = this.core
    await this.stop()
    await forgetSession(this.options.storage, id)
  }

  /** Resolves when the phase is one in which a page can be shown; rejects when it failed. */
  async entered(): Promise<void> {
    while (this.core.phase === "joining" && !this.failure && !this.entering.doorShut && !this.entering.knocking.shown) {
      await this.log.next()
    }
    if (this.failure) throw new SessionFailure(this.failure)
  }

  get phase(): Phase {
    if (this.failure) return { kind: "failed", reason: this.failure }
    switch (this.core.phase) {
      case "joining":
        if (this.entering.knocking.shown) {
          const { refused, since } = this.entering.knocking
          return { kind: "knocking", refused, since: since ?? 0 }
        }
        return this.entering.doorShut ? { kind: "waiting-for-door" } : { kind: "joining" }
      case "in":
        return { kind: "joined" }
      case "removed":
      case "left":
      case "ended":
        return { kind: this.core.phase }
    }
  }

  /** Rejects unless this device may write now. */
  assertOpen(): MemberState {
    if (this.sealed) throw new SessionFailure("stopped")
    return this.assertIn()
  }

  /** As `assertOpen`, but a commit may remove somebody who contradicts (§4.1). */
  assertMayCommit({ removes = [] }: Pick<PlannedChange, "removes">): MemberState {
    const state = this.assertIn()
    const removed = contradicting(state).some(({ leaf }) => removes.includes(leaf))
    if (this.sealed && !(removed && this.mayGoOn)) throw new SessionFailure("stopped")
    return state
  }

  /** Rejects outside the group. */
  assertIn(): MemberState {
    if (this.core.phase !== "in" || this.state?.phase !== "in") throw new SessionFailure("not-allowed")
    return this.state
  }

  /** In the group, and the visit goes on. */
  isOpen(): boolean {
    return this.core.phase === "in" && this.state?.phase === "in"
  }

  get online(): boolean {
    return this.showing.now.connection === "online"
  }

  isClosed(): boolean {
    return this.stopped.signal.aborted
  }

  /** An alarm says that nothing more may leave. */
  get sealed(): boolean {
    return this.core.alarms.some(({ stops }) => stops) || (this.state !== undefined && isStopped(this.state))
  }

  /** Nothing but what members say stops the sending: it ends when they are removed. */
  private get mayGoOn(): boolean {
    return this.core.alarms.every(({ stops, kind }) => !stops || kind === "contradiction") && this.state?.fork === undefined
  }

  /** Where the log is known to go: what was verified, or confirmed for this device. */
  get knownHead(): number {
    return Math.max(this.state?.head.seq ?? 0, ...this.outbox.all.map(({ seq }) => seq ?? 0))
  }

  get isHost(): boolean {
    return this.me?.role === "host"
  }

  get me(): RosterMember | undefined {
    return this.state?.epoch?.members.find(({ memberId }) => memberId === this.state?.self.memberId)
  }

  /** Keeps another core durably, with `changes` in the same step. */
  async keep(part: Partial<Core>, changes: readonly Change[] = []): Promise<void> {
    this.core = { ...this.core, ...part }
    await this.options.storage.write([{ put: coreKey(this.core.id), value: this.core }, ...this.portrait.summary(), ...changes])
    this.portrait.show()
  }

  async raise(alarm: Alarm): Promise<void> {
    await this.keep({ alarms: withAlarm(this.core, alarm).alarms })
  }

  /** Leaves the state as it is behind and comes back by an external commit (§3.7). */
  returnByResync(): void {
    this.entering.stuck = "lost"
    this.kick()
  }

  /** Shows the outbox as it is now. */
  showOutbox(): void {
    this.timeline.update({}, this.outbox.shown)
    this.portrait.show()
  }

  kick(): void {
    if (this.isClosed()) return
    this.again = true
    this.running ??= this.run().finally(() => {
      this.running = undefined
      if (this.again) this.kick()
    })
  }

  private async run(): Promise<void> {
    for (;;) {
      if (!this.again || this.isClosed()) return
      this.again = false
      try {
        await this.turn()
        this.breaks = 0
      } catch (error) {
        if (!this.isClosed()) await this.broke(error)
      }
    }
  }

  private async turn(): Promise<void> {
    if (this.failure || this.core.phase === "left") return
    if (this.core.posted?.kind === "create") await this.entering.settleCreation(this.core.posted)
    if (this.core.phase === "joining") await this.entering.joinTurn()
    if (this.behind) await this.readOn()
    await this.log.drain()
    if (this.core.phase === "ended" || this.core.phase === "removed") await this.sending.giveUp()
    if (this.core.phase === "ended") return this.sending.finishEnding()
    if (this.core.phase === "removed") this.log.unlisten()
    if (this.core.phase !== "in") return
    if (this.carrying.from !== undefined) {
      this.commits.refuseIntents()
      return this.carrying.turn()
    }
    if (this.core.posted) await this.commits.settlePosted()
    if (this.entering.stuck || !this.isOpen()) await this.entering.resync()
    if (!this.isOpen()) return
    await this.chores.takePast()
    if (this.sealed && this.mayGoOn) await this.commits.followIntents()
    if (this.sealed) {
      this.commits.refuseIntents()
      return
    }
    for (const step of [() => this.commits.followIntents(), () => this.sending.sendAll(), () => this.chores.duties()]) {
      if (this.isOpen()) await step()
    }
  }

  private async readOn(): Promise<void> {
    try {
      await this.log.catchUp()
    } catch (error) {
      // A visit that was ended may be gone from the server too.
      if (this.core.phase === "in" || !(error instanceof Refusal)) throw error
    }
    this.behind = false
  }

  private async broke(error: unknown): Promise<void> {
    if (error instanceof Refusal) {
      if (error.problem === "not-authorised") return this.refused("not-authorised")
      if (error.problem === "session-ended") return this.refused("ended")
    }
    if (error instanceof SessionFailure && error.reason === "storage-unavailable") {
      this.fail(error.reason)
      return
    }
    const foreseen = error instanceof Unreachable || error instanceof Refusal || error instanceof DoorNotReady
    if (!foreseen) {
      this.lastError = error
      if (this.breaks >= 5) {
        this.fail(error instanceof SessionFailure ? error.reason : "internal")
        return
      }
    }
    this.breaks += 1
    // A commit that was posted stays pending and may still land; who waits is told that the line is down.
    if (this.breaks >= 2) this.commits.refuseIntents("offline")
    this.later(backoff(this.breaks, 400, 10_000))
  }

  fail(reason: SessionFailure["reason"]): void {
    const shown: FailureReason =
      reason === "stopped" || reason === "too-large" || reason === "rate-limited" || reason === "not-allowed" || reason === "offline"
        ? "internal"
        : reason
    this.failure = shown
    this.log.unlisten()
    this.portrait.show()
    this.log.settle()
  }

  /** Turns again after `ms`. */
  later(ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      this.kick()
    }, ms)
    this.timers.add(timer)
  }

  async refused(cause: "not-authorised" | "revoked" | "ended"): Promise<void> {
    if (this.core.phase !== "in") return
    this.log.unlisten()
    if (cause === "not-authorised" && (await this.carrying.refusedUnknown())) return
    this.showing.change({ connection: "online" })
    this.commits.refuseIntents()
    const expired = this.core.expiresAt > 0 && this.core.expiresAt < this.now()
    await this.keep({ phase: cause === "ended" || expired ? "ended" : "removed", posted: undefined })
    this.log.settle()
    // What was said last, and own messages whose answer was lost, may stand in it.
    this.behind = cause === "ended"
    this.kick()
  }

  async epochChanged(): Promise<void> {
    this.line.rosterChanged()
    if (this.core.letIn.length > 0) this.knocks.look()
    await this.meet()
    this.portrait.refreshCode()
    const { previous } = this.state ?? {}
    if (previous) {
      const timer = setTimeout(() => {
        this.timers.delete(timer)
        this.portrait.show()
      }, Math.max(0, previous.until - this.now()) + 10)
      this.timers.add(timer)
    }
  }

  async decoded(bytes: Bytes): Promise<MemberState | undefined> {
    try {
      return await decodeState(bytes)
    } catch (error) {
      this.lastError = error
      return undefined
    }
  }

  /** Remembers whom this device met, once for each member. */
  private async meet(): Promise<void> {
    for (const member of this.state?.epoch?.members ?? []) {
      if (this.core.identity[member.memberId] !== undefined) continue
      const verdict = await recognise(this.options.storage, this.core.id, member, true)
      const { alarms } =
        verdict === "changed"
          ? withAlarm(this.core, { kind: "identity-changed", who: member.name, stops: false })
          : this.core
      await this.keep({ alarms, identity: { ...this.core.identity, [member.memberId]: verdict } })
    }
  }

  /** What is told may speak of what is shown: that goes first. */
  tell(tab: string, message: Told): void {
    this.showing.flush()
    this.options.toTabs({ tab, message })
  }
}
