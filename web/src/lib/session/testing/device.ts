/** A browser profile for tests: its own disk, its own locks, any number of tabs. */
import { type ReadonlySignal } from "@preact/signals"
import { DeviceSessions } from "../sessions.ts"
import { type Locks } from "../tabs.ts"
import { type FileRef, type Session } from "../types.ts"

export const testServer = "http://careseal.test"

/** Web Locks of one profile, as far as tabs use them. */
export class ProfileLocks {
  private readonly held = new Map<string, Promise<unknown>>()

  readonly request = ((name: string, ...rest: unknown[]) => {
    const run = rest.at(-1) as (lock: object | null) => Promise<unknown>
    const { signal, ifAvailable } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal; ifAvailable?: boolean }
    if (ifAvailable && this.held.has(name)) return run(null)
    const before = this.held.get(name) ?? Promise.resolve()
    const given = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("given up", "AbortError")), { once: true })
    })
    let has = false
    const mine = before.then(async () => {
      signal?.throwIfAborted()
      has = true
      return run({ name })
    })
    const over: Promise<void> = mine.then(
      () => undefined,
      () => undefined,
    )
    this.held.set(name, over)
    void over.then(() => {
      if (this.held.get(name) === over) this.held.delete(name)
    })
    // Who waits may give up; who has it keeps it to the end.
    return Promise.race([mine, given.catch((error: unknown) => (has ? mine : Promise.reject(error as Error)))])
  }) as Locks["request"]
}

export class Profile {
  readonly locks = new ProfileLocks()
  readonly database = crypto.randomUUID()

  /** The module as one page load has it. */
  page(server = testServer, now?: () => number): DeviceSessions {
    return new DeviceSessions({
      server,
      origin: "https://careseal.test",
      device: "Test",
      database: this.database,
      locks: this.locks,
      ...(now ? { now } : {}),
    })
  }
}

/** Resolves once the condition holds; rejects after `ms` with what `what` says. */
export function until(
  condition: () => boolean,
  what: () => unknown = () => condition.toString(),
  ms = 20_000,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const looks = setInterval(look, 5)
    const timer = setTimeout(() => {
      clearInterval(looks)
      reject(new Error(`never came: ${JSON.stringify(what())}`))
    }, ms)
    function look() {
      if (!condition()) return
      clearInterval(looks)
      clearTimeout(timer)
      resolve()
    }
    look()
  })
}

export function texts(timeline: ReadonlySignal<readonly { kind: string }[]>): string[] {
  return timeline.value.flatMap((item) => ("text" in item && typeof item.text === "string" ? [item.text] : []))
}

/** A sent file, opened whole. */
export async function contentOf(page: Session, file: FileRef): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for await (const part of page.transfers.open(file)) parts.push(part)
  return new Blob(parts)
}
