/** What the interface shows of one peer, kept from its link, the worker's counts and the browser's statistics. */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type SlotCounts, type SlotNumber } from "./frameMessages.ts"
import { type Link } from "./link.ts"
import { LineWatch, UNSAID } from "./lineWatch.ts"
import { CAMERA, MICROPHONE, SCREEN, SLOTS } from "./slots.ts"
import { type CallPeer, type Sealed } from "./types.ts"

/** Level from which on somebody is taken to speak, and for how many ms after. */
const SPEAKING = 0.02
const PAUSE = 800
/** Polls in a row in which a stream came and nothing of it could be opened. */
const HOPELESS = 2

export class PeerView {
  readonly shown: ReadonlySignal<CallPeer>
  readonly watch = new LineWatch()
  #shown
  #level = signal(0)
  #speaking = signal(false)
  #spokeAt = -Infinity
  #sealed: Sealed = "waiting"
  /** Frames that came before it was said how they are sealed, and polls in a row that saw more of them. */
  #early = { frames: 0, inRow: 0 }
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
    if (this.#sealed === "waiting" || this.#sealed === "unannounced") this.#sealed = "yes"
    this.refresh(this.#shown.peek().connection !== "ringing")
  }

  /** `most`: bit/s that a camera may take. */
  async poll(present: boolean, most: number): Promise<void> {
    this.#judgeSealing()
    await this.#watchLine()
    await this.link.shape(this.watch.rung.peek(), most)
    this.refresh(present)
  }

  async pollLevel(): Promise<void> {
    const level = await this.#levelNow()
    this.#level.value = level
    if (level > SPEAKING) this.#spokeAt = Date.now()
    this.#speaking.value = this.link.remote.audio && Date.now() - this.#spokeAt < PAUSE
  }

  async #levelNow(): Promise<number> {
    const track = this.link.streams[MICROPHONE]?.getAudioTracks()[0]
    if (!track || !this.link.pc || !this.link.remote.audio || this.link.state === "closed") return 0
    const report = await this.link.pc.getStats(track).catch(() => undefined)
    let level = 0
    report?.forEach((stats: RTCInboundRtpStreamStats) => {
      if (stats.type === "inbound-rtp") level = Math.min(1, stats.audioLevel ?? 0)
    })
    return level
  }

  #look(present: boolean): CallPeer {
    const { peer, streams, remote, state } = this.link
    const gone = state === "closed" || this.watch.silent >= UNSAID
    return {
      key: this.key,
      memberId: peer.memberId,
      name: peer.name,
      audioStream: streams[MICROPHONE],
      cameraStream: streams[CAMERA],
      screenStream: streams[SCREEN],
      level: this.#level,
      speaking: this.#speaking,
      connection: !present ? "ringing" : state === "connecting" ? state : gone ? "reconnecting" : "connected",
      quality: gone ? "gone" : this.watch.line.peek().quality,
      line: this.watch.line,
      picturePaused: remote.paused && (remote.video || remote.screen),
      ownPicturePaused: this.watch.rung.peek().picture === "paused",
      sealed: this.#sealed,
      muted: !remote.audio,
      cameraOff: !remote.video,
      sharing: remote.screen,
    }
  }

  #judgeSealing(): void {
    let came = 0
    let hopeless = false
    const early = SLOTS.reduce<number>((sum, slot) => sum + this.counts(slot).early, 0)
    this.#early = { frames: early, inRow: early > this.#early.frames ? this.#early.inRow + 1 : 0 }
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
    else if (this.#early.inRow >= HOPELESS) this.#sealed = "unannounced"
  }

  async #watchLine(): Promise<void> {
    const { pc, released } = this.link
    const report = await pc?.getStats().catch(() => undefined)
    const { remote, state } = this.link
    if (!report || state === "connecting" || state === "closed") return
    const expecting = released && (remote.audio || ((remote.video || remote.screen) && !remote.paused))
    this.watch.look(report, { connected: state === "connected", expecting, sending: released }, performance.now())
    if (this.watch.doubtful) this.link.hurry()
  }
}
