/** Looks at frames as they came over the network, and lets none through. */
import {
  decryptFrame,
  deriveFrameKey,
  frameKid,
  readableOfVp8,
  readFrameHeader,
} from "../../../web/src/lib/encryption/frame.ts"

interface Expected {
  leaf: number
  context: string[]
  key: Uint8Array
  epoch: number
}

const scope = self as unknown as DedicatedWorkerGlobalScope
const counts = [0, 1, 2].map(() => ({ frames: 0, sealed: 0, foreign: 0, bytes: 0 }))
let expected: Expected | undefined
/** Frames that came before the contexts were told are judged once they are. */
let early: [slot: number, frame: Uint8Array][] = []

function bytesOf(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0))
}

async function isSealed(slot: number, frame: Uint8Array, { leaf, context, key, epoch }: Expected): Promise<boolean> {
  const readable = slot === 0 ? 0 : readableOfVp8(frame)
  const kid = frameKid(bytesOf(context[slot] ?? ""), leaf, epoch)
  if (readFrameHeader(frame, readable)?.kid !== kid) return false
  return decryptFrame(await deriveFrameKey(key, kid), frame, readable).then(
    () => true,
    () => false,
  )
}

async function judge(slot: number, frame: Uint8Array): Promise<void> {
  if (!expected) return void early.push([slot, frame])
  const count = counts[slot]
  if (!count) return
  const sealed = await isSealed(slot, frame, expected)
  count.frames++
  count.bytes += frame.length
  if (sealed) count.sealed++
  else count.foreign++
  scope.postMessage(counts)
}

scope.onmessage = ({ data }: MessageEvent<Expected>) => {
  expected = data
  for (const [slot, frame] of early) void judge(slot, frame)
  early = []
}

scope.onrtctransform = ({ transformer }) => {
  const { slot } = transformer.options as { slot: number }
  let asked = 0
  const looking = new WritableStream<RTCEncodedVideoFrame>({
    async write(frame) {
      await judge(slot, new Uint8Array(frame.data))
      if (slot > 0 && asked++ % 50 === 0) await transformer.sendKeyFrameRequest().catch(() => undefined)
    },
  })
  void transformer.readable.pipeTo(looking)
}
