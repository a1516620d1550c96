/** At most so many at once; the others wait in the order in which they came. */
export class Turns {
  private waiting: (() => void)[] = []

  constructor(private free: number) {}

  /** Resolves with the function that gives the turn back, once; rejects when `stop` aborts before it has come. */
  async take(stop: AbortSignal): Promise<() => void> {
    stop.throwIfAborted()
    if (this.free > 0) this.free -= 1
    else
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          this.waiting = this.waiting.filter((one) => one !== come)
          reject(new DOMException("stopped", "AbortError"))
        }
        const come = () => {
          stop.removeEventListener("abort", leave)
          resolve()
        }
        this.waiting.push(come)
        stop.addEventListener("abort", leave, { once: true })
      })
    let given = false
    return () => {
      if (given) return
      given = true
      const next = this.waiting.shift()
      if (next) next()
      else this.free += 1
    }
  }
}
