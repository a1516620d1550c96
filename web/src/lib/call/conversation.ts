/** One call: its links to up to three others, who is in it, and what the interface shows of them (docs/protocol.md §7). */
import { computed, type ReadonlySignal, signal } from "@preact/signals"
import { type CallLine, type CallSignal, type FrameKeys, type Peer } from "../session/types.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { type Link, type LinkEvents, type LinkOptions, type Sent } from "./link.ts"
import { PeerView } from "./peerView.ts"
import { type Sealing, type SealingEvents } from "./sealing.ts"
import { CAMERA, MICROPHONE, SCREEN } from "./slots.ts"
import { type CallPeer } from "./types.ts"

/** Others in a mesh of four. */
export const MOST_OTHERS = 3
/** Bits a second of a camera for one, two and three others. */
const CAMERA_BITRATES = [1_700_000, 900_000, 500_000] as const
const ICE_SERVERS_FRESH = 300_000

export interface Tracks {
  microphone: MediaStreamTrack | undefined
  camera: MediaStreamTrack | undefined
  screen: MediaStreamTrack | undefined
}

export interface ConversationEvents {
  /** Somebody came, left, connected or lost the connection. */
  changed(): void
  alarmed(peer: Peer, alarm: "foreign-fingerprint" | "unsealed-media"): void
  /** No connection with this peer is possible. */
  failed(peer: Peer): void
  lineFailed(): void
  sealingDied(): void
}

/** What a conversation is built with; tests pass their own. */
export interface Parts {
  startSealing(events: SealingEvents): Sealing
  makeLink(options: LinkOptions): Link
}

/** A page that rang, or the member whose call entry was seen first. */
export type Starter = Peer | { memberId: string; name: string; leaf: number }

export function keyOf(peer: Peer): string {
  return `${peer.leaf}:${peer.instance}`
}

export class Conversation {
  /** This side takes part: it started, answered or joined the call. */
  accepted = false
  readonly links = new Map<string, Link>()
  /** Others who take part, whether connected yet or not. */
  readonly present = new Map<string, Peer>()
  /** Pages that came later and were told of this call. */
  readonly told = new Set<string>()
  /** ms at which the page behind a link was gone from the server. */
  readonly goneSince = new Map<string, number>()
  /** The strongest refusal heard so far. */
  refusal: "declined-by-other" | "busy" | undefined
  /** ms; undefined while some link is connected. */
  aloneSince: number | undefined = Date.now()
  readonly views: ReadonlySignal<readonly CallPeer[]>
  #views = signal<readonly PeerView[]>([])
  #sealing: Sealing
  #tracks: Tracks = { microphone: undefined, camera: undefined, screen: undefined }
  #linkNumber = 0
  #iceServers: { at: number; servers: Promise<RTCIceServer[]> } | undefined

