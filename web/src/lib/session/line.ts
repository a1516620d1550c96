/** Signals beside the log (docs/protocol.md §7.1): who is here, who types, and what calls say to each other. */
import {
  fromBase64Url,
  type Instance,
  isStopped,
  type MemberState,
  openSignal,
  type OpenedSignal,
  sealSignal,
  type SignalPayload,
  type SignalWindow,
  toBase64Url,
} from "../encryption/e2ee.ts"
import { type CallSignal, type Peer } from "./types.ts"

export interface LineHost {
  state(): MemberState | undefined
  /** Resolves when all entries that have come are applied: signals are of the newest epoch. */
  settled(): Promise<void>
  relay(to: string[] | null, signal: string): boolean
  changed(): void
  /** A call signal for the page of `tab`. */
  deliver(tab: string, from: Peer, signal: CallSignal): void
  now(): number
}

/** A page of this device, its random name on the line, and how often it spoke. */
interface Voice {
  instance: string
  counter: number
}

const typingFor = 6_000
const greetAgain = 2_000

export class Line {
  /** By leaf: the newest page of each member. */
  private readonly peers = new Map<number, Peer>()
  private readonly voices = new Map<string, Voice>()
  /** Tabs that ring or are in a call. */
  private readonly holding = new Set<string>()
  private readonly typists = new Map<string, number>()
  private connected: ReadonlySet<string> | undefined
  private window: SignalWindow = new Map()
  private chain: Promise<unknown> = Promise.resolve()
  private greeting: ReturnType<typeof setTimeout> | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  /** The page that says hello for this device: the owner, or a tab that began a call. */
  private speaker: string

  constructor(
    private readonly host: LineHost,
    private readonly ownTab: string,
  ) {
    this.speaker = ownTab
  }

  get present(): Peer[] {
    return [...this.peers.values()]
  }

  /** Members with a page that said hello, as far as they are connected. */
  get here(): ReadonlySet<string> {
    return new Set([...this.peers.values()].map(({ memberId }) => memberId))
  }

  get typing(): string[] {
    const now = this.host.now()
    const members = this.host.state()?.epoch?.members ?? []
    return members.filter(({ memberId }) => (this.typists.get(memberId) ?? 0) > now).map(({ name }) => name)
  }

  get speaking(): string {
    return this.speaker
  }

  /** The server's word on who is connected; undefined when the line is down. */
  connectedAre(members: string[] | undefined): void {
    const before = this.connected
    this.connected = members && new Set(members)
    if (members) {
      this.keepPeers(({ memberId }) => members.includes(memberId))
      const self = this.host.state()?.self.memberId
      const news = members.some((id) => id !== self && !before?.has(id))
      if (news) this.helloUntilHeard(3)
    }
    this.host.changed()
  }

  /** Signals may be lost; who is connected and silent is greeted again, but not for ever. */
  private helloUntilHeard(times: number): void {
    this.hello(true)
    clearTimeout(this.greeting)
    this.greeting = setTimeout(() => {
      const self = this.host.state()?.self.memberId
      const silent = [...(this.connected ?? [])].some((id) => id !== self && !this.here.has(id))
      if (silent && times > 1) this.helloUntilHeard(times - 1)
    }, greetAgain)
  }

  /** After a change of the group: who left is no peer, and a leaf may be somebody else's now. */
  rosterChanged(): void {
    const members = this.host.state()?.epoch?.members ?? []
    this.keepPeers((peer) => members.some(({ leaf, memberId }) => leaf === peer.leaf && memberId === peer.memberId))
  }

  /** Takes a relayed signal, in order. */
  take(signal: string): void {
    void this.queue(async () => {
      await this.host.settled()
      const opened = await this.opened(signal)
      if (opened) this.hear(...opened)
    })
  }

  hello(reply: boolean): void {
    void this.say(this.speaker, "everybody", { type: "hello", reply })
  }

  noteTyping(): void {
    void this.say(this.speaker, "everybody", { type: "typing" })
  }

  /** What was being written has come. */
  wrote(member: string): void {
    this.typists.delete(member)
  }

