/** A session read on to its head without being opened, for the list of sessions: it learns what is new and who came. */
import { Engine, type EngineOptions } from "./engine.ts"
import { type Locks, ownerLock } from "./tabs.ts"

type Options = Omit<EngineOptions, "tab" | "once" | "toTabs" | "shown"> & { locks?: Locks }

/** False when another tab owns the session, and follows it there. */
export async function readOn({ locks = navigator.locks, ...options }: Options, signal: AbortSignal): Promise<boolean> {
  const name = ownerLock(options.storage.name, options.id)
  return locks.request(name, { ifAvailable: true }, async (lock): Promise<boolean> => {
    if (!lock || signal.aborted) return false
    const engine = new Engine({
      ...options,
      tab: crypto.randomUUID(),
      once: true,
      toTabs: () => undefined,
      shown: () => undefined,
    })
    const givenUp = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
    try {
      await engine.start()
      await Promise.race([engine.rested(), givenUp])
    } finally {
      await engine.stop()
    }
    return true
  })
}
