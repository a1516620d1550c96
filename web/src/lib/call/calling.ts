/** Calling others: it rings there until they answer, refuse, or 45 s are over (docs/protocol.md §7.1, §7.2). */
import { secureRandom, toBase64Url } from "../encryption/e2ee.ts"
import { type Peer } from "../session/types.ts"
import { type Conversation, keyOf } from "./conversation.ts"
import { type Course } from "./course.ts"
import { answer } from "./takingPart.ts"
import { type MediaChoice } from "./types.ts"

/** Calls all who are here; to call who calls is to answer. */
export async function start(course: Course, media: MediaChoice): Promise<void> {
  if (course.is("ringing-in")) return answer(course, media)
  if (!course.supported || course.current) return
  const call = toBase64Url(secureRandom(16))
  if (course.people.others.length === 0) {
    course.state.value = { kind: "ended", call, reason: "nobody-here", seconds: 0 }
    return
  }
  const begun = course.begin(call, "us", { kind: "ringing-out", call })
  begun.accept()
  const opening = course.media.open(media)
  course.ring(begun, () => stopRinging(course, begun))
  begun.early = []
  await announce(course, begun)
  if (course.isCurrent(begun)) ringAll(course, begun)
  await opening
  course.media.closeIfOver()
}

/** A new epoch (docs/protocol.md §3.7), and then the entry that rings at the others. */
async function announce(course: Course, begun: Conversation): Promise<void> {
  try {
    await course.line.renew()
    if (course.isCurrent(begun)) await course.line.announce(begun.id, "started")
  } catch {
    if (course.isCurrent(begun)) course.end("failed")
    course.notices.lineFailed()
  }
}

function ringAll(course: Course, begun: Conversation): void {
  course.people.others.forEach((peer) => begun.ring(peer))
  const { early = [] } = begun
  begun.early = undefined
  for (const { from, how } of early) refused(course, begun, from, how)
}

function stopRinging(course: Course, current: Conversation): void {
  const called = [...current.links.values()].map(({ peer }) => peer)
  const unanswered = called.filter((peer) => !current.present.has(keyOf(peer)))
  for (const peer of unanswered) course.notices.say(peer, "hangup", current.id)
  if (current.present.size === 0) course.finish("missed", "missed")
  else for (const peer of unanswered) current.drop(peer)
}

/** Declined on one device is declined on all of that person's; busy is one device only. */
export function refused(course: Course, current: Conversation, from: Peer, how: "decline" | "busy"): void {
  if (course.people.isOwn(from.memberId)) {
    if (how === "decline" && course.is("ringing-in")) course.end("declined")
    return
  }
  if (!current.links.has(keyOf(from))) {
    current.early?.push({ from, how })
    return
  }
  current.drop(from)
  if (how === "decline") {
    current.refusal = "declined-by-other"
    dropOtherDevices(course, current, from)
  } else current.refusal ??= "busy"
  if (current.links.size > 0 || course.is("ringing-in")) return
  course.finish(current.refusal, current.refusal === "declined-by-other" ? "declined" : "missed")
}

function dropOtherDevices(course: Course, current: Conversation, from: Peer): void {
  const person = course.people.devicesOf(from.memberId)
  for (const { peer } of [...current.links.values()]) {
    if (!person.has(peer.memberId)) continue
    course.notices.say(peer, "hangup", current.id)
    current.drop(peer)
  }
}
