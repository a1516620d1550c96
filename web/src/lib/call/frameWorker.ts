/** Seals and opens every frame of a call, off the page's thread. On any error the frame is dropped (docs/protocol.md §7.3). */
import {
  type FromWorker,
  type SlotCounts,
  type SlotNumber,
  type ToWorker,
  type TransformOptions,
} from "./frameMessages.ts"
import { FrameKeyStore, StreamOpener, StreamSealer } from "./frameSealing.ts"

type EncodedFrame = RTCEncodedVideoFrame | RTCEncodedAudioFrame

/** What is known of a link; contexts may be announced before its first transform starts. */
interface LinkState {
  counts: SlotCounts[]
  openers: StreamOpener[]
}

const TOLD_ONE_BY_ONE = 3
const SLOTS = ["audio", "video", "video"] as const

const scope = self as unknown as DedicatedWorkerGlobalScope
const keys = new FrameKeyStore()
const links = new Map<number, LinkState>()

function tell(message: FromWorker): void {
  scope.postMessage(message)
}

function stateOf(link: number): LinkState {
  let state = links.get(link)
  if (!state) {
    state = {
      counts: SLOTS.map(() => ({ sealed: 0, unsent: 0, opened: 0, unsealed: 0, undecodable: 0, early: 0 })),
      openers: SLOTS.map((media) => new StreamOpener(keys, media)),
    }
    links.set(link, state)
  }
  return state
}

/** Counts, and tells the page of the first few at once. */
function count(link: number, slot: SlotNumber, what: keyof SlotCounts): void {
  const counts = stateOf(link).counts[slot]
  if (!counts) return
  const count = ++counts[what]
  if ((what === "sealed" || what === "opened") && count <= TOLD_ONE_BY_ONE) tell({ type: what, link, slot, count })
  if (what === "unsealed" && count % 100 === 1) tell({ type: "unsealed", link, slot })
}

/** A stream of frames that lets through what `work` returns, and nothing when it fails. */
function each(work: (frame: Uint8Array) => Promise<Uint8Array | undefined>): TransformStream<EncodedFrame, EncodedFrame> {
  return new TransformStream({
    async transform(frame, controller) {
      const worked = await work(new Uint8Array(frame.data)).catch(() => undefined)
      if (!worked) return
      frame.data = worked.buffer.slice(worked.byteOffset, worked.byteOffset + worked.byteLength) as ArrayBuffer
      controller.enqueue(frame)
    },
  })
}

function sealing({ link, slot, context }: TransformOptions): TransformStream<EncodedFrame, EncodedFrame> {
  if (!context) throw new Error("a sender without a context")
  const sealer = new StreamSealer(keys, SLOTS[slot], context)
  return each(async (frame) => {
    const sealed = await sealer.seal(frame).catch(() => undefined)
    count(link, slot, sealed ? "sealed" : "unsent")
    return sealed
  })
}

function opening({ link, slot }: TransformOptions, ask: () => void): TransformStream<EncodedFrame, EncodedFrame> {
  let missing = false
  return each(async (frame) => {
    const opened = await stateOf(link).openers[slot]?.open(frame)
    if (opened instanceof Uint8Array) {
      count(link, slot, "opened")
      // Frames were dropped before this one: the decoder needs a whole picture to go on from.
      if (missing && SLOTS[slot] === "video") ask()
      missing = false
      return opened
    }
    missing = true
    count(link, slot, opened ?? "undecodable")
    return undefined
  })
}

scope.onrtctransform = ({ transformer }) => {
  const options = transformer.options as TransformOptions
  const ask = (): void => void transformer.sendKeyFrameRequest().catch(() => undefined)
  const work = options.direction === "send" ? sealing(options) : opening(options, ask)
  // A pipe that breaks carries no frame any more, sealed or not.
  void (transformer.readable as ReadableStream<EncodedFrame>)
    .pipeThrough(work)
    .pipeTo(transformer.writable as WritableStream<EncodedFrame>)
    .catch(() => undefined)
}

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case "keys":
      keys.set(data.keys)
      return
    case "announced":
      data.contexts.forEach((context, slot) => stateOf(data.link).openers[slot]?.announced(data.leaf, context))
      return
    case "forget":
      return void links.delete(data.link)
    case "ping":
      tell({
        type: "pong",
        number: data.number,
        counts: [...links].map(([link, { counts }]) => [link, counts]),
      })
      return
  }
}

tell({ type: "ready" })
