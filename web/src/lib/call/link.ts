/** One connection with one peer of a call: its state, what goes out and what comes in (docs/protocol.md §7.2). */
import { type CallLine, type CallSignal, type Peer } from "../session/types.ts"
import { type Contexts, newContexts, readContexts, writeContexts } from "./contexts.ts"
import { SECTIONS } from "./description.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { type Rung } from "./ladder.ts"
import { leaks } from "./leaks.ts"
import { type Candidate, type Description, Negotiation, type NegotiationOptions } from "./negotiation.ts"
import { Outgoing } from "./outgoing.ts"
import { type Sealing } from "./sealing.ts"
import { limitTransceiver } from "./transceiver.ts"

/** A short gap mends itself; after so many ms an ICE restart is tried, and again, later each time, until it works. */
const PATIENCE = 3000
const MOST_PATIENCE = 8000

export type LinkState = "connecting" | "connected" | "reconnecting" | "closed"

/** What a side has to send. */
export interface Sent {
  audio: boolean
  video: boolean
  screen: boolean
}

/** What the other side says of it; `paused`: pictures are on, and held back because the line does not carry them. */
export interface Remote extends Sent {
  paused: boolean
}

export interface LinkEvents {
  changed(): void
  /** Another certificate than the signed one, or frames that left unsealed. The link is closed. */
  betrayed(alarm: "foreign-fingerprint" | "unsealed-media"): void
  /** The other side speaks another language, or this browser refused. The link is closed. */
  failed(): void
  lineFailed(): void
}

export interface LinkOptions extends NegotiationOptions {
  /** Number on this page, for the worker. */
  number: number
  peer: Peer
  line: CallLine
  sealing: Sealing
  /** What this side has to send at the moment. */
  sent: () => Sent
  events: LinkEvents
}

