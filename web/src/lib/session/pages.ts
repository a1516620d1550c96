/** Facts on the disk, in pages: an arrival rewrites the last page only, a reload reads few records. */
import { type Change, type Storage } from "./storage.ts"
import { type Fact } from "./timeline.ts"

const mostFacts = 128
const mostBytes = 96 * 1024

export class FactPages {
  private last: Fact[] = []
  private bytes = 0
  private number = 0

  constructor(
    private readonly storage: Storage,
    private readonly sessionId: string,
  ) {}

  /** All facts in the order in which they were kept. */
  async load(): Promise<Fact[]> {
    const pages = await this.storage.under(["facts", this.sessionId])
    const facts = pages.map(({ value }) => value as Fact[])
    this.number = Math.max(0, facts.length - 1)
    this.last = facts.at(-1) ?? []
    this.bytes = this.last.reduce((sum, fact) => sum + sizeOf(fact), 0)
    return facts.flat()
  }

  /** The changes that keep `facts` too. They must be written: the pages count on it. */
  add(facts: readonly Fact[]): Change[] {
    const touched = new Map<number, Fact[]>()
    for (const fact of facts) {
      const size = sizeOf(fact)
      if (this.last.length > 0 && (this.last.length >= mostFacts || this.bytes + size > mostBytes)) {
        this.number += 1
        this.last = []
        this.bytes = 0
      }
      this.last = [...this.last, fact]
      this.bytes += size
      touched.set(this.number, this.last)
    }
    return [...touched].map(([number, page]) => ({ put: ["facts", this.sessionId, number], value: page }))
  }
}

/** About. */
function sizeOf(fact: Fact): number {
  const { what } = fact
  if (what.kind === "file") return 500 + (what.file.thumb?.length ?? 0)
  return what.kind === "event" ? 200 : 150 + what.text.length
}
