/**
 * Calls of one session (docs/protocol.md §7), as the interface knows them.
 *
 * The caller writes the durable call entry and offers to all who are here; it rings there, and the connection is made
 * while it rings. `accept`, `decline`, `busy` and `hangup` are sealed signals between pages.
 */
import { computed, effect } from "@preact/signals"
import { type CallLine } from "../session/types.ts"
import { start } from "./calling.ts"
import { Course } from "./course.ts"
import { heard } from "./hearing.ts"
import { membersChanged, peersChanged, Seconds } from "./presence.ts"
import { entryCame } from "./ringing.ts"
import { browser, type Surroundings } from "./surroundings.ts"
import { answer, decline, hangUp, joinOngoing, putDown } from "./takingPart.ts"
import { type Calls, type CallsOptions, type OwnLine } from "./types.ts"

/** Outside of a call nothing is held back. */
const ALL: OwnLine = { picture: "full", write: false }

/** Calls of one session. Listens from now on; `close` ends that. */
export function createCalls(line: CallLine, options: CallsOptions = {}, around: Surroundings = browser()): Calls {
  const { devices } = around
  const course = new Course(line, options, around)
  const { media } = course
  const listening = [
    ...listen(course),
    holdWhileCalling(course),
    around.onNetwork(() => course.current?.hurry()),
    around.onFocus(() => line.attend()),
  ]
  void devices.refresh()

  return {
    state: course.state,
    peers: computed(() => course.conversation.value?.views.value ?? []),
    ownLine: computed(() => course.conversation.value?.ownLine.value ?? ALL),
    startedAt: course.startedAt,
    ongoing: course.ongoing.shown,
    missed: course.missed,
    preview: media.preview,
    screen: media.screen,
    microphoneLevel: devices.level,
    speakingWhileMuted: media.speakingWhileMuted,
    muted: media.muted,
    cameraOff: media.cameraOff,
    blurred: media.blur.on,
    sharing: media.sharing,
    devices: devices.list,
    chosen: devices.chosen,
    inUse: devices.inUse,
    facing: devices.facing,
    news: devices.news,
    errors: devices.errors,
    start: (choice) => start(course, choice),
    answer: (choice) => answer(course, choice),
    joinOngoing: (choice) => joinOngoing(course, choice),
    decline: () => decline(course),
    hangUp: () => hangUp(course),
    dismiss: () => course.dismiss(),
    forgetMissed: () => {
      course.missed.value = []
    },
    setMuted: (mute) => media.setMuted(mute),
    setCameraOff: (off) => media.setCameraOff(off),
    setBlurred: (on) => media.blur.set(on),
    shareScreen: () => media.shareScreen(),
    stopSharing: () => devices.close("screen"),
    chooseDevice: (kind, id) => devices.choose(kind, id),
    flipCamera: () => devices.flipCamera(),
    forgetNews: () => devices.forgetNews(),
    refreshDevices: () => devices.refresh(),
    checkDevices: (choice) => media.check(choice),
    endCheck: () => media.endCheck(),
    close: () => {
      putDown(course)
      listening.forEach((stop) => stop())
      devices.end()
    },
  }
}

/** What moves a call from outside of this page's user. Returns what ends the listening. */
function listen(course: Course): (() => void)[] {
  const { line } = course
  const clock = new Seconds()
  const seconds = setInterval(() => void clock.tick(course), 1000)
  const levels = setInterval(() => {
    course.media.listen()
    void course.current?.pollLevels()
  }, 200)
  return [
    line.onSignal((from, said) => heard(course, from, said)),
    line.onCallEntry((from, call, event, at) => entryCame(course, from, call, event, at)),
    effect(() => peersChanged(course, line.peers.value)),
    effect(() => {
      const keys = line.frameKeys.value
      course.current?.setKeys(keys)
      if (!keys) course.end("removed")
    }),
    effect(() => membersChanged(course)),
    effect(() => course.media.put()),
    effect(() => course.remember()),
    () => course.media.blur.stop(),
    () => clearInterval(seconds),
    () => clearInterval(levels),
  ]
}

/** Of several pages of this device the one in a call stays the one that others reach. */
function holdWhileCalling({ line, conversation }: Course): () => void {
  let holds = false
  return effect(() => {
    const calling = conversation.value !== undefined
    if (calling === holds) return
    holds = calling
    line.hold(calling)
  })
}