  bye(tab: string): void {
    if (tab === this.speaker) void this.say(tab, "everybody", { type: "bye" })
    this.voices.delete(tab)
    this.holding.delete(tab)
    if (tab === this.speaker && tab !== this.ownTab) {
      this.speaker = this.ownTab
      this.hello(true)
    }
  }

  /** A tab is looked at: it speaks for this device from now on, and rings, unless another rings or is in a call. */
  attend(tab: string): void {
    if (this.holding.size === 0) this.speakFrom(tab)
  }

  hold(tab: string, on: boolean): void {
    if (on) this.holding.add(tab)
    else this.holding.delete(tab)
  }

  /** A tab begins or takes part in a call: it speaks for this device from now on. */
  speakFrom(tab: string): void {
    if (this.speaker === tab) return
    this.speaker = tab
    this.hello(true)
  }

  async send(tab: string, to: Peer, signal: CallSignal): Promise<boolean> {
    return this.say(tab, { leaf: to.leaf, instance: to.instance }, signal, [to.memberId])
  }

  close(): void {
    clearTimeout(this.timer)
    clearTimeout(this.greeting)
  }

  private say(
    tab: string,
    to: Instance | "everybody",
    payload: SignalPayload,
    members: string[] | null = null,
  ): Promise<boolean> {
    return this.queue(async () => {
      await this.host.settled()
      const state = this.host.state()
      if (state?.phase !== "in" || isStopped(state)) return false
      const voice = this.voiceOf(tab)
      voice.counter += 1
      const sealed = await sealSignal(state, { ...voice }, to, payload)
      return this.host.relay(members, toBase64Url(sealed))
    }).catch(() => false)
  }

  private voiceOf(tab: string): Voice {
    let voice = this.voices.get(tab)
    if (!voice) {
      voice = { instance: toBase64Url(crypto.getRandomValues(new Uint8Array(8))), counter: 0 }
      this.voices.set(tab, voice)
    }
    return voice
  }

  /** Tries the pages of this device; a signal is for one of them or for everybody. */
  private async opened(signal: string): Promise<[string, OpenedSignal] | undefined> {
    const state = this.host.state()
    if (state?.phase !== "in") return undefined
    this.voiceOf(this.speaker)
    for (const [tab, { instance }] of this.voices) {
      try {
        const opened = await openSignal(state, { instance }, this.window, fromBase64Url(signal), this.host.now())
        this.window = opened.window
        return [tab, opened]
      } catch {
        // For another page, replayed, or not ours: dropped without a word (§7.1).
      }
    }
    return undefined
  }

  private hear(tab: string, { payload, sender, from }: OpenedSignal): void {
    if (sender.memberId === this.host.state()?.self.memberId) return
    const peer: Peer = { memberId: sender.memberId, leaf: from.leaf, instance: from.instance, name: sender.name }
    if (payload.type === "hello") {
      // Heard late, of a page that has gone since: the next `present` would never take it away.
      if (this.connected && !this.connected.has(peer.memberId)) return
      this.peers.set(peer.leaf, peer)
      if (payload.reply) void this.say(this.speaker, "everybody", { type: "hello", reply: false }, [peer.memberId])
    } else if (payload.type === "bye") {
      this.keepPeers(({ leaf, instance }) => leaf !== peer.leaf || instance !== peer.instance)
      this.typists.delete(peer.memberId)
    } else if (payload.type === "typing") {
      this.typists.set(peer.memberId, this.host.now() + typingFor)
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.host.changed(), typingFor + 50)
    } else {
      // A page that calls is here, whether its hello came through or not.
      this.peers.set(peer.leaf, peer)
      this.host.deliver(tab, peer, payload)
    }
    this.host.changed()
  }

  private keepPeers(keep: (peer: Peer) => boolean): void {
    for (const [leaf, peer] of this.peers) if (!keep(peer)) this.peers.delete(leaf)
  }

  private queue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.chain.then(work)
    this.chain = done.catch(() => undefined)
    return done
  }
}
