/**
 * Offer, answer, candidates and ICE rounds of one connection (docs/protocol.md §7.2).
 *
 * The offer has three transceivers without tracks; nothing is negotiated again but ICE restarts.
 */
import { type CallSignal } from "../session/types.ts"
import { PinnedCertificate } from "./certificate.ts"
import { DescriptionRefused, SECTIONS, tidy } from "./description.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { isSlot, MICROPHONE, SLOTS } from "./slots.ts"
import { holdDirections } from "./transceiver.ts"

export type Description = Extract<CallSignal, { sdp: string }>
export type Candidate = Extract<CallSignal, { type: "candidate" }>

/** ms after a restart in which the other side's wish for one is the same wish. */
const SAME_WISH = 1500

export interface NegotiationOptions {
  call: string
  iceServers: () => Promise<RTCIceServer[]>
  relayOnly: boolean
}

export interface NegotiationEvents {
  /** A signal for the other side, after those before it. */
  say(signal: CallSignal): void
  /** To be used in the very task of this event: later is too late. */
  attach(transceiver: RTCRtpTransceiver, slot: SlotNumber): void
  /** The first description was made here: the other side needs the contexts of what will come. */
  described(): void
  connectionChanged(state: RTCPeerConnectionState): void
  foreignCertificate(): void
  /** The other side speaks another language, or this browser refused. */
  failed(): void
}

export class Negotiation {
  #pc: RTCPeerConnection | undefined
  #transceivers: RTCRtpTransceiver[] = []
  #offerer = false
  #round = 0
  #candidates: Candidate[] = []
  #certificate: PinnedCertificate
  #steps: Promise<void> = Promise.resolve()
  #restartedAt = -Infinity
  #closed = false

  constructor(
    private readonly options: NegotiationOptions,
    private readonly events: NegotiationEvents,
  ) {
    this.#certificate = new PinnedCertificate(() => events.foreignCertificate())
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#pc
  }

  get offerer(): boolean {
    return this.#offerer
  }

