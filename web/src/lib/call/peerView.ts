/** What the interface shows of one peer, kept from its link, the worker's counts and the browser's statistics. */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type SlotCounts, type SlotNumber } from "./frameMessages.ts"
import { type Link } from "./link.ts"
import { type Counted, countOf, qualityOf } from "./quality.ts"
import { CAMERA, MICROPHONE, SCREEN, SLOTS } from "./slots.ts"
import { type CallPeer, type Quality, type Sealed } from "./types.ts"

/** Polls in a row in which a stream came and nothing of it could be opened. */
const HOPELESS = 2

export class PeerView {
  readonly shown: ReadonlySignal<CallPeer>
  #shown
  #level = signal(0)
  #sealed: Sealed = "waiting"
  #quality: Quality = "good"
  #counted: Counted | undefined
  #frames = SLOTS.map(() => ({ opened: 0, undecodable: 0, hopeless: 0 }))

  constructor(
    readonly key: string,
    readonly link: Link,
    private readonly counts: (slot: SlotNumber) => SlotCounts,
  ) {
    this.#shown = signal(this.#look(false))
    this.shown = this.#shown
  }

  /** `present`: the peer takes part. */
  refresh(present: boolean): void {
    const look = this.#look(present)
    const before = this.#shown.peek()
    if (Object.entries(look).some(([name, value]) => before[name as keyof CallPeer] !== value)) this.#shown.value = look
  }

  noteOpened(): void {
    if (this.#sealed === "waiting") this.#sealed = "yes"
    this.refresh(this.#shown.peek().connection !== "ringing")
  }

  async poll(present: boolean): Promise<void> {
    this.#judgeSealing()
    await this.#judgeLine()
    this.refresh(present)
  }

  async pollLevel(): Promise<void> {
    const track = this.link.streams[MICROPHONE]?.getAudioTracks()[0]
    if (!track || !this.link.pc || !this.link.remote.audio || this.link.state === "closed") {
      this.#level.value = 0
      return
    }
    const report = await this.link.pc.getStats(track).catch(() => undefined)
    report?.forEach((stats: RTCInboundRtpStreamStats) => {
      if (stats.type === "inbound-rtp") this.#level.value = Math.min(1, stats.audioLevel ?? 0)
    })
  }

  #look(present: boolean): CallPeer {
    const { peer, streams, remote, state } = this.link
    return {
      key: this.key,
      memberId: peer.memberId,
      name: peer.name,
      audioStream: streams[MICROPHONE],
      cameraStream: streams[CAMERA],
      screenStream: streams[SCREEN],
      level: this.#level,
      connection: !present ? "ringing" : state === "closed" ? "reconnecting" : state,
      quality: state === "reconnecting" ? "lost" : this.#quality,
      sealed: this.#sealed,
      muted: !remote.audio,
      cameraOff: !remote.video,
      sharing: remote.screen,
    }
  }

  #judgeSealing(): void {
    let came = 0
    let hopeless = false
    for (const slot of SLOTS) {
      const { opened, undecodable } = this.counts(slot)
      const before = this.#frames[slot] ?? { opened: 0, undecodable: 0, hopeless: 0 }
      const closed = undecodable > before.undecodable && opened === before.opened
      const still = before.hopeless > 0 && undecodable === before.undecodable && opened === before.opened
      const inRow = closed ? before.hopeless + 1 : still ? before.hopeless : 0
      came += opened - before.opened
      hopeless ||= inRow >= HOPELESS
      this.#frames[slot] = { opened, undecodable, hopeless: inRow }
    }
    if (hopeless) this.#sealed = "cannot-be-opened"
    else if (came > 0) this.#sealed = "yes"
  }

  async #judgeLine(): Promise<void> {
    const report = await this.link.pc?.getStats().catch(() => undefined)
    if (!report) return
    const now = countOf(report)
    const { audio, video, screen } = this.link.remote
    if (this.#counted) this.#quality = qualityOf(this.#counted, now, this.link.released && (audio || video || screen))
    this.#counted = now
  }
}
