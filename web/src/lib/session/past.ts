/** Reads what was written before this device came, thanks to a letter or a grant (docs/protocol.md §5.4). */
import {
  type Bytes,
  type History,
  type HistoryPayload,
  type InviteKeys,
  knownFrom,
  type MemberState,
  openEntry,
  openGrant,
  openLetter,
  readEntry,
  Refused,
  SealError,
  takeHistory,
} from "../encryption/e2ee.ts"
import { pastFact } from "./arrival.ts"
import { type Fact } from "./facts.ts"
import { digestsAfter } from "./joining.ts"
import { type Transport } from "./transport.ts"

export type Past =
  | { kind: "taken"; state: MemberState; facts: Fact[] }
  | { kind: "unreadable" }
  /** The log does not lead from there to here: the same alarm as a fork. */
  | { kind: "contradicts"; seq: number }

export async function historyFrom(
  transport: Transport,
  token: string,
  state: MemberState,
  keys: InviteKeys,
  source: Bytes | HistoryPayload | undefined,
): Promise<Past> {
  const history = await opened(state, keys, source)
  if (!history) return { kind: "unreadable" }
  const upTo = knownFrom(state)
  const from = history.from.seq
  // What this device could read so far begins where it joined, or where an earlier history does.
  const readable = state.records[0]?.start ?? upTo
  try {
    const { digests } = from < upTo ? await digestsAfter(transport, token, from, upTo) : { digests: [] }
    const next = takeHistory(state, history, digests)
    return { kind: "taken", state: next, facts: await factsBetween(transport, token, next, from, readable) }
  } catch (error) {
    if (error instanceof Refused) return { kind: "contradicts", seq: from }
    if (error instanceof SealError) return { kind: "unreadable" }
    throw error
  }
}

async function opened(
  state: MemberState,
  keys: InviteKeys,
  source: Bytes | HistoryPayload | undefined,
): Promise<History | undefined> {
  try {
    if (source === undefined) return undefined
    if (source instanceof Uint8Array) return await openLetter(keys, source)
    return await openGrant(keys, state.self.memberId, source.box)
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

async function factsBetween(
  transport: Transport,
  token: string,
  state: MemberState,
  from: number,
  upTo: number,
): Promise<Fact[]> {
  const facts: Fact[] = []
  for (let after = from; after < upTo; ) {
    const page = await transport.entries(token, after)
    if (page.entries.length === 0) return facts
    for (const entry of page.entries) {
      after = entry.seq
      if (entry.kind !== "chat" || entry.seq > upTo) continue
      facts.push(...pastFact(await openEntry(state, readEntry(entry)), entry))
    }
  }
  return facts
}
