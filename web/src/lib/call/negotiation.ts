/**
 * One peer connection with one peer of a call (docs/protocol.md §7.2).
 *
 * The offer has three transceivers without tracks; everything after that is `replaceTrack`. What a user sends is put on
 * a sender only when the call was answered and the worker has sealed frames of that very sender.
 */
import { type CallLine, type CallSignal, type Peer } from "../session/types.ts"
import { fromBase64Url, secureRandom, toBase64Url } from "../encryption/e2ee.ts"
import { blankPicture, silenced } from "./blank.ts"
import { type Described, DescriptionRefused, isDescribed, readDescription, SECTIONS, tidy } from "./description.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { type Sealing } from "./sealing.ts"

export const MICROPHONE = 0
export const CAMERA = 1
export const SCREEN = 2
const SLOTS = [MICROPHONE, CAMERA, SCREEN] as const satisfies readonly SlotNumber[]

/** Stands where no stream to the recipient exists (docs/protocol.md §7.1). */
export const NO_CONTEXT = toBase64Url(new Uint8Array(5))

/** Bytes of an SFrame context (docs/protocol.md §7.3). */
const CONTEXT = 5

/** A short gap mends itself; after this an ICE restart is tried, and again as often until it works. */
const PATIENCE = 3000

/** ms that a blank track stays on after it was seen to be sealed, when nothing follows it. */
const SETTLING = 2000

/** Packets in a second that cannot be what was sealed before it began. */
const LEAK = 20

export type LinkState = "connecting" | "connected" | "reconnecting" | "closed"

/** What the other side says it sends. */
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

export interface LinkOptions {
  call: string
  /** Number on this page, for the worker. */
  number: number
  peer: Peer
  line: CallLine
  sealing: Sealing
  iceServers: () => Promise<RTCIceServer[]>
  relayOnly: boolean
  /** What this side sends at the moment. */
  sent: () => Sent
  events: LinkEvents
}

type Offer = Extract<CallSignal, { sdp: string }>
type Candidate = Extract<CallSignal, { type: "candidate" }>

interface Slot {
  transceiver: RTCRtpTransceiver
  /** Resolves when a blank track went out sealed; once per sender. */
  armed: Promise<void> | undefined
  /** The blank track was on for long enough to show the other side that its keys open what is sealed here. */
  settled: boolean
  /** On the sender until something takes its place. */
  blank: MediaStreamTrack | undefined
}

export class Link {
  readonly peer: Peer
  readonly number: number
  /** Own SFrame contexts, for this peer and page load only: each has a counter of its own. */
  readonly contexts: [Uint8Array, Uint8Array, Uint8Array] = [
    secureRandom(CONTEXT),
    secureRandom(CONTEXT),
    secureRandom(CONTEXT),
  ]
  readonly streams: (MediaStream | undefined)[] = [undefined, undefined, undefined]
  state: LinkState = "connecting"
  remote: Sent = { audio: false, video: false, screen: false }
  pc: RTCPeerConnection | undefined
  #options: LinkOptions
  #slots: Slot[] = []
  #offerer = false
  #round = 0
  #described: Described | undefined
  #candidates: Candidate[] = []
  #wanted: (MediaStreamTrack | null)[] = [null, null, null]
  #released = false
  #steps: Promise<void> = Promise.resolve()
  #sending: Promise<void> = Promise.resolve()
  #impatience: ReturnType<typeof setTimeout> | undefined
  #watched = SLOTS.map(() => ({ packets: 0, sealed: 0 }))

