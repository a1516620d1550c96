/** Who takes part in a call: this page and others, from `accept` to `hangup` (docs/protocol.md §7.1, §7.2). */
import { type Peer } from "../session/types.ts"
import { type Conversation, keyOf } from "./conversation.ts"
import { type Course } from "./course.ts"
import { leftIn } from "./rejoin.ts"
import { type MediaChoice } from "./types.ts"

export async function answer(course: Course, media: MediaChoice): Promise<void> {
  const { current } = course
  if (!current || !course.is("ringing-in")) return
  course.silence()
  await takePart(course, current, media)
}

export function decline(course: Course): void {
  const { current } = course
  if (!current || !course.is("ringing-in")) return
  course.notices.sayToAll("decline", current.id)
  course.end("declined")
}

export async function joinOngoing(course: Course, media: MediaChoice): Promise<void> {
  const going = course.ongoing.shown.peek()
  if (!going || !course.supported || course.current) return
  const begun = course.begin(going.call, undefined, { kind: "connecting", call: going.call })
  for (const [key, peer] of going.peers) begun.present.set(key, peer)
  await takePart(course, begun, media)
}

async function takePart(course: Course, current: Conversation, media: MediaChoice): Promise<void> {
  course.state.value = { kind: "connecting", call: current.id }
  const opening = course.media.open(media)
  enter(course, current)
  // Those who took part before this side did: the lower leaf offers.
  for (const peer of [...current.present.values()]) {
    if (course.people.ownLeaf < peer.leaf && !current.isStartedBy(peer)) current.ring(peer)
  }
  course.progress(current)
  await opening
  course.media.closeIfOver()
}

/** This page takes part from now on, and so does who started the call. */
export function enter(course: Course, current: Conversation): void {
  course.notices.sayToAll("accept", current.id)
  for (const [key, { peer }] of current.links) if (current.isStartedBy(peer)) current.present.set(key, peer)
  current.accept()
}

export function accepted(course: Course, current: Conversation, from: Peer): void {
  const { people, notices } = course
  if (people.isOwn(from.memberId)) {
    if (course.is("ringing-in")) course.end("answered-elsewhere")
    return
  }
  if (!current.accepted) {
    current.present.set(keyOf(from), from)
    return
  }
  const offering = current.startedHere || people.ownLeaf < from.leaf
  if (!current.admit(from, offering && !current.isStartedBy(from))) {
    notices.say(from, "busy", current.id)
    return
  }
  // Answered on one device: the others of the same person need not ring any more.
  const person = people.devicesOf(from.memberId)
  for (const [key, { peer }] of [...current.links]) {
    if (!current.present.has(key) && person.has(peer.memberId)) current.drop(peer)
  }
  course.progress(current)
}

export function hungUp(course: Course, current: Conversation, from: Peer): void {
  const took = current.present.has(keyOf(from)) || current.links.has(keyOf(from))
  current.drop(from)
  if (course.is("ringing-in")) {
    if (current.isStartedBy(from) && current.present.size === 0) course.miss("cancelled")
    return
  }
  if (!took || !current.deserted) return
  if (course.is("ringing-out")) course.finish("failed", "missed")
  else course.end("hung-up-by-other")
}

export function hangUp(course: Course): void {
  const { current } = course
  if (!current) return
  if (course.is("ringing-in")) {
    decline(course)
    return
  }
  course.notices.sayToAll("hangup", current.id)
  const left = current.present.size
  if (left === 0 && course.startedAt.peek() === undefined) course.finish("hung-up", "missed")
  // Whoever leaves the last one alone writes that the call has ended.
  else if (left <= 1) course.finish("hung-up", "ended")
  else course.end("hung-up")
}

/** The page goes. A call that was reached waits until it is back; one that was not would ring on for nobody. */
export function putDown(course: Course): void {
  const { current } = course
  if (current && !course.is("ringing-in") && !leftIn(current.id)) hangUp(course)
  else course.stop()
}
