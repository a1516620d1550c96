/** The waiting room (docs/protocol.md §5.5): guests are in the group, and wait until a host admits them. Pure. */
import { inviteOf, type MemberState, type Payload, type RosterMember } from "../encryption/e2ee.ts"
import { type Core } from "./core.ts"
import { type Fact } from "./facts.ts"
import { type Late, type Participant, type Waiting } from "./types.ts"

/** What a message changes: an `admit` lets in whom it names, a call that a host starts all who are in. */
export function admits(
  core: Core,
  { epoch }: MemberState,
  payload: Payload,
  sender: RosterMember,
): Pick<Core, "admitted" | "telling"> {
  const { admitted, telling } = core
  const members = epoch?.members ?? []
  if (payload.type === "call" && payload.event === "started" && sender.role === "host") {
    return { admitted: [...new Set([...admitted, ...guestsOf(members)])], telling }
  }
  const named = payload.type === "admit" && members.find(({ memberId }) => memberId === payload.member)
  if (!named || named.role === "host") return { admitted, telling }
  const told = telling.filter((id) => id !== named.memberId && !isHost(members, id))
  return { admitted: [...new Set([...admitted, named.invite])], telling: told }
}

/** Who has gone with all devices waits anew when it comes again; who comes is told of those admitted before. */
export function afterCommit(
  { admitted, telling }: Core,
  { epoch }: MemberState,
  joined: RosterMember | undefined,
): Pick<Core, "admitted" | "telling"> {
  const members = epoch?.members ?? []
  const still = admitted.filter((id) => members.some(({ invite }) => invite === id))
  const wants = joined && (joined.role === "host" ? still.length > 0 : still.includes(joined.invite))
  const all = wants ? [...telling, joined.memberId] : telling
  return { admitted: still, telling: all.filter((id) => members.some(({ memberId }) => memberId === id)) }
}

/** Members to name in `admit` entries so that a newcomer knows who was admitted. */
export function admittedFor(newcomer: string, { admitted }: Core, members: readonly RosterMember[]): string[] {
  const who = members.find(({ memberId }) => memberId === newcomer)
  if (!who) return []
  if (who.role === "guest") return admitted.includes(who.invite) ? [newcomer] : []
  return admitted.flatMap((id) => members.find(({ invite }) => invite === id)?.memberId ?? [])
}

/** Whether somebody who came by that invite waits. Knocking has admitted those who came by one that asks for it. */
export function waits(invite: string, { admitted }: Pick<Core, "admitted">, { epoch }: MemberState): boolean {
  const rule = epoch && inviteOf(epoch.policy, invite)
  return rule?.role === "guest" && !rule.knock && !admitted.includes(invite)
}

/** Those who wait, longest first; `asked` are members whose admission is on its way. */
export function waitingOf(participants: readonly Participant[], asked: (member: string) => boolean): Waiting[] {
  const all = participants.flatMap(({ waiting, devices, name, label, here }): Waiting[] => {
    const [first] = devices
    if (!waiting || !first || devices.some(({ id }) => asked(id))) return []
    return [{ key: first.id, name, label, since: Math.min(...devices.map(({ since }) => since)), here, asks: false, besides: "" }]
  })
  return all.sort((a, b) => a.since - b.since)
}

/** The name under which an admission waits in the outbox: asked for twice, it is one. */
export const admitName = (member: string): string => `admit:${member}`

/** The last word in these on being late. */
export function lateIn(facts: readonly Fact[]): Late | undefined {
  return facts.reduce<Late | undefined>((last, { what, at, by }) => {
    if (what.kind !== "event" || what.event.type !== "late") return last
    return { minutes: what.event.minutes, at, name: by?.name ?? "" }
  }, undefined)
}

function guestsOf(members: readonly RosterMember[]): string[] {
  return members.filter(({ role }) => role === "guest").map(({ invite }) => invite)
}

function isHost(members: readonly RosterMember[], id: string): boolean {
  return members.some(({ memberId, role }) => memberId === id && role === "host")
}
