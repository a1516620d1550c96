/** The roster as people see it: participants with their devices, and invites. */
import { type Policy, type RosterMember, toBase64Url } from "../encryption/e2ee.ts"
import { type Core } from "./core.ts"
import { type Invite, type Member, type Participant } from "./types.ts"

export function membersOf(
  roster: readonly RosterMember[],
  selfId: string,
  core: Pick<Core, "identity" | "since">,
  here: ReadonlySet<string>,
): Member[] {
  return roster.map((member) => ({
    id: member.memberId,
    leaf: member.leaf,
    name: member.name,
    device: member.device,
    role: member.role,
    inviteId: member.invite,
    identity: core.identity[member.memberId] ?? (member.known ? "new" : "none"),
    self: member.memberId === selfId,
    here: member.memberId === selfId || here.has(member.memberId),
    since: core.since[member.memberId] ?? 0,
  }))
}

/** Hosts first, then by the order of the policy. */
export function participantsOf(
  members: readonly Member[],
  policy: Policy,
  waits: (invite: string) => boolean,
): Participant[] {
  const all = policy.invites.flatMap((invite): Participant[] => {
    const devices = members.filter(({ inviteId }) => inviteId === invite.id)
    const first = devices[0]
    if (!first) return []
    return [
      {
        inviteId: invite.id,
        role: invite.role,
        label: invite.label,
        name: first.name,
        devices,
        self: devices.some(({ self }) => self),
        here: devices.some(({ here }) => here),
        waiting: waits(invite.id),
      },
    ]
  })
  return all.sort((a, b) => Number(b.role === "host") - Number(a.role === "host"))
}

export function invitesOf(
  policy: Policy,
  members: readonly Member[],
  used: readonly string[],
  core: Pick<Core, "links" | "opened" | "id">,
  origin: string,
): Invite[] {
  return policy.invites.map((invite) => {
    const fragment = core.links[invite.id]
    const openedAt = core.opened[invite.id]
    return {
      id: invite.id,
      role: invite.role,
      label: invite.label,
      open: invite.open,
      devices: invite.devices,
      history: invite.history,
      members: members.filter(({ inviteId }) => inviteId === invite.id).length,
      used: used.includes(invite.id),
      ...(openedAt === undefined ? {} : { openedAt }),
      ...(fragment === undefined ? {} : { link: linkOf(origin, core.id, fragment) }),
    }
  })
}

export function linkOf(origin: string, id: string, fragment: string): string {
  return `${origin}/telemedicine/${id}#${fragment}`
}

/** Names exactly this membership: the signature keys, in order. A code was compared for one of these. */
export function membershipOf(roster: readonly RosterMember[]): string {
  return roster
    .map(({ key }) => toBase64Url(key))
    .sort()
    .join(" ")
}
