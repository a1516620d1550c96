/** The verbs of a session, as its owner carries them out (docs/protocol.md §3.7, §5.2). */
import { fromBase64Url, newInvite, type Payload } from "../encryption/e2ee.ts"
import { type Engine } from "./engine.ts"
import { filePayload } from "./fileMessage.ts"
import { linkOf, membershipOf } from "./people.ts"
import { closing, epochOf, inviting, removing, renewing, retitling } from "./plans.ts"
import { SessionFailure } from "./types.ts"
import { type Verbs } from "./verbs.ts"

const textLimit = 16_384

export function spokenVerbs(engine: Engine): Verbs {
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

  return {
    async sendText(message, at, text, reply) {
      if (text.trim() === "") return
      if (new TextEncoder().encode(text).length > textLimit) throw new SessionFailure("too-large")
      await send(message, at, { type: "text", message, text, ...(reply === undefined ? {} : { reply }) })
    },

    sendFile: (message, at, file) => send(message, at, filePayload(message, file)),

    async retry(message) {
      const outgoing = outbox.find(message)
      if (outgoing?.state !== "failed") return
      await options.storage.write([outbox.set({ ...outgoing, state: "waiting" })])
      engine.showOutbox()
      engine.kick()
    },

    /** Only what has not been handed to the server can be taken back. */
    async discard(message) {
      const outgoing = outbox.find(message)
      if (!outgoing || outgoing.state === "sent" || outgoing.state === "sending") return
      await options.storage.write(outbox.remove(message))
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

    async invite({ role, label, devices, history, passcode }) {
      const state = engine.assertOpen()
      const asked = {
        role,
        label,
        ...(devices === undefined ? {} : { devices }),
        ...(history === undefined ? {} : { history }),
        ...(passcode === undefined || passcode.trim() === "" ? {} : { passcode }),
      }
      const made = await newInvite(engine.core.id, asked, epochOf(state).n + 1)
      const { id } = made.invite
      await engine.commits.commit(inviting(made), { links: { ...engine.core.links, [id]: made.fragment } })
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

    async confirmCode() {
      await engine.keep({ matched: membershipOf(epochOf(engine.assertOpen()).members) })
    },

    retitle: (title) => engine.commits.commit(retitling(title)),

    async end() {
      if (!engine.isHost) throw new SessionFailure("not-allowed")
      await engine.keep({ ending: true })
      await send("end", now(), { type: "end" })
      await engine.reached("ended")
    },

    async leave() {
      await send("leave", now(), { type: "leave" })
      await engine.reached("left")
    },

    forget: () => engine.forget(),

    // The engine takes this one itself: it must know which tab speaks.
    signal: () => Promise.reject(new SessionFailure("internal")),

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
