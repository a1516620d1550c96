/** Facts on the disk, in pages: an arrival rewrites the page that it touches, a reload reads few records. */
import { type Fact, isChanging, keyOf } from "./facts.ts"
import { Ledger } from "./ledger.ts"
import { type Change, type Storage } from "./storage.ts"

const mostFacts = 128
const mostBytes = 96 * 1024

export class FactPages {
  private pages: Fact[][] = []
  private readonly pageOf = new Map<string, number>()
  private ledger = new Ledger()

  constructor(
    private readonly storage: Storage,
    private readonly sessionId: string,
  ) {}

  /** All facts that are shown, in the order in which they were kept. */
  async load(): Promise<Fact[]> {
    const kept = await this.storage.under(["facts", this.sessionId])
    this.pages = kept.map(({ value }) => value as Fact[])
    this.pages.forEach((page, number) => page.forEach((fact) => this.pageOf.set(keyOf(fact), number)))
    const facts = this.pages.flat()
    this.ledger = new Ledger(facts)
    return facts.filter(({ what }) => !isChanging(what))
  }

  /**
   * The changes that keep `facts` too, and what is shown now or shown otherwise than before. The changes must be
   * written: the pages count on it. What an edit or a withdrawal replaced is overwritten.
   */
  add(facts: readonly Fact[]): { changes: Change[]; facts: Fact[] } {
    const { kept, dropped } = this.ledger.take(facts)
    const touched = new Set<number>()
    for (const key of dropped) touched.add(this.drop(key))
    for (const fact of kept) touched.add(this.keep(fact))
    return {
      changes: [...touched].map((number) => ({ put: ["facts", this.sessionId, number], value: this.pages[number] ?? [] })),
      facts: kept.filter(({ what }) => !isChanging(what)),
    }
  }

  private keep(fact: Fact): number {
    const key = keyOf(fact)
    const known = this.pageOf.get(key)
    if (known !== undefined) {
      this.pages[known] = (this.pages[known] ?? []).map((each) => (keyOf(each) === key ? fact : each))
      return known
    }
    const last = this.pages.at(-1)
    if (!last || last.length >= mostFacts || (last.length > 0 && total(last) + sizeOf(fact) > mostBytes)) this.pages.push([])
    const number = this.pages.length - 1
    this.pages[number] = [...(this.pages[number] ?? []), fact]
    this.pageOf.set(key, number)
    return number
  }

  private drop(key: string): number {
    const number = this.pageOf.get(key) ?? 0
    this.pages[number] = (this.pages[number] ?? []).filter((each) => keyOf(each) !== key)
    this.pageOf.delete(key)
    return number
  }
}

const total = (page: readonly Fact[]): number => page.reduce((sum, fact) => sum + sizeOf(fact), 0)

/** About. */
function sizeOf({ what, reactions = [] }: Fact): number {
  const felt = 200 * reactions.length
  if (what.kind === "file") return 500 + (what.file.thumb?.length ?? 0) + felt
  return ("text" in what ? 150 + what.text.length : 200) + felt
}
