/** What is kept of one session between the days, beside its timeline: one record, written before anything depends on it. */
import { type Bytes, type HistoryPayload, type InviteKeys } from "../encryption/e2ee.ts"
import { type Storage } from "./storage.ts"
import { type Receipts } from "./timeline.ts"
import { type CommitRequest, type CreateRequest } from "./transport.ts"
import { type Alarm, type Late, type Member, type Role, type SessionSummary } from "./types.ts"

/** The server's ask that belongs to a pending commit; posted again as it is after a crash. */
export type Posted = { kind: "join" | "commit"; request: CommitRequest } | { kind: "create"; request: CreateRequest }

export interface Core {
  id: string
  phase: "joining" | "in" | "removed" | "left" | "ended"
  /** `encodeState`; undefined before the first door was opened, and after leaving. */
  state: Bytes | undefined
  /** The state that a re-sync returns from, as long as it is under way. */
  returning: Bytes | undefined
  /** Member token, b(32); undefined once it was thrown away. */
  token: string | undefined
  keys: InviteKeys | undefined
  introduction: { name: string; device: string; known: boolean }
  posted: Posted | undefined
  /** A letter whose history is not taken yet. */
  letter: Bytes | undefined
  /** Grants whose history is not taken yet. */
  grants: HistoryPayload[]
  /** seq of the own commit whose door, with letters, is still to be put; 0 when none. */
  doorDue: number
  /** seq of the others' commit after which the door is still to be checked; 0 when none. */
  checkDue: number
  /** Link fragments of invites made here. */
  links: Record<string, string>
  /** Invites whose door was fetched without a join yet, with the time. */
  opened: Record<string, number>
  /** When each member came, ms. */
  since: Record<string, number>
  identity: Record<string, Member["identity"]>
  receipts: Receipts
  /** What others and the server were last told. */
  told: { delivered: number; seen: number }
  seen: number
  /** Highest seq of a message by somebody else. */
  delivered: number
  unread: number
  /** Highest seq of any message: whether a newcomer misses something. */
  talk: number
  alarms: Alarm[]
  /** The membership whose code was compared and matched. */
  matched: string | undefined
  /** Members whose `leave` still wants its commit. */
  leaving: string[]
  /** Tokens of members that joined in vain. */
  revoke: string[]
  /** Members that came without history, and those already served. */
  asking: string[]
  served: string[]
  /** Invites whose guests were admitted, and are in (docs/protocol.md §5.5). */
  admitted: string[]
  /** Newcomers who are to be told who was admitted before they came. */
  telling: string[]
  late: Late | undefined
  /** The own knock, before this device is in. */
  knock: { id: string; seed: Bytes; knock: string; refused: boolean } | undefined
  /** Of invites made here that knock: what opens the names of joiners. */
  knockNames: Record<string, Bytes>
  /** Knocks that were admitted here, and did not join yet. */
  letIn: string[]
  /** Time of the last change of epoch, ms. */
  renewedAt: number
  lastActivityAt: number
  ending: boolean
  /** After a restore: a person chose to carry on. */
  carryOn?: true | undefined
  /** When the server lets it go, ms; 0 while unknown. */
  expiresAt: number
}

export function newCore(part: Pick<Core, "id" | "phase" | "state" | "token" | "keys" | "introduction">, now: number): Core {
  return {
    returning: undefined,
    posted: undefined,
    letter: undefined,
    grants: [],
    doorDue: 0,
    checkDue: 0,
    links: {},
    opened: {},
    since: {},
    identity: {},
    receipts: {},
    told: { delivered: 0, seen: 0 },
    seen: 0,
    delivered: 0,
    unread: 0,
    talk: 0,
    alarms: [],
    matched: undefined,
    leaving: [],
    revoke: [],
    asking: [],
    served: [],
    admitted: [],
    telling: [],
    late: undefined,
    knock: undefined,
    knockNames: {},
    letIn: [],
    renewedAt: now,
    lastActivityAt: now,
    ending: false,
    expiresAt: 0,
    ...part,
  }
}

export const coreKey = (id: string) => ["session", id] as const
/** The name written on the page of a link, by the invite. */
export const nameKey = (id: string, invite: string) => ["name", id, invite] as const
export const summaryKey = (id: string) => ["summary", id] as const

interface Shown {
  title: string
  starts: number | undefined
  role: Role
  people: number
  self: string
  others: SessionSummary["others"]
  head: number
  knockable: boolean
}

/** The line in the list of sessions; undefined while the session was never joined. */
export function summaryOf(core: Core, shown: Shown): SessionSummary | undefined {
  if (core.phase === "joining") return undefined
  return {
    id: core.id,
    title: shown.title,
    ...(shown.starts === undefined ? {} : { starts: shown.starts }),
    role: shown.role,
    lastActivityAt: core.lastActivityAt,
    unread: core.unread,
    people: shown.people,
    self: shown.self,
    others: shown.others,
    head: shown.head,
    ...(shown.knockable ? { knockable: true as const } : {}),
    phase: core.phase === "in" ? "joined" : core.phase,
  }
}

/** Deletes all that is kept of a session. */
export async function forgetSession(storage: Storage, id: string): Promise<void> {
  const kinds = ["session", "summary", "facts", "kept", "outbox", "transfer", "download", "draft", "notes", "name"]
  const uploads = await storage.under(["transfer", id])
  await Promise.all(uploads.map(({ key }) => storage.dropHandle(String(key[2]))))
  await storage.write(kinds.map((kind) => ({ deleteUnder: [kind, id] })))
}
