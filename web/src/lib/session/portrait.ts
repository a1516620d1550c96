/** The session as it is shown: from what is kept and known to what people see. */
import { frameKeys, securityCode } from "../encryption/e2ee.ts"
import { summaryKey, summaryOf } from "./core.ts"
import { type Engine } from "./engine.ts"
import { hasKnockable } from "./knocks.ts"
import { invitesOf, membershipOf, membersOf, participantsOf } from "./people.ts"
import { type Change } from "./storage.ts"
import { type Member, type Participant, type Waiting } from "./types.ts"
import { admitName, waitingOf, waits } from "./waiting.ts"

export class Portrait {
  private codeOf: { n: number; groups: string[]; qr: string } | undefined

  constructor(private readonly engine: Engine) {}

  show(): void {
    const { core, state } = this.engine
    const epoch = state?.epoch
    const common = {
      phase: this.engine.phase,
      alarms: core.alarms,
      carrying: this.engine.carrying.from === undefined ? undefined : (this.engine.carrying.shown ?? ("offered" as const)),
      unsent: this.engine.outbox.count,
      departing: this.engine.outbox.departing,
      seenUpTo: core.seen,
      typing: this.engine.line.typing,
      peers: this.engine.line.present,
    }
    if (!epoch) {
      this.engine.showing.change(common, this.engine.timeline.value)
      return
    }
    const members = this.members()
    const participants = this.participants(members)
    const matched = core.matched === membershipOf(epoch.members)
    this.engine.showing.change(
      {
        ...common,
        title: epoch.policy.settings.title,
        starts: epoch.policy.settings.starts,
        relayOnly: epoch.policy.settings.relayOnly,
        self: members.find(({ self }) => self),
        participants,
        waiting: this.waiting(participants),
        late: core.late,
        invites: invitesOf(epoch.policy, members, state.used, core, this.engine.options.origin),
        code: this.codeOf && { groups: this.codeOf.groups, qr: this.codeOf.qr, matched },
        historyRequests: this.askingNow(),
        frameKeys: state.phase === "in" ? frameKeys(state, this.engine.now()) : undefined,
      },
      this.engine.timeline.value,
    )
  }

  refreshCode(): void {
    if (this.engine.state?.phase !== "in" || !this.engine.state.epoch || this.codeOf?.n === this.engine.state.epoch.n) return
    const { groups, qr } = securityCode(this.engine.state)
    this.codeOf = { n: this.engine.state.epoch.n, groups: [...groups], qr }
  }

  private askingNow() {
    const own = this.engine.state?.self.invite
    return this.engine.core.asking.flatMap((id) => {
      const member = this.engine.state?.epoch?.members.find(({ memberId }) => memberId === id)
      if (!member || (!this.engine.isHost && member.invite !== own)) return []
      return [{ memberId: id, name: member.name, sameParticipant: member.invite === own }]
    })
  }

  private members(): Member[] {
    const { core, state, line } = this.engine
    return state?.epoch ? membersOf(state.epoch.members, state.self.memberId, core, line.here) : []
  }

  private participants(members: readonly Member[]): Participant[] {
    const { core, state } = this.engine
    if (!state?.epoch) return []
    return participantsOf(members, state.epoch.policy, (invite) => waits(invite, core, state))
  }

  private waiting(participants: readonly Participant[]): Waiting[] {
    if (!this.engine.isHost || this.engine.core.phase !== "in") return []
    const inside = waitingOf(participants, (member) => this.engine.outbox.find(admitName(member)) !== undefined)
    return [...inside, ...this.engine.knocks.waiting].sort((a, b) => a.since - b.since)
  }

  summary(): Change[] {
    const { state } = this.engine
    const epoch = state?.epoch
    const others = this.members().filter(({ self }) => !self)
    const waits = new Set(this.participants(this.members()).flatMap(({ waiting, inviteId }) => (waiting ? [inviteId] : [])))
    const shown = {
      title: epoch?.policy.settings.title ?? this.engine.showing.now.title,
      starts: epoch ? epoch.policy.settings.starts : this.engine.showing.now.starts,
      role: this.engine.me?.role ?? this.engine.showing.now.self?.role ?? "guest",
      people: new Set(epoch?.members.map(({ invite }) => invite)).size,
      self: state?.self.memberId ?? "",
      others: others.map(({ id, name, role, inviteId, since }) => ({
        id,
        name,
        role,
        ...(waits.has(inviteId) ? { waitsSince: since } : {}),
      })),
      head: state?.head.seq ?? 0,
      knockable: epoch !== undefined && hasKnockable(epoch.policy),
    }
    const summary = summaryOf(this.engine.core, shown)
    return summary ? [{ put: summaryKey(this.engine.core.id), value: summary }] : []
  }
}
