/** The page's hold on the frame worker: keys in, counts out, and its death noticed (docs/protocol.md §7.3). */
import { startWorker } from "../startWorker.ts"
import FrameWorkerUrl from "./frameWorker.ts?worker&url"
import {
  type FromWorker,
  type KeyRing,
  type SlotCounts,
  type SlotNumber,
  type ToWorker,
  type TransformOptions,
} from "./frameMessages.ts"

const PING_EVERY = 1000
/** Pages in the background have their timers run late; this many pings unanswered are no accident. */
const PINGS_UNANSWERED = 4

export interface SealingEvents {
  opened(link: number, slot: SlotNumber): void
  unsealed(link: number, slot: SlotNumber): void
  /** The worker answers no more. Nothing is sealed and nothing may be sent. */
  died(): void
}

export interface Sealing {
  setKeys(keys: KeyRing | undefined): void
  /** To be set on a sender or receiver in the very task that made or announced it. */
  transform(options: TransformOptions): RTCRtpScriptTransform
  announced(link: number, leaf: number, contexts: Uint8Array[]): void
  /** Resolves once the worker has sealed two frames of the stream. */
  sealed(link: number, slot: SlotNumber): Promise<void>
  /** As of the last answer of the worker. */
  counts(link: number, slot: SlotNumber): SlotCounts
  /** Resolves when the counts are of now or later; never when the worker is dead. */
  counted(): Promise<void>
  forget(link: number): void
  close(): void
}

/** Whether this browser can seal frames. There is no unsealed call. */
export function canSeal(): boolean {
  return (
    typeof RTCPeerConnection === "function" &&
    typeof RTCRtpScriptTransform === "function" &&
    "transform" in RTCRtpSender.prototype &&
    "transform" in RTCRtpReceiver.prototype &&
    typeof Worker === "function"
  )
}

const NONE: SlotCounts = { sealed: 0, unsent: 0, opened: 0, unsealed: 0, undecodable: 0, early: 0 }

/** Starts a worker. One serves all connections of a call, so that no counter is ever used twice. */
export function startSealing(events: SealingEvents): Sealing {
  const worker = startWorker("frames", FrameWorkerUrl)
  const counted = new Map<number, SlotCounts[]>()
  const waiting = new Map<string, (() => void)[]>()
  const sealedEnough = new Set<string>()
  const asking = new Map<number, () => void>()
  let unanswered = 0
  let pings = 0

  const tell = (message: ToWorker): void => worker.postMessage(message)
  const die = (): void => {
    close()
    events.died()
  }
  const pinging = setInterval(() => {
    if (unanswered >= PINGS_UNANSWERED) {
      die()
      return
    }
    unanswered++
    tell({ type: "ping", number: ++pings })
  }, PING_EVERY)
  function close(): void {
    clearInterval(pinging)
    worker.terminate()
  }

  worker.onerror = die
  worker.onmessageerror = die
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    unanswered = 0
    if (data.type === "pong") {
      for (const [link, slots] of data.counts) counted.set(link, slots)
      asking.get(data.number)?.()
      asking.delete(data.number)
    } else if (data.type === "opened") events.opened(data.link, data.slot)
    else if (data.type === "unsealed") events.unsealed(data.link, data.slot)
    else if (data.type === "sealed" && data.count >= 2) {
      const key = `${data.link}/${data.slot}`
      sealedEnough.add(key)
      waiting.get(key)?.forEach((resolve) => resolve())
      waiting.delete(key)
    }
  }

  return {
    setKeys: (keys) => tell({ type: "keys", keys }),
    transform: (options) => new RTCRtpScriptTransform(worker, options),
    announced: (link, leaf, contexts) => tell({ type: "announced", link, leaf, contexts }),
    sealed: (link, slot) => {
      const key = `${link}/${slot}`
      if (sealedEnough.has(key)) return Promise.resolve()
      return new Promise((resolve) => waiting.set(key, [...(waiting.get(key) ?? []), resolve]))
    },
    counts: (link, slot) => counted.get(link)?.[slot] ?? NONE,
    counted: () => {
      tell({ type: "ping", number: ++pings })
      return new Promise((resolve) => asking.set(pings, resolve))
    },
    forget: (link) => {
      counted.delete(link)
      tell({ type: "forget", link })
    },
    close,
  }
}
