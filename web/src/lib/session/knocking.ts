/** A joiner before a door that opens to the admitted only (docs/protocol.md §3.8). */
import { fromBase64Url, type InviteKeys, makeKnock, toBase64Url } from "../encryption/e2ee.ts"
import { type Engine } from "./engine.ts"
import { Refusal } from "./http.ts"
import { type Admitted } from "./joining.ts"

const fullAgain = 10_000

export class Knocking {
  /** The server has the knock, and since when. */
  since: number | undefined

  constructor(private readonly engine: Engine) {}

  get refused(): boolean {
    return this.engine.core.knock?.refused === true
  }

  /** Whether there is something to be shown: it was asked, or refused. */
  get shown(): boolean {
    return this.since !== undefined || this.refused
  }

  /** The host's answer once it is there; undefined for now, or for good when it was refused. */
  async wait(access: string, keys: InviteKeys): Promise<Admitted | undefined> {
    if (this.refused) return undefined
    const knock = this.engine.core.knock ?? (await this.made(keys))
    try {
      if (this.since === undefined) await this.post(access, knock)
      const { state, keyBox } = await this.engine.transport.knockState(access, knock.id)
      if (state === "refused") {
        await this.engine.keep({ knock: { ...knock, refused: true } })
        return undefined
      }
      if (keyBox !== undefined) return { keyBox, seed: knock.seed }
      this.engine.kick()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.problem === "not-found") {
        // It expired while nobody asked: it is posted again.
        this.since = undefined
        this.engine.later(500)
      } else if (error.problem === "too-many") {
        this.since ??= this.engine.now()
        this.engine.later(fullAgain)
      } else throw error
    }
    return undefined
  }

  /** In, by whichever way: nobody needs to answer any more. */
  async over(access: string): Promise<void> {
    const { knock } = this.engine.core
    if (!knock) return
    this.since = undefined
    await this.engine.transport.endKnock(access, knock.id).catch(() => undefined)
    await this.engine.keep({ knock: undefined })
  }

  /** Asks once more after a refusal. */
  async again(): Promise<void> {
    if (!this.refused) return
    this.since = undefined
    await this.engine.keep({ knock: undefined })
    this.engine.kick()
  }

  async stop(): Promise<void> {
    const { keys } = this.engine.core
    if (keys) await this.over(toBase64Url(keys.accessToken))
    await this.engine.forget()
  }

  private async made(keys: InviteKeys) {
    const { id, seed, knock } = await makeKnock(keys, this.engine.core.introduction.name)
    const kept = { id, seed, knock: toBase64Url(knock), refused: false }
    // Durable before it is posted: a reload keeps its place.
    await this.engine.keep({ knock: kept })
    return kept
  }

  private async post(access: string, { id, knock }: { id: string; knock: string }): Promise<void> {
    fromBase64Url(id, 16)
    const { at } = await this.engine.transport.knock(access, { id, knock })
    this.since = at || this.engine.now()
    this.engine.portrait.show()
    this.engine.log.settle()
  }
}
