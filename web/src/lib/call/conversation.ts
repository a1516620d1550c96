/** One call: its links to up to three others, who is in it, and what the interface shows of them (docs/protocol.md §7). */
import { computed, type ReadonlySignal, signal } from "@preact/signals"
import { type CallLine, type CallSignal, type FrameKeys, type Peer } from "../session/types.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { IceServers } from "./iceServers.ts"
import { type Rung } from "./ladder.ts"
import { UNSAID } from "./lineWatch.ts"
import { type Link, type LinkEvents, type LinkOptions, type Sent } from "./link.ts"
import { PeerView } from "./peerView.ts"
import { type Sealing, type SealingEvents } from "./sealing.ts"
import { CAMERA, MICROPHONE, SCREEN } from "./slots.ts"
import { type CallPeer, type OwnLine } from "./types.ts"

/** Others in a mesh of four. */
export const MOST_OTHERS = 3
/** Bits a second of a camera for one, two and three others. */
const CAMERA_BITRATES = [1_700_000, 900_000, 500_000] as const

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
  /** Seconds for which the page behind a link is gone from the server. */
  readonly goneFor = new Map<string, number>()
  /** The strongest refusal heard so far. */
  refusal: "declined-by-other" | "busy" | undefined
  /** Refusals of those whom the entry rang already; undefined but between the entry and the offers. */
  early: { from: Peer; how: "decline" | "busy" }[] | undefined
  /** Seconds, awake, in which no link was connected. */
  aloneFor = 0
  readonly views: ReadonlySignal<readonly CallPeer[]>
  readonly ownLine: ReadonlySignal<OwnLine>
  #views = signal<readonly PeerView[]>([])
  #sealing: Sealing
  #tracks: Tracks = { microphone: undefined, camera: undefined, screen: undefined }
  #linkNumber = 0
  #iceServers: IceServers

  constructor(
    readonly id: string,
    /** Undefined where this page came late and was not told. */
    readonly starter: Starter | "us" | undefined,
    private readonly line: CallLine,
    private readonly parts: Parts,
    private readonly events: ConversationEvents,
  ) {
    this.views = computed(() => this.#views.value.map((view) => view.shown.value))
    this.ownLine = computed(() => {
      const reached = this.#views.value.filter((view) => view.shown.value.connection === "connected")
      return ownLineOf(reached.map(({ watch }) => watch.rung.value))
    })
    this.#iceServers = new IceServers(() => line.iceServers())
    this.#sealing = parts.startSealing({
      opened: (link) => this.#viewOf(link)?.noteOpened(),
      unsealed: (link) => this.#reportUnsealed(link),
      died: () => events.sealingDied(),
    })
    this.setKeys(line.frameKeys.peek())
    void this.#iceServers.fresh()
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
    this.aloneFor = 0
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
    this.goneFor.delete(key)
    link?.close()
    this.#views.value = this.#views.peek().filter((view) => view.key !== key)
    this.events.changed()
  }

  /** Nothing has come from this peer for some seconds. */
  isSilent(key: string): boolean {
    return (this.#views.peek().find((view) => view.key === key)?.watch.silent ?? 0) >= UNSAID
  }

  /** The network has changed, or the machine has slept. */
  hurry(): void {
    for (const link of this.links.values()) link.hurry()
  }

  /** Once a second: counts, the line and what to send on it, leaks, and how long nobody has been reached. */
  async poll(): Promise<void> {
    this.aloneFor = this.connected ? 0 : this.aloneFor + 1
    for (const [key, seconds] of this.goneFor) this.goneFor.set(key, seconds + 1)
    const bitrate = CAMERA_BITRATES[Math.max(0, this.present.size - 1)] ?? 500_000
    const views = this.#views.peek()
    await Promise.all([
      ...views.map((view) => view.poll(this.present.has(view.key), bitrate)),
      ...[...this.links.values()].map((link) => link.watchForLeaks()),
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
      iceServers: () => this.#iceServers.fresh(),
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
        if (this.connected) this.aloneFor = 0
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
}

function ownLineOf(rungs: readonly Rung[]): OwnLine {
  const all = (test: (rung: Rung) => boolean): boolean => rungs.length > 0 && rungs.every(test)
  const full = rungs.every(({ picture }) => picture === "full")
  return {
    picture: all(({ picture }) => picture === "paused") ? "paused" : full ? "full" : "smaller",
    write: all(({ write }) => write),
  }
}
