/** Signals of others, each to what it is about (docs/protocol.md §7.1). */
import { type CallSignal, type Peer } from "../session/types.ts"
import { refused } from "./calling.ts"
import { type Conversation } from "./conversation.ts"
import { type Course } from "./course.ts"
import { incoming } from "./ringing.ts"
import { accepted, hungUp } from "./takingPart.ts"

export function heard(course: Course, from: Peer, said: CallSignal): void {
  const { current } = course
  if (current?.id === said.call) heardInCall(course, current, from, said)
  else heardOfAnother(course, from, said)
}

function heardInCall(course: Course, current: Conversation, from: Peer, said: CallSignal): void {
  switch (said.type) {
    case "accept":
      accepted(course, current, from)
      return
    case "decline":
    case "busy":
      refused(course, current, from, said.type)
      return
    case "hangup":
      hungUp(course, current, from)
      return
    case "offer":
    case "answer":
    case "candidate":
    case "restart":
    case "media":
    case "unsealed":
      current.take(from, said, course.people.ownLeaf)
      return
  }
}

/** A call that this page is not in, or not any more. */
function heardOfAnother(course: Course, from: Peer, said: CallSignal): void {
  const finished = course.finished.has(said.call)
  const own = course.people.isOwn(from.memberId)
  switch (said.type) {
    case "offer":
      if (said.round === 0) incoming(course, from, said)
      else if (finished && !own) course.notices.say(from, "hangup", said.call)
      return
    case "media":
      if (!finished && !own && !course.current) course.ongoing.note(from, said.call)
      return
    case "hangup":
      course.ongoing.left(from)
      return
    // Out of reach when it ended, they want it back.
    case "restart":
    case "accept":
      if (finished && !own) course.notices.say(from, "hangup", said.call)
      return
    case "answer":
    case "candidate":
    case "decline":
    case "busy":
    case "unsealed":
      return
  }
}
