/** Frames of calls under SFrame (RFC 9605; docs/protocol.md §7.3). Fit for a worker: imports nothing of the group. */
import { type Bytes } from "./bytes.ts"

/** The key of one stream in one epoch. */
export interface FrameKey {
  readonly kid: bigint
  readonly key: CryptoKey
  /** 12 bytes */
  readonly salt: Bytes
}

/** context: 5 random bytes for each stream and page load. */
export function frameKid(_context: Uint8Array, _leaf: number, _epoch: number): bigint {
  throw new Error("not yet")
}

/** Derives the key of a KID from the epoch's base key; ask once for each KID and keep it. */
export function deriveFrameKey(_baseKey: Uint8Array, _kid: bigint): Promise<FrameKey> {
  throw new Error("not yet")
}

/** Seals a frame; its first `readable` bytes stay as they are in front, authenticated. `counter` never repeats under a key. */
export function encryptFrame(_key: FrameKey, _counter: number, _frame: Uint8Array, _readable: number): Promise<Bytes> {
  throw new Error("not yet")
}

/** What stands in a sealed frame's header; undefined when it has none. */
export interface FrameHeader {
  readonly kid: bigint
  readonly counter: bigint
  readonly context: Bytes
  readonly leaf: number
  /** n mod 2^16 */
  readonly epoch: number
  /** Length of the header */
  readonly length: number
}

export function readFrameHeader(_frame: Uint8Array, _readable: number): FrameHeader | undefined {
  throw new Error("not yet")
}

/** Opens a sealed frame with the key of its KID; the result has the readable bytes in front again. Throws CannotOpen. */
export function decryptFrame(_key: FrameKey, _frame: Uint8Array, _readable: number): Promise<Bytes> {
  throw new Error("not yet")
}

/** Counters seen under one KID: the highest, and which of the 1023 before it. Mutable on purpose: one for each KID. */
export class ReplayWindow {
  /** Takes a counter whose frame opened; false when it was seen, or is too old to tell. */
  take(_counter: bigint): boolean {
    throw new Error("not yet")
  }
}

/** How much of a VP8 frame stays readable: 10 bytes of a key frame, 3 of another. */
export function readableOfVp8(frame: Uint8Array): number {
  return ((frame[0] ?? 0) & 1) === 0 ? 10 : 3
}
