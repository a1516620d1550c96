/** The call that goes on without this page: after a reload, or for somebody who came late (docs/protocol.md §7.2). */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type Peer } from "../session/types.ts"
import { keyOf } from "./conversation.ts"
import { leftIn } from "./rejoin.ts"
import { type OngoingCall } from "./types.ts"

/** With the pages that take part, by key. */
type Going = OngoingCall & { peers: ReadonlyMap<string, Peer> }

export class Ongoing {
  #shown = signal<Going | undefined>(undefined)

  get shown(): ReadonlySignal<Going | undefined> {
    return this.#shown
  }

  /** A page told that it takes part in a call. */
  note(from: Peer, call: string): void {
    const before = this.#shown.peek()
    const peers = new Map(before?.call === call ? before.peers : undefined).set(keyOf(from), from)
    this.#shown.value = { call, peers, names: namesOf(peers), wasIn: leftIn(call) }
  }

  left(from: Peer): void {
    const going = this.#shown.peek()
    if (!going?.peers.has(keyOf(from))) return
    const peers = new Map(going.peers)
    peers.delete(keyOf(from))
    this.#shown.value = peers.size === 0 ? undefined : { ...going, peers, names: namesOf(peers) }
  }

  /** Those whose page is gone have left. */
  keepOnly(here: ReadonlySet<string>): void {
    for (const peer of this.#shown.peek()?.peers.values() ?? []) if (!here.has(keyOf(peer))) this.left(peer)
  }

  /** This call is over, or this page takes part in it. */
  forget(call: string): void {
    if (this.#shown.peek()?.call === call) this.#shown.value = undefined
  }
}

function namesOf(peers: ReadonlyMap<string, Peer>): string[] {
  return [...new Set([...peers.values()].map(({ name }) => name))]
}
