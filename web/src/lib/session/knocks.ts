/** Who knocks, for hosts: shown if it is what it says, answered if this user says so (docs/protocol.md §3.8). */
import { admission, fromBase64Url, inviteOf, isKnock, nameIn, type PolicyInvite, toBase64Url } from "../encryption/e2ee.ts"
import { type Engine } from "./engine.ts"
import { Refusal } from "./http.ts"
import { epochOf } from "./plans.ts"
import { type KnockRow } from "./transport.ts"
import { SessionFailure, type Waiting } from "./types.ts"

const lookAgain = 20_000
const prefix = "knock:"

export const isKnockKey = (key: string): boolean => key.startsWith(prefix)

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
    const { policy } = epochOf(this.engine.assertOpen())
    const rules = policy.invites.filter(({ knock, open }) => knock && open)
    const rows = rules.length === 0 ? [] : await this.right(await this.engine.transport.knocks(core.token), rules)
    const letIn = core.letIn.filter((id) => rows.some((row) => row.id === id))
    if (letIn.length < core.letIn.length) await this.engine.keep({ letIn })
    for (const row of rows) if (letIn.includes(row.id) && !row.admitted) await this.answer(row)
    const undecided = rows.filter(({ id, admitted }) => !admitted && !letIn.includes(id))
    this.waiting = await Promise.all(undecided.map((row) => this.shown(row)))
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

  /** Those that were made with the link that they say. */
  private async right(rows: readonly KnockRow[], rules: readonly PolicyInvite[]): Promise<KnockRow[]> {
    const { id: session } = this.engine.core
    const right = await Promise.all(
      rows.map(async ({ id, invite, knock }) => {
        const rule = rules.find((each) => each.id === invite)
        if (!rule) return false
        try {
          return await isKnock(session, rule, id, fromBase64Url(knock))
        } catch {
          return false
        }
      }),
    )
    return rows.filter((_, i) => right[i])
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

  private async shown({ id, invite, knock, at }: KnockRow): Promise<Waiting> {
    const { core } = this.engine
    const { policy, members } = epochOf(this.engine.assertOpen())
    const secret = core.knockNames[invite]
    return {
      key: `${prefix}${id}`,
      asks: true,
      name: secret ? await nameIn(secret, core.id, fromBase64Url(knock)) : "",
      label: inviteOf(policy, invite)?.label ?? "",
      since: at || this.engine.now(),
      here: true,
      besides: members.find((member) => member.invite === invite)?.name ?? "",
    }
  }
}
