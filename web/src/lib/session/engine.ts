/**
 * The one place that moves a session on this device (docs/protocol.md §3.7, §4, §5). It runs in the tab that owns the
 * session, does one thing at a time, and writes durably before anything leaves that depends on it.
 */
import {
  type Applied,
  applyEntry,
  type Bytes,
  checkHead,
  decodeState,
  dropPending,
  encodeState,
  encryptMessage,
  frameKeys,
  fromBase64Url,
  grantFor,
  type Introduction,
  inviteOf,
  lettersDue,
  makeCommit,
  Malformed,
  mayGrant,
  type MemberState,
  readEntry,
  Refused,
  type RosterMember,
  securityCode,
  toBase64Url,
} from "../encryption/e2ee.ts"
import { arrive, type Arrival, withAlarm } from "./arrival.ts"
import { ownIdentity, recognise } from "./clinicians.ts"
import { type Core, coreKey, forgetSession, type Posted, summaryKey, summaryOf } from "./core.ts"
import { tendDoor } from "./doorkeeping.ts"
import { follow, type Follower } from "./follower.ts"
import { backoff, Refusal, Unreachable } from "./http.ts"
import { DoorNotReady, fetchDoor, hashOf, linkFailure, prepareJoin } from "./joining.ts"
import { Line } from "./line.ts"
import { type Outgoing, Outbox } from "./outbox.ts"
import { FactPages } from "./pages.ts"
import { historyFrom } from "./past.ts"
import { invitesOf, membershipOf, membersOf, participantsOf } from "./people.ts"
import { epochOf, type Plan, removingLeavers, renewing } from "./plans.ts"
import { type Change, type Storage } from "./storage.ts"
import { type Owner, type ToTab } from "./tabs.ts"
import { type Fact, Timeline } from "./timeline.ts"
import { type CommitRequest, type ServerEntry, Transport } from "./transport.ts"
import { type Alarm, type FailureReason, type Phase, SessionFailure } from "./types.ts"
import { spokenVerbs } from "./speaking.ts"
import { type Told, type Verbs } from "./verbs.ts"
import { type Patch, Showing } from "./view.ts"

export interface EngineOptions {
  id: string
  tab: string
  storage: Storage
  /** Origin of the server; empty for the page's own. */
  server: string
  /** Origin for links. */
  origin: string
  toTabs(message: ToTab): void
  shown(patch: Patch): void
  now?: () => number
}

/** One entry, applied. */
interface Step {
  entry: ServerEntry
  before: MemberState
  applied: Applied
}

interface Intent {
  plan: Plan
  /** Kept together with the pending commit. */
  keep: Partial<Core>
  resolve(): void
  reject(error: Error): void
}

const batchSize = 256
const receiptEvery = 2_000
const epochLife = 24 * 60 * 60_000
const doorAgain = 2_000
/** Call entries this young ring even when they were waiting for us. */
const ringsFor = 30_000

export class Engine implements Owner {
  readonly line: Line
  readonly outbox: Outbox
  readonly timeline: Timeline
  readonly showing: Showing
  readonly verbs: Verbs
  core!: Core
  state: MemberState | undefined

  private readonly pages: FactPages
  private readonly now: () => number
  readonly transport: Transport
  private follower: Follower | undefined
  private inbox: ServerEntry[] = []
  private draining = 0
  private intents: Intent[] = []
  private failure: FailureReason | undefined
  private doorShut = false
  /** `behind`: the group may have gone where this device cannot follow. `lost`: it must come back in any case. */
  private stuck: "behind" | "lost" | undefined
  private liveFrom = 0
  private receiptAt = 0
  private running: Promise<void> | undefined
  private again = false
  private breaks = 0
  private timers = new Set<ReturnType<typeof setTimeout>>()
  private stopped = new AbortController()
  private settling: (() => void)[] = []
  private codeOf: { n: number; groups: string[]; qr: string } | undefined
  /** The last error that was not foreseen, for tests. */
  lastError: unknown

  constructor(readonly options: EngineOptions) {
    this.now = options.now ?? Date.now
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
        settled: () => this.settled(),
        relay: (to, signal) => this.follower?.signal(to, signal) ?? false,
        changed: () => this.show(),
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
    await this.refreshCode()
    this.show()
    if (core.phase === "in" && core.posted?.kind !== "create") {
      this.core = { ...core, checkDue: Math.max(1, core.checkDue) }
      this.listen()
    }
    this.kick()
  }