  /** Offers; the call rings at the other side with it. */
  offer(): void {
    this.#offerer = true
    this.#step(async () => {
      const pc = await this.#connection()
      SECTIONS.forEach((kind, slot) => {
        this.#attach(pc.addTransceiver(kind, { direction: "sendrecv" }), slot as SlotNumber)
      })
      await this.#describe(pc)
      this.events.described()
    })
  }

  /** Answers an offer, also one that restarts ICE. */
  takeOffer(signal: Description): void {
    this.#step(async () => {
      const first = this.#pc === undefined
      if (this.#offerer || (!first && signal.round <= this.#round)) return
      this.#accept(signal)
      const pc = await this.#connection()
      this.#round = signal.round
      await pc.setRemoteDescription({ type: "offer", sdp: signal.sdp })
      if (this.#transceivers.length !== SLOTS.length) throw new DescriptionRefused("transceivers")
      holdDirections(pc)
      await pc.setLocalDescription()
      // The contexts go first, so that no frame comes before them.
      if (first) this.events.described()
      this.events.say({ type: "answer", call: signal.call, sdp: localSdp(pc), round: this.#round })
      await this.#addCandidates()
    })
  }

  takeAnswer(signal: Description): void {
    this.#step(async () => {
      const pc = this.#pc
      if (!this.#offerer || !pc || signal.round !== this.#round || pc.signalingState !== "have-local-offer") return
      this.#accept(signal)
      await pc.setRemoteDescription({ type: "answer", sdp: signal.sdp })
      holdDirections(pc)
      this.#watchTransport()
      await this.#addCandidates()
    })
  }

  takeCandidate(signal: Candidate): void {
    this.#step(async () => {
      this.#candidates.push(signal)
      if (this.#pc?.remoteDescription) await this.#addCandidates()
    })
  }

  /** A new ICE round: offered by the offerer, asked for by the other. An offer that got lost is made anew. */
  restart(): void {
    if (!this.#offerer) {
      this.events.say({ type: "restart", call: this.options.call })
      return
    }
    this.#step(async () => {
      const pc = this.#pc
      if (!pc?.remoteDescription || performance.now() - this.#restartedAt < SAME_WISH) return
      const iceServers = await this.options.iceServers()
      try {
        pc.setConfiguration({ ...pc.getConfiguration(), iceServers })
      } catch {
        // No servers at all: those from before stay.
      }
      this.#restartedAt = performance.now()
      this.#round++
      pc.restartIce()
      await this.#describe(pc)
    })
  }

  close(): void {
    this.#closed = true
    this.#pc?.close()
  }

  /** One after the other, and none after the end. */
  #step(work: () => Promise<void>): void {
    this.#steps = this.#steps.then(async () => {
      if (this.#closed) return
      try {
        await work()
      } catch {
        if (!this.#isClosed()) this.events.failed()
      }
    })
  }

  #isClosed(): boolean {
    return this.#closed
  }

  async #connection(): Promise<RTCPeerConnection> {
    if (this.#pc) return this.#pc
    const iceServers = await this.options.iceServers()
    const pc = connectionBy(iceServers, this.options.relayOnly)
    if (this.#closed) pc.close()
    this.#pc = pc
    pc.ontrack = ({ transceiver }) => this.#takeTransceiver(pc, transceiver)
    pc.onicecandidate = ({ candidate }) => this.#sayCandidate(candidate)
    pc.onconnectionstatechange = () => {
      if (this.#closed) return
      this.#watchTransport()
      this.events.connectionChanged(pc.connectionState)
    }
    return pc
  }

  #attach(transceiver: RTCRtpTransceiver, slot: SlotNumber): void {
    this.events.attach(transceiver, slot)
    this.#transceivers[slot] = transceiver
  }

  #takeTransceiver(pc: RTCPeerConnection, transceiver: RTCRtpTransceiver): void {
    if (this.#transceivers.includes(transceiver)) return
    const slot = pc.getTransceivers().indexOf(transceiver)
    if (this.#offerer || !isSlot(slot) || this.#transceivers[slot]) {
      transceiver.stop()
      return
    }
    this.#attach(transceiver, slot)
  }

  async #describe(pc: RTCPeerConnection): Promise<void> {
    await pc.setLocalDescription()
    this.events.say({ type: "offer", call: this.options.call, sdp: localSdp(pc), round: this.#round })
  }

  #accept(signal: Description): void {
    this.#certificate.pin(signal.sdp)
    queueMicrotask(() => this.#watchTransport())
  }

  #watchTransport(): void {
    this.#certificate.watch(this.#transceivers[MICROPHONE]?.sender.transport)
  }

  #sayCandidate(candidate: RTCIceCandidate | null): void {
    if (candidate?.candidate === "") return
    this.events.say({
      type: "candidate",
      call: this.options.call,
      round: this.#round,
      candidate: candidate?.candidate ?? null,
      mid: candidate?.sdpMid ?? "",
      line: candidate?.sdpMLineIndex ?? 0,
    })
  }

  async #addCandidates(): Promise<void> {
    const due = this.#candidates.filter(({ round }) => round === this.#round)
    this.#candidates = this.#candidates.filter(({ round }) => round > this.#round)
    for (const { candidate, mid, line } of due) {
      if (candidate === null) continue
      // A candidate this browser cannot use (an address family it lacks) is no reason to end a call.
      await this.#pc?.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line }).catch(() => undefined)
    }
  }
}

function localSdp(pc: RTCPeerConnection): string {
  const sdp = pc.localDescription?.sdp
  if (!sdp) throw new Error("no local description")
  return tidy(sdp)
}

/** Without servers where those that were told are none: a direct path may still be found. */
function connectionBy(iceServers: RTCIceServer[], relayOnly: boolean): RTCPeerConnection {
  const rest: RTCConfiguration = {
    iceTransportPolicy: relayOnly ? "relay" : "all",
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require",
  }
  try {
    return new RTCPeerConnection({ iceServers, ...rest })
  } catch {
    return new RTCPeerConnection(rest)
  }
}
