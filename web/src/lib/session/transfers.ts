/** Uploads and downloads of one session, sealed part by part (docs/protocol.md §6). */
import { computed, signal } from "@preact/signals"
import {
  type Bytes,
  decryptPart,
  encryptPart,
  newFile,
  partCount,
  partOverhead,
  partRange,
  partSize,
  sealedFileSize,
  toBase64Url,
} from "../encryption/e2ee.ts"
import { chooseDestination, type Destination } from "./destination.ts"
import { safeMime, safeName } from "./fileName.ts"
import { FileNeeded, inParallel, Job } from "./job.ts"
import { putPart } from "./partUpload.ts"
import { type Storage } from "./storage.ts"
import { thumbnailOf } from "./thumbnail.ts"
import { type Transport } from "./transport.ts"
import { SessionFailure, type FileRef, type Transfer, type Transfers, type TransferState } from "./types.ts"

/** What transfers need of their session. */
export interface TransferHost {
  sessionId: string
  transport: Transport
  storage: Storage
  /** Undefined when this device is in no longer. */
  token(): Promise<string | undefined>
  /** Puts the file message into the outbox, durably; the same message id twice is one message. */
  sendFile(message: string, file: FileRef): Promise<void>
}

/** An upload as it is kept over a reload. */
interface UploadRecord {
  id: string
  key: Bytes
  message: string
  name: string
  mime: string
  size: number
  modified: number
  paused: boolean
  thumb?: Uint8Array
}

const lanes = 3
const previewLimit = 20 * 1024 * 1024
const mostParts = 65_536

export class SessionTransfers implements Transfers {
  readonly active = signal<readonly Job[]>([])
  /** Uploads whose message is not yet with the session. */
  readonly unsent = computed(
    () =>
      this.active.value.filter(
        ({ direction, state }) => direction === "up" && state.value !== "done" && state.value !== "cancelled",
      ).length,
  )
  /** For sealed parts on their way in, used again and again. */
  private readonly buffers: ArrayBuffer[] = []
  private readonly closing = new AbortController()

  constructor(private readonly host: TransferHost) {}

  /** Takes up again the uploads that no page goes on with. */
  async restore(): Promise<void> {
    for (const { value } of await this.host.storage.under(["transfer", this.host.sessionId])) {
      const record = value as UploadRecord
      void this.alone(record.id, () => this.uploading(record, undefined))
    }
  }

  /** `handles` of the same files let an upload go on after a reload without choosing the file again. */
  upload(files: readonly File[], handles: readonly (FileSystemFileHandle | undefined)[] = []): void {
    if (files.some(({ size }) => partCount(size) > mostParts)) throw new SessionFailure("too-large")
    files.forEach((file, i) => void this.begin(file, handles[i]).catch(() => undefined))
  }

  async save(file: FileRef): Promise<Transfer> {
    const already = this.active.value.find(({ id, state }) => id === `down:${file.id}` && isLive(state.value))
    if (already) return already
    const destination = await chooseDestination(file.id, safeName(file.name), safeMime(file.mime))
    const job = this.downloading(file, destination)
    this.show(job)
    job.start()
    return job
  }

  async preview(file: FileRef): Promise<Blob> {
    if (file.size > previewLimit) throw new SessionFailure("too-large")
    const plain: Uint8Array<ArrayBuffer>[] = []
    await inParallel(numbersOf(file.parts), lanes, this.closing.signal, async (number, stop) => {
      plain[number] = (await this.openPart(file, number, stop)) as Uint8Array<ArrayBuffer>
    })
    return new Blob(plain, { type: safeMime(file.mime) })
  }

  close(): void {
    this.closing.abort(new DOMException("closed", "AbortError"))
    for (const transfer of this.active.value) transfer.halt()
  }

  private async begin(file: File, handle: FileSystemFileHandle | undefined): Promise<void> {
    const record: UploadRecord = {
      ...newFile(),
      message: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      name: safeName(file.name),
      mime: safeMime(file.type),
      size: file.size,
      modified: file.lastModified,
      paused: false,
    }
    await this.alone(record.id, async () => {
      const thumb = await thumbnailOf(file)
      if (thumb) record.thumb = thumb
      await this.keep(record)
      if (handle) await this.host.storage.keepHandle(record.id, handle)
      await this.uploading(record, file)
    })
  }

  /** One page at a time moves a file; the lock ends with the page. */
  private async alone(id: string, run: () => Promise<void>): Promise<void> {
    const locks = (globalThis.navigator as Navigator | undefined)?.locks
    if (!locks) return run()
    await locks.request(`careseal/transfer/${id}`, { ifAvailable: true }, async (lock) => {
      if (lock) await run()
    })
  }