  whole(): Patch {
    return this.showing.whole()
  }

  async call(tab: string, verb: string, args: readonly unknown[]): Promise<unknown> {
    if (verb === "signal" || verb === "announce" || verb === "renew") this.line.speakFrom(tab)
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
    this.follower?.stop()
    this.line.close()
    for (const timer of this.timers) clearTimeout(timer)
    await this.running
    this.showing.flush()
  }

  /** Resolves in that phase. */
  async reached(phase: Core["phase"]): Promise<void> {
    while (this.core.phase !== phase && !this.stopped.signal.aborted) {
      await new Promise<void>((resolve) => this.settling.push(resolve))
    }
  }

  /** Nothing of the session stays on this device. */
  async forget(): Promise<void> {
    const { id } = this.core
    await this.stop()
    await forgetSession(this.options.storage, id)
  }

  /** Resolves when the phase is one in which a page can be shown; rejects when it failed. */
  async entered(): Promise<void> {
    while (this.core.phase === "joining" && !this.failure && !this.doorShut) {
      await new Promise<void>((resolve) => this.settling.push(resolve))
    }
    if (this.failure) throw new SessionFailure(this.failure)
  }

  get phase(): Phase {
    if (this.failure) return { kind: "failed", reason: this.failure }
    switch (this.core.phase) {
      case "joining":
        return this.doorShut ? { kind: "waiting-for-door" } : { kind: "joining" }
      case "in":
        return { kind: "joined" }
      default:
        return { kind: this.core.phase }
    }
  }

  /** Rejects unless this device may write now. */
  assertOpen(): MemberState {
    if (this.sealed) throw new SessionFailure("stopped")
    if (this.core.phase !== "in" || this.state?.phase !== "in") throw new SessionFailure("not-allowed")
    return this.state
  }

  get online(): boolean {
    return this.showing.now.connection === "online"
  }

  /** An alarm says that nothing more may leave. */
  get sealed(): boolean {
    return this.core.alarms.some(({ stops }) => stops) || this.state?.fork !== undefined
  }

  get isHost(): boolean {
    return this.me?.role === "host"
  }

  get me(): RosterMember | undefined {
    return this.state?.epoch?.members.find(({ memberId }) => memberId === this.state?.self.memberId)
  }

  /** Asks for a commit; resolves when the plan finds nothing left to do. */
  async commit(plan: Plan, keep: Partial<Core> = {}): Promise<void> {
    const change = plan(this.assertOpen())
    if (!change) return
    if (!this.isHost && (change.policy || change.removes)) throw new SessionFailure("not-allowed")
    if (this.showing.now.connection === "offline") throw new SessionFailure("offline")
    await new Promise<void>((resolve, reject) => {
      this.intents.push({ plan, keep, resolve, reject })
      this.kick()
    })
  }

  /** Keeps another core durably, with `changes` in the same step. */
  async keep(part: Partial<Core>, changes: readonly Change[] = []): Promise<void> {
    this.core = { ...this.core, ...part }
    await this.options.storage.write([{ put: coreKey(this.core.id), value: this.core }, ...this.summary(), ...changes])
    this.show()
  }

  async raise(alarm: Alarm): Promise<void> {
    await this.keep({ alarms: withAlarm(this.core, alarm).alarms })
  }

  /** Leaves the state as it is behind and comes back by an external commit (§3.7). */
  returnByResync(): void {
    this.stuck = "lost"
    this.kick()
  }

  /** Shows the outbox as it is now. */
  showOutbox(): void {
    this.timeline.update({}, this.outbox.shown)
    this.show()
  }

  kick(): void {
    if (this.stopped.signal.aborted) return
    this.again = true
    this.running ??= this.run().finally(() => {
      this.running = undefined
      if (this.again) this.kick()
    })
  }

  // ---- the loop ----------------------------------------------------------------------------------------------------

  private async run(): Promise<void> {
    while (this.again && !this.stopped.signal.aborted) {
      this.again = false
      try {
        await this.turn()
        this.breaks = 0
      } catch (error) {
        if (this.stopped.signal.aborted) return
        await this.broke(error)
      }
    }
  }