export class Link {
  readonly peer: Peer
  readonly number: number
  readonly streams: (MediaStream | undefined)[] = [undefined, undefined, undefined]
  state: LinkState = "connecting"
  remote: Remote = { audio: false, video: false, screen: false, paused: false }
  #paused = false
  /** The other side was not told what is sent, because there was no line. */
  #unsaid = false
  #patience = PATIENCE
  #options: LinkOptions
  #contexts: Contexts = newContexts()
  #negotiation: Negotiation
  #outgoing: Outgoing
  #sending: Promise<void> = Promise.resolve()
  #impatience: ReturnType<typeof setTimeout> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.peer = options.peer
    this.number = options.number
    this.#outgoing = new Outgoing(this, options.sealing)
    this.#negotiation = new Negotiation(options, {
      say: (signal) => this.#say(signal),
      attach: (transceiver, slot) => this.#attach(transceiver, slot),
      described: () => this.announce(),
      connectionChanged: (state) => this.#connectionChanged(state),
      foreignCertificate: () => this.betray("foreign-fingerprint"),
      failed: () => this.#fail(),
    })
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#negotiation.pc
  }

  get offerer(): boolean {
    return this.#negotiation.offerer
  }

  get released(): boolean {
    return this.#outgoing.released
  }

  /** Offers; the call rings at the other side with it. */
  offer(): void {
    this.#negotiation.offer()
  }

  takeOffer(signal: Description): void {
    this.#negotiation.takeOffer(signal)
  }

  takeAnswer(signal: Description): void {
    this.#negotiation.takeAnswer(signal)
  }

  takeCandidate(signal: Candidate): void {
    this.#negotiation.takeCandidate(signal)
  }

  restart(): void {
    this.#negotiation.restart()
  }

  /** The network is another one, or back, or the machine has slept: a new path is looked for without waiting. */
  hurry(): void {
    if (this.state === "connecting" || this.state === "closed") return
    this.restart()
    if (this.state !== "reconnecting") return
    this.#patience = PATIENCE
    this.#losePatience(PATIENCE)
  }

  /** The call was answered: from now on tracks may go out. */
  release(): void {
    this.#outgoing.release()
  }

  /** Puts a track on a slot as soon as it may; null stops at once. */
  setTrack(slot: SlotNumber, track: MediaStreamTrack | null): void {
    this.#outgoing.setTrack(slot, track)
  }

  /** Sends what the line carries; `most`: bit/s that a camera may take, fewer when more are in the call. */
  async shape(rung: Rung, most: number): Promise<void> {
    const paused = rung.picture === "paused"
    if (paused !== this.#paused || this.#unsaid) {
      this.#paused = paused
      this.announce()
    }
    await this.#outgoing.shape(rung, most)
  }

  /** Tells what is being sent, with the contexts it is sealed under. */
  announce(): void {
    this.#unsaid = false
    const context = writeContexts(this.#contexts)
    const paused = this.#paused ? { paused: true } : {}
    this.#say({ type: "media", call: this.#options.call, ...this.#options.sent(), context, ...paused })
  }

  takeMedia(signal: Extract<CallSignal, { type: "media" }>): void {
    const contexts = readContexts(signal.context)
    if (contexts) this.#options.sealing.announced(this.number, this.peer.leaf, contexts)
    const { audio, video, screen, paused = false } = signal
    this.remote = { audio, video, screen, paused }
    this.#options.events.changed()
  }

  /** A leak ends the link. Call once a second. */
  async watchForLeaks(): Promise<void> {
    const { sealing } = this.#options
    const frames = await this.#outgoing.frames()
    await sealing.counted()
    if (leaks(frames, (slot) => sealing.counts(this.number, slot))) this.betray("unsealed-media")
  }

  betray(alarm: "foreign-fingerprint" | "unsealed-media"): void {
    if (this.state === "closed") return
    this.close()
    this.#options.events.betrayed(alarm)
  }

  close(): void {
    if (this.state === "closed") return
    this.state = "closed"
    clearTimeout(this.#impatience)
    this.#outgoing.close()
    this.#negotiation.close()
    this.#options.sealing.forget(this.number)
  }

  #fail(): void {
    this.close()
    this.#options.events.failed()
  }

  /** Signals leave in the order they were made. Once connected, a line that fails is mended without a word. */
  #say(signal: CallSignal): void {
    this.#sending = this.#sending
      .then(() => this.#options.line.send(this.peer, signal))
      .catch(() => {
        if (signal.type === "media") this.#unsaid = true
        if (this.state === "connecting") this.#options.events.lineFailed()
      })
  }

  /** At the caller in the task of `addTransceiver`, at the callee in that of the `track` event: later is too late. */
  #attach(transceiver: RTCRtpTransceiver, slot: SlotNumber): void {
    const { sealing } = this.#options
    const { sender, receiver } = transceiver
    const context = this.#contexts[slot]
    sender.transform = sealing.transform({ link: this.number, slot, direction: "send", context })
    receiver.transform = sealing.transform({ link: this.number, slot, direction: "receive" })
    receiver.track.enabled = true
    limitTransceiver(transceiver, SECTIONS[slot])
    this.#outgoing.attach(slot, sender)
    this.streams[slot] = new MediaStream([receiver.track])
  }

  #connectionChanged(state: RTCPeerConnectionState): void {
    clearTimeout(this.#impatience)
    if (state === "connected") {
      // What was said meanwhile may not have been heard.
      if (this.state === "reconnecting") this.announce()
      this.state = "connected"
      this.#patience = PATIENCE
      this.#outgoing.warmUp()
    } else if (state === "disconnected" || state === "failed") {
      this.state = "reconnecting"
      this.#losePatience(state === "failed" ? 0 : PATIENCE)
    }
    this.#options.events.changed()
  }

  #losePatience(after: number): void {
    clearTimeout(this.#impatience)
    this.#impatience = setTimeout(() => {
      if (this.state !== "reconnecting") return
      this.restart()
      this.#losePatience(this.#patience)
      this.#patience = Math.min(MOST_PATIENCE, this.#patience * 1.5)
    }, after)
  }
}
