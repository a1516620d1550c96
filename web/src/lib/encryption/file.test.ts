/** docs/protocol.md §6 */
import { expect, test } from "vitest"
import { concat, equal, secureRandom } from "./bytes.ts"
import {
  CannotOpen,
  decryptFile,
  decryptPart,
  encryptFile,
  encryptPart,
  newFile,
  partCount,
  partSize,
  Refused,
  sealedFileSize,
  sealedPartSize,
} from "./e2ee.ts"

const sizes = [0, 1, 255, 256, 257, 100_000, partSize, partSize + 1]

test.each(sizes)("a file of %i bytes comes back as it was", async (size) => {
  const plain = new Uint8Array(size).map((_, i) => (i * 31) & 255)
  const file = newFile()
  const parts = new Map<number, Uint8Array>()
  let total = 0
  for await (const { number, sealed } of encryptFile(file, new Blob([plain]))) {
    expect(sealed).toHaveLength(sealedPartSize(size, number))
    parts.set(number, sealed)
    total += sealed.length
  }
  expect(parts.size).toBe(partCount(size))
  expect(total).toBe(sealedFileSize(size))
  const opened = []
  for await (const part of decryptFile(file, size, (number) => Promise.resolve(parts.get(number)!))) opened.push(part)
  expect(equal(concat(...opened), plain)).toBe(true)
})

test("a size up to its padding looks like another", () => {
  expect(sealedFileSize(1)).toBe(sealedFileSize(200))
  expect(sealedFileSize(100_000)).toBe(sealedFileSize(100_100))
})

test("a part moved, cut, lengthened, swapped or of another file does not open", async () => {
  const [file, other] = [newFile(), newFile()]
  const size = partSize + partSize
  const plain = secureRandom(1000)
  const whole = new Uint8Array(partSize)
  whole.set(plain)
  const first = await encryptPart(file, size, 0, whole)
  await expect(decryptPart(file, size, 1, first)).rejects.toThrow(CannotOpen)
  await expect(decryptPart(other, size, 0, first)).rejects.toThrow(CannotOpen)
  await expect(decryptPart({ ...file, id: other.id }, size, 0, first)).rejects.toThrow(CannotOpen)
  await expect(decryptPart(file, size, 0, first.slice(0, -1))).rejects.toThrow(CannotOpen)
  await expect(decryptPart(file, size, 0, concat(first, Uint8Array.of(0)))).rejects.toThrow(CannotOpen)
  // The same part as the last of a shorter file
  await expect(decryptPart(file, partSize, 0, first)).rejects.toThrow(CannotOpen)
})

test("a part with any byte changed does not open", async () => {
  const file = newFile()
  const sealed = await encryptPart(file, 5, 0, secureRandom(5))
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice()
    changed[at]! ^= 1
    await expect(decryptPart(file, 5, 0, changed)).rejects.toThrow(CannotOpen)
  }
})

test("no two seals of the same part are alike", async () => {
  const file = newFile()
  const plain = secureRandom(300)
  expect(await encryptPart(file, 300, 0, plain)).not.toEqual(await encryptPart(file, 300, 0, plain))
})

test("a part is sealed into the place where it lies", async () => {
  const file = newFile()
  const place = new Uint8Array(partSize + 32)
  const plain = secureRandom(300)
  place.set(plain)
  const sealed = await encryptPart(file, 300, 0, place.subarray(0, 300), secureRandom, place.buffer)
  expect(sealed.buffer).toBe(place.buffer)
  expect(await decryptPart(file, 300, 0, sealed)).toEqual(plain)
})

test("a part of another length, or that is none, is not sealed", async () => {
  const file = newFile()
  await expect(encryptPart(file, 10, 0, new Uint8Array(9))).rejects.toThrow(Refused)
  await expect(encryptPart(file, 10, 1, new Uint8Array(0))).rejects.toThrow(Refused)
  await expect(encryptPart(file, 10, -1, new Uint8Array(10))).rejects.toThrow(Refused)
})