  private async turn(): Promise<void> {
    if (this.failure || this.core.phase === "left") return
    if (this.core.posted?.kind === "create") await this.settleCreation(this.core.posted)
    if (this.core.phase === "joining") await this.joinTurn()
    await this.drain()
    if (this.core.phase === "ended") return this.finishEnding()
    if (this.core.phase === "removed") this.unlisten()
    if (this.core.phase !== "in") return
    if (this.core.posted) await this.settlePosted()
    if (this.stuck || this.state === undefined || this.state.phase !== "in") await this.resync()
    if (this.state?.phase !== "in") return
    await this.takePast()
    if (this.sealed) {
      this.refuseIntents()
      return
    }
    for (const step of [() => this.followIntents(), () => this.sendAll(), () => this.duties()]) {
      if (this.core.phase === "in" && this.state?.phase === "in") await step()
    }
  }

  private async broke(error: unknown): Promise<void> {
    if (error instanceof Refusal) {
      if (error.problem === "not-authorised") return this.refused("not-authorised")
      if (error.problem === "session-ended") return this.refused("ended")
    }
    const foreseen = error instanceof Unreachable || error instanceof Refusal || error instanceof DoorNotReady
    if (!foreseen) {
      this.lastError = error
      if (this.breaks >= 5) return this.fail(error instanceof SessionFailure ? error.reason : "internal")
    }
    this.breaks += 1
    // A commit that was posted stays pending and may still land; who waits is told that the line is down.
    if (this.breaks >= 2) for (const intent of this.intents.splice(0)) intent.reject(new SessionFailure("offline"))
    this.later(backoff(this.breaks, 400, 10_000))
  }

  private fail(reason: SessionFailure["reason"]): void {
    const shown: FailureReason =
      reason === "stopped" || reason === "too-large" || reason === "rate-limited" || reason === "not-allowed" || reason === "offline"
        ? "internal"
        : reason
    this.failure = shown
    this.unlisten()
    this.show()
    this.settle()
  }

