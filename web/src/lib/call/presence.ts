/** Pages and members that come and go while a call goes on (docs/protocol.md §7.2). */
import { type Peer } from "../session/types.ts"
import { type Conversation, keyOf } from "./conversation.ts"
import { type Course } from "./course.ts"

/** Seconds that accepted, and with nobody in reach, a call waits for somebody. */
const ALONE = 30
/** Seconds that it waits for those it had reached: two minutes of nothing, and the time to find each other again. */
const LOST = 150
/** Seconds after which a page that went from the server and from the connection at once does not come back. */
const GONE = 30
/** ms late, a second tells that the machine has slept. */
const SLEPT = 5000

export function peersChanged(course: Course, peers: readonly Peer[]): void {
  const here = new Set(peers.map(keyOf))
  course.ongoing.keepOnly(here)
  const { current } = course
  if (!current) return
  noteGone(current, peers, here)
  if (!current.accepted) return
  for (const peer of peers) {
    if (course.people.isOwn(peer.memberId) || current.links.has(keyOf(peer))) continue
    if (course.is("ringing-out")) current.ring(peer)
    else tellOngoing(course, current, peer)
  }
}

/** A page that was loaded again is another instance of the same leaf: what was connected to the old one is dead. */
function noteGone(current: Conversation, peers: readonly Peer[], here: ReadonlySet<string>): void {
  for (const [key, { peer }] of [...current.links]) {
    if (here.has(key)) current.goneFor.delete(key)
    else if (peers.some(({ leaf }) => leaf === peer.leaf)) current.drop(peer)
    // The server notices a dead line later than the call does; who was silent before is out of reach, not gone.
    else if (!current.goneFor.has(key)) current.goneFor.set(key, current.isSilent(key) ? GONE - LOST : 0)
  }
}

/** Who comes while a call goes on is told, and may join. */
function tellOngoing(course: Course, current: Conversation, peer: Peer): void {
  if (current.told.has(keyOf(peer))) return
  current.told.add(keyOf(peer))
  course.notices.sayGoesOn(peer, current.id, current.sent)
}

/** To be called in an effect, which follows the members. Those who are no longer are out of the call. */
export function membersChanged(course: Course): void {
  const members = course.people.memberIds()
  const { current } = course
  if (!current || members.size === 0) return
  for (const { peer } of [...current.links.values()]) {
    if (members.has(peer.memberId)) continue
    current.drop(peer)
    if (current.deserted && course.isCurrent(current)) course.finish("removed", "ended")
  }
}

/** What a clock shows once a second: seconds in which the machine slept do not count. */
export class Seconds {
  #last = Date.now()

  async tick(course: Course): Promise<void> {
    const slept = Date.now() - this.#last > SLEPT
    this.#last = Date.now()
    if (slept) course.current?.hurry()
    await everySecond(course)
  }
}

async function everySecond(course: Course): Promise<void> {
  const { current } = course
  if (!current) return
  await current.poll()
  if (!course.isCurrent(current) || !current.accepted) return
  for (const [key, link] of [...current.links]) {
    if ((current.goneFor.get(key) ?? 0) > GONE && link.state !== "connected") current.drop(link.peer)
  }
  course.progress(current)
  const reached = course.startedAt.peek() !== undefined && current.links.size > 0
  if (course.is("connecting") && current.aloneFor > (reached ? LOST : ALONE)) {
    course.notices.sayToAll("hangup", current.id)
    course.finish(reached ? "lost" : "failed", "ended")
  }
}
