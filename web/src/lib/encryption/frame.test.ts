/** docs/protocol.md §7.3 */
import { describe, expect, test } from "vitest"
import { secureRandom } from "./bytes.ts"
import { CannotOpen, Malformed } from "./errors.ts"
import {
  decryptFrame,
  deriveFrameKey,
  encryptFrame,
  frameKid,
  readableOfVp8,
  readFrameHeader,
  ReplayWindow,
} from "./frame.ts"

const baseKey = secureRandom(32)
const kid = frameKid(secureRandom(5), 3, 9)

test("a frame opens with its key only", async () => {
  const key = await deriveFrameKey(baseKey, kid)
  const frame = secureRandom(100)
  const sealed = await encryptFrame(key, 5, frame, 3)
  expect(sealed.subarray(0, 3)).toEqual(frame.subarray(0, 3))
  expect(await decryptFrame(key, sealed, 3)).toEqual(frame)
  await expect(decryptFrame(await deriveFrameKey(secureRandom(32), kid), sealed, 3)).rejects.toThrow(CannotOpen)
  await expect(decryptFrame(await deriveFrameKey(baseKey, kid + 1n), sealed, 3)).rejects.toThrow(CannotOpen)
})

test("a frame with any byte changed does not open, its readable part among them", async () => {
  const key = await deriveFrameKey(baseKey, kid)
  const sealed = await encryptFrame(key, 300, secureRandom(40), 10)
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice()
    changed[at]! ^= 4
    await expect(decryptFrame(key, changed, 10)).rejects.toThrow(CannotOpen)
  }
})

test("a frame shorter than its readable part is not sealed", async () => {
  const key = await deriveFrameKey(baseKey, kid)
  await expect(encryptFrame(key, 0, new Uint8Array(2), 3)).rejects.toThrow(Malformed)
})

test("a frame that was never sealed has no header of a stream", () => {
  expect(readFrameHeader(new Uint8Array(), 0)).toBeUndefined()
  expect(readFrameHeader(Uint8Array.of(0xff, 1, 2), 0)).toBeUndefined()
  // A length longer than the value needs
  expect(readFrameHeader(new Uint8Array(40).fill(0, 0, 1).fill(0x90, 0, 1), 0)).toBeUndefined()
})

test("the header tells stream, sender and epoch", async () => {
  const context = secureRandom(5)
  const key = await deriveFrameKey(baseKey, frameKid(context, 200, 65_536 + 7))
  const header = readFrameHeader(await encryptFrame(key, 2 ** 33, secureRandom(10), 0), 0)
  expect(header).toMatchObject({ context, leaf: 200, epoch: 7, counter: BigInt(2 ** 33), kid: key.kid })
})

test("a key frame of VP8 keeps 10 bytes readable, another 3", () => {
  expect(readableOfVp8(Uint8Array.of(0x10))).toBe(10)
  expect(readableOfVp8(Uint8Array.of(0x11))).toBe(3)
})

describe("the replay window", () => {
  test("takes each counter once, in any order", () => {
    const window = new ReplayWindow()
    for (const counter of [0, 1, 5, 3, 2, 4]) expect(window.take(counter)).toBe(true)
    for (const counter of [0, 1, 2, 3, 4, 5]) expect(window.take(counter)).toBe(false)
  })

  test("refuses what is 1024 or more behind", () => {
    const window = new ReplayWindow()
    expect(window.take(5000)).toBe(true)
    expect(window.take(5000 - 1023)).toBe(true)
    expect(window.take(5000 - 1024)).toBe(false)
  })

  test("forgets nothing it should know when it jumps", () => {
    const window = new ReplayWindow()
    const taken = new Set<number>()
    let counter = 0
    for (let i = 0; i < 5000; i += 1) {
      counter = (counter * 1103515245 + 12345) % 4099
      const fresh = !taken.has(counter) && counter > Math.max(-1, ...taken) - 1024
      expect(window.take(counter)).toBe(fresh)
      taken.add(counter)
    }
  })
})
