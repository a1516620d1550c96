/** Who knocks, for hosts: shown if it is what it says, answered if this user says so (docs/protocol.md §3.8). */
import { admission, fromBase64Url, inviteOf, isKnock, type MemberState, nameIn, type Policy, toBase64Url } from "../encryption/e2ee.ts"
import { type Core } from "./core.ts"
import { type Engine } from "./engine.ts"
import { Refusal } from "./http.ts"
import { epochOf } from "./plans.ts"
import { type KnockRow, type Transport } from "./transport.ts"
import { SessionFailure, type Waiting } from "./types.ts"

const lookAgain = 20_000
const prefix = "knock:"

export const isKnockKey = (key: string): boolean => key.startsWith(prefix)

/** The links by which one must knock. */
const knockable = ({ invites }: Policy) => invites.filter(({ knock, open }) => knock && open)

export const hasKnockable = (policy: Policy): boolean => knockable(policy).length > 0

/** Who waits to be decided on in a session that is not open on this page: told, and not answered. */
export async function knocksAt(transport: Transport, core: Core, state: MemberState, now: number): Promise<Waiting[]> {
  return shown(undecided(await knockers(transport, core, state), core), core, state, now)
}

/** Those before the door who knocked with the link that they say. */
async function knockers(transport: Transport, core: Core, state: MemberState): Promise<KnockRow[]> {
  const rules = knockable(epochOf(state).policy)
  if (rules.length === 0 || core.token === undefined) return []
  const rows = await transport.knocks(core.token)
  const right = await Promise.all(
    rows.map(async ({ id, invite, knock }) => {
      const rule = rules.find((each) => each.id === invite)
      if (!rule) return false
      try {
        return await isKnock(core.id, rule, id, fromBase64Url(knock))
      } catch {
        return false
      }
    }),
  )
  return rows.filter((_, i) => right[i])
}

const undecided = (rows: readonly KnockRow[], { letIn }: Core): KnockRow[] =>
  rows.filter(({ id, admitted }) => !admitted && !letIn.includes(id))

function shown(rows: readonly KnockRow[], core: Core, state: MemberState, now: number): Promise<Waiting[]> {
  const { policy, members } = epochOf(state)
  return Promise.all(
    rows.map(async ({ id, invite, knock, at }) => {
      const secret = core.knockNames[invite]
      return {
        key: `${prefix}${id}`,
        asks: true,
        name: secret ? await nameIn(secret, core.id, fromBase64Url(knock)) : "",
        label: inviteOf(policy, invite)?.label ?? "",
        since: at || now,
        here: true,
        besides: members.find((member) => member.invite === invite)?.name ?? "",
      }
    }),
  )
}

export class Knocks {
  /** Those that wait to be decided on. */
  waiting: readonly Waiting[] = []
  private due = true
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly engine: Engine) {}

  /** They may have changed. */
  look(): void {
    this.due = true
    this.engine.kick()
  }

  /** A host's duty: shows those who knock, and seals again for those whom it admitted. */
  async tend(): Promise<void> {
    const { core } = this.engine
    if (!this.due || !this.engine.isHost || core.token === undefined) return
    this.due = false
    const rows = await knockers(this.engine.transport, core, this.engine.assertOpen())
    const letIn = core.letIn.filter((id) => rows.some((row) => row.id === id))
    if (letIn.length < core.letIn.length) await this.engine.keep({ letIn })
    for (const row of rows) if (letIn.includes(row.id) && !row.admitted) await this.answer(row)
    const { engine } = this
    this.waiting = await shown(undecided(rows, engine.core), engine.core, engine.assertOpen(), engine.now())
    clearTimeout(this.timer)
    // Who has gone away is told by nobody.
    if (rows.length > 0) this.timer = setTimeout(() => this.look(), lookAgain)
    await this.engine.keep({})
  }

  async admit(keys: readonly string[]): Promise<void> {
    const ids = keys.map((key) => key.slice(prefix.length)).filter((id) => !this.engine.core.letIn.includes(id))
    await this.engine.keep({ letIn: [...this.engine.core.letIn, ...ids] })
    this.waiting = this.waiting.filter(({ key }) => !keys.includes(key))
    this.look()
  }

  async refuse(key: string): Promise<void> {
    const { token } = this.engine.core
    if (token === undefined) throw new SessionFailure("not-allowed")
    const id = key.slice(prefix.length)
    try {
      await this.engine.transport.endKnock(token, id)
    } catch (error) {
      if (!(error instanceof Refusal && error.problem === "not-found")) throw error
    }
    this.look()
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  /** Leaves the key box for one; a commit in between makes it the next turn's business. */
  private async answer(row: KnockRow): Promise<void> {
    const { token } = this.engine.core
    const state = this.engine.assertOpen()
    const { policy, members } = epochOf(state)
    const inside = members.filter(({ invite }) => invite === row.invite).length
    if (token === undefined || inside >= (inviteOf(policy, row.invite)?.devices ?? 0)) return
    const keyBox = toBase64Url(await admission(state, row.invite, fromBase64Url(row.knock)))
    try {
      await this.engine.transport.admitKnock(token, row.id, { parent: state.lastCommit, keyBox })
    } catch (error) {
      if (!(error instanceof Refusal) || !["stale-parent", "not-found"].includes(error.problem)) throw error
      this.look()
    }
  }
}
