/**
 * Tracks on their way to one peer (docs/protocol.md §7.2).
 *
 * What a user sends is put on a sender only when the call was answered and the worker has sealed frames of that very
 * sender, which a blank track before it shows.
 */
import { type Rung } from "./ladder.ts"
import { blankPicture, silenced } from "./blank.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { framesSent } from "./leaks.ts"
import { type LinkState } from "./link.ts"
import { type Sealing } from "./sealing.ts"
import { CAMERA, MICROPHONE, SCREEN, SLOTS } from "./slots.ts"

/** bit/s of a shared screen at most. */
const SCREEN_BITRATE = 1_500_000

/** ms that a blank track stays on after it was seen to be sealed, when nothing follows it. */
const SETTLING = 2000

interface Outlet {
  sender: RTCRtpSender
  /** Resolves when a blank track went out sealed; once per sender. */
  armed: Promise<void> | undefined
  /** The blank track was on for long enough to show the other side that its keys open what is sealed here. */
  settled: boolean
  /** On the sender until something takes its place. */
  blank: MediaStreamTrack | undefined
  /** What the encoder was told last. */
  encoding: string
}

export class Outgoing {
  #outlets: Outlet[] = []
  #wanted: (MediaStreamTrack | null)[] = [null, null, null]
  #released = false
  #paused = false

  constructor(
    private readonly link: { readonly number: number; readonly state: LinkState },
    private readonly sealing: Sealing,
  ) {}

  get released(): boolean {
    return this.#released
  }

  attach(slot: SlotNumber, sender: RTCRtpSender): void {
    this.#outlets[slot] = { sender, armed: undefined, settled: false, blank: undefined, encoding: "" }
  }

  /** The call was answered: from now on tracks may go out. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#applyAll()
  }

  /** Puts a track on a slot as soon as it may; null stops at once. */
  setTrack(slot: SlotNumber, track: MediaStreamTrack | null): void {
    this.#wanted[slot] = track
    void this.#apply(slot)
  }

  /** Connected. The picture that everybody will want first is made ready while it rings. */
  warmUp(): void {
    const camera = this.#outlets[CAMERA]
    if (camera) void this.#arm(CAMERA, camera)
    this.#applyAll()
  }

  /** What the line carries, and bit/s that the camera may take at most; nothing is negotiated for it. */
  async shape(rung: Rung, most: number): Promise<void> {
    const paused = rung.picture === "paused"
    if (paused !== this.#paused) {
      this.#paused = paused
      this.#applyAll()
    }
    const { scale, framesPerSecond } = rung
    const bitrate = Math.min(most, rung.bitrate ?? most)
    await Promise.all([
      this.#encode(MICROPHONE, { maxBitrate: rung.voice, priority: "high", networkPriority: "high" }),
      this.#encode(CAMERA, { maxBitrate: bitrate, scaleResolutionDownBy: scale, maxFramerate: framesPerSecond }),
      // Letters must stay readable: fewer pictures, not smaller ones.
      this.#encode(SCREEN, { maxBitrate: Math.min(SCREEN_BITRATE, rung.bitrate ?? SCREEN_BITRATE) }),
    ])
  }

  /** Frames that left since the link began, by slot. */
  frames(): Promise<number[]> {
    return Promise.all(this.#outlets.map(({ sender }) => framesSent(sender)))
  }

  close(): void {
    this.#wanted = [null, null, null]
    for (const { sender, blank } of this.#outlets) {
      void replace(sender, null)
      blank?.stop()
    }
  }

  async #encode(slot: SlotNumber, wanted: RTCRtpEncodingParameters): Promise<void> {
    const outlet = this.#outlets[slot]
    const written = JSON.stringify(wanted)
    if (!outlet || outlet.encoding === written) return
    const parameters = outlet.sender.getParameters()
    const [encoding] = parameters.encodings
    // Before the first description there is none.
    if (!encoding) return
    outlet.encoding = written
    Object.assign(encoding, wanted)
    await outlet.sender.setParameters(parameters).catch(() => undefined)
  }

  #applyAll(): void {
    for (const slot of SLOTS) void this.#apply(slot)
  }

  async #apply(slot: SlotNumber): Promise<void> {
    const outlet = this.#outlets[slot]
    if (!outlet || this.#isClosed()) return
    const track = this.#trackFor(slot)
    if (track !== null) {
      if (!this.#released || this.link.state === "connecting") return
      await this.#arm(slot, outlet, track)
    } else if (outlet.blank && !(this.#released && outlet.settled)) return
    // While this waited, another track may have been wanted, or none.
    if (this.#isClosed() || this.#trackFor(slot) !== track) return
    await replace(outlet.sender, track)
    outlet.blank?.stop()
    outlet.blank = undefined
  }

  #arm(slot: SlotNumber, outlet: Outlet, track?: MediaStreamTrack): Promise<void> {
    outlet.armed ??= this.#sendBlank(slot, outlet, track)
    return outlet.armed
  }

  /** Stays on until the user's own track or nothing takes its place, so that the line is measured while it rings. */
  async #sendBlank(slot: SlotNumber, outlet: Outlet, track: MediaStreamTrack | undefined): Promise<void> {
    outlet.blank = slot === MICROPHONE && track ? silenced(track) : blankPicture()
    await replace(outlet.sender, outlet.blank)
    await this.sealing.sealed(this.link.number, slot)
    setTimeout(() => {
      outlet.settled = true
      if (this.#trackFor(slot) === null) void this.#apply(slot)
    }, SETTLING)
  }

  #trackFor(slot: SlotNumber): MediaStreamTrack | null {
    return this.#paused && slot !== MICROPHONE ? null : (this.#wanted[slot] ?? null)
  }

  #isClosed(): boolean {
    return this.link.state === "closed"
  }
}

function replace(sender: RTCRtpSender, track: MediaStreamTrack | null): Promise<void> {
  return sender.replaceTrack(track).catch(() => undefined)
}
