/** After a restore: whether what the server's log misses can be put back, and that it is (docs/protocol.md §4.3). */
import { type Engine } from "./engine.ts"
import { pause } from "./http.ts"
import { type Carrying as Shown } from "./types.ts"

const lookAgain = 3_000

export class Carrying {
  shown: Shown | undefined

  constructor(private readonly engine: Engine) {}

  /** Where the log ended when it was found to be shorter; undefined while it is not, and when more than that is wrong. */
  get from(): number | undefined {
    const { alarms } = this.engine.core
    const alarm = alarms.find(({ kind }) => kind === "rolled-back")
    return alarm?.kind === "rolled-back" && !alarms.some(({ kind }) => kind === "fork") ? alarm.seq : undefined
  }

  async begin(): Promise<void> {
    if (this.from === undefined) return
    await this.engine.keep({ carryOn: true })
    this.engine.kick()
  }

  show(shown: Shown): void {
    this.shown = shown
    this.engine.portrait.show()
  }

  /** As far as this device can; nothing is sealed before the log is again what was seen. */
  async turn(): Promise<void> {
    if (this.engine.core.carryOn === true && this.from !== undefined) await (await this.work()).turn()
  }

  /** Whether the server takes this device's token no more because it was restored to before the device came. */
  async refusedUnknown(): Promise<boolean> {
    while (!this.engine.isClosed()) {
      try {
        return await (await this.work()).refusedUnknown()
      } catch {
        // The network is away: that says nothing.
        await pause(lookAgain, this.engine.stopped.signal).catch(() => undefined)
      }
    }
    return true
  }

  /** Loaded when it is needed: almost never. */
  private async work() {
    const { PuttingBack } = await import("./puttingBack.ts")
    return new PuttingBack(this.engine)
  }
}
