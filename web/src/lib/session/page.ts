/** A session as one page has it: signals that follow the owner's view, and verbs that the owner carries out. */
import { batch, computed, type Signal, signal } from "@preact/signals"
import { toBase64Url } from "../encryption/e2ee.ts"
import { sweepPrivateDisk } from "./destination.ts"
import { Engine } from "./engine.ts"
import { onPage } from "./network.ts"
import { type Storage } from "./storage.ts"
import { type Locks, ownerLock, Tabs } from "./tabs.ts"
import { SessionTransfers } from "./transfers.ts"
import { Transport } from "./transport.ts"
import {
  type CallLine,
  type CallSignal,
  type FileItem,
  type InviteOptions,
  type Peer,
  type Phase,
  type Session,
  SessionFailure,
  type TextItem,
  type TimelineItem,
} from "./types.ts"
import { type Told, type Verbs } from "./verbs.ts"
import { emptyView, patched, type Patch, type View } from "./view.ts"

export interface PageOptions {
  id: string
  storage: Storage
  server: string
  origin: string
  locks?: Locks
  now?: () => number
}

type ViewSignals = { readonly [Name in keyof View]: Signal<View[Name]> }
type CallEntryListener = Parameters<CallLine["onCallEntry"]>[0]

export class SessionPage implements Session {
  readonly id: string
  /** Messages of the outbox and uploads of this page, as long as they may still go out. */
  readonly unsent = computed(() => (isOver(this.phase.value) ? 0 : this.view.unsent.value + this.transfers.unsent.value))
  readonly timeline = signal<readonly TimelineItem[]>([])
  readonly transfers: SessionTransfers
  readonly line: CallLine
  private readonly view = signalsOf(emptyView)
  private readonly tabs: Tabs
  private readonly signalListeners = new Set<(from: Peer, signal: CallSignal) => void>()
  private readonly entryListeners = new Set<CallEntryListener>()
  private readonly first: Promise<void>
  private readonly deaf: () => void
  private typedAt = 0
  private tokenAt = 0
  private token: string | undefined
  private draftText: string | undefined
  private draftTimer: ReturnType<typeof setTimeout> | undefined

  /** The engine, when this tab owns the session. */
  engine: Engine | undefined

  constructor(private readonly options: PageOptions) {
    this.id = options.id
    let seen: () => void = () => undefined
    this.first = new Promise((resolve) => (seen = resolve))
    this.tabs = new Tabs(
      ownerLock(options.storage.name, options.id),
      {
        own: (toTabs) => this.own(toTabs),
        patch: (patch) => {
          this.apply(patch)
          seen()
        },
        message: (message) => this.hear(message as Told),
      },
      options.locks,
    )
    this.transfers = this.makeTransfers()
    this.line = this.makeLine()
    this.deaf = onPage("pagehide", () => this.close())
    void this.transfers.restore()
    void sweepPrivateDisk()
  }

  /** The view is there, from the engine or from another tab. */
  async ready(): Promise<void> {
    await this.first
  }

  /** Resolves when the session is entered as far as it goes now; rejects when it failed. */
  async entered(): Promise<void> {
    await this.first
    await new Promise<void>((resolve, reject) => {
      const stop = this.phase.subscribe((phase) => {
        if (phase.kind === "loading" || phase.kind === "joining") return
        queueMicrotask(() => stop())
        if (phase.kind === "failed") reject(new SessionFailure(phase.reason))
        else resolve()
      })
    })
  }

  get phase() {
    return this.view.phase
  }
  get connection() {
    return this.view.connection
  }
  get title() {
    return this.view.title
  }
  get starts() {
    return this.view.starts
  }
  get self() {
    return this.view.self
  }
  get participants() {
    return this.view.participants
  }
  get invites() {
    return this.view.invites
  }
  get typing() {
    return this.view.typing
  }
  get alarms() {
    return this.view.alarms
  }
  get code() {
    return this.view.code
  }
  get departing() {
    return this.view.departing
  }
  get seenUpTo() {
    return this.view.seenUpTo
  }
  get historyRequests() {
    return this.view.historyRequests
  }
  get waiting() {
    return this.view.waiting
  }
  get carrying() {
    return this.view.carrying
  }
  get late() {
    return this.view.late
  }

  sendText(text: string, reply?: string): Promise<void> {
    return this.ask("sendText", newId(), this.now(), text, reply)
  }
  edit({ message }: TextItem, text: string): Promise<void> {
    return this.ask("edit", newId(), this.now(), message, text)
  }
  withdraw({ message }: TextItem | FileItem): Promise<void> {
    return this.ask("withdraw", newId(), this.now(), message)
  }
  react({ sender, message }: TextItem | FileItem, emoji: string): Promise<void> {
    return this.ask("react", newId(), this.now(), sender?.memberId ?? "", message, emoji)
  }
  retry(key: string): void {
    this.tellOwner("retry", key)
  }
  discard(key: string): void {
    this.tellOwner("discard", key)
  }
  markSeen(seq: number): void {
    if (seq > this.seenUpTo.value) this.tellOwner("markSeen", seq)
  }
  noteTyping(): void {
    if (this.now() - this.typedAt < 3_000) return
    this.typedAt = this.now()
    this.tellOwner("noteTyping")
  }
  invite(options: InviteOptions) {
    return this.ask("invite", options)
  }
  closeInvite(inviteId: string): Promise<void> {
    return this.ask("closeInvite", inviteId)
  }
  remove(inviteId: string): Promise<void> {
    return this.ask("remove", inviteId)
  }
  giveHistory(memberId: string): Promise<void> {
    return this.ask("giveHistory", memberId)
  }
  declineHistory(memberId: string): void {
    this.tellOwner("declineHistory", memberId)
  }
  admit(keys: readonly string[]): Promise<void> {
    return this.ask("admit", keys)
  }
  refuse(key: string): Promise<void> {
    return this.ask("refuse", key)
  }
  askAgain(): Promise<void> {
    return this.ask("askAgain")
  }
  async stopAsking(): Promise<void> {
    await this.ask("stopAsking")
    this.close()
  }
  runLate(minutes: number): Promise<void> {
    return this.ask("runLate", minutes)
  }
  confirmCode(): void {
    this.tellOwner("confirmCode")
  }
  retitle(title: string): Promise<void> {
    return this.ask("retitle", title)
  }
  reschedule(starts: number | undefined): Promise<void> {
    return this.ask("reschedule", starts)
  }
  carryOn(): Promise<void> {
    return this.ask("carryOn")
  }
  end(): Promise<void> {
    return this.ask("end")
  }
  leave(): Promise<void> {
    return this.ask("leave")
  }
  async deleteFromDevice(): Promise<void> {
    await this.ask("forget")
    // What was just written goes with the rest.
    clearTimeout(this.draftTimer)
    this.draftTimer = undefined
    this.close()
    await this.transfers.clear()
  }

