/** Duties of a member that nobody asks for: doors, leavers, history for who comes, and history that was given. */
import { encodeState, grantFor, inviteOf, lettersDue, mayGrant } from "../encryption/e2ee.ts"
import { putDoor, tendDoor } from "./doorkeeping.ts"
import { type Engine } from "./engine.ts"
import { Refusal } from "./http.ts"
import { historyFrom } from "./past.ts"
import { epochOf, removingLeavers } from "./plans.ts"
import { withAlarm } from "./arrival.ts"
import { admitName, admittedFor, lateIn } from "./waiting.ts"

/** Whoever fetches the door so often does not get in, though it may look right. */
const tooOften = 3

export class Chores {
  /** How often each link's door was fetched since the last commit entry */
  private fetches = { since: -1, of: new Map<string, number>() }
  private anew = false

  constructor(private readonly engine: Engine) {}

  /** A link's door was fetched. Hosts cannot see whether another's key box opens: they put one that does (§3.7). */
  fetched(invite: string): void {
    const since = this.engine.state?.lastCommit ?? 0
    if (this.fetches.since !== since) this.fetches = { since, of: new Map() }
    const count = (this.fetches.of.get(invite) ?? 0) + 1
    this.fetches.of.set(invite, count)
    this.anew ||= count % tooOften === 0
  }

  /** The next look at the door puts a new one. */
  mendAnyway(): void {
    this.anew = true
  }

  private async tendDoors(): Promise<void> {
    const { doorDue, checkDue, token } = this.engine.core
    if (token === undefined || (doorDue === 0 && checkDue === 0)) return
    const state = this.engine.assertOpen()
    const wanted = this.engine.isHost && (checkDue > 0 || lettersDue(state).length > 0)
    if (wanted && this.anew) await putDoor(this.engine.transport, token, state)
    else if (wanted) await tendDoor(this.engine.transport, token, state)
    this.anew = false
    await this.engine.keep({ doorDue: 0, checkDue: 0 })
  }

  /** A host's chores: leavers out, tokens of void joiners revoked. */
  private async clearOut(): Promise<void> {
    if (!this.engine.isHost || this.engine.core.token === undefined) return
    const others = this.engine.core.leaving.filter((id) => id !== this.engine.state?.self.memberId)
    const change = removingLeavers(others)(this.engine.assertOpen())
    if (change) await this.engine.commits.makeAndPost(change)
    for (const member of this.engine.core.revoke) {
      await this.engine.transport.revoke(this.engine.core.token, member).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error
      })
    }
    if (this.engine.core.revoke.length > 0) await this.engine.keep({ revoke: [] })
  }

  /** Where the policy says so, who comes is given the history without asking: by the first of those who can and are here. */
  private async grantUnasked(): Promise<void> {
    const state = this.engine.assertOpen()
    const { members, policy } = epochOf(state)
    const here = this.engine.line.here
    for (const id of this.engine.core.asking) {
      const member = members.find(({ memberId }) => memberId === id)
      if (!member || !mayGrant(state, id) || !inviteOf(policy, member.invite)?.history) continue
      const able = members.filter(
        ({ memberId, role, invite }) =>
          memberId !== id &&
          (role === "host" || invite === member.invite) &&
          (memberId === state.self.memberId || here.has(memberId)),
      )
      const turn = [...able.filter(({ role }) => role === "host"), ...able.filter(({ role }) => role !== "host")]
      if (turn[0]?.memberId === state.self.memberId) await this.giveHistory(id)
    }
  }

  /** Newcomers are told who was admitted before they came, by the first host that is here (§5.5). */
  private async tellAdmitted(): Promise<void> {
    const { telling } = this.engine.core
    if (telling.length === 0 || !this.engine.isHost) return
    const state = this.engine.assertOpen()
    const { members } = epochOf(state)
    const here = this.engine.line.here
    const first = members.find(
      ({ memberId, role }) =>
        role === "host" && !telling.includes(memberId) && (memberId === state.self.memberId || here.has(memberId)),
    )
    if (first?.memberId !== state.self.memberId) return
    const known = telling.flatMap((id) => admittedFor(id, this.engine.core, members))
    for (const member of new Set(known)) {
      await this.engine.outbox.put(admitName(member), { type: "admit", member }, this.engine.now())
    }
    await this.engine.keep({ telling: [] })
    this.engine.kick()
  }

  async giveHistory(id: string): Promise<void> {
    const payloads = await grantFor(this.engine.assertOpen(), id)
    await this.engine.keep({
      asking: this.engine.core.asking.filter((other) => other !== id),
      served: this.engine.core.served.includes(id) ? this.engine.core.served : [...this.engine.core.served, id],
    })
    for (const [i, payload] of payloads.entries()) await this.engine.outbox.put(`history:${id}:${i}`, payload, this.engine.now())
    this.engine.kick()
  }

  /** History that a letter or grant gives: checked against the chain, then shown (§5.4). */
  async takePast(): Promise<void> {
    const { keys, token, letter, grants } = this.engine.core
    const [grant] = grants
    if (!keys || token === undefined || !this.engine.state || (letter === undefined && grant === undefined)) return
    const past = await historyFrom(this.engine.transport, token, this.engine.state, keys, letter ?? grant)
    const rest = letter === undefined ? { grants: grants.slice(1) } : { letter: undefined }
    if (past.kind === "unreadable") await this.engine.keep(rest)
    if (past.kind === "contradicts") {
      await this.engine.keep({ ...rest, ...withAlarm(this.engine.core, { kind: "fork", seq: past.seq, stops: true }) })
    }
    if (past.kind === "taken") {
      this.engine.state = past.state
      const { changes, facts } = this.engine.pages.add(past.facts)
      this.engine.timeline.update({ facts }, this.engine.outbox.shown)
      const late = this.engine.core.late ?? lateIn(past.facts)
      await this.engine.keep({ ...rest, late, state: encodeState(past.state) }, changes)
    }
    this.engine.again = true
  }

  async duties(): Promise<void> {
    await this.tendDoors()
    await this.clearOut()
    await this.grantUnasked()
    await this.tellAdmitted()
    await this.engine.knocks.tend()
    await this.engine.sending.tellReceipt()
  }
}