  constructor(
    readonly id: string,
    /** Undefined where this page came late and was not told. */
    readonly starter: Starter | "us" | undefined,
    private readonly line: CallLine,
    private readonly parts: Parts,
    private readonly events: ConversationEvents,
  ) {
    this.views = computed(() => this.#views.value.map((view) => view.shown.value))
    this.#sealing = parts.startSealing({
      opened: (link) => this.#viewOf(link)?.noteOpened(),
      unsealed: (link) => this.#reportUnsealed(link),
      died: () => events.sealingDied(),
    })
    this.setKeys(line.frameKeys.peek())
    void this.#freshIceServers()
  }

  get startedHere(): boolean {
    return this.starter === "us"
  }

  /** Whose call it is; undefined where it is the own, or not known. */
  get caller(): Starter | undefined {
    return typeof this.starter === "object" ? this.starter : undefined
  }

  isStartedBy({ memberId }: Peer): boolean {
    return this.caller?.memberId === memberId
  }

  /** Nobody takes part but this side, and nobody is rung. */
  get deserted(): boolean {
    return this.links.size === 0 && this.present.size === 0
  }

  get connected(): boolean {
    return [...this.links].some(([key, link]) => link.state === "connected" && this.present.has(key))
  }

  get sent(): Sent {
    const { microphone, camera, screen } = this.#tracks
    return { audio: microphone !== undefined, video: camera !== undefined, screen: screen !== undefined }
  }

  setKeys(keys: FrameKeys | undefined): void {
    this.#sealing.setKeys(keys)
  }

  /** What this side sends; undefined sends nothing at all, so that not even the rhythm of frames tells of a muted room. */
  setTracks(tracks: Tracks): void {
    const before = JSON.stringify(this.sent)
    this.#tracks = tracks
    for (const link of this.links.values()) this.#putTracks(link)
    if (before === JSON.stringify(this.sent)) return
    for (const link of this.links.values()) link.announce()
  }

  /** Offers to a peer; it rings there unless the peer takes part already. */
  ring(peer: Peer): void {
    if (this.links.has(keyOf(peer))) return
    this.#newLink(peer).offer()
    this.events.changed()
  }

  /** A peer takes part: what it is sent may go out now. Returns false when the call is full. */
  admit(peer: Peer, offering: boolean): boolean {
    const key = keyOf(peer)
    if (!this.present.has(key) && this.present.size >= MOST_OTHERS) return false
    this.present.set(key, peer)
    if (offering) this.ring(peer)
    this.#releaseBoth()
    this.events.changed()
    return true
  }

  /** This side takes part from now on. */
  accept(): void {
    this.accepted = true
    this.aloneSince = Date.now()
    this.#releaseBoth()
  }

  /** Signals of a peer about its link. */
  take(from: Peer, signal: CallSignal, ownLeaf: number): void {
    const link = this.links.get(keyOf(from))
    switch (signal.type) {
      case "offer":
        // Who offers in a call that this side takes part in takes part too.
        if (this.accepted && !this.admit(from, false)) return
        return this.#linkForOffer(from, signal.round, ownLeaf)?.takeOffer(signal)
      case "answer":
        return link?.takeAnswer(signal)
      case "candidate":
        return link?.takeCandidate(signal)
      case "restart":
        if (link?.offerer) link.restart()
        return
      case "media":
        return link?.takeMedia(signal)
      case "unsealed":
        return link?.betray("unsealed-media")
      case "accept":
      case "decline":
      case "hangup":
      case "busy":
        return undefined
    }
  }

  drop(peer: Peer): void {
    const key = keyOf(peer)
    const link = this.links.get(key)
    this.links.delete(key)
    this.present.delete(key)
    link?.close()
    this.#views.value = this.#views.peek().filter((view) => view.key !== key)
    this.events.changed()
  }

  /** Once a second: counts, words for the line, leaks, and how long nobody has been reached. */
  async poll(): Promise<void> {
    if (this.connected) this.aloneSince = undefined
    else this.aloneSince ??= Date.now()
    const bitrate = CAMERA_BITRATES[Math.max(0, this.present.size - 1)] ?? 500_000
    const views = this.#views.peek()
    await Promise.all([
      ...views.map((view) => view.poll(this.present.has(view.key))),
      ...[...this.links.values()].flatMap((link) => [link.watchForLeaks(), link.limitCamera(bitrate)]),
    ])
  }

  /** Five times a second. */
  async pollLevels(): Promise<void> {
    await Promise.all(this.#views.peek().map((view) => view.pollLevel()))
  }

  close(): void {
    for (const link of this.links.values()) link.close()
    this.links.clear()
    this.present.clear()
    this.#views.value = []
    this.#sealing.close()
  }

  #newLink(peer: Peer): Link {
    const link = this.parts.makeLink({
      call: this.id,
      number: this.#linkNumber++,
      peer,
      line: this.line,
      sealing: this.#sealing,
      iceServers: () => this.#freshIceServers(),
      relayOnly: this.line.relayOnly.peek(),
      sent: () => this.sent,
      events: this.#eventsOf(peer),
    })
    const key = keyOf(peer)
    this.links.set(key, link)
    const view = new PeerView(key, link, (slot: SlotNumber) => this.#sealing.counts(link.number, slot))
    this.#views.value = [...this.#views.peek().filter((other) => other.key !== key), view]
    this.#putTracks(link)
    if (this.accepted && this.present.has(key)) link.release()
    return link
  }

  /** The link that an offer is for. Where both offered, the offer of the lower leaf stands (docs/protocol.md §7.2). */
  #linkForOffer(from: Peer, round: number, ownLeaf: number): Link | undefined {
    const link = this.links.get(keyOf(from))
    if (link && !link.offerer) return link
    if (round > 0 || (link && from.leaf > ownLeaf)) return undefined
    if (!link && this.links.size >= 2 * MOST_OTHERS) return undefined
    link?.close()
    return this.#newLink(from)
  }

  #eventsOf(peer: Peer): LinkEvents {
    const key = keyOf(peer)
    return {
      changed: () => {
        this.#views.peek().find((view) => view.key === key)?.refresh(this.present.has(key))
        if (this.connected) this.aloneSince = undefined
        this.events.changed()
      },
      betrayed: (alarm) => {
        this.drop(peer)
        this.events.alarmed(peer, alarm)
      },
      failed: () => {
        this.drop(peer)
        this.events.failed(peer)
      },
      lineFailed: () => this.events.lineFailed(),
    }
  }

  #putTracks(link: Link): void {
    link.setTrack(MICROPHONE, this.#tracks.microphone ?? null)
    link.setTrack(CAMERA, this.#tracks.camera ?? null)
    link.setTrack(SCREEN, this.#tracks.screen ?? null)
  }

  #releaseBoth(): void {
    if (!this.accepted) return
    for (const [key, link] of this.links) if (this.present.has(key)) link.release()
    for (const view of this.#views.peek()) view.refresh(this.present.has(view.key))
  }

  #viewOf(link: number): PeerView | undefined {
    return this.#views.peek().find((view) => view.link.number === link)
  }

  #reportUnsealed(number: number): void {
    const link = this.#viewOf(number)?.link
    if (!link) return
    void this.line.send(link.peer, { type: "unsealed", call: this.id }).catch(() => this.events.lineFailed())
    link.betray("unsealed-media")
  }

  #freshIceServers(): Promise<RTCIceServer[]> {
    if (!this.#iceServers || Date.now() - this.#iceServers.at > ICE_SERVERS_FRESH) {
      // Without servers a direct path may still be found.
      const servers = this.line.iceServers().catch(() => [])
      this.#iceServers = { at: Date.now(), servers }
    }
    return this.#iceServers.servers
  }
}
