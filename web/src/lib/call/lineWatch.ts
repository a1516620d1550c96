/** Watches the line to one other, once a second: how it is, how long nothing has come, and what to send on it. */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type Rung, rungOf, RUNGS, settle, type Standing, step, TOP } from "./ladder.ts"
import { type Counted, countOf, lineOf, lostThere } from "./quality.ts"
import { type Line } from "./types.ts"

/** Seconds that pass in silence before it is said that nothing comes. */
export const UNSAID = 5
/** Seconds without anything after which another path is looked for, though the browser has not noticed. */
const DOUBT = 3
/** Counts over which losses are judged: the other side tells of them every five seconds when there is only a voice. */
const WINDOW = 7
const UNKNOWN: Line = {
  quality: "good",
  roundTrip: undefined,
  lostHere: 0,
  lostThere: 0,
  received: 0,
  sent: 0,
  route: undefined,
}

export interface Watched {
  /** The connection is there, as far as the browser knows. */
  connected: boolean
  /** The other side says it sends something. */
  expecting: boolean
  /** So does this side. */
  sending: boolean
}

export class LineWatch {
  readonly line: ReadonlySignal<Line>
  readonly rung: ReadonlySignal<Rung>
  /** Seconds in which nothing came, though something should have. */
  silent = 0
  #line = signal(UNKNOWN)
  #rung = signal<Rung>(RUNGS[0])
  #counted: Counted[] = []
  /** The two measured last: a single long one is a hiccup of a busy machine. */
  #roundTrips: number[] = []
  #standing: Standing = TOP

  constructor() {
    this.line = this.#line
    this.rung = this.#rung
  }

  /** Another path should be looked for. */
  get doubtful(): boolean {
    return this.silent === DOUBT
  }

  look(report: RTCStatsReport, watched: Watched, at: number): void {
    const now = countOf(report, at)
    const before = this.#counted.at(-1)
    this.#counted = [...this.#counted, now].slice(-WINDOW)
    if (!before) return
    if (now.roundTrip !== undefined && now.measured !== before.measured) {
      this.#roundTrips = [...this.#roundTrips, now.roundTrip].slice(-2)
    }
    const nothing = watched.expecting && now.received <= before.received
    this.silent = nothing || !watched.connected ? this.silent + 1 : 0
    this.#line.value = this.#worded(lineOf(before, now))
    // A line that carries nothing is not one that carries little.
    if (this.silent >= DOUBT) this.#standing = settle(this.#standing)
    else if (watched.sending) this.#climb(now)
    // What is counted until then is of the rung, or the silence, before.
    if (this.#standing.settling > 0) this.#counted = [now]
  }

  #worded(line: Line): Line {
    if (this.silent >= UNSAID) return { ...line, quality: "gone" }
    return this.silent > 0 ? { ...line, quality: this.#line.peek().quality } : line
  }

  #climb(now: Counted): void {
    const oldest = this.#counted.length === WINDOW ? this.#counted[0] : undefined
    this.#standing = step(this.#standing, {
      lost: oldest ? lostThere(oldest, now) : 0,
      roundTrip: this.#roundTrips.length > 0 ? Math.min(...this.#roundTrips) : undefined,
      available: now.available,
    })
    this.#rung.value = rungOf(this.#standing)
  }
}
