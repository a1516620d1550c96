/** What an applied log entry means for what is kept and shown. Pure: values in, values out. */
import {
  type Applied,
  type EntryEvent,
  type MemberState,
  type MessageEvent,
  type PolicyInvite,
  type RosterMember,
} from "../encryption/e2ee.ts"
import { type Core } from "./core.ts"
import { type Author, type Fact } from "./facts.ts"
import { changeOf, shownOf } from "./outbox.ts"
import { type Alarm, type EventItem } from "./types.ts"
import { admits, afterCommit } from "./waiting.ts"

/** Where the entry stands: what the server said of it. */
export interface Place {
  seq: number
  /** Arrival time, ms; advisory. */
  at: number
}

export interface Arrival {
  core: Core
  facts: Fact[]
  /** A call entry by somebody else. */
  ring?: { by: RosterMember; call: string; event: "started" | "ended" | "missed" | "declined"; at: number }
  /** The group may have gone where this device cannot follow (docs/protocol.md §3.4, known limit). */
  stuck?: true
}

type Happening = EventItem["event"]
type CommitEvent = Extract<EntryEvent, { kind: "commit" }>
type VoidEvent = Extract<EntryEvent, { kind: "void" }>

export function arrive(core: Core, before: MemberState, applied: Applied, place: Place, now: number): Arrival {
  const arrival = ofEvent(core, before, applied.state, applied.event, place, now)
  const settled = withoutSettled(arrival.core, applied.state)
  if (applied.fork === undefined) return { ...arrival, core: settled }
  const { seq, by } = applied.fork
  const alarm: Alarm = by
    ? { kind: "contradiction", seq, member: by.memberId, who: by.name, role: by.role, stops: true }
    : { kind: "fork", seq, stops: true }
  return { ...arrival, core: withAlarm(settled, alarm) }
}

/** Without the alarms about members who are out (§4.1). */
function withoutSettled(core: Core, { contradictions }: MemberState): Core {
  const stands = (alarm: Alarm) =>
    alarm.kind !== "contradiction" || contradictions.some(({ memberId }) => memberId === alarm.member)
  return core.alarms.every(stands) ? core : { ...core, alarms: core.alarms.filter(stands) }
}

export function withAlarm(core: Core, alarm: Alarm): Core {
  const known = core.alarms.some((old) => JSON.stringify(old) === JSON.stringify(alarm))
  return known ? core : { ...core, alarms: [...core.alarms, alarm] }
}

function ofEvent(
  core: Core,
  before: MemberState,
  after: MemberState,
  event: EntryEvent,
  place: Place,
  now: number,
): Arrival {
  switch (event.kind) {
    case "commit":
      return ofCommit(core, before, after, event, place, now)
    case "message":
      return ofMessage(core, after, event, place, now)
    case "refused":
      return { core, facts: [fact(place, event.time, { type: "refused", cause: event.cause }, event.sender)] }
    case "unsupported":
      return { core, facts: [fact(place, event.time, { type: "unsupported", payload: event.type }, event.sender)] }
    case "unreadable":
      if (before.phase === "joining") return { core, facts: [] }
      return { core, facts: [fact(place, place.at, { type: "unreadable" })] }
    case "removed-self":
      return ofRemoval(core, event.sender, event.resync, place)
    case "void":
      return ofVoid(core, before, event, place)
    case "wrong-parent":
      return { core: withAlarm(core, { kind: "wrong-parent", seq: place.seq, stops: true }), facts: [] }
    case "join-lost":
      return { core: { ...core, posted: undefined }, facts: [] }
    case "duplicate":
      return { core, facts: [] }
  }
}

function ofCommit(
  core: Core,
  before: MemberState,
  after: MemberState,
  event: CommitEvent,
  place: Place,
  now: number,
): Arrival {
  const self = after.self.memberId
  const happened: { event: Happening; by: RosterMember }[] = []
  const since = { ...core.since }
  const opened = { ...core.opened }
  for (const gone of event.removed) {
    if (!core.leaving.includes(gone.memberId)) happened.push({ event: { type: "removed", name: gone.name }, by: event.sender })
  }
  if (event.joined) {
    const { memberId, name, role, device, invite } = event.joined
    since[memberId] ??= place.at || now
    // Those who were in before this device came: since when, it cannot know better.
    if (event.own) for (const other of after.epoch?.members ?? []) since[other.memberId] ??= place.at || now
    Reflect.deleteProperty(opened, invite)
    const second = after.epoch?.members.some((other) => other.invite === invite && other.memberId !== memberId)
    const joined: Happening = { type: "joined", name, role, device, resync: event.resync, ...(second ? { second } : {}) }
    happened.push({ event: joined, by: event.joined })
  }
  for (const change of [...inviteChanges(event), ...timeChange(event)]) happened.push({ event: change, by: event.sender })
  const left = new Set(event.removed.map(({ memberId }) => memberId))
  const newcomer = event.joined && event.joined.memberId !== self && missesSome(core, before, after, event) ? [event.joined.memberId] : []
  const next: Core = {
    ...core,
    since,
    opened,
    renewedAt: now,
    lastActivityAt: Math.max(core.lastActivityAt, place.at),
    leaving: core.leaving.filter((id) => !left.has(id)),
    ...afterCommit(core, after, event.joined),
    asking: [...core.asking, ...newcomer].filter((id) => !left.has(id)),
    ...(event.own
      ? { posted: undefined, returning: undefined, doorDue: place.seq, phase: core.phase === "joining" ? "in" : core.phase }
      : { checkDue: place.seq }),
  }
  return { core: next, facts: happened.map(({ event, by }, nth) => ({ ...fact(place, place.at || now, event, by), nth })) }
}

