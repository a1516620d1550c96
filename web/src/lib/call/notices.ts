/** What this page lets others know of a call: sealed signals (docs/protocol.md §7.1) and durable entries (§5.2). */
import { type CallLine, type CallSignal, type Peer } from "../session/types.ts"
import { NO_CONTEXTS } from "./contexts.ts"
import { type Devices } from "./devices.ts"
import { type Sent } from "./link.ts"

export type CallEvent = "started" | "ended" | "missed" | "declined"

/** None of these verbs rejects: what cannot be sent becomes the error `line-failed`. */
export class Notices {
  constructor(
    private readonly line: CallLine,
    private readonly devices: Devices,
  ) {}

  say(to: Peer, type: "accept" | "decline" | "hangup" | "busy", call: string): void {
    this.#send(to, { type, call })
  }

  sayToAll(type: "accept" | "decline" | "hangup", call: string): void {
    for (const peer of this.line.peers.peek()) this.say(peer, type, call)
  }

  /** Tells a page that came later of a call that goes on, which it may join. */
  sayGoesOn(to: Peer, call: string, sent: Sent): void {
    this.#send(to, { type: "media", call, ...sent, context: NO_CONTEXTS })
  }

  write(call: string, event: CallEvent, seconds?: number): void {
    this.line.announce(call, event, seconds).catch(() => this.lineFailed())
  }

  lineFailed(): void {
    this.devices.note({ about: "call", error: "line-failed" })
  }

  #send(to: Peer, signal: CallSignal): void {
    this.line.send(to, signal).catch(() => this.lineFailed())
  }
}
