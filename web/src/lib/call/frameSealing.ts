/** The thinking of the frame worker, without streams: frames in, frames or nothing out (docs/protocol.md §7.3). */
import {
  decryptFrame,
  deriveFrameKey,
  encryptFrame,
  type FrameHeader,
  frameKid,
  type FrameKey,
  readableOfVp8,
  readFrameHeader,
  ReplayWindow,
} from "../encryption/frame.ts"
import { type KeyRing } from "./frameMessages.ts"

export type Media = "audio" | "video"

/** Why a frame that arrived is not shown. */
export type Dropped =
  /** It is not sealed for this stream: another context or leaf, or no SFrame at all. */
  | "unsealed"
  /** Sealed, but no key of ours opens it, or it was seen before, or somebody changed it. */
  | "undecodable"
  /** What the sender seals under has not been announced yet. */
  | "early"

/** How many bytes stay readable in front; undefined when the frame is too short to have them. */
function readableOf(media: Media, frame: Uint8Array): number | undefined {
  const readable = media === "audio" ? 0 : readableOfVp8(frame)
  return frame.length > readable ? readable : undefined
}

/** The base keys in force, and what was derived from them. One for all streams of a worker. */
export class FrameKeyStore {
  #ring: KeyRing | undefined
  #derived = new Map<string, Promise<FrameKey>>()

  /** Takes the keys of the session's epochs; forgets those that are not among them any more. */
  set(ring: KeyRing | undefined): void {
    this.#ring = ring
    const kept = new Set(ring?.epochs.map(({ epoch }) => `${epoch}`))
    for (const name of this.#derived.keys()) {
      if (!kept.has(name.slice(0, name.indexOf("/")))) this.#derived.delete(name)
    }
  }

  /** Key of a stream of ours in the current epoch. */
  async ofSender(context: Uint8Array): Promise<{ epoch: number; key: FrameKey } | undefined> {
    const [current] = this.#ring?.epochs ?? []
    if (!this.#ring || !current) return undefined
    const kid = frameKid(context, this.#ring.leaf, current.epoch)
    return { epoch: current.epoch, key: await this.#derive(current, kid) }
  }

  /** Key that a header names, if it is of an epoch we hold. */
  async ofHeader(header: FrameHeader): Promise<{ epoch: number; key: FrameKey } | undefined> {
    const held = this.#ring?.epochs.find(({ epoch }) => epoch % 0x1_0000 === header.epoch)
    return held && { epoch: held.epoch, key: await this.#derive(held, header.kid) }
  }

  #derive({ epoch, key }: KeyRing["epochs"][number], kid: bigint): Promise<FrameKey> {
    const name = `${epoch}/${kid}`
    let derived = this.#derived.get(name)
    if (!derived) {
      derived = deriveFrameKey(key, kid)
      this.#derived.set(name, derived)
    }
    return derived
  }
}

/** Seals the frames of one stream. Its context is its own, so its counter is too. */
export class StreamSealer {
  #counters = new Map<number, number>()

  constructor(
    readonly keys: FrameKeyStore,
    readonly media: Media,
    readonly context: Uint8Array,
  ) {}

  /** The sealed frame, or nothing when there is no key for it. */
  async seal(frame: Uint8Array): Promise<Uint8Array | undefined> {
    const readable = readableOf(this.media, frame)
    const held = await this.keys.ofSender(this.context)
    if (readable === undefined || !held) return undefined
    const counter = this.#counters.get(held.epoch) ?? 0
    this.#counters.set(held.epoch, counter + 1)
    return encryptFrame(held.key, counter, frame, readable)
  }
}

/** Opens the frames of one stream. */
export class StreamOpener {
  #announced: { leaf: number; context: Uint8Array } | undefined
  #windows = new Map<number, ReplayWindow>()

  constructor(
    readonly keys: FrameKeyStore,
    readonly media: Media,
  ) {}

  /** Only frames of this leaf under this context are of this stream. */
  announced(leaf: number, context: Uint8Array): void {
    const before = this.#announced
    if (before?.leaf !== leaf || !same(before.context, context)) this.#windows.clear()
    this.#announced = { leaf, context }
  }

  async open(frame: Uint8Array): Promise<Uint8Array | Dropped> {
    if (!this.#announced) return "early"
    const readable = readableOf(this.media, frame)
    const header = readable === undefined ? undefined : readFrameHeader(frame, readable)
    if (readable === undefined || !header || !this.#isOurs(header)) return "unsealed"
    const held = await this.keys.ofHeader(header)
    if (!held) return "undecodable"
    try {
      const opened = await decryptFrame(held.key, frame, readable)
      return this.#window(held.epoch).take(header.counter) ? opened : "undecodable"
    } catch {
      return "undecodable"
    }
  }

  #isOurs({ leaf, context }: FrameHeader): boolean {
    return this.#announced?.leaf === leaf && same(this.#announced.context, context)
  }

  #window(epoch: number): ReplayWindow {
    let window = this.#windows.get(epoch)
    if (!window) {
      window = new ReplayWindow()
      this.#windows.set(epoch, window)
    }
    return window
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
