/** Many files into one ZIP, made on this device and written as it comes: never more than some parts in memory. */
import { type Destination } from "./destination.ts"
import { Unreachable } from "./http.ts"
import { passes } from "./http.ts"
import { Job } from "./job.ts"
import { inOrder, type PartOf } from "./parts.ts"
import { type ArchiveEntry } from "./types.ts"

interface Run {
  stop: AbortSignal
  fail: (error: unknown) => void
}

/** Holds what wants to fetch until a run of the job is under way: paused or broken, the ZIP waits where it is. */
class Gate {
  private run: Run | undefined
  private wake: (() => void)[] = []

  constructor(private readonly dropped: AbortSignal) {
    dropped.addEventListener("abort", () => this.woken(), { once: true })
  }

  open(run: Run): void {
    this.run = run
    this.woken()
  }

  shut(run: Run): void {
    if (this.run === run) this.run = undefined
  }

  async current(): Promise<Run> {
    for (;;) {
      this.dropped.throwIfAborted()
      if (this.run && !this.run.stop.aborted) return this.run
      await new Promise<void>((resolve) => this.wake.push(resolve))
    }
  }

  private woken(): void {
    for (const wake of this.wake.splice(0)) wake()
  }
}

/** The job that writes a ZIP of `entries`, whose names are safe and differ, to `destination`. */
export function archiveJob(
  name: string,
  entries: readonly ArchiveEntry[],
  part: PartOf,
  destination: Destination,
): Job {
  const drop = new AbortController()
  const gate = new Gate(drop.signal)
  let writing: Promise<void> | undefined
  /** Tried again, by the run that is then current, until it is there or the archive is dropped. */
  const patient: PartOf = async (file, number, stop) => {
    for (;;) {
      const run = await gate.current()
      stop.throwIfAborted()
      try {
        return await part(file, number, AbortSignal.any([run.stop, stop]))
      } catch (error) {
        if (!run.stop.aborted && !passes(error)) throw error
        gate.shut(run)
        if (!run.stop.aborted) run.fail(error)
      }
    }
  }
  const job: Job = new Job(
    {
      id: `archive:${crypto.randomUUID()}`,
      direction: "down",
      name,
      mime: "application/zip",
      size: entries.reduce((sum, entry) => sum + sizeOf(entry), 0),
    },
    {
      run: (running, stop) =>
        new Promise<void>((resolve, reject) => {
          stop.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")), { once: true })
          gate.open({ stop, fail: reject })
          writing ??= write(entries, patient, destination, running, drop.signal)
          const mine = writing
          mine.then(resolve, (error: unknown) => {
            // A broken archive cannot go on in its middle; the next try begins at its start.
            if (writing === mine) writing = undefined
            reject(error instanceof Error ? error : new Unreachable())
          })
        }),
      abandon: async () => {
        drop.abort(new DOMException("dropped", "AbortError"))
        await destination.discard()
      },
    },
  )
  return job
}

async function write(
  entries: readonly ArchiveEntry[],
  part: PartOf,
  destination: Destination,
  job: Job,
  stop: AbortSignal,
): Promise<void> {
  const { makeZip } = await import("client-zip")
  let plain = 0
  let at = 0
  job.leftOut.value = []
  const counted = async function* (pieces: AsyncIterable<Uint8Array<ArrayBuffer>>) {
    for await (const piece of pieces) {
      plain += piece.length
      yield piece
    }
  }
  const inputs = async function* () {
    for (const entry of entries) {
      const { name, at: lastModified } = entry
      if ("content" in entry) {
        yield { name, lastModified, size: entry.content.size, input: counted(piecesOf(entry.content)) }
        continue
      }
      const pieces = inOrder(entry.file, part, stop)
      const first = await pieces.next().catch((error: unknown) => {
        stop.throwIfAborted()
        return error instanceof Error ? error : new Error()
      })
      if (first instanceof Error) {
        job.leftOut.value = [...job.leftOut.value, name]
        plain += entry.file.size
        continue
      }
      yield { name, lastModified, size: entry.file.size, input: counted(rejoined(first, pieces)) }
    }
  }
  const reader = makeZip(inputs()).getReader()
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      stop.throwIfAborted()
      await destination.write(at, chunk.value)
      at += chunk.value.length
      job.progress(plain)
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined)
    throw error
  }
  await destination.finish(at)
}

const sizeOf = (entry: ArchiveEntry): number => ("content" in entry ? entry.content.size : entry.file.size)

async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const step = 1024 * 1024
  for (let at = 0; at < blob.size; at += step) yield new Uint8Array(await blob.slice(at, at + step).arrayBuffer())
}

/** What was looked at, and the rest. */
async function* rejoined(
  first: IteratorResult<Uint8Array<ArrayBuffer>, void>,
  rest: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (!first.done) yield first.value
  yield* rest
}
