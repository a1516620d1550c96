/** Plain parts of sealed files, opened as they come (docs/protocol.md §6). */
import { type Bytes, decryptPart, partCount, partOverhead, partSize, sealedPartSize } from "../encryption/e2ee.ts"
import { Direct } from "./direct.ts"
import { type Transport } from "./transport.ts"
import { SessionFailure, type FileRef } from "./types.ts"

/** Parts of one file that are under way at once. */
export const lanes = 3

/** Places for a sealed part each, used again and again: fresh memory costs more than what is done with it. */
export class PartBuffers {
  private readonly free: ArrayBuffer[] = []

  take(): ArrayBuffer {
    return this.free.pop() ?? new ArrayBuffer(partSize + partOverhead)
  }

  give(buffer: ArrayBuffer): void {
    if (this.free.length < lanes) this.free.push(buffer)
  }
}

export type PartOf = (file: FileRef, number: number, stop: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>

export class PartReader {
  private readonly ways = new Map<string, Promise<Direct>>()

  constructor(
    private readonly host: { transport: Transport; token(): Promise<string | undefined> },
    private readonly buffers: PartBuffers,
  ) {}

  /** One part, fetched and opened. Rejects with what the transport or the opening says. */
  readonly part: PartOf = async (file, number, stop) => {
    if (file.parts !== partCount(file.size)) throw new SessionFailure("internal")
    const token = await this.host.token()
    if (token === undefined) throw new SessionFailure("not-allowed")
    const direct = await this.directWay(token, file, stop)
    const sealed =
      (await direct?.get(token, number, sealedPartSize(file.size, number), () => this.buffers.take(), stop)) ??
      (await this.host.transport.part(token, file.id, number, this.buffers.take(), stop))
    const plain = await decryptPart({ id: file.id, key: file.key as Bytes }, file.size, number, sealed)
    this.buffers.give(sealed.buffer)
    return plain
  }

  /** Undefined for a file of one part, for which it would be the longer way. */
  private directWay(token: string, file: FileRef, stop: AbortSignal): Promise<Direct> | undefined {
    if (file.parts === 1) return undefined
    const known = this.ways.get(file.id)
    if (known) return known
    const { transport } = this.host
    const way = transport.file(token, file.id, stop).then(({ direct }) => new Direct(transport, file.id, direct))
    this.ways.set(file.id, way)
    way.catch(() => this.ways.delete(file.id))
    return way
  }
}

/** The parts of a file one after the other, the next ones already under way. */
export async function* inOrder(
  file: FileRef,
  part: PartOf,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const enough = new AbortController()
  const signal = AbortSignal.any([stop, enough.signal])
  const ahead: Promise<Uint8Array<ArrayBuffer>>[] = []
  let next = 0
  try {
    for (let at = 0; at < file.parts; at += 1) {
      while (next < file.parts && next < at + lanes) {
        const coming = part(file, next++, signal)
        coming.catch(() => undefined) // told when its turn comes
        ahead.push(coming)
      }
      const plain = await ahead.shift()
      if (plain) yield plain
    }
  } finally {
    enough.abort(new DOMException("enough", "AbortError"))
  }
}
