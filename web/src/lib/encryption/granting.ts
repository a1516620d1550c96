/** Handing over what came before a join, and taking it (docs/protocol.md §3.6, §5.4). */
import { type Random, secureRandom, toBase64Url } from "./bytes.ts"
import { type EntryDigest, type Position } from "./entry.ts"
import { type EpochRecord, memberAt } from "./epoch.ts"
import { Refused } from "./errors.ts"
import { encodeHistory, type History, sealGrant } from "./history.ts"
import { type Chain, chainAt, agrees, grow, joinChains, nextPosition } from "./log.ts"
import { writable } from "./member.ts"
import { type HistoryPayload } from "./message.ts"
import { inviteOf } from "./policy.ts"
import { type RosterMember } from "./roster.ts"
import { type MemberState } from "./state.ts"

/** History bytes in one payload, so that what comes of them stays below the payload's 48 KiB. */
const largestGrant = 28_000

function memberOf(state: MemberState, memberId: string): RosterMember | undefined {
  return state.epoch?.members.find((each) => each.memberId === memberId)
}

/** Whether this device may give history to that member: a host, or a device with the same invite. */
export function mayGrant(state: MemberState, memberId: string): boolean {
  if (state.phase !== "in" || state.epoch === undefined || memberId === state.self.memberId) return false
  const [own, recipient] = [memberAt(state.epoch, state.self.leaf), memberOf(state, memberId)]
  return own !== undefined && recipient !== undefined && (own.role === "host" || own.invite === recipient.invite)
}

/**
 * What this device can read and the member cannot, as payloads to send, newest first; empty when there is nothing.
 * Throws Refused when this device may not give it.
 */
export async function grantFor(
  state: MemberState,
  memberId: string,
  random: Random = secureRandom,
): Promise<HistoryPayload[]> {
  const epoch = writable(state)
  const recipient = memberOf(state, memberId)
  if (recipient === undefined || !mayGrant(state, memberId)) throw new Refused("history: not for this device to give")
  const box = inviteOf(epoch.policy, recipient.invite)?.box
  if (box === undefined) throw new Refused("history: no invite")
  const payloads: HistoryPayload[] = []
  for (const history of histories(recordsBefore(state.records, recipient))) {
    const sealed = await sealGrant(state.sessionId, memberId, box, history, random)
    payloads.push({ type: "history", to: memberId, box: toBase64Url(sealed) })
  }
  return payloads
}

/** Records of the epochs before those in a row to the newest that the member was in. */
function recordsBefore(records: readonly EpochRecord[], { key }: RosterMember): readonly EpochRecord[] {
  const text = toBase64Url(key)
  const last = records.findLastIndex(({ members }) => !members.some((each) => toBase64Url(each.key) === text))
  return records.slice(0, last + 1)
}

/** Cuts records into histories that fit a payload each, newest first; none has a gap or starts where h is unknown. */
function histories(records: readonly EpochRecord[]): History[] {
  const cut: History[] = []
  let epochs: EpochRecord[] = []
  const close = () => {
    const from = startOf(epochs[0])
    if (from !== undefined) cut.push({ from, epochs })
    epochs = []
  }
  for (const record of [...records].reverse()) {
    const from = startOf(record)
    if (from === undefined) break
    const longer = [record, ...epochs]
    const gap = epochs[0] !== undefined && epochs[0].epoch !== record.epoch + 1
    if (epochs.length > 0 && (gap || encodeHistory({ from, epochs: longer }).length > largestGrant)) close()
    epochs = [record, ...epochs]
  }
  close()
  return cut
}

function startOf(record: EpochRecord | undefined): Position | undefined {
  return record?.h === undefined ? undefined : { seq: record.start, h: record.h }
}

/** The first position this state can vouch for: where it joined, or where its history begins. */
export function knownFrom(state: MemberState): number {
  return state.chain.base
}

/**
 * Takes a history after checking the chain: `digests` are the entries after `history.from` up to `knownFrom(state)`
 * (none when it lies behind). Throws Refused when the log does not lead there: the same alarm as a fork.
 */
export function takeHistory(state: MemberState, history: History, digests: readonly EntryDigest[]): MemberState {
  const before = leadTo(state, history.from, digests)
  const kinds = new Map(digests.map(({ seq, kind }) => [seq, kind]))
  for (const { start } of history.epochs) {
    const isCommit = start === history.from.seq || kinds.get(start) === "commit" || state.commits.includes(start)
    if (!isCommit) throw new Refused("history: an epoch that no commit began")
  }
  const chain = joinChains(before, state.chain)
  const hashes = new Map(before.known.list.map((h, i) => [before.base + i, h]))
  const given = history.epochs.map((record) => {
    const h = hashes.get(record.start)
    return h === undefined ? record : { ...record, h }
  })
  const own = new Set(state.records.map(({ epoch }) => epoch))
  const records = [...given.filter(({ epoch }) => !own.has(epoch)), ...state.records].sort((a, b) => a.epoch - b.epoch)
  const seen = digests.filter(({ kind }) => kind === "commit").map(({ seq }) => seq)
  const commits = [...new Set([...seen, ...state.commits])].sort((a, b) => a - b)
  return { ...state, chain, records, commits }
}

/** The chain from a position to where this state's begins. Throws Refused unless it arrives there. */
function leadTo(state: MemberState, from: Position, digests: readonly EntryDigest[]): Chain {
  let chain = chainAt(from)
  for (const entry of digests) {
    if (entry.seq !== chain.head.seq + 1) throw new Refused("history: entries are missing")
    chain = grow(chain, nextPosition(state.sessionId, chain.head, entry))
  }
  if (agrees(state.chain, chain.head) !== true) throw new Refused("history: the log does not lead here")
  return chain
}
