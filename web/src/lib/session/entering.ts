/** Ways into the group: founding, joining, and coming back (docs/protocol.md §3.7). */
import { encodeState, fromBase64Url, type Introduction, type InviteKeys, type OpenedDoor, toBase64Url } from "../encryption/e2ee.ts"
import { ownIdentity } from "./clinicians.ts"
import { type Posted } from "./core.ts"
import { type Engine } from "./engine.ts"
import { Refusal, Unreachable } from "./http.ts"
import { DoorNotReady, fetchDoor, hashOf, linkFailure, prepareJoin } from "./joining.ts"
import { Knocking } from "./knocking.ts"
import { epochOf } from "./plans.ts"
import { textual } from "./requests.ts"
import { type CommitRequest } from "./transport.ts"
import { SessionFailure } from "./types.ts"

const doorAgain = 2_000
/** So many joins in a row that came too late, and this device says that it waits. */
const patientAfter = 5
/** So many looks, about six seconds, at a door that does not open, and a host mends it. */
const mendAfter = 5

export class Entering {
  doorShut = false
  private late = 0
  private doorless = 0
  /** `behind`: the group may have gone where this device cannot follow. `lost`: it must come back in any case. */
  stuck: "behind" | "lost" | undefined

  readonly knocking: Knocking

  constructor(private readonly engine: Engine) {
    this.knocking = new Knocking(engine)
  }

  async settleCreation(posted: Extract<Posted, { kind: "create" }>): Promise<void> {
    await this.engine.transport.create(posted.request)
    await this.engine.keep({ phase: "in", posted: undefined, doorDue: 1 })
    this.engine.log.listen()
  }

  async joinTurn(): Promise<void> {
    const { keys, token } = this.engine.core
    if (!keys || token === undefined) {
      this.engine.fail("internal")
      return
    }
    const access = toBase64Url(keys.accessToken)
    try {
      if (!this.engine.core.posted) await this.makeJoin(access)
      if (this.engine.core.posted?.kind === "join") await this.postJoin(access, token, this.engine.core.posted.request)
    } catch (error) {
      const failure = linkFailure(error, false)
      if (failure instanceof DoorNotReady) {
        this.doorShut = true
        this.engine.later(doorAgain)
      } else if (failure instanceof SessionFailure) this.engine.fail(failure.reason)
      else throw error
      this.engine.portrait.show()
      this.engine.log.settle()
    }
  }

  private async makeJoin(access: string): Promise<void> {
    const { keys, token } = this.engine.core
    if (!keys || token === undefined) return
    const admitted = keys.knock ? await this.knocking.wait(access, keys) : undefined
    if (keys.knock && !admitted) return
    const { joining, letter } = await prepareJoin(this.engine.transport, access, keys, await this.said(), { admitted })
    const memberId = joining.state.self.memberId
    const tokenHash = await hashOf(fromBase64Url(token, 32))
    const request: CommitRequest = { ...textual(joining.request), member: { id: memberId, tokenHash } }
    this.engine.state = joining.state
    // Durable before it is posted: after a crash the same bytes go again (§3.7).
    await this.engine.keep({ state: encodeState(joining.state), posted: { kind: "join", request }, letter })
  }

  private async postJoin(access: string, token: string, request: CommitRequest): Promise<void> {
    try {
      await this.engine.transport.commit(access, request)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.problem === "stale-parent") {
        this.engine.state = undefined
        await this.engine.keep({ posted: undefined, state: undefined, letter: undefined })
        this.late += 1
        if (this.late >= patientAfter) throw new DoorNotReady("others keep coming first")
        this.engine.kick()
        return
      }
      // Closed since: but a try before a crash may have got in, and then the member's token is good.
      if (error.problem !== "not-authorised" || !(await this.isIn(token))) throw error
    }
    this.doorShut = false
    this.late = 0
    await this.knocking.over(access)
    await this.engine.log.catchUp()
    if (this.engine.core.phase !== "in") throw new Unreachable("the join is not in the log yet")
    this.engine.log.listen()
  }

  /** What this device says of itself; a clinician's is signed by the long-lived key. */
  private async said(): Promise<Introduction> {
    const { name, device, known } = this.engine.core.introduction
    return { name, device, ...(known ? { identityKey: await ownIdentity(this.engine.options.storage) } : {}) }
  }

  private async isIn(token: string): Promise<boolean> {
    try {
      await this.engine.transport.session(token)
      return true
    } catch (error) {
      if (error instanceof Refusal) return false
      throw error
    }
  }

  /** Returns into the group by an external commit with the kept leaf key, when the state cannot go on (§3.7). */
  async resync(): Promise<void> {
    const { core } = this.engine
    if (!core.keys || core.token === undefined) {
      this.engine.fail("internal")
      return
    }
    const returning = this.engine.state?.phase === "in" ? this.engine.state : core.returning && (await this.engine.decoded(core.returning))
    if (!returning) return this.joinAnew()
    if (this.stuck === "behind" && this.engine.state?.phase === "in") {
      const door = await this.doorOfOthers(core.token, core.keys)
      if (!door) return
      // No door over that commit: nobody could follow it, and the epoch stays (§3.4).
      if (door.n <= epochOf(this.engine.state).n) {
        this.stuck = undefined
        return
      }
    }
    const said = await this.said()
    const { joining } = await prepareJoin(this.engine.transport, core.token, core.keys, said, { returning })
    this.engine.state = joining.state
    this.stuck = undefined
    await this.engine.keep({
      state: encodeState(joining.state),
      returning: encodeState(returning),
      posted: { kind: "commit", request: textual(joining.request) },
    })
    await this.engine.commits.settlePosted()
  }

  /** The door that a commit left which this device cannot follow; undefined once a host gives up waiting and mends it. */
  private async doorOfOthers(token: string, keys: InviteKeys): Promise<OpenedDoor | undefined> {
    try {
      const { door } = await fetchDoor(this.engine.transport, token, keys)
      this.doorless = 0
      return door
    } catch (error) {
      // A host who could follow mends it. If none does, nobody could, and this one stays where it is (§3.4).
      if (!(error instanceof DoorNotReady) || !this.engine.isHost) throw error
      this.doorless += 1
      if (this.doorless < mendAfter) throw error
      this.doorless = 0
      this.stuck = undefined
      return undefined
    }
  }

  /** Lost both group and leaf key: in by the invite once more, as a new device. */
  private async joinAnew(): Promise<void> {
    this.engine.log.unlisten()
    this.engine.state = undefined
    this.stuck = undefined
    const token = toBase64Url(crypto.getRandomValues(new Uint8Array(32)))
    await this.engine.keep({ phase: "joining", state: undefined, returning: undefined, posted: undefined, token })
    this.engine.kick()
  }
}
