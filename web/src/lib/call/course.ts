/** The course of a call on this page: idle → ringing → connecting → active → ended (docs/protocol.md §7). */
import { batch, type Signal, signal } from "@preact/signals"
import { type CallLine, type Peer } from "../session/types.ts"
import { Conversation, type Starter } from "./conversation.ts"
import { UNSAID } from "./lineWatch.ts"
import { type CallEvent, Notices } from "./notices.ts"
import { Ongoing } from "./ongoing.ts"
import { OwnMedia } from "./ownMedia.ts"
import { People } from "./people.ts"
import { forgetCall, leftIn, rememberCall } from "./rejoin.ts"
import { type Surroundings } from "./surroundings.ts"
import { type Caller, type CallsOptions, type CallState, type EndReason, type MissedCall } from "./types.ts"

/** ms that a call rings, here and there. */
export const RINGS = 45_000

export class Course {
  readonly state: Signal<CallState>
  readonly conversation = signal<Conversation | undefined>(undefined)
  readonly startedAt = signal<number | undefined>(undefined)
  readonly missed = signal<readonly MissedCall[]>([])
  /** Calls that were over here; they ring no more. */
  readonly finished = new Set<string>()
  readonly ongoing = new Ongoing()
  readonly people: People
  readonly notices: Notices
  readonly media: OwnMedia
  #idle: CallState
  #ringing: ReturnType<typeof setTimeout> | undefined

  constructor(
    readonly line: CallLine,
    options: CallsOptions,
    private readonly around: Surroundings,
  ) {
    this.#idle = around.supported ? { kind: "idle" } : { kind: "unsupported" }
    this.state = signal(this.#idle)
    this.people = new People(line, options.participants)
    this.notices = new Notices(line, around.devices)
    this.media = new OwnMedia(around.devices, this.conversation)
  }

  get supported(): boolean {
    return this.around.supported
  }

  get current(): Conversation | undefined {
    return this.conversation.peek()
  }

  isCurrent(which: Conversation): boolean {
    return this.conversation.peek() === which
  }

  is(...kinds: CallState["kind"][]): boolean {
    return kinds.includes(this.state.peek().kind)
  }

  begin(call: string, starter: Conversation["starter"], next: CallState): Conversation {
    this.media.becomesCall()
    const begun: Conversation = new Conversation(call, starter, this.line, this.around, {
      changed: () => this.progress(begun),
      alarmed: (peer, kind) => this.#alarm(begun, peer, kind),
      failed: (peer) => this.#failed(begun, peer),
      lineFailed: () => this.notices.lineFailed(),
      sealingDied: () => {
        if (this.isCurrent(begun)) this.end("sealing-stopped")
      },
    })
    for (const about of ["call", "screen"] as const) this.around.devices.forget(about)
    batch(() => {
      this.conversation.value = begun
      this.startedAt.value = undefined
      this.ongoing.forget(call)
      this.state.value = next
    })
    return begun
  }

  /** Rings until it is silenced, or nobody answered in time. */
  ring(which: Conversation, unanswered: () => void): void {
    this.silence()
    this.#ringing = setTimeout(() => {
      if (this.isCurrent(which)) unanswered()
    }, RINGS)
  }

  silence(): void {
    clearTimeout(this.#ringing)
  }

  /** From ringing out to connecting, from connecting to active and back. */
  progress(which: Conversation): void {
    if (!this.isCurrent(which) || !which.accepted || !this.is("ringing-out", "connecting", "active")) return
    const reached = this.startedAt.peek() !== undefined
    if (which.startedHere && which.present.size === 0 && !reached) return
    if (which.connected && !reached) this.startedAt.value = Date.now()
    const gap = reached && which.links.size > 0 && which.aloneFor < UNSAID
    const kind = which.connected || gap ? "active" : "connecting"
    if (!this.is(kind)) this.state.value = { kind, call: which.id }
  }

  /** To be called in an effect. Who comes back into a call that was reached sends no more than when the page went. */
  remember(): void {
    const { value: choice } = this.media.choice
    const call = this.conversation.value?.id
    if (call === undefined) return
    if (this.startedAt.value !== undefined || leftIn(call)) rememberCall(call, choice)
  }

  /** Ends the call here and returns how many seconds it lasted. Tells nobody. */
  end(reason: EndReason): number {
    const { current } = this
    if (!current) return 0
    const since = this.startedAt.peek()
    const seconds = since === undefined ? 0 : Math.round((Date.now() - since) / 1000)
    this.finished.add(current.id)
    forgetCall()
    this.stop({ kind: "ended", call: current.id, reason, seconds })
    return seconds
  }

  /** Lets go of the call and of all devices. */
  stop(next = this.#idle): void {
    const { current } = this
    this.silence()
    batch(() => {
      this.conversation.value = undefined
      this.startedAt.value = undefined
      this.media.close()
      current?.close()
      this.state.value = next
    })
  }

  /** Ends the call, and writes so: this side is the one to do it. */
  finish(reason: EndReason, event: CallEvent): void {
    const { current } = this
    if (!current) return
    const seconds = this.end(reason)
    this.notices.write(current.id, event, event === "ended" ? seconds : undefined)
  }

  /** Ends a call that rang here and was not answered. */
  miss(reason: "missed" | "cancelled"): void {
    const { current } = this
    const from = current?.caller
    if (from) this.missed.value = [...this.missed.peek(), { call: current.id, from: callerOf(from), at: Date.now() }]
    this.end(reason)
  }

  dismiss(): void {
    if (this.is("ended")) this.state.value = this.#idle
  }

  #alarm(begun: Conversation, peer: Peer, kind: "foreign-fingerprint" | "unsealed-media"): void {
    if (kind === "foreign-fingerprint") this.line.raise({ kind, who: peer.name, stops: true })
    else this.line.raise({ kind, who: peer.name, stops: false })
    this.notices.say(peer, "hangup", begun.id)
    if (this.isCurrent(begun) && begun.present.size === 0) this.end("alarm")
  }

  #failed(begun: Conversation, peer: Peer): void {
    this.notices.say(peer, "hangup", begun.id)
    if (this.isCurrent(begun) && begun.deserted) this.end("failed")
  }
}

export function callerOf({ memberId, name }: Starter): Caller {
  return { memberId, name }
}
