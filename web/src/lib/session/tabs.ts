/**
 * Tabs of one browser profile share a session's leaf (docs/protocol.md §1.2: a member is a device). One tab at a time
 * owns it: only the owner changes the group, follows the log and writes state. The others hand their verbs to the owner
 * and take what it shows. When the owner goes, another takes over.
 */
import { type Patch } from "./view.ts"
import { SessionFailure, type FailureReason } from "./types.ts"

/** What an owner does for the tabs. */
export interface Owner {
  /** Everything that is shown, for a tab that has just come. */
  whole(): Patch
  call(tab: string, verb: string, args: readonly unknown[]): Promise<unknown>
  /** A tab has closed. */
  gone(tab: string): void
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>
}

export interface TabEvents {
  /** This tab is to own the session now; `toOthers` shows the other tabs what changed. */
  own(toOthers: (message: ToTab) => void): Promise<Owner>
  patch(patch: Patch): void
  /** A message of the owner for this tab alone. */
  message(message: unknown): void
}

export type ToTab = { patch: Patch } | { tab: string; message: unknown }

type Wire =
  | { type: "owner" }
  | { type: "here"; tab: string }
  | { type: "gone"; tab: string }
  | { type: "whole"; tab: string; patch: Patch }
  | { type: "patch"; patch: Patch }
  | { type: "message"; tab: string; message: unknown }
  | { type: "call"; tab: string; call: number; verb: string; args: readonly unknown[] }
  | { type: "answer"; tab: string; call: number; value?: unknown; failure?: { reason: string; text: string } }

interface Waiting {
  verb: string
  args: readonly unknown[]
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

/** Whoever holds it owns the session. */
export const ownerLock = (database: string, id: string): string => `${database}/session/${id}`

/** Web Locks, or what stands for them where there are none. */
export type Locks = Pick<LockManager, "request">

export class Tabs {
  readonly tab = crypto.randomUUID()
  private readonly channel: BroadcastChannel
  private readonly closing = new AbortController()
  private readonly waiting = new Map<number, Waiting>()
  private owner: Owner | undefined
  private release: () => void = () => undefined
  private calls = 0
  private open = true
  private closed: Promise<void> | undefined
  private synced = false
  private readonly done: Promise<void>

  constructor(
    name: string,
    private readonly events: TabEvents,
    locks: Locks = navigator.locks,
  ) {
    this.channel = new BroadcastChannel(name)
    this.channel.onmessage = ({ data }) => this.receive(data as Wire)
    this.post({ type: "here", tab: this.tab })
    this.done = locks
      .request(name, { signal: this.closing.signal }, () => this.reign())
      .then(
        () => undefined,
        () => undefined,
      )
  }

  get owns(): boolean {
    return this.owner !== undefined
  }

  /** Runs a verb at the owner: here, or in the tab that owns; waits out a change of owners. */
  call(verb: string, args: readonly unknown[]): Promise<unknown> {
    if (this.owner) return this.owner.call(this.tab, verb, args)
    const call = (this.calls += 1)
    return new Promise((resolve, reject) => {
      this.waiting.set(call, { verb, args, resolve, reject })
      this.post({ type: "call", tab: this.tab, call, verb, args })
    })
  }

  close(): Promise<void> {
    this.closed ??= this.closeNow()
    return this.closed
  }

  private async closeNow(): Promise<void> {
    this.post({ type: "gone", tab: this.tab })
    this.closing.abort()
    this.release()
    await this.done
    this.open = false
    this.channel.close()
    for (const { reject } of this.waiting.values()) reject(new SessionFailure("internal", "this tab has closed"))
    this.waiting.clear()
  }

  /** Holds the lock until the tab closes. */
  private async reign(): Promise<void> {
    if (this.closing.signal.aborted) return
    const released = new Promise<void>((resolve) => (this.release = resolve))
    const owner = await this.events.own((message) => this.toOthers(message))
    this.owner = owner
    this.post({ type: "owner" })
    this.events.patch(owner.whole())
    for (const [call, { verb, args, resolve, reject }] of this.waiting) {
      this.waiting.delete(call)
      owner.call(this.tab, verb, args).then(resolve, reject)
    }
    await released
    this.owner = undefined
    await owner.stop()
  }

  private toOthers(message: ToTab): void {
    if ("patch" in message) this.post({ type: "patch", patch: message.patch })
    else if (message.tab === this.tab) this.events.message(message.message)
    else this.post({ type: "message", ...message })
  }

  private receive(wire: Wire): void {
    if (this.owner) {
      void this.receiveAsOwner(this.owner, wire)
      return
    }
    switch (wire.type) {
      case "owner":
        this.synced = false
        this.post({ type: "here", tab: this.tab })
        for (const [call, { verb, args }] of this.waiting) this.post({ type: "call", tab: this.tab, call, verb, args })
        return
      case "whole":
        if (wire.tab !== this.tab) return
        this.synced = true
        this.events.patch(wire.patch)
        return
      case "patch":
        if (this.synced) this.events.patch(wire.patch)
        return
      case "message":
        if (wire.tab === this.tab) this.events.message(wire.message)
        return
      case "answer":
        if (wire.tab === this.tab) this.settle(wire.call, wire)
        return
      case "here":
      case "gone":
      case "call":
        // Between tabs and their owner, which this one is not.
    }
  }

  private async receiveAsOwner(owner: Owner, wire: Wire): Promise<void> {
    if (wire.type === "here") this.post({ type: "whole", tab: wire.tab, patch: owner.whole() })
    if (wire.type === "gone") owner.gone(wire.tab)
    if (wire.type !== "call") return
    const { tab, call } = wire
    try {
      this.post({ type: "answer", tab, call, value: await owner.call(tab, wire.verb, wire.args) })
    } catch (error) {
      const reason = error instanceof SessionFailure ? error.reason : "internal"
      this.post({ type: "answer", tab, call, failure: { reason, text: String(error) } })
    }
  }

  private settle(call: number, answer: { value?: unknown; failure?: { reason: string; text: string } }): void {
    const waiting = this.waiting.get(call)
    this.waiting.delete(call)
    if (answer.failure) waiting?.reject(new SessionFailure(answer.failure.reason as FailureReason, answer.failure.text))
    else waiting?.resolve(answer.value)
  }

  private post(wire: Wire): void {
    if (this.open) this.channel.postMessage(wire)
  }
}