  readonly draft = {
    read: async () => {
      this.draftText ??= ((await this.options.storage.get(["draft", this.id])) as string | undefined) ?? ""
      return this.draftText
    },
    write: (text: string) => {
      this.draftText = text
      clearTimeout(this.draftTimer)
      this.draftTimer = setTimeout(() => this.keepDraft(), 300)
    },
  }

  close(): void {
    if (this.draftTimer !== undefined) this.keepDraft()
    this.deaf()
    this.transfers.close()
    void this.tabs.close()
  }

  /** As `close`; resolves when all has come to rest. */
  async closed(): Promise<void> {
    this.close()
    await this.tabs.close()
  }

  private now(): number {
    return (this.options.now ?? Date.now)()
  }

  private async own(toTabs: ConstructorParameters<typeof Engine>[0]["toTabs"]): Promise<Engine> {
    const { id, storage, server, origin, now } = this.options
    const engine = new Engine({
      id,
      tab: this.tabs.tab,
      storage,
      server,
      origin,
      shown: (patch) => this.apply(patch),
      toTabs: (message) => {
        if ("tab" in message && message.tab === this.tabs.tab) this.hear(message.message as Told)
        else toTabs(message)
      },
      ...(now ? { now } : {}),
    })
    this.engine = engine
    await engine.start()
    return engine
  }

  private apply({ view, timeline }: Patch): void {
    batch(() => {
      for (const [name, value] of Object.entries(view)) (this.view[name as keyof View] as Signal<unknown>).value = value
      if (timeline) this.timeline.value = patched(this.timeline.value, timeline)
    })
  }

  private hear(told: Told): void {
    if (told.kind === "signal") {
      for (const listener of this.signalListeners) listener(told.from, told.signal)
      return
    }
    const member = this.participants.value.flatMap(({ devices }) => devices).find(({ id }) => id === told.by)
    if (!member) return
    for (const listener of this.entryListeners) listener(member, told.call, told.event, told.at)
  }

  private ask<V extends keyof Verbs>(verb: V, ...args: Parameters<Verbs[V]>): ReturnType<Verbs[V]> {
    return this.tabs.call(verb, args) as ReturnType<Verbs[V]>
  }

  /** For verbs whose failure shows in the view, or does not matter. */
  private tellOwner<V extends keyof Verbs>(verb: V, ...args: Parameters<Verbs[V]>): void {
    void this.tabs.call(verb, args).catch(() => undefined)
  }

  private keepDraft(): void {
    clearTimeout(this.draftTimer)
    this.draftTimer = undefined
    const key = ["draft", this.id]
    const change = this.draftText ? { put: key, value: this.draftText } : { delete: key }
    void this.options.storage.write([change]).catch(() => undefined)
  }

  private makeTransfers(): SessionTransfers {
    return new SessionTransfers({
      sessionId: this.id,
      transport: new Transport(this.id, this.options.server),
      storage: this.options.storage,
      token: () => this.tokenNow(),
      sendFile: (message, file) => this.ask("sendFile", message, this.now(), file),
    })
  }

  /** Asked of the owner now and then, not for each part. */
  private async tokenNow(): Promise<string | undefined> {
    if (this.token === undefined || this.now() - this.tokenAt > 10_000) {
      this.token = await this.ask("token")
      this.tokenAt = this.now()
    }
    return this.token
  }

  private makeLine(): CallLine {
    return {
      peers: this.view.peers,
      frameKeys: this.view.frameKeys,
      relayOnly: this.view.relayOnly,
      send: (to, signal) => this.ask("signal", to, signal),
      onSignal: (listener) => listening(this.signalListeners, listener),
      iceServers: () => this.ask("ice"),
      renew: () => this.ask("renew"),
      announce: (call, event, seconds) => this.ask("announce", call, event, seconds),
      onCallEntry: (listener) => listening(this.entryListeners, listener),
      raise: (alarm) => this.tellOwner("raise", alarm),
      attend: () => this.tellOwner("attend"),
      hold: (on) => this.tellOwner("hold", on),
    }
  }
}

const isOver = ({ kind }: Phase): boolean => kind === "ended" || kind === "removed" || kind === "left"

function signalsOf(view: View): ViewSignals {
  return Object.fromEntries(Object.entries(view).map(([name, value]) => [name, signal<unknown>(value)])) as ViewSignals
}

function listening<L>(all: Set<L>, listener: L): () => void {
  all.add(listener)
  return () => void all.delete(listener)
}

function newId(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
}
