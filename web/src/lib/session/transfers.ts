/** Uploads and downloads of one session, sealed part by part (docs/protocol.md §6). */
import { computed, signal } from "@preact/signals"
import {
  type Bytes,
  encryptPart,
  newFile,
  partCount,
  partRange,
  partSize,
  sealedFileSize,
  toBase64Url,
} from "../encryption/e2ee.ts"
import { archiveJob } from "./archive.ts"
import { readBlob } from "./bodyReading.ts"
import { chooseDestination, clearPrivateDisk, type Destination, idOnDisk, privateParts } from "./destination.ts"
import { namesInArchive, safeMime, safeName } from "./fileName.ts"
import { Direct } from "./direct.ts"
import { FileNeeded, inParallel, Job } from "./job.ts"
import { inOrder, lanes, PartBuffers, PartReader } from "./parts.ts"
import { putPart } from "./partUpload.ts"
import { type Storage } from "./storage.ts"
import { thumbnailOf } from "./thumbnail.ts"
import { type Transport } from "./transport.ts"
import { Turns } from "./turns.ts"
import {
  SessionFailure,
  type ArchiveEntry,
  type FileRef,
  type Transfer,
  type Transfers,
  type TransferState,
} from "./types.ts"

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
  voice?: number
  /** Of what was made in the page and lies on no disk. */
  content?: Uint8Array
}

/** A download as it is kept over a reload; `lasting` if what is written of it is, too. */
interface DownloadRecord {
  file: FileRef
  lasting: boolean
  paused: boolean
}

