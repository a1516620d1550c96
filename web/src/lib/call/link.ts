/** One connection with one peer of a call: its state, what goes out and what comes in (docs/protocol.md §7.2). */
import { type CallLine, type CallSignal, type Peer } from "../session/types.ts"
import { type Contexts, newContexts, readContexts, writeContexts } from "./contexts.ts"
import { SECTIONS } from "./description.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { LeakWatch } from "./leaks.ts"
import { type Candidate, type Description, Negotiation, type NegotiationOptions } from "./negotiation.ts"
import { Outgoing } from "./outgoing.ts"
import { type Sealing } from "./sealing.ts"
import { limitTransceiver } from "./transceiver.ts"

/** A short gap mends itself; after so many ms an ICE restart is tried, and again as often until it works. */
const PATIENCE = 3000

export type LinkState = "connecting" | "connected" | "reconnecting" | "closed"

/** What a side says it sends. */
export interface Sent {
  audio: boolean
  video: boolean
  screen: boolean
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
  /** What this side sends at the moment. */
  sent: () => Sent
  events: LinkEvents
}

export class Link {
  readonly peer: Peer
  readonly number: number
  readonly streams: (MediaStream | undefined)[] = [undefined, undefined, undefined]
  state: LinkState = "connecting"
  remote: Sent = { audio: false, video: false, screen: false }
  #options: LinkOptions
  #contexts: Contexts = newContexts()
  #negotiation: Negotiation
  #outgoing: Outgoing
  #leakWatch = new LeakWatch()
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

  /** The call was answered: from now on tracks may go out. */
  release(): void {
    this.#outgoing.release()
  }

  /** Puts a track on a slot as soon as it may; null stops at once. */
  setTrack(slot: SlotNumber, track: MediaStreamTrack | null): void {
    this.#outgoing.setTrack(slot, track)
  }

  /** Bits a second that each camera may take; fewer when more are in the call. */
  limitCamera(bitrate: number): Promise<void> {
    return this.#outgoing.limitCamera(bitrate)
  }

  /** Tells what is being sent, with the contexts it is sealed under. */
  announce(): void {
    const context = writeContexts(this.#contexts)
    this.#say({ type: "media", call: this.#options.call, ...this.#options.sent(), context })
  }

  takeMedia(signal: Extract<CallSignal, { type: "media" }>): void {
    const contexts = readContexts(signal.context)
    if (contexts) this.#options.sealing.announced(this.number, this.peer.leaf, contexts)
    this.remote = { audio: signal.audio, video: signal.video, screen: signal.screen }
    this.#options.events.changed()
  }

  /** A leak ends the link. Call once a second. */
  async watchForLeaks(): Promise<void> {
    const { sealing } = this.#options
    const packets = await this.#outgoing.packets()
    await sealing.counted()
    const leaks = this.#leakWatch.leaks(packets, (slot) => sealing.counts(this.number, slot).sealed)
    if (leaks) this.betray("unsealed-media")
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

  /** Signals leave in the order they were made. */
  #say(signal: CallSignal): void {
    this.#sending = this.#sending
      .then(() => this.#options.line.send(this.peer, signal))
      .catch(() => this.#options.events.lineFailed())
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
      this.state = "connected"
      this.#outgoing.warmUp()
    } else if (state === "disconnected" || state === "failed") {
      this.state = "reconnecting"
      this.#losePatience(state === "failed" ? 0 : PATIENCE)
    }
    this.#options.events.changed()
  }

  #losePatience(after: number): void {
    this.#impatience = setTimeout(() => {
      if (this.state !== "reconnecting") return
      this.restart()
      this.#losePatience(PATIENCE)
    }, after)
  }
}
