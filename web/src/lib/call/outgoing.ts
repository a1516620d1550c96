/**
 * Tracks on their way to one peer (docs/protocol.md §7.2).
 *
 * What a user sends is put on a sender only when the call was answered and the worker has sealed frames of that very
 * sender, which a blank track before it shows.
 */
import { blankPicture, silenced } from "./blank.ts"
import { type SlotNumber } from "./frameMessages.ts"
import { packetsSent } from "./leaks.ts"
import { type LinkState } from "./link.ts"
import { type Sealing } from "./sealing.ts"
import { CAMERA, MICROPHONE, SLOTS } from "./slots.ts"

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
}

export class Outgoing {
  #outlets: Outlet[] = []
  #wanted: (MediaStreamTrack | null)[] = [null, null, null]
  #released = false

  constructor(
    private readonly link: { readonly number: number; readonly state: LinkState },
    private readonly sealing: Sealing,
  ) {}

  get released(): boolean {
    return this.#released
  }

  attach(slot: SlotNumber, sender: RTCRtpSender): void {
    this.#outlets[slot] = { sender, armed: undefined, settled: false, blank: undefined }
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

  async limitCamera(bitrate: number): Promise<void> {
    const sender = this.#outlets[CAMERA]?.sender
    const parameters = sender?.getParameters()
    const [encoding] = parameters?.encodings ?? []
    if (!sender || !parameters || !encoding || encoding.maxBitrate === bitrate) return
    encoding.maxBitrate = bitrate
    await sender.setParameters(parameters).catch(() => undefined)
  }

  /** Packets sent since the link began, by slot. */
  packets(): Promise<number[]> {
    return Promise.all(this.#outlets.map(({ sender }) => packetsSent(sender)))
  }

  close(): void {
    this.#wanted = [null, null, null]
    for (const { sender, blank } of this.#outlets) {
      void replace(sender, null)
      blank?.stop()
    }
  }

  #applyAll(): void {
    for (const slot of SLOTS) void this.#apply(slot)
  }

  async #apply(slot: SlotNumber): Promise<void> {
    const outlet = this.#outlets[slot]
    if (!outlet || this.#isClosed()) return
    const track = this.#wanted[slot] ?? null
    if (track !== null) {
      if (!this.#released || this.link.state === "connecting") return
      await this.#arm(slot, outlet, track)
    } else if (outlet.blank && !(this.#released && outlet.settled)) return
    // While this waited, another track may have been wanted, or none.
    if (this.#isClosed() || this.#wanted[slot] !== track) return
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
      if (this.#wanted[slot] === null) void this.#apply(slot)
    }, SETTLING)
  }

  #isClosed(): boolean {
    return this.link.state === "closed"
  }
}

function replace(sender: RTCRtpSender, track: MediaStreamTrack | null): Promise<void> {
  return sender.replaceTrack(track).catch(() => undefined)
}
