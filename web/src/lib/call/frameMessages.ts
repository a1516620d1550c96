/** What page and frame worker say to each other. */

/** 0 microphone, 1 camera, 2 screen: the order of the sections (docs/protocol.md §7.2). */
export type SlotNumber = 0 | 1 | 2

export interface TransformOptions {
  /** Number of the connection on this page. */
  link: number
  slot: SlotNumber
  direction: "send" | "receive"
  /** SFrame context of a stream that is sent (5 bytes). */
  context?: Uint8Array
}

/** Base keys: the current epoch's first (docs/protocol.md §7.3). */
export interface KeyRing {
  leaf: number
  epochs: { epoch: number; key: Uint8Array }[]
}

export type ToWorker =
  /** Undefined: this device is in no epoch, nothing can be sealed or opened. */
  | { type: "keys"; keys: KeyRing | undefined }
  /** What the other side of a link announced in its `media` signal. */
  | { type: "announced"; link: number; leaf: number; contexts: Uint8Array[] }
  | { type: "forget"; link: number }
  | { type: "ping"; number: number }

/** Frames counted since the link began. */
export interface SlotCounts {
  sealed: number
  /** Own frames dropped for want of a key. */
  unsent: number
  opened: number
  /** Dropped because not sealed for this stream. */
  unsealed: number
  /** Dropped because no key opens them, replayed or damaged. */
  undecodable: number
  /** Dropped because the other side's `media` signal, which says how the stream is sealed, has not come. */
  early: number
}

export type FromWorker =
  | { type: "ready" }
  | { type: "pong"; number: number; counts: [link: number, slots: SlotCounts[]][] }
  /** The first frames of a stream, one message each, so that nobody has to poll. */
  | { type: "sealed" | "opened"; link: number; slot: SlotNumber; count: number }
  /** The first unsealed frame of a stream, and every hundredth. */
  | { type: "unsealed"; link: number; slot: SlotNumber }
