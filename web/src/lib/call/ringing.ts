/** A call of others rings here, by their offer or their entry, whichever comes first (docs/protocol.md §7.1, §7.2). */
import { type Member, type Peer } from "../session/types.ts"
import { type Conversation, type Starter } from "./conversation.ts"
import { callerOf, type Course, RINGS } from "./course.ts"
import { type Description } from "./negotiation.ts"
import { type CallEvent } from "./notices.ts"
import { enter } from "./takingPart.ts"

/** An offer of a call that this page is not in. Where two start calls at once, the call of the lower leaf stands. */
export function incoming(course: Course, from: Peer, offer: Description): void {
  const { people, notices, current } = course
  if (people.isOwn(from.memberId)) return
  if (course.finished.has(offer.call)) {
    notices.say(from, "hangup", offer.call)
    return
  }
  if (!course.supported) {
    notices.say(from, "decline", offer.call)
    return
  }
  if (current && course.is("ringing-out") && current.present.size === 0) {
    // Who called too need not answer.
    if (from.leaf < people.ownLeaf) adopt(course, current, from, offer)
    return
  }
  if (current) {
    const { caller } = current
    if (!course.is("ringing-in") || !caller || from.leaf >= caller.leaf) {
      notices.say(from, "busy", offer.call)
      return
    }
    giveUp(course, current, "busy")
  }
  ring(course, offer.call, from).take(from, offer, people.ownLeaf)
}

/** A call entry of another, as it arrives live. */
export function entryCame(course: Course, from: Member, call: string, event: CallEvent, at: number): void {
  const { current } = course
  if (event !== "started") {
    if (current?.id === call && course.is("ringing-in")) course.miss("cancelled")
    // They hung up while this side was out of reach.
    else if (current?.id === call && event === "ended" && !from.self && course.is("connecting")) course.end("hung-up-by-other")
    course.ongoing.forget(call)
    return
  }
  if (current || course.finished.has(call) || from.self || course.people.isOwn(from.id) || !course.supported) return
  if (Math.abs(Date.now() - at) < RINGS) ring(course, call, { memberId: from.id, name: from.name, leaf: from.leaf })
}

function ring(course: Course, call: string, starter: Starter): Conversation {
  const begun = course.begin(call, starter, { kind: "ringing-in", call, from: callerOf(starter) })
  course.ring(begun, () => course.miss("missed"))
  return begun
}

/** Takes part in the call that stands instead of the own. Devices stay open, so this is no `end`. */
function adopt(course: Course, own: Conversation, from: Peer, offer: Description): void {
  giveUp(course, own, "hangup")
  course.finished.add(own.id)
  const begun = course.begin(offer.call, from, { kind: "connecting", call: offer.call })
  begun.take(from, offer, course.people.ownLeaf)
  course.media.put()
  enter(course, begun)
}

function giveUp(course: Course, current: Conversation, word: "hangup" | "busy"): void {
  course.silence()
  for (const { peer } of current.links.values()) course.notices.say(peer, word, current.id)
  current.close()
}
