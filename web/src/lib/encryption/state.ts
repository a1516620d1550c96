/** A member's state as an immutable value, and its form at rest. */
import { type Bytes, concat, fromBase64Url, Reader, toBase64Url } from "./bytes.ts"
import { type Position } from "./entry.ts"
import { type Epoch, type EpochRecord, makeEpoch } from "./epoch.ts"
import { Refused } from "./errors.ts"
import { decodeGroup, encodeGroup, type Group, type LeafKeys } from "./group.ts"
import { bool, bytes, decodeJson, encodeJson, integer, list, object, oneOf, text, tuple } from "./json.ts"
import { type Chain } from "./log.ts"
import { type RosterMember } from "./roster.ts"

/** A commit or join of this device that the log has not shown yet. */
export interface Pending {
  /** Entry id, b(16) */
  readonly id: string
  readonly parent: number
  /** Sealed commit as posted: what the log must show */
  readonly body: Bytes
  /** The group in the epoch that it leads to */
  readonly group: Group
  readonly policyBytes: Bytes
  /** A join that removes the own former leaf */
  readonly resync: boolean
}

/** A member who was shown another log, or says so: the server lies, or that member does (§4.1). */
export interface Contradiction {
  readonly memberId: string
  readonly seq: number
}

export interface MemberState {
  readonly sessionId: string
  /** joining: the external commit is made but not in the log yet. removed: nothing more can be read or sent. */
  readonly phase: "joining" | "in" | "removed"
  readonly self: { readonly memberId: string; readonly invite: string; readonly leaf: number }
  /** Undefined while joining; the last one known after a removal. */
  readonly epoch: Epoch | undefined
  /** The epoch before, for 10 s after a change (signals, frames); not kept by encodeState. */
  readonly previous: { readonly epoch: Epoch; readonly until: number } | undefined
  /** Last verified position. */
  readonly head: Position
  /** seq of the last commit entry, void ones too: the `parent` of what comes next. */
  readonly lastCommit: number
  /** What can be read, ascending by epoch. */
  readonly records: readonly EpochRecord[]
  /** Invites by which a device has ever joined. */
  readonly used: readonly string[]
  readonly pending: Pending | undefined
  /** seq at which the server contradicted what was verified here; sealing refuses from then on. */
  readonly fork: number | undefined
  /** Members in the group who signed that they were shown another log; sealing refuses while they are in. */
  readonly contradictions: readonly Contradiction[]
  /** seq of the commit that removed this device */
  readonly removedAt: number | undefined
  readonly chain: Chain
  /** seqs of all commit entries since the chain's base */
  readonly commits: readonly number[]
  readonly leafKeys: LeafKeys
}

/** Whether nothing is sent: for good, or until those who contradict are out (§4.1). */
export function isStopped({ fork, contradictions }: MemberState): boolean {
  return fork !== undefined || contradictions.length > 0
}

/** Throws Refused when nothing may be sent. */
export function assertSending(state: MemberState): void {
  if (isStopped(state)) throw new Refused("the log has forked")
}

/** Those whose removal a host may still commit. */
export function contradicting({ epoch, contradictions }: MemberState): RosterMember[] {
  const members = epoch?.members ?? []
  return members.filter(({ memberId }) => contradictions.some((each) => each.memberId === memberId))
}

const recordShape = object(
  {
    epoch: integer(),
    start: integer(),
    secret: bytes(32),
    context: bytes(64),
    members: list(
      object({ leaf: integer(), key: bytes(32), identity: text(1024), role: oneOf("host", "guest") }),
      Number.MAX_SAFE_INTEGER,
    ),
  },
  { h: bytes(64) },
)

const position = tuple(integer(), bytes(64))

const stateShape = object(
  {
    v: oneOf(1),
    sessionId: bytes(16),
    phase: oneOf("joining", "in", "removed"),
    self: object({ memberId: bytes(16), invite: bytes(16), leaf: integer() }),
    seed: bytes(32),
    identity: bytes(),
    head: position,
    base: integer(),
    chain: bytes(),
    commits: list(integer(), Number.MAX_SAFE_INTEGER),
    lastCommit: integer(),
    records: list(recordShape, Number.MAX_SAFE_INTEGER),
    used: list(bytes(16), Number.MAX_SAFE_INTEGER),
  },
  {
    epoch: object({ group: bytes(), policy: bytes(), start: integer(), commitId: bytes(16) }),
    pending: object({
      id: bytes(16),
      parent: integer(),
      body: bytes(),
      group: bytes(),
      policy: bytes(),
      resync: bool,
    }),
    fork: integer(),
    contradictions: list(object({ memberId: bytes(16), seq: integer() }), Number.MAX_SAFE_INTEGER),
    removedAt: integer(),
  },
)

