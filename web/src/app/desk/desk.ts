/** Keeps the list of sessions true while it is looked at: asks the server what changed, and reads on only there. */
import { signal } from "@preact/signals"
import { type SessionSummary, type Sessions } from "../../lib/session/types"
import { type Account, type AccountSession } from "../account"
import { behind, knockable, type Known, unlisted } from "./rows"

/** Between two looks, ms; a page behind others is not in a hurry. */
const rhythm = { visible: 10_000, hidden: 30_000 }
/** Sessions read on at the same time, and after one look. */
const atOnce = 2
const mostAtATime = 20
/** How long one session may take, ms. */
const patience = 20_000
/** A session that cannot be read on is tried so often for one head. */
const mostTries = 3
/** Every so many looks, sessions that the server's list leaves out are asked one by one. */
const askUnlistedEvery = 6

export class Desk {
  readonly known = signal<Known | undefined>(undefined)
  /** The list on this device cannot be read. */
  readonly failed = signal(false)
  readonly serverAway = signal(false)
  /** At which look each was asked who stands before its door. */
  private readonly asked = new Map<string, number>()
  private readonly tries = new Map<string, { head: number; count: number }>()
  private readonly closing = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined
  private looking: Promise<void> | undefined
  private looks = 0

  constructor(
    private readonly sessions: () => Promise<Sessions>,
    private readonly account: Pick<Account, "sessions">,
  ) {}

  /** Looks now, and from then on in its rhythm. */
  look(): Promise<void> {
    clearTimeout(this.timer)
    this.looking ??= this.lookNow().finally(() => {
      this.looking = undefined
      if (this.closing.signal.aborted) return
      this.timer = setTimeout(() => void this.look(), rhythm[document.visibilityState])
    })
    return this.looking
  }

  /** Reads the list on this device again. */
  async reload(): Promise<void> {
    try {
      const sessions = await this.sessions()
      const [local, notes] = await Promise.all([sessions.list(), sessions.notes.all()])
      const before = this.known.peek()
      this.known.value = { local, notes, account: before?.account, knocks: before?.knocks ?? new Map() }
      this.failed.value = false
    } catch {
      this.failed.value = true
    }
  }

  close(): void {
    clearTimeout(this.timer)
    this.closing.abort()
  }

  private async lookNow(): Promise<void> {
    const [account] = await Promise.all([this.listed(), this.reload()])
    const known = this.known.peek()
    if (!known || this.closing.signal.aborted) return
    this.known.value = { ...known, account, ...(this.serverAway.peek() ? { knocks: new Map() } : {}) }
    await this.readOn(this.due(this.known.value))
    await this.askAtDoors()
    this.looks += 1
  }

  private async listed(): Promise<readonly AccountSession[] | undefined> {
    try {
      const listed = await this.account.sessions()
      this.serverAway.value = false
      return listed
    } catch {
      this.serverAway.value = true
      return this.known.peek()?.account?.map((session) => ({ ...session, present: [] }))
    }
  }

  private due(known: Known): string[] {
    if (this.serverAway.peek()) return []
    const changed = behind(known).filter(({ id, head }) => this.mayTry(id, head))
    const others: SessionSummary[] = this.looks % askUnlistedEvery === 0 ? unlisted(known) : []
    return [...changed, ...others].slice(0, mostAtATime).map(({ id }) => id)
  }

  private mayTry(id: string, head: number): boolean {
    const before = this.tries.get(id)
    const count = before?.head === head ? before.count + 1 : 1
    this.tries.set(id, { head, count })
    return count <= mostTries
  }

  private readOn(ids: readonly string[]): Promise<void> {
    return this.ofEach(ids, async (id) => {
      try {
        const sessions = await this.sessions()
        await sessions.catchUp(id, this.patience())
      } catch {
        // Its line in the list stays as it was; the next look tries again.
      }
      await this.reload()
    })
  }

  /** Who stands before a door; where there are many, those that were not asked for the longest time. */
  private askAtDoors(): Promise<void> {
    const known = this.known.peek()
    if (!known || this.serverAway.peek()) return Promise.resolve()
    const last = ({ id }: SessionSummary): number => this.asked.get(id) ?? -1
    const next = knockable(known).sort((a, b) => last(a) - last(b)).slice(0, mostAtATime)
    return this.ofEach(next.map(({ id }) => id), async (id) => {
      this.asked.set(id, this.looks)
      // Of a door that does not answer nobody is said to stand there.
      const there = await this.sessions().then((sessions) => sessions.knocks(id, this.patience())).catch(() => [])
      const now = this.known.peek()
      if (now) this.known.value = { ...now, knocks: new Map(now.knocks).set(id, there) }
    })
  }

  private async ofEach(ids: readonly string[], run: (id: string) => Promise<void>): Promise<void> {
    const waiting = [...ids]
    const work = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined && !this.closing.signal.aborted; id = waiting.shift()) await run(id)
    }
    await Promise.all(Array.from({ length: atOnce }, work))
  }

  private patience(): AbortSignal {
    return AbortSignal.any([this.closing.signal, AbortSignal.timeout(patience)])
  }
}
