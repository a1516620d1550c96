/** A transfer's life: runs, waits out a broken line, pauses, fails, ends. What it moves is the caller's business. */
import { computed, signal } from "@preact/signals"
import { backoff, passes, pause as sleep, Refusal } from "./http.ts"
import { onNetwork } from "./network.ts"
import { Pace } from "./pace.ts"
import { type Transfer, type TransferState } from "./types.ts"

export interface JobFacts {
  id: string
  direction: "up" | "down"
  name: string
  mime: string
  size: number
}

export interface JobWork {
  /** Moves what is left; called again after a break. Rejects when `stop` aborts. */
  run(job: Job, stop: AbortSignal): Promise<void>
  /** Waits for its turn; gives the function that gives it back. */
  turn?(stop: AbortSignal): Promise<() => void>
  /** The user does not want it any more. */
  abandon(): Promise<void>
  /** A reload must find it as it is. */
  keep?(state: TransferState): void
  provideFile?(file: File): void
}

/** Thrown by work that needs the user to choose the file again. */
export class FileNeeded extends Error {}

export class Job implements Transfer {
  readonly id: string
  readonly direction: "up" | "down"
  readonly name: string
  readonly mime: string
  readonly size: number
  readonly done = signal(0)
  readonly rate = signal(0)
  readonly state = signal<TransferState>("queued")
  readonly error = signal<string | undefined>(undefined)
  readonly needsFile = signal(false)
  readonly leftOut = signal<readonly string[]>([])
  readonly left = computed(() => {
    const rate = this.rate.value
    return rate < 1 ? undefined : (this.size - this.done.value) / rate
  })
  private pace = new Pace()
  private stop: AbortController | undefined
  private running: Promise<void> = Promise.resolve()

  constructor(
    facts: JobFacts,
    private readonly work: JobWork,
  ) {
    this.id = facts.id
    this.direction = facts.direction
    this.name = facts.name
    this.mime = facts.mime
    this.size = facts.size
    this.ended = new Promise((resolve) => (this.end = resolve))
  }

  /** Resolves when it is over for good: done, or cancelled and cleared away. */
  readonly ended: Promise<void>
  private end: () => void = () => undefined

  /** Settles when it no longer runs: done, paused, failed, cancelled, or without its file. */
  get settled(): Promise<void> {
    return this.running
  }

  progress(done: number): void {
    this.done.value = Math.min(done, this.size)
    this.rate.value = this.pace.mark(done)
  }

  start(): void {
    if (this.stop) return
    const stop = new AbortController()
    this.stop = stop
    this.running = this.live(stop).finally(() => {
      if (this.stop === stop) this.stop = undefined
    })
  }

  pause(): void {
    if (this.over() || this.state.value === "paused") return
    this.become("paused")
    this.halt()
  }

  resume(): void {
    if (this.over()) return
    this.error.value = undefined
    this.become("queued")
    void this.running.then(() => this.start())
  }

  retry(): void {
    if (this.state.value === "failed" || this.state.value === "waiting") {
      this.halt()
      this.resume()
    }
  }

  /** Did not go on, for a reason that the person can do something about. */
  fail(reason: string): void {
    this.error.value = reason
    this.become("failed")
  }

  cancel(): void {
    if (this.over()) return
    this.become("cancelled")
    this.halt()
    void this.running
      .then(() => this.work.abandon())
      .catch(() => undefined)
      .finally(() => this.end())
  }

  provideFile(file: File): void {
    this.needsFile.value = false
    this.work.provideFile?.(file)
    this.resume()
  }

  /** Stops without a change of what is kept: the page goes away. */
  halt(): void {
    this.stop?.abort(new DOMException("stopped", "AbortError"))
  }

  private over(): boolean {
    return this.state.value === "done" || this.state.value === "cancelled"
  }

  private become(state: TransferState): void {
    this.state.value = state
    if (state !== "running") {
      this.pace.reset()
      this.rate.value = 0
    }
    this.work.keep?.(state)
  }

  private async live(stop: AbortController): Promise<void> {
    const halted = () => stop.signal.aborted
    for (let breaks = 0; !halted(); breaks += 1) {
      const before = this.done.value
      let free: (() => void) | undefined
      try {
        free = await this.work.turn?.(stop.signal)
        this.become("running")
        await this.work.run(this, stop.signal)
        this.done.value = this.size
        this.become("done")
        this.end()
        return
      } catch (error) {
        if (halted()) return
        if (error instanceof FileNeeded) {
          this.needsFile.value = true
          this.become("waiting")
          return
        }
        if (!passes(error)) {
          this.fail(reasonOf(error))
          return
        }
        this.become("waiting")
        free?.()
        if (this.done.value > before) breaks = 0
        await lineBack(backoff(breaks, 500, 15_000), stop.signal).catch(() => undefined)
      } finally {
        free?.()
      }
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.full ? `${error.full}-full` : error.problem
  return error instanceof Error && error.name !== "Error" ? error.name : "internal"
}

/** The pause is over, or the browser says that the network is back. */
async function lineBack(ms: number, stop: AbortSignal): Promise<void> {
  const back = new AbortController()
  const deaf = onNetwork("online", () => back.abort())
  try {
    await sleep(ms, AbortSignal.any([stop, back.signal]))
  } finally {
    deaf()
  }
}

/** Runs `each` for all numbers, `width` at once; the first failure stops the rest. */
export async function inParallel(
  numbers: Iterable<number>,
  width: number,
  stop: AbortSignal,
  each: (n: number, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const rest = numbers[Symbol.iterator]()
  const broken = new AbortController()
  const signal = AbortSignal.any([stop, broken.signal])
  const lane = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      signal.throwIfAborted()
      await each(next.value, signal)
    }
  }
  const lanes = Array.from({ length: width }, () =>
    lane().catch((error: unknown) => {
      broken.abort(error)
      throw error
    }),
  )
  const ended = await Promise.allSettled(lanes)
  const failed = ended.find((end) => end.status === "rejected")
  if (failed) throw broken.signal.aborted ? broken.signal.reason : failed.reason
}