const hashSize = 64
/** Hashes of the chain that are kept at rest: the newest. */
const hashesKept = 2048

/** Everything but the epoch before and caches, a pending commit too. Secret: seal it at rest. */
export function encodeState(state: MemberState): Bytes {
  const { sessionId, phase, self, head, lastCommit, used, commits, chain, epoch, pending, removedAt } = state
  const { fork, contradictions } = state
  const base = Math.max(chain.base, head.seq + 1 - hashesKept)
  const hashes = chain.known.list.slice(base - chain.base, head.seq + 1 - chain.base)
  return encodeJson({
    v: 1,
    sessionId,
    phase,
    self,
    seed: toBase64Url(state.leafKeys.seed),
    identity: toBase64Url(state.leafKeys.identity),
    head: [head.seq, toBase64Url(head.h)],
    base,
    chain: toBase64Url(concat(...hashes)),
    commits,
    lastCommit,
    records: state.records.map(encodeRecord),
    used,
    ...(epoch === undefined ? {} : { epoch: encodeEpoch(epoch) }),
    ...(pending === undefined ? {} : { pending: encodePending(pending) }),
    ...(fork === undefined ? {} : { fork }),
    ...(contradictions.length === 0 ? {} : { contradictions }),
    ...(removedAt === undefined ? {} : { removedAt }),
  })
}

function encodeRecord({ secret, context, members, h, ...rest }: EpochRecord) {
  return {
    ...rest,
    secret: toBase64Url(secret),
    context: toBase64Url(context),
    members: members.map(({ key, ...each }) => ({ ...each, key: toBase64Url(key) })),
    ...(h === undefined ? {} : { h: toBase64Url(h) }),
  }
}

function encodeEpoch({ group, policyBytes, start, commitId }: Epoch) {
  return { group: toBase64Url(encodeGroup(group)), policy: toBase64Url(policyBytes), start, commitId }
}

function encodePending({ id, parent, body, group, policyBytes, resync }: Pending) {
  return {
    id,
    parent,
    body: toBase64Url(body),
    group: toBase64Url(encodeGroup(group)),
    policy: toBase64Url(policyBytes),
    resync,
  }
}

/** Throws Malformed. */
export async function decodeState(encoded: Uint8Array): Promise<MemberState> {
  const kept = stateShape(decodeJson(encoded), "state")
  const { sessionId, phase, self, commits, lastCommit, used, epoch, pending } = kept
  const head = { seq: kept.head[0], h: fromBase64Url(kept.head[1], 64) }
  const hashes = new Reader(fromBase64Url(kept.chain, hashSize * (head.seq - kept.base + 1)))
  const known = Array.from({ length: head.seq - kept.base + 1 }, () => hashes.take(hashSize))
  return {
    sessionId,
    phase,
    self,
    epoch:
      epoch === undefined
        ? undefined
        : await makeEpoch(
            sessionId,
            decodeGroup(fromBase64Url(epoch.group)),
            fromBase64Url(epoch.policy),
            epoch.start,
            epoch.commitId,
          ),
    previous: undefined,
    head,
    lastCommit,
    records: kept.records.map(({ secret, context, members, h, ...rest }) => ({
      ...rest,
      secret: fromBase64Url(secret),
      context: fromBase64Url(context),
      members: members.map(({ key, ...each }) => ({ ...each, key: fromBase64Url(key) })),
      ...(h === undefined ? {} : { h: fromBase64Url(h) }),
    })),
    used,
    pending:
      pending === undefined
        ? undefined
        : {
            id: pending.id,
            parent: pending.parent,
            body: fromBase64Url(pending.body),
            group: decodeGroup(fromBase64Url(pending.group)),
            policyBytes: fromBase64Url(pending.policy),
            resync: pending.resync,
          },
    fork: kept.fork,
    contradictions: kept.contradictions ?? [],
    removedAt: kept.removedAt,
    chain: { base: kept.base, head, known: { list: known } },
    commits,
    leafKeys: { seed: fromBase64Url(kept.seed, 32), identity: fromBase64Url(kept.identity) },
  }
}