/** Whether there was talk before that the newcomer cannot read: a letter is for who first comes by an invite (§3.6). */
function missesSome(core: Core, before: MemberState, after: MemberState, { joined, resync }: CommitEvent): boolean {
  if (!joined || resync || core.talk === 0) return false
  if (before.used.includes(joined.invite)) return true
  const since = after.epoch?.policy.invites.find(({ id }) => id === joined.invite)?.since ?? 0
  const earliest = after.records[0]?.epoch ?? 0
  return since > earliest
}

/** Invites made and closed; those that went with their members are told by the removal. */
function inviteChanges({ policy, removed }: CommitEvent): Happening[] {
  if (!policy) return []
  const { before, after } = policy
  const went = new Set(removed.map(({ invite }) => invite))
  const open = (invites: readonly PolicyInvite[], id: string) => invites.find((invite) => invite.id === id && invite.open)
  const made = after.invites.filter(({ id }) => !before.invites.some((old) => old.id === id))
  const closed = before.invites.filter(({ id, open: was }) => was && !open(after.invites, id) && !went.has(id))
  return [
    ...made.map(({ label }): Happening => ({ type: "invite-made", label })),
    ...closed.map(({ label }): Happening => ({ type: "invite-closed", label })),
  ]
}

function timeChange({ policy }: CommitEvent): Happening[] {
  if (!policy || policy.before.settings.starts === policy.after.settings.starts) return []
  const { starts } = policy.after.settings
  return [{ type: "scheduled", ...(starts === undefined ? {} : { starts }) }]
}

function ofRemoval(core: Core, by: RosterMember | undefined, resync: boolean, place: Place): Arrival {
  // Another copy of this very leaf came back by a re-sync: this one cannot go on, but may return the same way.
  if (resync) return { core, facts: [], stuck: true }
  const event: Happening = { type: "removed", name: core.introduction.name }
  return { core: { ...core, phase: "removed", posted: undefined }, facts: [fact(place, place.at, event, by)] }
}

function ofVoid(core: Core, before: MemberState, event: VoidEvent, place: Place): Arrival {
  const { cause, sender, invite } = event
  const who = sender?.name ?? invite?.label ?? ""
  const inGroup = before.epoch?.members.some(({ memberId }) => memberId === sender?.memberId) ?? false
  const intruder = sender !== undefined && !inGroup ? [sender.memberId] : []
  const alarmed = withAlarm(core, { kind: "void-commit", seq: place.seq, who, cause, stops: false })
  return {
    core: { ...alarmed, checkDue: place.seq, revoke: [...core.revoke, ...intruder] },
    facts: [fact(place, place.at, { type: "commit-refused", cause, who }, sender)],
    ...(cause === "path" ? { stuck: true as const } : {}),
  }
}