  constructor(options: LinkOptions) {
    this.#options = options
    this.peer = options.peer
    this.number = options.number
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
      this.announce()
    })
  }

  /** Answers an offer, also one that restarts ICE. */
  takeOffer(signal: Offer): void {
    this.#step(async () => {
      const first = this.pc === undefined
      if (this.#offerer || (!first && signal.round <= this.#round)) return
      this.#accept(signal)
      const pc = await this.#connection()
      this.#round = signal.round
      await pc.setRemoteDescription({ type: "offer", sdp: signal.sdp })
      if (this.#slots.length !== SLOTS.length) throw new DescriptionRefused("transceivers")
      this.#holdDirections(pc)
      await pc.setLocalDescription()
      // The contexts go first, so that no frame comes before them.
      if (first) this.announce()
      this.#say({ type: "answer", call: signal.call, sdp: localSdp(pc), round: this.#round })
      await this.#addCandidates()
    })
  }

  takeAnswer(signal: Offer): void {
    this.#step(async () => {
      const pc = this.pc
      if (!this.#offerer || !pc || signal.round !== this.#round || pc.signalingState !== "have-local-offer") return
      this.#accept(signal)
      await pc.setRemoteDescription({ type: "answer", sdp: signal.sdp })
      this.#holdDirections(pc)
      this.#watchTransport()
      await this.#addCandidates()
    })
  }

  takeCandidate(signal: Candidate): void {
    this.#step(async () => {
      this.#candidates.push(signal)
      if (this.pc?.remoteDescription) await this.#addCandidates()
    })
  }

  /** A new ICE round: offered by the offerer, asked for by the other. */
  restart(): void {
    if (!this.#offerer) {
      this.#say({ type: "restart", call: this.#options.call })
      return
    }
    this.#step(async () => {
      const pc = this.pc
      if (!pc?.remoteDescription || pc.signalingState !== "stable") return
      pc.setConfiguration({ ...pc.getConfiguration(), iceServers: await this.#options.iceServers() })
      this.#round++
      pc.restartIce()
      await this.#describe(pc)
    })
  }

  /** The call was answered: from now on tracks may go out. */
  release(): void {
    if (this.#released) return
    this.#released = true
    for (const slot of SLOTS) void this.#apply(slot)
  }

  get released(): boolean {
    return this.#released
  }

  /** Puts a track on a slot as soon as it may; null stops at once. */
  setTrack(slot: SlotNumber, track: MediaStreamTrack | null): void {
    this.#wanted[slot] = track
    void this.#apply(slot)
  }

  /** Tells what is being sent, with the contexts it is sealed under. */
  announce(): void {
    const [microphone, camera, screen] = this.contexts
    const context: [string, string, string] = [toBase64Url(microphone), toBase64Url(camera), toBase64Url(screen)]
    this.#say({ type: "media", call: this.#options.call, ...this.#options.sent(), context })
  }

  takeMedia(signal: Extract<CallSignal, { type: "media" }>): void {
    if (!signal.context.includes(NO_CONTEXT)) {
      const contexts = signal.context.map((text) => fromBase64Url(text, CONTEXT))
      this.#options.sealing.announced(this.number, this.peer.leaf, contexts)
    }
    this.remote = { audio: signal.audio, video: signal.video, screen: signal.screen }
    this.#options.events.changed()
  }

  /** Bits a second that each camera may take; fewer when more are in the call. */
  async limitCamera(bitrate: number): Promise<void> {
    const sender = this.#slots[CAMERA]?.transceiver.sender
    const parameters = sender?.getParameters()
    const [encoding] = parameters?.encodings ?? []
    if (!sender || !parameters || !encoding || encoding.maxBitrate === bitrate) return
    encoding.maxBitrate = bitrate
    await sender.setParameters(parameters).catch(() => undefined)
  }

  /** A sender whose packets leave while the worker seals nothing leaks; it ends the link. Call once a second. */
  async watchForLeaks(): Promise<void> {
    const packets = await Promise.all(this.#slots.map(({ transceiver }) => packetsSent(transceiver.sender)))
    await this.#options.sealing.counted()
    for (const slot of SLOTS) {
      const before = this.#watched[slot]
      const now = { packets: packets[slot] ?? 0, sealed: this.#options.sealing.counts(this.number, slot).sealed }
      this.#watched[slot] = now
      if (before && now.packets - before.packets > LEAK && now.sealed === before.sealed) this.betray("unsealed-media")
    }
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
    this.#wanted = [null, null, null]
    for (const { transceiver, blank } of this.#slots) {
      void this.#replace(transceiver.sender, null)
      blank?.stop()
    }
    this.pc?.close()
    this.#options.sealing.forget(this.number)
  }

  /** One after the other, and none after the end. */
  #step(work: () => Promise<void>): void {
    this.#steps = this.#steps.then(async () => {
      if (this.state === "closed") return
      try {
        await work()
      } catch {
        if (this.#isClosed()) return
        this.close()
        this.#options.events.failed()
      }
    })
  }

  #isClosed(): boolean {
    return this.state === "closed"
  }

  /** Signals leave in the order they were made. */
  #say(signal: CallSignal): void {
    this.#sending = this.#sending
      .then(() => this.#options.line.send(this.peer, signal))
      .catch(() => this.#options.events.lineFailed())
  }

  async #connection(): Promise<RTCPeerConnection> {
    if (this.pc) return this.pc
    const iceServers = await this.#options.iceServers()
    const pc = new RTCPeerConnection({
      iceServers,
      iceTransportPolicy: this.#options.relayOnly ? "relay" : "all",
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
    })
    if (this.#isClosed()) pc.close()
    this.pc = pc
    pc.ontrack = ({ transceiver }) => this.#takeTransceiver(pc, transceiver)
    pc.onicecandidate = ({ candidate }) => this.#sayCandidate(candidate)
    pc.onconnectionstatechange = () => this.#connectionChanged(pc)
    return pc
  }

  /** At the caller in the task of `addTransceiver`, at the callee in that of the `track` event: later is too late. */
  #attach(transceiver: RTCRtpTransceiver, slot: SlotNumber): void {
    const { sealing } = this.#options
    transceiver.sender.transform = sealing.transform({
      link: this.number,
      slot,
      direction: "send",
      context: this.contexts[slot],
    })
    transceiver.receiver.transform = sealing.transform({ link: this.number, slot, direction: "receive" })
    transceiver.receiver.track.enabled = true
    preferSealableCodecs(transceiver, SECTIONS[slot])
    keepAudioLevelToOurselves(transceiver)
    this.#slots[slot] = { transceiver, armed: undefined, settled: false, blank: undefined }
    this.streams[slot] = new MediaStream([transceiver.receiver.track])
  }

  #takeTransceiver(pc: RTCPeerConnection, transceiver: RTCRtpTransceiver): void {
    if (this.#slots.some((slot) => slot.transceiver === transceiver)) return
    const slot = pc.getTransceivers().indexOf(transceiver)
    if (this.#offerer || !isSlot(slot) || this.#slots[slot]) {
      transceiver.stop()
      return
    }
    this.#attach(transceiver, slot)
  }

  #holdDirections(pc: RTCPeerConnection): void {
    for (const transceiver of pc.getTransceivers()) {
      if (transceiver.direction !== "sendrecv") transceiver.direction = "sendrecv"
    }
  }

  async #describe(pc: RTCPeerConnection): Promise<void> {
    await pc.setLocalDescription()
    this.#say({ type: "offer", call: this.#options.call, sdp: localSdp(pc), round: this.#round })
  }

  /** The certificate stays the same for the life of the connection. */
  #accept(signal: Offer): void {
    const described = readDescription(signal.sdp)
    const before = this.#described?.fingerprint
    if (before && !before.every((byte, index) => byte === described.fingerprint[index])) {
      throw new DescriptionRefused("another certificate")
    }
    this.#described = described
    queueMicrotask(() => this.#watchTransport())
  }

  #sayCandidate(candidate: RTCIceCandidate | null): void {
    if (candidate?.candidate === "") return
    this.#say({
      type: "candidate",
      call: this.#options.call,
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
      await this.pc?.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: line }).catch(() => undefined)
    }
  }

  #watchTransport(): void {
    const transport = this.#slots[MICROPHONE]?.transceiver.sender.transport
    if (!transport || transport.onstatechange) return
    const check = (): void => void this.#checkTransport(transport)
    transport.onstatechange = check
    check()
  }

  /** DTLS refuses another certificate by itself; where the browser tells the one in use, it is compared once more. */
  async #checkTransport(transport: RTCDtlsTransport): Promise<void> {
    if (this.state === "closed") return
    if (transport.state === "failed") {
      this.betray("foreign-fingerprint")
      return
    }
    if (transport.state !== "connected" || !this.#described) return
    const certificate = certificateOf(transport)
    if (certificate && !(await isDescribed(this.#described, certificate))) this.betray("foreign-fingerprint")
  }

  #connectionChanged(pc: RTCPeerConnection): void {
    if (this.state === "closed") return
    this.#watchTransport()
    clearTimeout(this.#impatience)
    if (pc.connectionState === "connected") {
      this.state = "connected"
      this.#warmUp()
    } else if (pc.connectionState === "disconnected" || pc.connectionState === "failed") {
      this.state = "reconnecting"
      this.#losePatience(pc.connectionState === "failed" ? 0 : PATIENCE)
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

  /** The picture that everybody will want first is made ready while it rings. */
  #warmUp(): void {
    void this.#arm(CAMERA)
    for (const slot of SLOTS) void this.#apply(slot)
  }

  async #apply(slot: SlotNumber): Promise<void> {
    const entry = this.#slots[slot]
    if (!entry || this.state === "closed") return
    const track = this.#wanted[slot] ?? null
    if (track !== null) {
      if (!this.#released || this.state === "connecting") return
      await this.#arm(slot, track)
    } else if (entry.blank && !(this.#released && entry.settled)) return
    // While this waited, another track may have been wanted, or none.
    if (this.#isClosed() || this.#wanted[slot] !== track) return
    await this.#replace(entry.transceiver.sender, track)
    entry.blank?.stop()
    entry.blank = undefined
  }

  #replace(sender: RTCRtpSender, track: MediaStreamTrack | null): Promise<void> {
    return sender.replaceTrack(track).catch(() => undefined)
  }

  #arm(slot: SlotNumber, track?: MediaStreamTrack): Promise<void> {
    const entry = this.#slots[slot]
    if (!entry) return Promise.reject(new Error("no such slot"))
    entry.armed ??= this.#sendBlank(slot, entry, track)
    return entry.armed
  }

  /** Stays on until the user's own track or nothing takes its place, so that the line is measured while it rings. */
  async #sendBlank(slot: SlotNumber, entry: Slot, track: MediaStreamTrack | undefined): Promise<void> {
    entry.blank = slot === MICROPHONE && track ? silenced(track) : blankPicture()
    await this.#replace(entry.transceiver.sender, entry.blank)
    await this.#options.sealing.sealed(this.number, slot)
    setTimeout(() => {
      entry.settled = true
      if (this.#wanted[slot] === null) void this.#apply(slot)
    }, SETTLING)
  }
}

function isSlot(index: number): index is SlotNumber {
  return index === MICROPHONE || index === CAMERA || index === SCREEN
}

async function packetsSent(sender: RTCRtpSender): Promise<number> {
  let packets = 0
  const report = await sender.getStats().catch(() => undefined)
  report?.forEach((stats: RTCOutboundRtpStreamStats) => {
    if (stats.type === "outbound-rtp") packets += stats.packetsSent ?? 0
  })
  return packets
}

function localSdp(pc: RTCPeerConnection): string {
  const sdp = pc.localDescription?.sdp
  if (!sdp) throw new Error("no local description")
  return tidy(sdp)
}

function preferSealableCodecs(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
  const wanted = kind === "audio" ? ["audio/opus"] : ["video/vp8", "video/rtx"]
  const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? []
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType.toLowerCase())))
}

interface HeaderExtension {
  uri: string
  direction: string
}

/** Header extensions are not encrypted, and the loudness of speech tells a listener on the way who speaks when. */
function keepAudioLevelToOurselves(transceiver: RTCRtpTransceiver): void {
  const negotiable = transceiver as RTCRtpTransceiver & {
    getHeaderExtensionsToNegotiate?(): HeaderExtension[]
    setHeaderExtensionsToNegotiate?(extensions: HeaderExtension[]): void
  }
  const extensions = negotiable.getHeaderExtensionsToNegotiate?.()
  if (!extensions) return
  negotiable.setHeaderExtensionsToNegotiate?.(
    extensions.map(({ uri, direction }) => ({ uri, direction: uri.endsWith("audio-level") ? "stopped" : direction })),
  )
}

/** DER of the certificate in use, where the browser tells. */
function certificateOf(transport: RTCDtlsTransport): ArrayBuffer | undefined {
  return (transport as Partial<RTCDtlsTransport>).getRemoteCertificates?.()[0]
}
