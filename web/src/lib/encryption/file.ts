/** File parts (docs/protocol.md §6): each is sealed and opened alone, so no file is ever whole in memory. */
import {
  type Bytes,
  concat,
  fromBase64Url,
  owned,
  type Random,
  secureRandom,
  toBase64Url,
  u32,
  u8,
  utf8,
} from "./bytes.ts"
import { CannotOpen, Refused } from "./errors.ts"
import { aeadOpen, aeadSeal, hkdfExpand, hkdfExtract, padded } from "./seal.ts"

/** Plain bytes of a part but the last: 4 MiB. */
export const partSize = 4194304
/** Salt and tag. */
export const partOverhead = 32

const saltSize = 16
const none = new Uint8Array()

/** A file's id, b(16), and key, 32 bytes. */
export interface NewFile {
  readonly id: string
  readonly key: Bytes
}

export function newFile(random: Random = secureRandom): NewFile {
  return { id: toBase64Url(random(16)), key: random(32) }
}

/** Number of parts of a file of `size` plain bytes; an empty one has one. */
export function partCount(size: number): number {
  return Math.max(1, Math.ceil(size / partSize))
}

/** Where part `number` lies in the file, without its filling. */
export function partRange(size: number, number: number): { readonly start: number; readonly end: number } {
  const start = number * partSize
  return { start, end: Math.min(size, start + partSize) }
}

/** Plain bytes of part `number` with its filling. */
function filledSize(size: number, number: number): number {
  const { start, end } = partRange(size, number)
  const length = end - start
  // An empty file has one part of length 0; any other last part is filled up.
  return number < partCount(size) - 1 || length === 0 ? length : Math.min(padded(length), partSize)
}

/** Sealed bytes of part `number`, filling, salt and tag among them. */
export function sealedPartSize(size: number, number: number): number {
  return filledSize(size, number) + partOverhead
}

/** Sealed bytes of the whole file: what the server is told. */
export function sealedFileSize(size: number): number {
  const last = partCount(size) - 1
  return last * (partSize + partOverhead) + sealedPartSize(size, last)
}

function partKey(file: NewFile, size: number, number: number, salt: Uint8Array): { key: Bytes; nonce: Bytes } {
  const last = number === partCount(size) - 1 ? 1 : 0
  const info = concat(utf8("careseal/1 part"), fromBase64Url(file.id, 16), u32(number), u8(last))
  const okm = hkdfExpand(hkdfExtract(salt, file.key), info, 44)
  return { key: okm.slice(0, 32), nonce: okm.slice(32) }
}

function checkNumber(size: number, number: number): void {
  if (!Number.isInteger(number) || number < 0 || number >= partCount(size)) throw new Refused("file: no such part")
}

/**
 * Seals part `number` of a file of `size` bytes; `plain` is exactly that range of it, else it throws Refused.
 *
 * What is sealed goes to the front of `into`, which may be where `plain` lies.
 */
export async function encryptPart(
  file: NewFile,
  size: number,
  number: number,
  plain: Uint8Array,
  random: Random = secureRandom,
  into = new ArrayBuffer(sealedPartSize(size, number)),
): Promise<Bytes> {
  checkNumber(size, number)
  const { start, end } = partRange(size, number)
  if (plain.length !== end - start) throw new Refused("file: a part of another length")
  let filled = owned(plain)
  if (filledSize(size, number) !== plain.length) {
    filled = new Uint8Array(filledSize(size, number))
    filled.set(plain)
  }
  const salt = random(saltSize)
  const { key, nonce } = partKey(file, size, number, salt)
  const body = await aeadSeal(key, nonce, none, filled)
  const sealed = new Uint8Array(into, 0, saltSize + body.length)
  sealed.set(salt)
  sealed.set(body, saltSize)
  return sealed
}

/** Opens a part and cuts its filling off. Throws CannotOpen when it is not this part of this file. */
export async function decryptPart(file: NewFile, size: number, number: number, sealed: Uint8Array): Promise<Bytes> {
  checkNumber(size, number)
  if (sealed.length !== sealedPartSize(size, number)) throw new CannotOpen("file: a part of another length")
  const { key, nonce } = partKey(file, size, number, sealed.subarray(0, saltSize))
  const filled = await aeadOpen(key, nonce, none, owned(sealed.subarray(saltSize)))
  const { start, end } = partRange(size, number)
  const length = end - start
  for (let i = length; i < filled.length; i += 1) if (filled[i] !== 0) throw new CannotOpen("file: filling")
  return length === filled.length ? filled : filled.slice(0, length)
}

/** Sealed parts of a file in order, read as they are asked for. */
export async function* encryptFile(
  file: NewFile,
  source: Blob,
  random: Random = secureRandom,
): AsyncGenerator<{ number: number; sealed: Bytes }> {
  for (let number = 0; number < partCount(source.size); number += 1) {
    const { start, end } = partRange(source.size, number)
    const plain = new Uint8Array(await source.slice(start, end).arrayBuffer())
    yield { number, sealed: await encryptPart(file, source.size, number, plain, random) }
  }
}

/** The plain bytes of a file, part by part; `fetchPart` brings the sealed ones. Throws CannotOpen. */
export async function* decryptFile(
  file: NewFile,
  size: number,
  fetchPart: (number: number) => Promise<Uint8Array>,
): AsyncGenerator<Bytes> {
  for (let number = 0; number < partCount(size); number += 1) {
    yield await decryptPart(file, size, number, await fetchPart(number))
  }
}
