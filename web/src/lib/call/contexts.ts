/** SFrame contexts of microphone, camera and screen towards one peer (docs/protocol.md §7.1, §7.3). */
import { fromBase64Url, secureRandom, toBase64Url } from "../encryption/e2ee.ts"

/** Bytes of a context. */
const SIZE = 5
const NONE = toBase64Url(new Uint8Array(SIZE))

export type Contexts = [Uint8Array, Uint8Array, Uint8Array]
type Written = [string, string, string]

/** Stand where no stream to the recipient exists. */
export const NO_CONTEXTS: Written = [NONE, NONE, NONE]

/** Random for each stream, peer and page load: every context has a counter of its own. */
export function newContexts(): Contexts {
  return [secureRandom(SIZE), secureRandom(SIZE), secureRandom(SIZE)]
}

export function writeContexts([microphone, camera, screen]: Contexts): Written {
  return [toBase64Url(microphone), toBase64Url(camera), toBase64Url(screen)]
}

/** Undefined where a stream does not exist. Throws `Malformed` on another length than 5 bytes. */
export function readContexts(written: Written): Uint8Array[] | undefined {
  if (written.includes(NONE)) return undefined
  return written.map((text) => fromBase64Url(text, SIZE))
}
