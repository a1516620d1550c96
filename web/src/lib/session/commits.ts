/** Commits of this device: asked for, made, posted until the log has them or went another way (docs/protocol.md §3.7). */
import { dropPending, encodeState, makeCommit, Refused } from "../encryption/e2ee.ts"
import { type Core } from "./core.ts"
import { type Engine } from "./engine.ts"
import { Refusal, Unreachable } from "./http.ts"
import { type Plan } from "./plans.ts"
import { type CommitRequest } from "./transport.ts"
import { SessionFailure } from "./types.ts"
import { textual } from "./requests.ts"

interface Intent {
  plan: Plan
  /** Kept together with the pending commit. */
  keep: Partial<Core>
  resolve: () => void
  reject: (error: Error) => void
}

export class Commits {
  private intents: Intent[] = []

  constructor(private readonly engine: Engine) {}

  /** Asks for a commit; resolves when the plan finds nothing left to do. */
  async commit(plan: Plan, keep: Partial<Core> = {}): Promise<void> {
    const change = plan(this.engine.assertIn())
    if (!change) return
    this.engine.assertMayCommit(change)
    if (!this.engine.isHost && (change.policy || change.removes)) throw new SessionFailure("not-allowed")
    if (this.engine.showing.now.connection === "offline") throw new SessionFailure("offline")
    await new Promise<void>((resolve, reject) => {
      this.intents.push({ plan, keep, resolve, reject })
      this.engine.kick()
    })
  }

  /** Posts the pending commit until it is in the log, or the log went another way. */
  async settlePosted(): Promise<void> {
    const { posted, token } = this.engine.core
    if (posted?.kind !== "commit" || token === undefined) return
    try {
      await this.engine.transport.commit(token, { ...posted.request, after: this.engine.knownHead })
    } catch (error) {
      if (error instanceof Refusal && error.problem === "wrong-place") return this.engine.log.lookBack()
      if (!(error instanceof Refusal) || error.passes || [401, 410].includes(error.status)) throw error
      if (error.problem === "stale-parent" && this.engine.state?.phase === "in") await this.engine.log.catchUp()
      if (this.engine.core.posted !== posted) return
      await this.giveUp()
      if (error.problem !== "stale-parent") this.intents.shift()?.reject(new SessionFailure("not-allowed", error.message))
      return
    }
    await this.engine.log.catchUp()
    if (this.engine.core.posted === posted) throw new Unreachable("the commit is not in the log yet")
  }

  /** Forgets a commit that did not make it; a re-sync starts again from the state before. */
  private async giveUp(): Promise<void> {
    const { returning } = this.engine.core
    if (this.engine.state?.phase === "joining" && returning) {
      this.engine.state = await this.engine.decoded(returning)
      this.engine.entering.stuck = "lost"
      await this.engine.keep({ state: returning, posted: undefined })
      return
    }
    this.engine.state = this.engine.state && dropPending(this.engine.state)
    await this.engine.keep({ state: this.engine.state && encodeState(this.engine.state), posted: undefined })
  }

  async followIntents(): Promise<void> {
    for (let intent = this.intents[0]; intent; intent = this.intents[0]) {
      if (this.engine.state?.phase !== "in" || this.engine.core.phase !== "in") return
      const change = intent.plan(this.engine.state)
      if (!change) {
        this.intents.shift()
        intent.resolve()
        continue
      }
      try {
        await this.makeAndPost(change, intent.keep)
      } catch (error) {
        const stopped = error instanceof SessionFailure && error.reason === "stopped"
        if (!(error instanceof Refused || stopped)) throw error
        this.intents.shift()
        intent.reject(stopped ? error : new SessionFailure("not-allowed", error.message))
      }
    }
  }

  async makeAndPost(change: NonNullable<ReturnType<Plan>>, keep: Partial<Core> = {}): Promise<void> {
    const { removes, policy, open, close, revoke } = change
    const made = await makeCommit(this.engine.assertMayCommit(change), {
      ...(removes ? { removes } : {}),
      ...(policy ? { policy } : {}),
    })
    const request: CommitRequest = {
      ...textual(made.request),
      ...(open ? { open } : {}),
      ...(close ? { close } : {}),
      ...(revoke ? { revoke } : {}),
    }
    this.engine.state = made.state
    await this.engine.keep({ ...keep, state: encodeState(made.state), posted: { kind: "commit", request } })
    await this.settlePosted()
  }

  /** Tells those who wait that it will not happen. */
  refuseIntents(reason: "stopped" | "not-allowed" | "offline" = this.engine.sealed ? "stopped" : "not-allowed"): void {
    for (const { reject } of this.intents.splice(0)) reject(new SessionFailure(reason))
  }
}
