/** Puts back into a restored log what it misses, byte for byte (docs/protocol.md §4.3). */
import { type EntryDigest, firstContradiction, toBase64Url, vouchesFor } from "../encryption/e2ee.ts"
import { type Engine } from "./engine.ts"
import { Refusal } from "./http.ts"
import { digestsAfter } from "./joining.ts"
import { joinKey, type Kept, keptKey, type KeptJoin } from "./kept.ts"

/** A device that the server does not know has no line to be told by. */
const lookAgain = 3_000

/** Where another entry stands than the one that was seen. */
class Elsewhere extends Error {
  constructor(readonly seq: number) {
    super("another entry is in the place")
  }
}

export class PuttingBack {
  constructor(private readonly engine: Engine) {}

  async turn(): Promise<void> {
    try {
      await this.putBack()
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error
      this.engine.carrying.shown = undefined
      const alarms = this.engine.core.alarms.filter(({ kind }) => kind !== "rolled-back")
      await this.engine.keep({ carryOn: undefined, alarms: [...alarms, { kind: "fork", seq: error.seq, stops: true }] })
    }
  }

  private async putBack(): Promise<void> {
    const { state, knownHead } = this.engine
    const { token } = this.engine.core
    if (!state || token === undefined) return
    const known = await this.isKnown(token)
    let head = this.verified(await this.digests(known))
    for (; head < knownHead; head += 1) {
      this.engine.carrying.show({ kind: "going", left: knownHead - head })
      const kept = vouchesFor(state, head) ? await this.kept(head + 1) : undefined
      if (!kept || !(await this.post(kept, head + 1, token))) {
        this.wait(kept, known)
        return
      }
    }
    this.verified(await this.digests(known))
    if (!(await this.isKnown(token)) && !(await this.makeKnown(token))) {
      this.wait(undefined, false)
      return
    }
    const alarms = this.engine.core.alarms.filter(({ kind }) => kind !== "rolled-back")
    this.engine.carrying.shown = undefined
    await this.engine.keep({ carryOn: undefined, alarms, doorDue: Math.max(1, head), checkDue: Math.max(1, head) })
    this.engine.chores.mendAnyway()
    this.engine.log.listen()
    this.engine.again = true
  }

  /** Whether it is in the log now. */
  private async post(kept: Kept, seq: number, token: string): Promise<boolean> {
    const { transport, core } = this.engine
    const { id, parent, body, kind, only, request } = kept
    if (only !== undefined && !request) return false
    try {
      if (kind === "chat") return this.inPlace(seq, await transport.chat(token, { id, parent, encryptedMessage: body, seq }))
      const access = core.keys && toBase64Url(core.keys.accessToken)
      const bearer = request?.member && access !== undefined ? access : token
      const bare = async () => ({ id, parent, commit: body, door: (await transport.door(token)).door, keyBoxes: [] })
      return this.inPlace(seq, await transport.commit(bearer, { ...(request ?? (await bare())), seq }))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.problem === "wrong-place" || error.problem === "stale-parent") throw new Elsewhere(seq)
      // The server does not know this device again before its own join is back.
      if (error.problem === "not-authorised") return false
      throw error
    }
  }

  private inPlace(seq: number, told: { seq: number }): true {
    if (told.seq !== seq) throw new Elsewhere(seq)
    return true
  }

  /** The kept entry, or an own message that was confirmed and not shown yet. */
  private async kept(seq: number): Promise<Kept | undefined> {
    const { options, outbox, core } = this.engine
    const kept = (await options.storage.get(keptKey(core.id, seq))) as Kept | undefined
    const sealed = outbox.all.find((outgoing) => outgoing.state === "sent" && outgoing.seq === seq)?.sealed
    return kept ?? (sealed && { kind: "chat", parent: sealed.parent, id: sealed.id, body: sealed.encryptedMessage })
  }

  private wait(kept: Kept | undefined, known: boolean): void {
    this.engine.carrying.show({ kind: "waits", who: kept?.only })
    if (!known) this.engine.later(lookAgain)
  }

  /** Where the log ends. Throws where it is not what was seen. */
  private verified(digests: readonly EntryDigest[]): number {
    const { state } = this.engine
    const wrong = state && firstContradiction(state, digests)
    if (wrong !== undefined) throw new Elsewhere(wrong)
    return digests.at(-1)?.seq ?? 0
  }

  private async digests(known: boolean): Promise<EntryDigest[]> {
    const { core, transport } = this.engine
    const access = core.keys && toBase64Url(core.keys.accessToken)
    const bearer = known ? core.token : access
    return (await digestsAfter(transport, bearer ?? "", 0)).digests
  }

  // A server that was restored to before this device came ----------------------------------

  private async isKnown(token: string): Promise<boolean> {
    try {
      await this.engine.transport.session(token)
      return true
    } catch (error) {
      if (error instanceof Refusal && error.problem === "not-authorised") return false
      throw error
    }
  }

  /** The own join once more: one that somebody has put back makes its member known. */
  private async makeKnown(token: string): Promise<boolean> {
    const { core, transport } = this.engine
    const join = await this.ownJoin()
    if (!join || !core.keys) return false
    try {
      await transport.commit(toBase64Url(core.keys.accessToken), join.request)
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
    return this.isKnown(token)
  }

  private ownJoin(): Promise<KeptJoin | undefined> {
    return this.engine.options.storage.get(joinKey(this.engine.core.id)) as Promise<KeptJoin | undefined>
  }

  /**
   * The server takes this device's token no more: whether that is because it was restored to before the device came. Then
   * it makes itself known again, or the log is an earlier one and that is said.
   */
  async refusedUnknown(): Promise<boolean> {
    const { core, state } = this.engine
    const join = await this.ownJoin()
    if (!join || !state || core.token === undefined) return false
    try {
      const digests = await this.digests(false)
      const head = digests.at(-1)?.seq ?? 0
      if (firstContradiction(state, digests) !== undefined) return false
      if (head < join.seq) {
        this.engine.showing.change({ connection: "online" })
        await this.engine.log.rolledBack(head)
        this.engine.later(lookAgain)
        return true
      }
      if (!(await this.makeKnown(core.token))) return false
      this.engine.log.listen()
      this.engine.kick()
      return true
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
  }
}