  /** Resolves when the upload has ended for good, or the page closes. */
  private async uploading(record: UploadRecord, file: File | undefined): Promise<void> {
    const source = { file }
    let ended: () => void = () => undefined
    const over = new Promise<void>((resolve) => (ended = resolve))
    const job: Job = new Job(
      { ...record, direction: "up" },
      {
        run: (running, stop) => this.moveUp(record, source, running, stop),
        keep: (state) => {
          if (state === "paused" || state === "running") void this.keepPaused(record, state === "paused")
          if (state === "done") ended()
        },
        abandon: async () => {
          await this.forget(record.id)
          ended()
          const token = await this.host.token()
          if (token !== undefined) await this.host.transport.deleteFile(token, record.id)
        },
        provideFile: (chosen) => {
          if (fits(record, chosen)) source.file = chosen
          else void this.replace(job, chosen)
        },
      },
    )
    this.show(job)
    if (record.paused) job.pause()
    else job.start()
    const closed = new Promise<void>((resolve) =>
      this.closing.signal.addEventListener("abort", () => resolve(), { once: true }),
    )
    await Promise.race([over, closed])
  }

  /** Another file than the one that was begun is a new file with a new key (§6). */
  private async replace(job: Job, chosen: File): Promise<void> {
    job.cancel()
    await this.begin(chosen, undefined)
  }

  private async moveUp(
    record: UploadRecord,
    source: { file: File | undefined },
    job: Job,
    stop: AbortSignal,
  ): Promise<void> {
    const { transport } = this.host
    const token = await this.token()
    const file = source.file ?? (await this.reopened(record))
    if (!file) throw new FileNeeded()
    source.file = file
    const count = partCount(record.size)
    await transport.createFile(token, { id: record.id, parts: count, size: sealedFileSize(record.size) }, stop)
    const present = new Set(await transport.filePresent(token, record.id, stop))
    const lengthOf = (n: number) => {
      const { start, end } = partRange(record.size, n)
      return end - start
    }
    let settled = 0
    for (const n of present) settled += lengthOf(n)
    const going = new Map<number, number>()
    const tell = () => job.progress(settled + [...going.values()].reduce((sum, bytes) => sum + bytes, 0))
    tell()
    const missing = numbersOf(count).filter((n) => !present.has(n))
    await inParallel(missing, lanes, stop, async (n, halt) => {
      const sealed = await encryptPart(record, record.size, n, await read(file, n * partSize, lengthOf(n)))
      const gone = (bytes: number) => {
        going.set(n, Math.min(bytes, lengthOf(n)))
        tell()
      }
      await putPart(transport.partUrl(record.id, n), token, sealed, gone, halt)
      going.delete(n)
      settled += lengthOf(n)
      tell()
    })
    await this.host.sendFile(record.message, {
      id: record.id,
      key: record.key,
      size: record.size,
      parts: count,
      name: record.name,
      mime: record.mime,
      ...(record.thumb ? { thumb: record.thumb } : {}),
    })
    await this.forget(record.id)
  }

  private async reopened(record: UploadRecord): Promise<File | undefined> {
    const handle = await this.host.storage.handle(record.id)
    if (!handle) return undefined
    try {
      const file = await handle.getFile()
      return fits(record, file) ? file : undefined
    } catch {
      return undefined
    }
  }

  private downloading(file: FileRef, destination: Destination): Job {
    const written = new Set<number>()
    return new Job(
      { id: `down:${file.id}`, direction: "down", name: safeName(file.name), mime: safeMime(file.mime), size: file.size },
      {
        run: async (job, stop) => {
          const missing = numbersOf(file.parts).filter((n) => !written.has(n))
          await inParallel(missing, lanes, stop, async (n, halt) => {
            const plain = await this.openPart(file, n, halt)
            await destination.write(n * partSize, plain)
            written.add(n)
            job.progress(Math.min(file.size, written.size * partSize))
          })
          await destination.finish()
        },
        abandon: () => destination.discard(),
      },
    )
  }

  private async openPart(file: FileRef, number: number, stop: AbortSignal): Promise<Uint8Array> {
    if (file.parts !== partCount(file.size)) throw new SessionFailure("internal")
    const buffer = this.buffers.pop() ?? new ArrayBuffer(partSize + partOverhead)
    const sealed = await this.host.transport.part(await this.token(), file.id, number, buffer, stop)
    const plain = await decryptPart({ id: file.id, key: file.key as Bytes }, file.size, number, sealed)
    if (this.buffers.length < lanes) this.buffers.push(sealed.buffer)
    return plain
  }

  private async token(): Promise<string> {
    const token = await this.host.token()
    if (token === undefined) throw new SessionFailure("not-allowed")
    return token
  }

  private keep(record: UploadRecord): Promise<void> {
    return this.host.storage.write([{ put: ["transfer", this.host.sessionId, record.id], value: record }])
  }

  private async keepPaused(record: UploadRecord, paused: boolean): Promise<void> {
    if (record.paused === paused) return
    record.paused = paused
    await this.keep(record)
  }

  private async forget(id: string): Promise<void> {
    await this.host.storage.write([{ delete: ["transfer", this.host.sessionId, id] }])
    await this.host.storage.dropHandle(id)
  }

  private show(job: Job): void {
    this.active.value = [...this.active.value.filter(({ id }) => id !== job.id), job]
  }
}

function isLive(state: TransferState): boolean {
  return state !== "done" && state !== "cancelled" && state !== "failed"
}

function fits(record: UploadRecord, file: File): boolean {
  return file.size === record.size && file.lastModified === record.modified
}

function numbersOf(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

async function read(file: File, at: number, length: number): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.slice(at, at + length).arrayBuffer())
  } catch {
    // The file was changed or taken away under us.
    throw new FileNeeded()
  }
}
