/** How fast bytes go and how long the rest will take. */
export class Pace {
  private rate: number | undefined
  private marked: { at: number; done: number } | undefined

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Notes that `done` bytes are done; returns bytes a second, smoothed over some seconds. */
  mark(done: number): number {
    const at = this.now()
    if (!this.marked || done < this.marked.done) {
      this.marked = { at, done }
      return this.rate ?? 0
    }
    const seconds = (at - this.marked.at) / 1000
    if (seconds < 0.25) return this.rate ?? 0
    const current = (done - this.marked.done) / seconds
    const weight = 1 - Math.exp(-seconds / 3)
    this.rate = this.rate === undefined ? current : this.rate + weight * (current - this.rate)
    this.marked = { at, done }
    return this.rate
  }

  /** Seconds for `bytes` more, undefined while unknown. */
  left(bytes: number): number | undefined {
    return this.rate === undefined || this.rate < 1 ? undefined : bytes / this.rate
  }

  /** Forgets the marks, as after a pause. */
  reset(): void {
    this.rate = undefined
    this.marked = undefined
  }
}
