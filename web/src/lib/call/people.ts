/** Who is who among the pages of a session: own devices, and those of one person. */
import { type ReadonlySignal } from "@preact/signals"
import { type CallLine, type Participant, type Peer } from "../session/types.ts"

export class People {
  constructor(
    private readonly line: CallLine,
    private readonly participants: ReadonlySignal<readonly Participant[]> | undefined,
  ) {}

  get ownLeaf(): number {
    return this.line.frameKeys.peek()?.leaf ?? Number.MAX_SAFE_INTEGER
  }

  /** Pages of others that are here. */
  get others(): Peer[] {
    return this.line.peers.peek().filter(({ memberId }) => !this.isOwn(memberId))
  }

  isOwn(memberId: string): boolean {
    return this.#participantOf(memberId)?.self ?? false
  }

  /** Member ids of all devices of the person that a device belongs to. */
  devicesOf(memberId: string): Set<string> {
    return new Set(this.#participantOf(memberId)?.devices.map(({ id }) => id) ?? [memberId])
  }

  /** Ids of all members; empty where participants are not known. An effect that calls this follows them. */
  memberIds(): Set<string> {
    return new Set(this.participants?.value.flatMap(({ devices }) => devices.map(({ id }) => id)))
  }

  #participantOf(memberId: string): Participant | undefined {
    return this.participants?.peek().find(({ devices }) => devices.some(({ id }) => id === memberId))
  }
}
