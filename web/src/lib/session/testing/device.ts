/** A browser profile for tests: its own disk, its own locks, any number of tabs. */
import { type ReadonlySignal } from "@preact/signals"
import { DeviceSessions } from "../sessions.ts"
import { type Locks } from "../tabs.ts"

export const testServer = "http://careseal.test"

/** Web Locks of one profile, as far as tabs use them. */
export class ProfileLocks {
  private readonly held = new Map<string, Promise<unknown>>()

  readonly request = ((name: string, ...rest: unknown[]) => {
    const run = rest.at(-1) as (lock: object) => Promise<unknown>
    const { signal } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal }
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
    this.held.set(
      name,
      mine.catch(() => undefined),
    )
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
