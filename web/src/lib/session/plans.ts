/**
 * Reasons for a commit. A plan looks at the group as it is and says what to change, or undefined once nothing is left to
 * do; so it can be asked again after a lost race, a crash, or an answer that never came.
 */
import {
  inviteOf,
  type MemberState,
  type NewInvite,
  type Policy,
  toBase64Url,
  withInvite,
  withInviteClosed,
  withoutInvite,
  withSettings,
  withStart,
} from "../encryption/e2ee.ts"
import { type InviteRow } from "./transport.ts"

export interface Change {
  removes?: readonly number[]
  policy?: Policy
  open?: InviteRow[]
  close?: string[]
  revoke?: string[]
}

export type Plan = (state: MemberState) => Change | undefined

const mostInvites = 32

/** A new epoch, for a call or after a day of use. */
export function renewing(from: MemberState): Plan {
  const before = from.epoch?.n ?? 0
  return (state) => (epochOf(state).n > before ? undefined : {})
}

export function inviting({ invite, keys }: NewInvite): Plan {
  return (state) => {
    const { policy, n } = epochOf(state)
    if (inviteOf(policy, invite.id)) return undefined
    return {
      policy: withInvite(withRoom(policy, state), { ...invite, since: n + 1 }),
      open: [{ id: invite.id, role: invite.role, accessTokenHash: toBase64Url(keys.accessTokenHash) }],
    }
  }
}

export function closing(id: string): Plan {
  return (state) => {
    const { policy, members } = epochOf(state)
    const invite = inviteOf(policy, id)
    if (!invite?.open) return undefined
    const inUse = members.some((member) => member.invite === id)
    return { policy: inUse ? withInviteClosed(policy, id) : withoutInvite(policy, id), close: [id] }
  }
}

export function removing(id: string): Plan {
  return (state) => {
    const { policy, members } = epochOf(state)
    const devices = members.filter(({ invite }) => invite === id)
    if (!inviteOf(policy, id) && devices.length === 0) return undefined
    return {
      removes: devices.map(({ leaf }) => leaf),
      policy: withoutInvite(policy, id),
      close: [id],
      revoke: devices.map(({ memberId }) => memberId),
    }
  }
}

/** Those who said that they leave; their invites stay. */
export function removingLeavers(leavers: readonly string[]): Plan {
  return (state) => {
    const gone = epochOf(state).members.filter(({ memberId }) => leavers.includes(memberId))
    if (gone.length === 0) return undefined
    return { removes: gone.map(({ leaf }) => leaf), revoke: gone.map(({ memberId }) => memberId) }
  }
}

export function retitling(title: string): Plan {
  return (state) => {
    const { policy } = epochOf(state)
    return policy.settings.title === title ? undefined : { policy: withSettings(policy, { title }) }
  }
}

export function rescheduling(starts: number | undefined): Plan {
  return (state) => {
    const { policy } = epochOf(state)
    return policy.settings.starts === starts ? undefined : { policy: withStart(policy, starts) }
  }
}

/** Without invites that are closed and have nobody in, when the policy is full. */
function withRoom(policy: Policy, state: MemberState): Policy {
  if (policy.invites.length < mostInvites) return policy
  const { members } = epochOf(state)
  const spare = policy.invites.find(({ id, open }) => !open && !members.some(({ invite }) => invite === id))
  return spare ? withoutInvite(policy, spare.id) : policy
}

export function epochOf(state: MemberState) {
  if (!state.epoch) throw new Error("not in an epoch")
  return state.epoch
}