  /** Turns again after `ms`. */
  private later(ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      this.kick()
    }, ms)
    this.timers.add(timer)
  }

  // ---- the log -----------------------------------------------------------------------------------------------------

  private listen(): void {
    const { token } = this.core
    if (this.follower || token === undefined) return
    this.follower = follow(this.transport, token, {
      after: () => this.inbox.at(-1)?.seq ?? this.state?.head.seq ?? 0,
      entry: (entry) => {
        this.inbox.push(entry)
        this.kick()
      },
      head: (head) => void this.headTold(head),
      signal: (_, signal) => this.line.take(signal),
      present: (members) => this.line.connectedAre(members),
      opened: (invite) => void this.openedNow(invite),
      connection: (connection) => {
        if (connection === "online") {
          this.breaks = 0
          this.kick()
        }
        this.showing.change({ connection })
      },
      refused: (cause) => void this.refused(cause),
    })
  }

  private unlisten(): void {
    this.follower?.stop()
    this.follower = undefined
  }

  /** The server's head must not lie before what was verified; asked twice, as frames may cross. */
  private async headTold(head: number): Promise<void> {
    this.liveFrom = Math.max(this.liveFrom, head)
    const { state, core } = this
    if (!state || core.token === undefined || checkHead(state, head) === undefined) return
    try {
      const row = await this.transport.session(core.token, this.stopped.signal)
      const rolled = this.state && checkHead(this.state, row.head)
      if (rolled !== undefined) await this.raise({ kind: "rolled-back", seq: rolled, stops: true })
    } catch {
      // It tells again with its next beat.
    }
  }

  private async openedNow(invite: string): Promise<void> {
    if (this.state?.epoch?.members.some((member) => member.invite === invite)) return
    await this.keep({
      opened: { ...this.core.opened, [invite]: this.now() },
      // Somebody stands at the door: it had better be right.
      checkDue: this.state?.head.seq ?? 0,
    })
    this.kick()
  }

  private async refused(cause: "not-authorised" | "revoked" | "ended"): Promise<void> {
    if (this.core.phase !== "in") return
    this.unlisten()
    this.showing.change({ connection: "online" })
    this.refuseIntents()
    await this.keep({ phase: cause === "ended" ? "ended" : "removed", posted: undefined })
  }

  /** Applies what has come, a batch at a time: state, facts and outbox are written in one step, then shown. */
  private async drain(): Promise<void> {
    this.draining += 1
    try {
      while (this.inbox.length > 0 && this.state && !this.stopped.signal.aborted) {
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
      const epochBefore = this.state?.epoch
      // From here to the write nothing waits, so that no other change of the core is lost.
      const { core, facts, rings, changes } = this.arrived(steps)
      const lost = last.applied.event.kind === "join-lost"
      this.state = lost ? undefined : last.applied.state
      this.core = { ...core, state: this.state && encodeState(this.state) }
      await this.options.storage.write([
        { put: coreKey(core.id), value: this.core },
        ...this.pages.add(facts),
        ...this.summary(),
        ...changes,
      ])
      if (this.state && this.state.epoch !== epochBefore) await this.epochChanged()
      this.timeline.update({ facts, receipts: core.receipts }, this.outbox.shown)
      this.show()
      for (const { by, ...ring } of rings) this.tell(this.line.speaking, { kind: "ring", by: by.memberId, ...ring })
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
    let state = this.state
    for (const entry of batch) {
      if (!state) break
      if (entry.seq > state.head.seq + 1) return { steps, gap: true }
      const applied: Applied = await applyEntry(state, readEntry(entry), this.now())
      steps.push({ entry, before: state, applied })
      if (applied.event.kind === "join-lost") break
      ;({ state } = applied)
    }
    return { steps, gap: false }
  }

  private arrived(steps: readonly Step[]) {
    let core = this.core
    const facts: Fact[] = []
    const rings: NonNullable<Arrival["ring"]>[] = []
    const changes: Change[] = []
    for (const { entry, before, applied } of steps) {
      const arrival = arrive(core, before, applied, entry, this.now())
      core = arrival.core
      facts.push(...arrival.facts)
      if (arrival.ring && this.rings(entry)) rings.push(arrival.ring)
      if (arrival.stuck) this.stuck = "behind"
      const own = this.outbox.all.find(({ sealed }) => sealed?.id === entry.id)
      if (own) changes.push(...this.outbox.remove(own.message))
    }
    return { core, facts, rings, changes }
  }

  private rings(entry: ServerEntry): boolean {
    return entry.seq > this.liveFrom || Math.abs(this.now() - entry.at) < ringsFor
  }

  private async epochChanged(): Promise<void> {
    this.line.rosterChanged()
    await this.meet()
    await this.refreshCode()
    const { previous } = this.state ?? {}
    if (previous) {
      const timer = setTimeout(() => {
        this.timers.delete(timer)
        this.show()
      }, Math.max(0, previous.until - this.now()) + 10)
      this.timers.add(timer)
    }
  }

  /** Reads on over HTTP to the head. */
  async catchUp(): Promise<void> {
    for (;;) {
      const { state, core } = this
      if (!state || core.token === undefined) return
      const after = state.head.seq
      const page = await this.transport.entries(core.token, after, { signal: this.stopped.signal })
      if (page.entries.length > 0) {
        this.inbox = [...page.entries, ...this.inbox.filter(({ seq }) => seq > (page.entries.at(-1)?.seq ?? 0))]
        await this.drain()
      }
      if (!this.state || this.state.head.seq >= page.head || this.state.head.seq === after) return
    }
  }

  /** Lets those go on who wait for entries or for a phase. */
  private settle(): void {
    for (const resolve of this.settling.splice(0)) resolve()
  }

  /** Entries that have come are applied, or three seconds have passed. */
  private async settled(): Promise<void> {
    if (this.inbox.length === 0 && this.draining === 0) return
    await new Promise<void>((resolve) => {
      this.settling.push(resolve)
      setTimeout(resolve, 3_000)
    })
  }

  private async decoded(bytes: Bytes): Promise<MemberState | undefined> {
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

  // ---- creating, joining and coming back ---------------------------------------------------------------------------

  private async settleCreation(posted: Extract<Posted, { kind: "create" }>): Promise<void> {
    await this.transport.create(posted.request)
    await this.keep({ phase: "in", posted: undefined, doorDue: 1 })
    this.listen()
  }

  private async joinTurn(): Promise<void> {
    const { keys, token } = this.core
    if (!keys || token === undefined) return this.fail("internal")
    const access = toBase64Url(keys.accessToken)
    try {
      if (!this.core.posted) await this.makeJoin(access)
      if (this.core.posted?.kind === "join") await this.postJoin(access, token, this.core.posted.request)
    } catch (error) {
      const failure = linkFailure(error, false)
      if (failure instanceof DoorNotReady) {
        this.doorShut = true
        this.later(doorAgain)
      } else if (failure instanceof SessionFailure) this.fail(failure.reason)
      else throw error
      this.show()
      this.settle()
    }
  }

  private async makeJoin(access: string): Promise<void> {
    const { keys, token } = this.core
    if (!keys || token === undefined) return
    const { joining, letter } = await prepareJoin(this.transport, access, keys, await this.said())
    const memberId = joining.state.self.memberId
    const tokenHash = await hashOf(fromBase64Url(token, 32))
    const request: CommitRequest = { ...textual(joining.request), member: { id: memberId, tokenHash } }
    this.state = joining.state
    // Durable before it is posted: after a crash the same bytes go again (§3.7).
    await this.keep({ state: encodeState(joining.state), posted: { kind: "join", request }, letter })
  }

  private async postJoin(access: string, token: string, request: CommitRequest): Promise<void> {
    try {
      await this.transport.commit(access, request)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.problem === "stale-parent") {
        this.state = undefined
        await this.keep({ posted: undefined, state: undefined, letter: undefined })
        this.kick()
        return
      }
      // Closed since: but a try before a crash may have got in, and then the member's token is good.
      if (error.problem !== "not-authorised" || !(await this.isIn(token))) throw error
    }
    this.doorShut = false
    await this.catchUp()
    if (this.core.phase !== "in") throw new Unreachable("the join is not in the log yet")
    this.listen()
  }

  /** What this device says of itself; a clinician's is signed by the long-lived key. */
  private async said(): Promise<Introduction> {
    const { name, device, known } = this.core.introduction
    return { name, device, ...(known ? { identityKey: await ownIdentity(this.options.storage) } : {}) }
  }

  private async isIn(token: string): Promise<boolean> {
    try {
      await this.transport.session(token)
      return true
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
  }

  /** Returns into the group by an external commit with the kept leaf key, when the state cannot go on (§3.7). */
  private async resync(): Promise<void> {
    const { core } = this
    if (!core.keys || core.token === undefined) return this.fail("internal")
    const returning = this.state?.phase === "in" ? this.state : core.returning && (await this.decoded(core.returning))
    if (!returning) return this.joinAnew()
    if (this.stuck === "behind" && this.state?.phase === "in") {
      const { door } = await fetchDoor(this.transport, core.token, core.keys)
      // No door over that commit: nobody could follow it, and the epoch stays (§3.4).
      if (door.n <= epochOf(this.state).n) {
        this.stuck = undefined
        return
      }
    }
    const said = await this.said()
    const { joining } = await prepareJoin(this.transport, core.token, core.keys, said, returning)
    this.state = joining.state
    this.stuck = undefined
    await this.keep({
      state: encodeState(joining.state),
      returning: encodeState(returning),
      posted: { kind: "commit", request: textual(joining.request) },
    })
    await this.settlePosted()
  }

  /** Lost both group and leaf key: in by the invite once more, as a new device. */
  private async joinAnew(): Promise<void> {
    this.unlisten()
    this.state = undefined
    this.stuck = undefined
    const token = toBase64Url(crypto.getRandomValues(new Uint8Array(32)))
    await this.keep({ phase: "joining", state: undefined, returning: undefined, posted: undefined, token })
    this.kick()
  }

  // ---- commits -----------------------------------------------------------------------------------------------------

  /** Posts the pending commit until it is in the log, or the log went another way. */
  private async settlePosted(): Promise<void> {
    const { posted, token } = this.core
    if (posted?.kind !== "commit" || token === undefined) return
    try {
      await this.transport.commit(token, posted.request)
    } catch (error) {
      if (!(error instanceof Refusal) || [429, 502, 503, 504, 401, 410].includes(error.status)) throw error
      if (error.problem === "stale-parent" && this.state?.phase === "in") await this.catchUp()
      if (this.core.posted !== posted) return
      await this.giveUp()
      if (error.problem !== "stale-parent") this.intents.shift()?.reject(new SessionFailure("not-allowed", error.message))
      return
    }
    await this.catchUp()
    if (this.core.posted === posted) throw new Unreachable("the commit is not in the log yet")
  }

  /** Forgets a commit that did not make it; a re-sync starts again from the state before. */
  private async giveUp(): Promise<void> {
    const { returning } = this.core
    if (this.state?.phase === "joining" && returning) {
      this.state = await this.decoded(returning)
      this.stuck = "lost"
      await this.keep({ state: returning, posted: undefined })
      return
    }
    this.state = this.state && dropPending(this.state)
    await this.keep({ state: this.state && encodeState(this.state), posted: undefined })
  }

  private async followIntents(): Promise<void> {
    for (let intent = this.intents[0]; intent; intent = this.intents[0]) {
      if (this.state?.phase !== "in" || this.core.phase !== "in") return
      const change = intent.plan(this.state)
      if (!change) {
        this.intents.shift()
        intent.resolve()
        continue
      }
      try {
        await this.makeAndPost(change, intent.keep)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        this.intents.shift()
        intent.reject(new SessionFailure("not-allowed", error.message))
      }
    }
  }

  private async makeAndPost(change: NonNullable<ReturnType<Plan>>, keep: Partial<Core> = {}): Promise<void> {
    const { removes, policy, open, close, revoke } = change
    const made = await makeCommit(this.assertOpen(), {
      ...(removes ? { removes } : {}),
      ...(policy ? { policy } : {}),
    })
    const request: CommitRequest = {
      ...textual(made.request),
      ...(open ? { open } : {}),
      ...(close ? { close } : {}),
      ...(revoke ? { revoke } : {}),
    }
    this.state = made.state
    await this.keep({ ...keep, state: encodeState(made.state), posted: { kind: "commit", request } })
    await this.settlePosted()
  }

  private refuseIntents(): void {
    const reason = this.sealed ? "stopped" : "not-allowed"
    for (const { reject } of this.intents.splice(0)) reject(new SessionFailure(reason))
  }

  // ---- messages ----------------------------------------------------------------------------------------------------

  private async sendAll(): Promise<void> {
    await this.renewWhenDue()
    for (let next = this.outbox.next; next && !this.sealed; next = this.outbox.next) {
      if (this.state?.phase !== "in" || this.core.phase !== "in") return
      await this.sendOne(next)
      await this.drain()
    }
  }

  private async sendOne(outgoing: Outgoing): Promise<void> {
    const { transport } = this
    const { storage } = this.options
    const { token } = this.core
    const state = this.assertOpen()
    if (token === undefined) return
    const sealed = await this.sealedFor(state, outgoing)
    if (!sealed) return this.undeliverable(outgoing)
    const sending: Outgoing = { ...outgoing, sealed, state: "sending" }
    await storage.write([this.outbox.set(sending)])
    this.showOutbox()
    try {
      const { seq } = await transport.chat(token, sealed, 2)
      if (this.outbox.find(outgoing.message)) await storage.write([this.outbox.set({ ...sending, state: "sent", seq })])
      this.showOutbox()
      await this.sentOut(outgoing)
    } catch (error) {
      if (error instanceof Refusal && error.problem === "stale-parent") return this.catchUp()
      if (error instanceof Refusal && ["too-large", "malformed", "forbidden", "entry-exists"].includes(error.problem)) {
        return this.undeliverable(outgoing)
      }
      this.outbox.set({ ...sending, state: "waiting" })
      this.showOutbox()
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

  private async undeliverable(outgoing: Outgoing): Promise<void> {
    await this.options.storage.write([this.outbox.set({ ...outgoing, state: "failed" })])
    this.showOutbox()
  }

  /** What follows once the server took a message. */
  private async sentOut(outgoing: Outgoing): Promise<void> {
    if (outgoing.payload.type === "leave") await this.finishLeaving()
  }

  private async finishLeaving(): Promise<void> {
    const { token, id } = this.core
    this.unlisten()
    const self = this.state?.self.memberId
    if (token !== undefined && self !== undefined) await this.transport.revoke(token, self).catch(() => undefined)
    this.state = undefined
    const gone = { state: undefined, returning: undefined, token: undefined, keys: undefined, posted: undefined, links: {} }
    await this.keep({ ...gone, phase: "left" }, [{ deleteUnder: ["outbox", id] }, { deleteUnder: ["transfer", id] }])
    this.settle()
  }

  private async finishEnding(): Promise<void> {
    this.refuseIntents()
    if (!this.core.ending || this.core.token === undefined) return
    await this.transport.end(this.core.token)
    await this.keep({ ending: false })
  }

  // ---- duties ------------------------------------------------------------------------------------------------------

  private async renewWhenDue(): Promise<void> {
    const due = this.isHost && this.outbox.next !== undefined && this.now() - this.core.renewedAt > epochLife
    if (!due) return
    const change = renewing(this.assertOpen())(this.assertOpen())
    if (change) await this.makeAndPost(change)
  }

  private async duties(): Promise<void> {
    await this.tendDoors()
    await this.clearOut()
    await this.grantUnasked()
    await this.tellReceipt()
  }

  private async tendDoors(): Promise<void> {
    const { doorDue, checkDue, token } = this.core
    if (token === undefined || (doorDue === 0 && checkDue === 0)) return
    const state = this.assertOpen()
    const wanted = this.isHost && (checkDue > 0 || lettersDue(state).length > 0)
    if (wanted) await tendDoor(this.transport, token, state)
    await this.keep({ doorDue: 0, checkDue: 0 })
  }

  /** A host's chores: leavers out, tokens of void joiners revoked. */
  private async clearOut(): Promise<void> {
    if (!this.isHost || this.core.token === undefined) return
    const others = this.core.leaving.filter((id) => id !== this.state?.self.memberId)
    const change = removingLeavers(others)(this.assertOpen())
    if (change) await this.makeAndPost(change)
    for (const member of this.core.revoke) {
      await this.transport.revoke(this.core.token, member).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error
      })
    }
    if (this.core.revoke.length > 0) await this.keep({ revoke: [] })
  }

  /** Where the policy says so, who comes is given the history without asking: by the first of those who can and are here. */
  private async grantUnasked(): Promise<void> {
    const state = this.assertOpen()
    const { members, policy } = epochOf(state)
    const here = this.line.here
    for (const id of this.core.asking) {
      const member = members.find(({ memberId }) => memberId === id)
      if (!member || !mayGrant(state, id) || !inviteOf(policy, member.invite)?.history) continue
      const able = members.filter(
        ({ memberId, role, invite }) =>
          memberId !== id &&
          (role === "host" || invite === member.invite) &&
          (memberId === state.self.memberId || here.has(memberId)),
      )
      const turn = [...able.filter(({ role }) => role === "host"), ...able.filter(({ role }) => role !== "host")]
      if (turn[0]?.memberId === state.self.memberId) await this.giveHistory(id)
    }
  }

  async giveHistory(id: string): Promise<void> {
    const payloads = await grantFor(this.assertOpen(), id)
    await this.keep({
      asking: this.core.asking.filter((other) => other !== id),
      served: this.core.served.includes(id) ? this.core.served : [...this.core.served, id],
    })
    for (const [i, payload] of payloads.entries()) await this.outbox.put(`history:${id}:${i}`, payload, this.now())
    this.kick()
  }

  /** At most one in two seconds, and only news. */
  private async tellReceipt(): Promise<void> {
    const { delivered, seen, told, token } = this.core
    const alone = (this.state?.epoch?.members.length ?? 0) < 2
    if (alone || token === undefined || (delivered <= told.delivered && seen <= told.seen)) return
    const wait = this.receiptAt + receiptEvery - this.now()
    if (wait > 0) return this.later(wait)
    this.receiptAt = this.now()
    const state = this.assertOpen()
    const payload = { type: "receipt" as const, delivered: Math.max(delivered, told.delivered), seen: Math.max(seen, told.seen) }
    try {
      await this.transport.chat(token, textualChat(await encryptMessage(state, payload, this.now())), 2)
      await this.keep({ told: { delivered: payload.delivered, seen: payload.seen } })
    } catch (error) {
      if (!(error instanceof Refusal && error.problem === "stale-parent")) throw error
      await this.catchUp()
      this.kick()
    }
  }

  /** History that a letter or grant gives: checked against the chain, then shown (§5.4). */
  private async takePast(): Promise<void> {
    const { keys, token, letter, grants } = this.core
    const [grant] = grants
    if (!keys || token === undefined || !this.state || (letter === undefined && grant === undefined)) return
    const past = await historyFrom(this.transport, token, this.state, keys, letter ?? grant)
    const rest = letter === undefined ? { grants: grants.slice(1) } : { letter: undefined }
    if (past.kind === "unreadable") await this.keep(rest)
    if (past.kind === "contradicts") {
      await this.keep({ ...rest, ...withAlarm(this.core, { kind: "fork", seq: past.seq, stops: true }) })
    }
    if (past.kind === "taken") {
      this.state = past.state
      this.timeline.update({ facts: past.facts }, this.outbox.shown)
      await this.keep({ ...rest, state: encodeState(past.state) }, this.pages.add(past.facts))
    }
    this.again = true
  }

  // ---- showing -----------------------------------------------------------------------------------------------------

  private async refreshCode(): Promise<void> {
    if (this.state?.phase !== "in" || !this.state.epoch || this.codeOf?.n === this.state.epoch.n) return
    const { groups, qr } = await securityCode(this.state)
    this.codeOf = { n: this.state.epoch.n, groups: [...groups], qr }
  }

  show(): void {
    const { core, state } = this
    const epoch = state?.epoch
    const common = {
      phase: this.phase,
      alarms: core.alarms,
      unsent: this.outbox.count,
      seenUpTo: core.seen,
      typing: this.line.typing,
      peers: this.line.present,
    }
    if (!epoch) return this.showing.change(common, this.timeline.value)
    const members = membersOf(epoch.members, state.self.memberId, core, this.line.here)
    const matched = core.matched === membershipOf(epoch.members)
    this.showing.change(
      {
        ...common,
        title: epoch.policy.settings.title,
        relayOnly: epoch.policy.settings.relayOnly,
        self: members.find(({ self }) => self),
        participants: participantsOf(members, epoch.policy),
        invites: invitesOf(epoch.policy, members, state.used, core, this.options.origin),
        code: this.codeOf && { groups: this.codeOf.groups, qr: this.codeOf.qr, matched },
        historyRequests: this.askingNow(),
        frameKeys: state.phase === "in" ? frameKeys(state, this.now()) : undefined,
      },
      this.timeline.value,
    )
  }

  private askingNow() {
    const own = this.state?.self.invite
    return this.core.asking.flatMap((id) => {
      const member = this.state?.epoch?.members.find(({ memberId }) => memberId === id)
      if (!member || (!this.isHost && member.invite !== own)) return []
      return [{ memberId: id, name: member.name, sameParticipant: member.invite === own }]
    })
  }

  private summary(): Change[] {
    const epoch = this.state?.epoch
    const shown = {
      title: epoch?.policy.settings.title ?? this.showing.now.title,
      role: this.me?.role ?? this.showing.now.self?.role ?? "guest",
      people: new Set(epoch?.members.map(({ invite }) => invite)).size,
    }
    const summary = summaryOf(this.core, shown)
    return summary ? [{ put: summaryKey(this.core.id), value: summary }] : []
  }

  private tell(tab: string, message: Told): void {
    this.options.toTabs({ tab, message })
  }
}

function textual(request: {
  id: string
  parent: number
  commit: Bytes
  door: Bytes
  keyBoxes: readonly { invite: string; box: Bytes }[]
}): CommitRequest {
  return {
    id: request.id,
    parent: request.parent,
    commit: toBase64Url(request.commit),
    door: toBase64Url(request.door),
    keyBoxes: request.keyBoxes.map(({ invite, box }) => ({ invite, box: toBase64Url(box) })),
  }
}

function textualChat(request: { id: string; parent: number; encryptedMessage: Bytes }) {
  return { id: request.id, parent: request.parent, encryptedMessage: toBase64Url(request.encryptedMessage) }
}
