/** File parts (docs/protocol.md §6): each is sealed and opened alone, so no file is ever whole in memory. */
import { type Bytes, type Random, secureRandom } from "./bytes.ts"

/** Plain bytes of a part but the last: 4 MiB. */
export const partSize = 4194304
/** Salt and tag. */
export const partOverhead = 32

/** A new file's id, b(16), and key, 32 bytes. */
export interface NewFile {
  readonly id: string
  readonly key: Bytes
}

export function newFile(_random: Random = secureRandom): NewFile {
  throw new Error("not yet")
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

/** Sealed bytes of part `number`, filling, salt and tag among them. */
export function sealedPartSize(_size: number, _number: number): number {
  throw new Error("not yet")
}

/** Sealed bytes of the whole file: what the server is told. */
export function sealedFileSize(_size: number): number {
  throw new Error("not yet")
}

/** Seals part `number` of a file of `size` bytes; `plain` is exactly that range of it. Throws Refused for another length. */
export function encryptPart(
  _file: NewFile,
  _size: number,
  _number: number,
  _plain: Uint8Array,
  _random: Random = secureRandom,
): Promise<Bytes> {
  throw new Error("not yet")
}

/** Opens a part and cuts its filling off. Throws CannotOpen when it is not this part of this file. */
export function decryptPart(_file: NewFile, _size: number, _number: number, _sealed: Uint8Array): Promise<Bytes> {
  throw new Error("not yet")
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
