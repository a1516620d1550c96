/** The verbs of a session, as its owner carries them out (docs/protocol.md §3.7, §5.2). */
import { fromBase64Url, newInvite, type Payload, secureRandom, toBase64Url } from "../encryption/e2ee.ts"
import { type Engine } from "./engine.ts"
import { filePayload } from "./fileMessage.ts"
import { type ChangePayload, overtakes } from "./outbox.ts"
import { isKnockKey } from "./knocks.ts"
import { linkOf, membershipOf } from "./people.ts"
import { closing, epochOf, inviting, removing, renewing, rescheduling, retitling } from "./plans.ts"
import { SessionFailure } from "./types.ts"
import { type TabVerbs, type Verbs } from "./verbs.ts"
import { admitName } from "./waiting.ts"

const textLimit = 16_384
const newName = () => toBase64Url(secureRandom(16))

export function spokenVerbs(engine: Engine): Omit<Verbs, keyof TabVerbs> {
  const { outbox, options } = engine
  const now = () => (options.now ?? Date.now)()

  /** Durable and shown when it resolves; it goes out by itself. */
  const send = async (message: string, at: number, payload: Payload) => {
    engine.assertOpen()
    if (engine.timeline.has(engine.state?.self.memberId ?? "", message)) return
    await outbox.put(message, payload, at)
    engine.showOutbox()
    engine.kick()
  }

  /** A change of a message that stands in the log; what waits for its turn and is overtaken by it goes. */
  const change = async (id: string, at: number, payload: ChangePayload, file?: string) => {
    engine.assertOpen()
    const overtaken = outbox.all.filter((waiting) => overtakes(payload, waiting))
    if (overtaken.length > 0) await options.storage.write(overtaken.flatMap(({ message }) => outbox.remove(message)))
    await outbox.put(`change:${id}`, payload, at, file)
    engine.showOutbox()
    engine.kick()
  }

  const own = (message: string) => engine.timeline.said(engine.state?.self.memberId ?? "", message)

  return {
    async sendText(message, at, text, reply) {
      if (text.trim() === "") return
      checkLength(text)
      await send(message, at, { type: "text", message, text, ...(reply === undefined ? {} : { reply }) })
    },

    sendFile: (message, at, file) => send(message, at, filePayload(message, file)),

    async edit(id, at, message, text) {
      const said = own(message)
      if (said?.kind !== "text" || text.trim() === "") throw new SessionFailure("not-allowed")
      checkLength(text)
      if (text !== said.text) await change(id, at, { type: "edit", message, text })
    },

    async withdraw(id, at, message) {
      const said = own(message)
      if (said?.kind !== "text" && said?.kind !== "file") throw new SessionFailure("not-allowed")
      await change(id, at, { type: "withdraw", message }, said.kind === "file" ? said.file.id : undefined)
    },

    async react(id, at, author, message, emoji) {
      const said = engine.timeline.said(author, message)
      if (!said || said.kind === "withdrawn") throw new SessionFailure("not-allowed")
      await change(id, at, { type: "reaction", author, message, emoji })
    },

    async retry(message) {
      const failed = outbox.about(message).filter(({ state }) => state === "failed")
      if (failed.length === 0) return
      await options.storage.write(failed.map((outgoing) => outbox.set({ ...outgoing, state: "waiting", full: undefined })))
      engine.showOutbox()
      engine.kick()
    },

    /** Only what has not been handed to the server can be taken back. */
    async discard(message) {
      const kept = outbox.about(message).filter(({ state }) => state !== "sent" && state !== "sending")
      if (kept.length === 0) return
      await options.storage.write(kept.flatMap((outgoing) => outbox.remove(outgoing.message)))
      engine.showOutbox()
    },

    async markSeen(seq) {
      const upTo = Math.min(seq, engine.state?.head.seq ?? 0)
      if (upTo <= engine.core.seen) return
      await engine.keep({ seen: upTo, unread: 0 })
      engine.kick()
    },

    noteTyping() {
      engine.line.noteTyping()
      return Promise.resolve()
    },

    async invite({ role, label, devices, history, passcode, knock }) {
      const state = engine.assertOpen()
      const asked = {
        role,
        label,
        ...(devices === undefined ? {} : { devices }),
        ...(history === undefined ? {} : { history }),
        ...(knock === undefined ? {} : { knock }),
        ...(passcode === undefined || passcode.trim() === "" ? {} : { passcode }),
      }
      const made = await newInvite(engine.core.id, asked, epochOf(state).n + 1)
      const { id } = made.invite
      await engine.commits.commit(inviting(made), {
        links: { ...engine.core.links, [id]: made.fragment },
        knockNames: { ...engine.core.knockNames, ...(made.invite.knock ? { [id]: made.keys.knockName } : {}) },
      })
      const invite = engine.showing.now.invites.find((shown) => shown.id === id)
      if (!invite) throw new SessionFailure("internal")
      return { link: linkOf(options.origin, engine.core.id, made.fragment), invite }
    },

    closeInvite: (invite) => engine.commits.commit(closing(invite)),

    async remove(invite) {
      if (invite === engine.state?.self.invite) throw new SessionFailure("not-allowed")
      await engine.commits.commit(removing(invite))
    },

    giveHistory: (member) => engine.chores.giveHistory(member),

    async declineHistory(member) {
      await engine.keep({ asking: engine.core.asking.filter((id) => id !== member) })
    },

    async admit(keys) {
      if (!engine.isHost) throw new SessionFailure("not-allowed")
      const knocks = keys.filter(isKnockKey)
      if (knocks.length > 0) await engine.knocks.admit(knocks)
      for (const member of keys.filter((key) => !isKnockKey(key))) await send(admitName(member), now(), { type: "admit", member })
    },

    async refuse(key) {
      if (!engine.isHost) throw new SessionFailure("not-allowed")
      await engine.knocks.refuse(key)
    },

    askAgain: () => engine.entering.knocking.again(),

    stopAsking: () => engine.entering.knocking.stop(),

    async runLate(minutes) {
      if (!engine.isHost) throw new SessionFailure("not-allowed")
      await send(newName(), now(), { type: "late", minutes })
    },

    async confirmCode() {
      await engine.keep({ matched: membershipOf(epochOf(engine.assertOpen()).members) })
    },

    retitle: (title) => engine.commits.commit(retitling(title)),

    reschedule: (starts) => engine.commits.commit(rescheduling(starts)),

    async end() {
      engine.assertOpen()
      if (!engine.isHost) throw new SessionFailure("not-allowed")
      await engine.keep({ ending: true })
      await send("end", now(), { type: "end" })
      await engine.out()
    },

    async leave() {
      await send("leave", now(), { type: "leave" })
      await engine.out()
    },

    carryOn: () => engine.carrying.begin(),

    forget: () => engine.forget(),

    ice: () => engine.transport.ice(engine.core.token ?? ""),

    renew: () => engine.commits.commit(renewing(engine.assertOpen())),

    async announce(call, event, seconds) {
      // A call that could not ring must not ring in an hour.
      if (event === "started" && !engine.online) throw new SessionFailure("offline")
      fromBase64Url(call, 16)
      const told = seconds === undefined ? {} : { seconds: Math.max(0, Math.round(seconds)) }
      await send(`call:${call}:${event}`, now(), { type: "call", call, event, ...told })
    },

    raise: (alarm) => engine.raise(alarm),

    token: () => Promise.resolve(engine.core.token),
  }
}

function checkLength(text: string): void {
  if (new TextEncoder().encode(text).length > textLimit) throw new SessionFailure("too-large")
}