const uploadsAtOnce = 3
/** Of all uploads together: a browser has six connections to an HTTP/1.1 server, and what is written needs one too. */
const partsAtOnce = 4
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
  private readonly reader: PartReader
  private readonly turns = new Turns(uploadsAtOnce)
  private readonly partTurns = new Turns(partsAtOnce)
  private readonly buffers = new PartBuffers()
  private readonly closing = new AbortController()

  constructor(private readonly host: TransferHost) {
    this.reader = new PartReader(host, this.buffers)
  }

  /** Takes up again what no page goes on with. */
  async restore(): Promise<void> {
    for (const { value } of await this.host.storage.under(["download", this.host.sessionId])) {
      const record = value as DownloadRecord
      const job = this.downloading(record, undefined)
      void this.alone(job.id, () =>
        this.living(job, () => {
          // Where the browser let the person choose a place, what was begun there went with the page.
          if (!record.lasting) job.fail("Interrupted")
          else if (record.paused) job.pause()
          else job.start()
        }),
      )
    }
    for (const { value } of await this.host.storage.under(["transfer", this.host.sessionId])) {
      const record = value as UploadRecord
      void this.alone(record.id, () => this.uploading(record, undefined))
    }
  }

  /** `handles` of the same files let an upload go on after a reload without choosing the file again. */
  async upload(files: readonly File[], handles: readonly (FileSystemFileHandle | undefined)[] = []): Promise<void> {
    if (files.some(({ size }) => partCount(size) > mostParts)) throw new SessionFailure("too-large")
    await Promise.all(files.map((file, i) => this.begin(file, handles[i])))
  }

  async sendMade(file: File, voice?: number): Promise<void> {
    const content = new Uint8Array(await file.arrayBuffer())
    await this.begin(file, undefined, { content, ...(voice ? { voice } : {}) })
  }

  async save(file: FileRef): Promise<Transfer> {
    const already = this.active.value.find(({ id, state }) => id === `down:${file.id}` && isLive(state.value))
    if (already) return already
    const destination = await this.placeFor(file)
    const record: DownloadRecord = { file, lasting: destination.lasting, paused: false }
    await this.keepDownload(record)
    const job = this.downloading(record, destination)
    void this.alone(job.id, () => this.living(job, () => job.start()))
    return job
  }

  async saveArchive(name: string, entries: readonly ArchiveEntry[]): Promise<Transfer> {
    const destination = await chooseDestination(this.onDisk(crypto.randomUUID()), safeName(name), "application/zip", "stream")
    const names = namesInArchive(entries.map((entry) => entry.name))
    const named = entries.map((entry, i) => ({ ...entry, name: names[i] ?? entry.name }))
    const job = archiveJob(safeName(name), named, this.reader.part, destination)
    this.show(job)
    job.start()
    return job
  }

  open(file: FileRef, stop?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    const { signal } = this.closing
    return inOrder(file, this.reader.part, stop ? AbortSignal.any([signal, stop]) : signal)
  }

  close(): void {
    this.closing.abort(new DOMException("closed", "AbortError"))
    for (const transfer of this.active.value) transfer.halt()
  }

  /** Closes, and leaves nothing on the browser's private disk. */
  async clear(): Promise<void> {
    this.close()
    // A file that is being written cannot be removed.
    await Promise.allSettled(this.active.value.map(({ settled }) => settled))
    await clearPrivateDisk(this.host.sessionId)
  }

  /** Resolves once it is kept on this device; it then goes on by itself. */
  private begin(
    file: File,
    handle: FileSystemFileHandle | undefined,
    made: Pick<UploadRecord, "content" | "voice"> = {},
  ): Promise<void> {
    const record: UploadRecord = {
      ...newFile(),
      message: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      name: safeName(file.name),
      mime: safeMime(file.type),
      size: file.size,
      modified: file.lastModified,
      paused: false,
      ...made,
    }
    return new Promise((kept, failed) => {
      const going = this.alone(record.id, async () => {
        const thumb = await thumbnailOf(file)
        if (thumb) record.thumb = thumb
        await this.keep(record)
        if (handle) await this.host.storage.keepHandle(record.id, handle)
        kept()
        await this.uploading(record, file)
      })
      going.then(kept, failed)
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

  private async uploading(record: UploadRecord, file: File | undefined): Promise<void> {
    const source = { file }
    const job: Job = new Job(
      { ...record, direction: "up" },
      {
        turn: (stop) => this.turns.take(stop),
        run: (running, stop) => this.moveUp(record, source, running, stop),
        keep: (state) => {
          if (state === "paused" || state === "running") void this.keepPaused(record, state === "paused")
        },
        abandon: async () => {
          await this.forget(record.id)
          const token = await this.host.token()
          if (token !== undefined) await this.host.transport.deleteFile(token, record.id)
        },
        provideFile: (chosen) => {
          if (fits(record, chosen)) source.file = chosen
          else void this.replace(job, chosen)
        },
      },
    )
    await this.living(job, () => (record.paused ? job.pause() : job.start()))
  }

  /** Resolves when the job has ended for good, or the page closes. */
  private async living(job: Job, begin: () => void): Promise<void> {
    this.show(job)
    begin()
    const closed = new Promise<void>((resolve) =>
      this.closing.signal.addEventListener("abort", () => resolve(), { once: true }),
    )
    await Promise.race([job.ended, closed])
  }

  /** Another file than the one that was begun is a new file with a new key (§6). */
  private async replace(job: Job, chosen: File): Promise<void> {
    try {
      await this.begin(chosen, undefined)
      job.cancel()
    } catch (error) {
      job.fail(error instanceof SessionFailure ? error.message : "internal")
    }
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
    const there = await transport.file(token, record.id, stop)
    const present = new Set(there.present)
    // For one part it would be the longer way.
    const direct = new Direct(transport, record.id, there.direct && count > 1)
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
    await inParallel(missing, partsAtOnce, stop, async (n, halt) => {
      const gone = (bytes: number) => {
        going.set(n, Math.min(bytes, lengthOf(n)))
        tell()
      }
      const free = await this.partTurns.take(halt)
      try {
        const plain = await readPart(file, n * partSize, lengthOf(n), () => this.buffers.take())
        const sealed = await encryptPart(record, record.size, n, plain, undefined, plain.buffer)
        if (!(await direct.put(token, n, sealed, gone, halt)))
          await putPart(transport.partUrl(record.id, n), token, sealed, gone, halt)
        this.buffers.give(sealed.buffer)
      } finally {
        free()
      }
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
      ...(record.voice ? { voice: record.voice } : {}),
    })
    await this.forget(record.id)
  }

  private async reopened(record: UploadRecord): Promise<File | undefined> {
    if (record.content) return new File([new Uint8Array(record.content)], record.name, { type: record.mime })
    const handle = await this.host.storage.handle(record.id)
    if (!handle) return undefined
    try {
      const file = await handle.getFile()
      return fits(record, file) ? file : undefined
    } catch {
      return undefined
    }
  }

  private downloading(record: DownloadRecord, begun: Destination | undefined): Job {
    const { file } = record
    let destination = begun
    let written: Set<number> | undefined
    const lengthOf = (n: number) => Math.min(partSize, file.size - n * partSize)
    return new Job(
      { id: `down:${file.id}`, direction: "down", name: safeName(file.name), mime: safeMime(file.mime), size: file.size },
      {
        run: async (job, stop) => {
          destination ??= record.lasting
            ? await privateParts(this.onDisk(file.id), safeName(file.name), safeMime(file.mime))
            : await this.placeFor(file)
          const place = destination
          if (!written) {
            const there = await place.present()
            written = new Set(numbersOf(file.parts).filter((n) => there.get(n * partSize) === lengthOf(n)))
          }
          const done = written
          job.progress(Math.min(file.size, done.size * partSize))
          await inParallel(numbersOf(file.parts).filter((n) => !done.has(n)), lanes, stop, async (n, halt) => {
            const plain = await this.reader.part(file, n, halt)
            await place.write(n * partSize, plain)
            done.add(n)
            job.progress(Math.min(file.size, done.size * partSize))
          })
          await place.finish(file.size)
        },
        keep: (state) => {
          if (state === "done") void this.forgetDownload(file.id).catch(() => undefined)
          if (state !== "paused" && state !== "running") return
          if (record.paused === (state === "paused")) return
          record.paused = state === "paused"
          void this.keepDownload(record).catch(() => undefined)
        },
        abandon: async () => {
          await this.forgetDownload(file.id)
          await destination?.discard()
        },
      },
    )
  }

  private placeFor(file: FileRef): Promise<Destination> {
    return chooseDestination(this.onDisk(file.id), safeName(file.name), safeMime(file.mime), "parts")
  }

  private onDisk(id: string): string {
    return idOnDisk(this.host.sessionId, id)
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

  private keepDownload(record: DownloadRecord): Promise<void> {
    return this.host.storage.write([{ put: ["download", this.host.sessionId, record.file.id], value: record }])
  }

  private forgetDownload(id: string): Promise<void> {
    return this.host.storage.write([{ delete: ["download", this.host.sessionId, id] }])
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

/** Into the front of a place, which moves to what is read. Throws FileNeeded. */
async function readPart(file: File, at: number, length: number, place: () => ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const plain = await readBlob(file.slice(at, at + length), place).catch(() => undefined)
  // The file was changed or taken away under us.
  if (plain?.length !== length) throw new FileNeeded()
  return plain
}
