/** The session as it is shown: from what is kept and known to what people see. */
import { frameKeys, securityCode } from "../encryption/e2ee.ts"
import { summaryKey, summaryOf } from "./core.ts"
import { type Engine } from "./engine.ts"
import { invitesOf, membershipOf, membersOf, participantsOf } from "./people.ts"
import { type Change } from "./storage.ts"

export class Portrait {
  private codeOf: { n: number; groups: string[]; qr: string } | undefined

  constructor(private readonly engine: Engine) {}

  show(): void {
    const { core, state } = this.engine
    const epoch = state?.epoch
    const common = {
      phase: this.engine.phase,
      alarms: core.alarms,
      unsent: this.engine.outbox.count,
      seenUpTo: core.seen,
      typing: this.engine.line.typing,
      peers: this.engine.line.present,
    }
    if (!epoch) {
      this.engine.showing.change(common, this.engine.timeline.value)
      return
    }
    const members = membersOf(epoch.members, state.self.memberId, core, this.engine.line.here)
    const matched = core.matched === membershipOf(epoch.members)
    this.engine.showing.change(
      {
        ...common,
        title: epoch.policy.settings.title,
        relayOnly: epoch.policy.settings.relayOnly,
        self: members.find(({ self }) => self),
        participants: participantsOf(members, epoch.policy),
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

  summary(): Change[] {
    const epoch = this.engine.state?.epoch
    const shown = {
      title: epoch?.policy.settings.title ?? this.engine.showing.now.title,
      role: this.engine.me?.role ?? this.engine.showing.now.self?.role ?? "guest",
      people: new Set(epoch?.members.map(({ invite }) => invite)).size,
    }
    const summary = summaryOf(this.engine.core, shown)
    return summary ? [{ put: summaryKey(this.engine.core.id), value: summary }] : []
  }
}