function ofMessage(
  core: Core,
  after: MemberState,
  event: Extract<MessageEvent, { kind: "message" }>,
  place: Place,
  now: number,
): Arrival {
  const { payload, sender, time } = event
  const own = sender.memberId === after.self.memberId
  const what = shownOf(payload)
  if (what) {
    const fact: Fact = { seq: place.seq, at: time, by: authorOf(sender), what }
    return { core: withArrived(core, place, own, now), facts: [fact] }
  }
  const change = changeOf(payload)
  if (change) return { core, facts: [{ seq: place.seq, at: time, by: authorOf(sender), what: change }] }
  switch (payload.type) {
    case "text":
    case "note":
    case "file":
    case "edit":
    case "withdraw":
    case "reaction":
      return { core, facts: [] }
    case "receipt":
      return { core: withReceipt(core, after, sender, payload, place), facts: [] }
    case "call": {
      const { call, event: what, seconds } = payload
      const happening: Happening = { type: "call", call, event: what, ...(seconds === undefined ? {} : { seconds }) }
      const ring = own ? {} : { ring: { by: sender, call, event: what, at: time } }
      const arrived = { ...withArrived(core, place, own, now), ...admits(core, after, payload, sender) }
      return { core: arrived, facts: [fact(place, time, happening, sender)], ...ring }
    }
    case "leave": {
      const leaving = core.leaving.includes(sender.memberId) ? core.leaving : [...core.leaving, sender.memberId]
      const event: Happening = { type: "left", name: sender.name }
      return { core: { ...core, leaving }, facts: [fact(place, time, event, sender)] }
    }
    case "end":
      return { core: { ...core, phase: "ended" }, facts: [fact(place, time, { type: "ended" }, sender)] }
    case "history": {
      const to = after.epoch?.members.find(({ memberId }) => memberId === payload.to)
      const served = core.served.includes(payload.to) ? core.served : [...core.served, payload.to]
      const asking = core.asking.filter((id) => id !== payload.to)
      const grants = payload.to === after.self.memberId ? [...core.grants, payload] : core.grants
      const first = !core.served.includes(payload.to)
      const event: Happening = { type: "history-given", name: to?.name ?? "" }
      return { core: { ...core, served, asking, grants }, facts: first ? [fact(place, time, event, sender)] : [] }
    }
    case "admit": {
      const next = { ...core, ...admits(core, after, payload, sender) }
      const member = after.epoch?.members.find(({ memberId }) => memberId === payload.member)
      const news = member && next.admitted.length > core.admitted.length && !wasInBefore(core, after, member)
      return { core: next, facts: news ? [fact(place, time, { type: "admitted", name: member.name }, sender)] : [] }
    }
    case "late": {
      const late = { minutes: payload.minutes, at: time, name: sender.name }
      const event: Happening = { type: "late", minutes: payload.minutes }
      return { core: { ...withArrived(core, place, own, now), late }, facts: [fact(place, time, event, sender)] }
    }
  }
}

/** An admission from before this device came is no news: it is repeated for the newcomer (§5.5). */
function wasInBefore({ since }: Core, { self, epoch }: MemberState, { memberId, invite }: RosterMember): boolean {
  if (memberId !== self.memberId) return (since[memberId] ?? 0) <= (since[self.memberId] ?? 0)
  return epoch?.members.some((other) => other.invite === invite && other.memberId !== self.memberId) ?? false
}

function withArrived(core: Core, place: Place, own: boolean, now: number): Core {
  const lastActivityAt = Math.max(core.lastActivityAt, place.at || now)
  const talk = Math.max(core.talk, place.seq)
  if (own) return { ...core, lastActivityAt, talk }
  return { ...core, lastActivityAt, talk, delivered: Math.max(core.delivered, place.seq), unread: core.unread + 1 }
}

/** Own devices tell what their user has seen; others how far own messages came. */
function withReceipt(
  core: Core,
  after: MemberState,
  sender: RosterMember,
  payload: { delivered: number; seen: number },
  place: Place,
): Core {
  const seen = Math.min(payload.seen, place.seq - 1)
  const delivered = Math.min(payload.delivered, place.seq - 1)
  if (sender.invite === after.self.invite) return seen > core.seen ? { ...core, seen, unread: 0 } : core
  const old = core.receipts[sender.memberId] ?? { delivered: 0, seen: 0 }
  const next = { delivered: Math.max(old.delivered, delivered), seen: Math.max(old.seen, seen) }
  return { ...core, receipts: { ...core.receipts, [sender.memberId]: next } }
}

/** Facts of the past, opened thanks to a letter or grant: they are shown and change nothing else. */
export function pastFact(event: MessageEvent, place: Place): Fact[] {
  if (event.kind !== "message") return []
  const { payload, sender, time } = event
  const what = shownOf(payload) ?? changeOf(payload)
  if (what) return [{ seq: place.seq, at: time, by: authorOf(sender), what }]
  if (payload.type === "late") return [fact(place, time, { type: "late", minutes: payload.minutes }, sender)]
  if (payload.type !== "call") return []
  const { call, event: happened, seconds } = payload
  const happening: Happening = { type: "call", call, event: happened, ...(seconds === undefined ? {} : { seconds }) }
  return [fact(place, time, happening, sender)]
}

function fact(place: Place, at: number, event: Happening, by?: RosterMember): Fact {
  return { seq: place.seq, at, ...(by ? { by: authorOf(by) } : {}), what: { kind: "event", event } }
}

export function authorOf({ memberId, name, role }: RosterMember): Author {
  return { memberId, name, role }
}
