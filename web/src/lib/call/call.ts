/**
 * The state machine of calls (docs/protocol.md §7): idle → ringing → connecting → active → ended.
 *
 * The caller writes the durable call entry and offers to all who are here; it rings there, and the connection is made
 * while it rings. `accept`, `decline`, `busy` and `hangup` are sealed signals between pages.
 */
import { batch, computed, effect, signal } from "@preact/signals"
import { secureRandom, toBase64Url } from "../encryption/e2ee.ts"
import { type CallLine, type CallSignal, type Member, type Peer } from "../session/types.ts"
import { NO_CONTEXTS } from "./contexts.ts"
import { Conversation, keyOf, type Parts, type Starter } from "./conversation.ts"
import { type Devices, openDevices } from "./devices.ts"
import { Link } from "./link.ts"
import { forgetCall, rememberCall, rememberedCall } from "./rejoin.ts"
import { canSeal, startSealing } from "./sealing.ts"
import {
  type Caller,
  type Calls,
  type CallsOptions,
  type CallState,
  type EndReason,
  type MediaChoice,
  type MissedCall,
  type OngoingCall,
} from "./types.ts"

const RINGS = 45_000
/** Accepted, and nobody can be reached for so long: the call is over. */
const ALONE = 30_000
/** A page that is gone from the server and from the connection does not come back. */
const GONE = 8_000
const SPEAKING = 0.6

type Description = Extract<CallSignal, { sdp: string }>
type CallEvent = "started" | "ended" | "missed" | "declined"

/** What tests put in the place of browser and worker. */
export interface Surroundings extends Parts {
  devices: Devices
  supported: boolean
}

function browser(): Surroundings {
  return {
    startSealing,
    makeLink: (options) => new Link(options),
    devices: openDevices(),
    supported: canSeal(),
  }
}

/** Calls of one session. Listens from now on; `close` ends that. */
export function createCalls(line: CallLine, options: CallsOptions = {}, around: Surroundings = browser()): Calls {
  const { devices } = around
  const idle: CallState = around.supported ? { kind: "idle" } : { kind: "unsupported" }
  const state = signal<CallState>(idle)
  const conversation = signal<Conversation | undefined>(undefined)
  const startedAt = signal<number | undefined>(undefined)
  const ongoing = signal<(OngoingCall & { peers: Map<string, Peer> }) | undefined>(undefined)
  const missed = signal<readonly MissedCall[]>([])
  const muted = signal(false)
  const cameraOff = signal(true)
  const finished = new Set<string>()
  const gone = new Map<string, number>()
  /** Pages that were told of the call that goes on. */
  const told = new Set<string>()
  let ringing: ReturnType<typeof setTimeout> | undefined
  let refusal: EndReason | undefined
  let checking = false

  // ---- who is who -------------------------------------------------------------------------------------------------

  const ownLeaf = (): number => line.frameKeys.peek()?.leaf ?? Number.MAX_SAFE_INTEGER
  const participantOf = (memberId: string) =>
    options.participants?.peek().find(({ devices: all }) => all.some(({ id }) => id === memberId))
  const isOwn = (memberId: string): boolean => participantOf(memberId)?.self ?? false
  const siblings = (memberId: string): Set<string> =>
    new Set(participantOf(memberId)?.devices.map(({ id }) => id) ?? [memberId])
  const others = (): Peer[] => line.peers.peek().filter(({ memberId }) => !isOwn(memberId))

  // ---- signals and entries ----------------------------------------------------------------------------------------

  const say = (to: Peer, type: "accept" | "decline" | "hangup" | "busy", call: string): void => {
    line.send(to, { type, call }).catch(lineFailed)
  }
  const sayToAll = (type: "accept" | "decline" | "hangup", call: string): void =>
    line.peers.peek().forEach((peer) => say(peer, type, call))
  const announce = (call: string, event: CallEvent, seconds?: number): void => {
    line.announce(call, event, seconds).catch(lineFailed)
  }
  const lineFailed = (): void => devices.note({ about: "call", error: "line-failed" })

  // ---- beginning and end ------------------------------------------------------------------------------------------

  function begin(call: string, starter: Conversation["starter"], next: CallState): Conversation {
    checking = false
    const begun: Conversation = new Conversation(call, starter, line, around, {
      changed: () => progress(begun),
      alarmed: (peer, kind) => {
        if (kind === "foreign-fingerprint") line.raise({ kind, who: peer.name, stops: true })
        else line.raise({ kind, who: peer.name, stops: false })
        say(peer, "hangup", call)
        if (conversation.peek() === begun && begun.present.size === 0) end("alarm")
      },
      failed: (peer) => {
        say(peer, "hangup", call)
        if (isCurrent(begun) && begun.links.size === 0 && begun.present.size === 0) end("failed")
      },
      lineFailed,
      sealingDied: () => {
        if (conversation.peek() === begun) end("sealing-stopped")
      },
    })
    devices.forget("call")
    batch(() => {
      conversation.value = begun
      startedAt.value = undefined
      if (ongoing.peek()?.call === call) ongoing.value = undefined
      state.value = next
    })
    return begun
  }

  const isCurrent = (which: Conversation): boolean => conversation.peek() === which

  /** From ringing out to connecting, from connecting to active and back. */
  function progress(current: Conversation): void {
    if (!isCurrent(current) || !current.accepted) return
    const kind = state.peek().kind
    if (kind !== "ringing-out" && kind !== "connecting" && kind !== "active") return
    if (current.startedHere && current.present.size === 0 && startedAt.peek() === undefined) return
    if (!current.connected) {
      show({ kind: "connecting", call: current.id })
      return
    }
    if (startedAt.peek() === undefined) {
      startedAt.value = Date.now()
      rememberCall(current.id)
    }
    show({ kind: "active", call: current.id })
  }

  function show(next: CallState): void {
    if (state.peek().kind !== next.kind) state.value = next
  }

  /** Ends the call here; devices are closed at once, so that the light goes off. Tells nobody. */
  function end(reason: EndReason): void {
    const current = conversation.peek()
    if (!current) return
    clearTimeout(ringing)
    const since = startedAt.peek()
    const seconds = since === undefined ? 0 : Math.round((Date.now() - since) / 1000)
    finished.add(current.id)
    forgetCall()
    gone.clear()
    told.clear()
    refusal = undefined
    batch(() => {
      conversation.value = undefined
      startedAt.value = undefined
      devices.closeAll()
      current.close()
      muted.value = false
      cameraOff.value = true
      state.value = { kind: "ended", call: current.id, reason, seconds }
    })
  }

  /** Ends the call, and writes so where this side is the one to do it. */
  function finish(reason: EndReason, event: CallEvent): void {
    const current = conversation.peek()
    if (!current) return
    end(reason)
    const ended = state.peek()
    announce(current.id, event, event === "ended" && ended.kind === "ended" ? ended.seconds : undefined)
  }

  function missedBy(current: Conversation, reason: EndReason): void {
    const from = current.starter
    if (typeof from === "object") missed.value = [...missed.peek(), { call: current.id, from: callerOf(from), at: Date.now() }]
    end(reason)
  }

  function openWanted(media: MediaChoice): Promise<void> {
    batch(() => {
      muted.value = !media.audio
      cameraOff.value = !media.video
    })
    if (!media.video) devices.close("camera")
    if (!media.audio) devices.close("microphone")
    const kinds = [media.audio && ("microphone" as const), media.video && ("camera" as const)]
    return devices.open(kinds.filter((kind) => kind !== false))
  }

  // ---- verbs ------------------------------------------------------------------------------------------------------

  async function start(media: MediaChoice): Promise<void> {
    if (state.peek().kind === "ringing-in") return answer(media)
    if (!around.supported || conversation.peek()) return
    const call = toBase64Url(secureRandom(16))
    if (others().length === 0) {
      state.value = { kind: "ended", call, reason: "nobody-here", seconds: 0 }
      return
    }
    const begun = begin(call, "us", { kind: "ringing-out", call })
    begun.accept()
    const opening = openWanted(media)
    ringing = setTimeout(() => stopRinging(begun), RINGS)
    try {
      await line.renew()
      if (isCurrent(begun)) await line.announce(call, "started")
    } catch {
      if (isCurrent(begun)) end("failed")
      lineFailed()
    }
    if (isCurrent(begun)) others().forEach((peer) => begun.ring(peer))
    await opening
    closeIfOver()
  }

  /** The user hung up while the browser still asked for a permission. */
  function closeIfOver(): void {
    if (!conversation.peek()) devices.closeAll()
  }

  function stopRinging(current: Conversation): void {
    if (!isCurrent(current)) return
    const unanswered = [...current.links].filter(([key]) => !current.present.has(key))
    for (const [, { peer }] of unanswered) say(peer, "hangup", current.id)
    if (current.present.size === 0) {
      finish("missed", "missed")
      return
    }
    for (const [, { peer }] of unanswered) current.drop(peer)
  }

  async function answer(media: MediaChoice): Promise<void> {
    const current = conversation.peek()
    if (!current || state.peek().kind !== "ringing-in") return
    clearTimeout(ringing)
    await takePart(current, media)
  }

  async function takePart(current: Conversation, media: MediaChoice): Promise<void> {
    state.value = { kind: "connecting", call: current.id }
    const opening = openWanted(media)
    sayToAll("accept", current.id)
    for (const { peer } of current.links.values()) if (isStarter(current, peer)) current.present.set(keyOf(peer), peer)
    current.accept()
    // Those who took part before this side did: the lower leaf offers (docs/protocol.md §7.2).
    for (const peer of [...current.present.values()]) {
      if (!current.links.has(keyOf(peer)) && ownLeaf() < peer.leaf && !isStarter(current, peer)) current.ring(peer)
    }
    progress(current)
    await opening
    closeIfOver()
  }

  const isStarter = (current: Conversation, { memberId }: Peer): boolean => typeof current.starter === "object" && current.starter.memberId === memberId

  async function joinOngoing(media: MediaChoice): Promise<void> {
    const going = ongoing.peek()
    if (!going || !around.supported || conversation.peek()) return
    const [first] = going.peers.values()
    const begun = begin(going.call, undefined, { kind: "connecting", call: going.call })
    if (!first) {
      end("lost")
      return
    }
    for (const peer of going.peers.values()) begun.present.set(keyOf(peer), peer)
    await takePart(begun, media)
  }

  function decline(): void {
    const current = conversation.peek()
    if (!current || state.peek().kind !== "ringing-in") return
    sayToAll("decline", current.id)
    end("declined")
  }

  function hangUp(): void {
    const current = conversation.peek()
    if (!current) return
    if (state.peek().kind === "ringing-in") {
      decline()
      return
    }
    sayToAll("hangup", current.id)
    if (current.present.size === 0 && startedAt.peek() === undefined) {
      finish("hung-up", "missed")
      return
    }
    // Whoever leaves the last one alone writes that the call has ended.
    if (current.present.size <= 1) finish("hung-up", "ended")
    else end("hung-up")
  }

  // ---- what others do ---------------------------------------------------------------------------------------------

  function heard(from: Peer, said: CallSignal): void {
    const current = conversation.peek()
    if (current?.id === said.call) {
      heardInCall(current, from, said)
      return
    }
    switch (said.type) {
      case "offer":
        incoming(from, said)
        return
      case "media":
        noteOngoing(from, said.call)
        return
      case "hangup":
        leftOngoing(from)
        return
      case "accept":
        if (finished.has(said.call) && !isOwn(from.memberId)) say(from, "hangup", said.call)
        return
      case "answer":
      case "candidate":
      case "restart":
      case "decline":
      case "busy":
      case "unsealed":
        return
    }
  }

  function heardInCall(current: Conversation, from: Peer, said: CallSignal): void {
    switch (said.type) {
      case "accept":
        accepted(current, from)
        return
      case "decline":
      case "busy":
        refused(current, from, said.type)
        return
      case "hangup":
        hungUp(current, from)
        return
      case "offer":
      case "answer":
      case "candidate":
      case "restart":
      case "media":
      case "unsealed":
        current.take(from, said, ownLeaf())
        return
    }
  }

  function incoming(from: Peer, offer: Description): void {
    const current = conversation.peek()
    if (isOwn(from.memberId) || offer.round !== 0) return
    if (finished.has(offer.call)) {
      say(from, "hangup", offer.call)
      return
    }
    if (!around.supported) {
      say(from, "decline", offer.call)
      return
    }
    const kind = state.peek().kind
    if (current && kind === "ringing-out" && current.present.size === 0) {
      // Both started at once: the call of the lower leaf stands, and who called too need not answer.
      if (from.leaf < ownLeaf()) adopt(current, from, offer)
      return
    }
    if (current && kind === "ringing-in" && typeof current.starter === "object" && from.leaf < current.starter.leaf) {
      for (const { peer } of current.links.values()) say(peer, "busy", current.id)
      current.close()
      clearTimeout(ringing)
    } else if (current) {
      say(from, "busy", offer.call)
      return
    }
    ring(offer.call, from).take(from, offer, ownLeaf())
  }

  function ring(call: string, starter: Starter): Conversation {
    const begun = begin(call, starter, { kind: "ringing-in", call, from: callerOf(starter) })
    clearTimeout(ringing)
    ringing = setTimeout(() => {
      if (isCurrent(begun)) missedBy(begun, "missed")
    }, RINGS)
    return begun
  }

  /** Gives up the own call for the one that stands. Devices stay open, so this is no `end`. */
  function adopt(own: Conversation, from: Peer, offer: Description): void {
    clearTimeout(ringing)
    own.links.forEach(({ peer }) => say(peer, "hangup", own.id))
    own.close()
    finished.add(own.id)
    const begun = begin(offer.call, from, { kind: "connecting", call: offer.call })
    begun.take(from, offer, ownLeaf())
    putTracks()
    sayToAll("accept", offer.call)
    begun.present.set(keyOf(from), from)
    begun.accept()
  }

  function accepted(current: Conversation, from: Peer): void {
    if (isOwn(from.memberId)) {
      if (state.peek().kind === "ringing-in") end("answered-elsewhere")
      return
    }
    if (!current.accepted) return void current.present.set(keyOf(from), from)
    const offering = current.startedHere || ownLeaf() < from.leaf
    if (!current.admit(from, offering && !isStarter(current, from))) {
      say(from, "busy", current.id)
      return
    }
    // Answered on one device: the others of the same person need not ring any more.
    for (const [key, { peer }] of [...current.links]) {
      if (!current.present.has(key) && siblings(from.memberId).has(peer.memberId)) current.drop(peer)
    }
    progress(current)
  }

  function refused(current: Conversation, from: Peer, how: "decline" | "busy"): void {
    if (isOwn(from.memberId)) {
      if (how === "decline" && state.peek().kind === "ringing-in") end("declined")
      return
    }
    if (!current.links.has(keyOf(from))) return
    if (how === "decline" || refusal === undefined) refusal = how === "decline" ? "declined-by-other" : "busy"
    for (const { peer } of [...current.links.values()]) {
      const same = keyOf(peer) === keyOf(from)
      if (!same && (how === "busy" || !siblings(from.memberId).has(peer.memberId))) continue
      if (!same) say(peer, "hangup", current.id)
      current.drop(peer)
    }
    if (current.links.size > 0 || state.peek().kind === "ringing-in") return
    finish(refusal, refusal === "declined-by-other" ? "declined" : "missed")
  }

  function hungUp(current: Conversation, from: Peer): void {
    const byStarter = isStarter(current, from)
    const took = current.present.has(keyOf(from)) || current.links.has(keyOf(from))
    current.drop(from)
    if (state.peek().kind === "ringing-in") {
      if (byStarter && current.present.size === 0) missedBy(current, "cancelled")
      return
    }
    if (!took || current.links.size > 0 || current.present.size > 0) return
    if (state.peek().kind === "ringing-out") finish("failed", "missed")
    else end("hung-up-by-other")
  }

  // ---- calls that go on without this page -------------------------------------------------------------------------

  function noteOngoing(from: Peer, call: string): void {
    if (finished.has(call) || conversation.peek() || isOwn(from.memberId)) return
    const before = ongoing.peek()?.call === call ? ongoing.peek()?.peers : undefined
    const peers = new Map(before).set(keyOf(from), from)
    ongoing.value = { call, peers, names: namesOf(peers), wasIn: rememberedCall() === call }
  }

  function leftOngoing(from: Peer): void {
    const going = ongoing.peek()
    if (!going?.peers.has(keyOf(from))) return
    const peers = new Map(going.peers)
    peers.delete(keyOf(from))
    ongoing.value = peers.size === 0 ? undefined : { ...going, peers, names: namesOf(peers) }
  }

  function entryCame(from: Member, call: string, event: CallEvent, at: number): void {
    const current = conversation.peek()
    if (event !== "started") {
      if (current?.id === call && state.peek().kind === "ringing-in") missedBy(current, "cancelled")
      if (ongoing.peek()?.call === call) ongoing.value = undefined
      return
    }
    if (current || finished.has(call) || from.self || isOwn(from.id) || !around.supported) return
    if (Math.abs(Date.now() - at) < RINGS) ring(call, { memberId: from.id, name: from.name, leaf: from.leaf })
  }

  // ---- comings and goings -----------------------------------------------------------------------------------------

  function peersChanged(peers: readonly Peer[]): void {
    const here = new Set(peers.map(keyOf))
    for (const peer of ongoing.peek()?.peers.values() ?? []) if (!here.has(keyOf(peer))) leftOngoing(peer)
    const current = conversation.peek()
    if (!current) return
    noteGone(current, peers, here)
    if (!current.accepted) return
    for (const peer of peers) {
      if (isOwn(peer.memberId) || current.links.has(keyOf(peer))) continue
      if (state.peek().kind === "ringing-out") current.ring(peer)
      else tellOngoing(current, peer)
    }
  }

  /** A page that was loaded again is another instance of the same leaf: what was connected to the old one is dead. */
  function noteGone(current: Conversation, peers: readonly Peer[], here: Set<string>): void {
    for (const [key, { peer }] of [...current.links]) {
      if (here.has(key)) gone.delete(key)
      else if (peers.some(({ leaf }) => leaf === peer.leaf)) current.drop(peer)
      else if (!gone.has(key)) gone.set(key, Date.now())
    }
  }

  /** Who comes while a call goes on is told, and may join. */
  function tellOngoing(current: Conversation, peer: Peer): void {
    if (told.has(keyOf(peer))) return
    told.add(keyOf(peer))
    line.send(peer, { type: "media", call: current.id, ...current.sent, context: NO_CONTEXTS }).catch(lineFailed)
  }

  function membersChanged(): void {
    const current = conversation.peek()
    const members = new Set(options.participants?.value.flatMap(({ devices: all }) => all.map(({ id }) => id)))
    if (!current || members.size === 0) return
    for (const { peer } of [...current.links.values()]) {
      if (members.has(peer.memberId)) continue
      current.drop(peer)
      if (current.present.size === 0 && current.links.size === 0 && isCurrent(current)) finish("removed", "ended")
    }
  }

  async function everySecond(): Promise<void> {
    const current = conversation.peek()
    if (!current) return
    await current.poll()
    if (!isCurrent(current) || !current.accepted) return
    for (const [key, link] of [...current.links]) {
      const away = gone.get(key)
      if (away !== undefined && link.state !== "connected" && Date.now() - away > GONE) current.drop(link.peer)
    }
    progress(current)
    const alone = current.aloneSince
    if (state.peek().kind === "connecting" && alone !== undefined && Date.now() - alone > ALONE) {
      sayToAll("hangup", current.id)
      finish("lost", "ended")
    }
  }

  // ---- own media --------------------------------------------------------------------------------------------------

  /** Muted is no track at all: no frame leaves, sealed or not, so that not even its rhythm tells of the room. */
  function putTracks(): void {
    const current = conversation.value
    const tracks = {
      microphone: muted.value ? undefined : devices.microphone.value,
      camera: devices.camera.value,
      screen: devices.screen.value,
    }
    current?.setTracks(tracks)
  }

  async function setMuted(mute: boolean): Promise<void> {
    muted.value = mute
    if (!mute) await devices.open(["microphone"])
    closeIfIdle()
  }

  async function setCameraOff(off: boolean): Promise<void> {
    cameraOff.value = off
    if (off) devices.close("camera")
    else await devices.open(["camera"])
    closeIfIdle()
  }

  function closeIfIdle(): void {
    if (!checking) closeIfOver()
  }

  async function checkDevices(media: MediaChoice): Promise<void> {
    checking = true
    await openWanted(media)
    if (!(checking as boolean)) closeIfOver()
  }

  function endCheck(): void {
    checking = false
    if (!conversation.peek()) devices.closeAll()
  }

  async function shareScreen(): Promise<void> {
    await devices.openScreen()
    closeIfIdle()
  }

  const preview = computed(() => devices.camera.value && new MediaStream([devices.camera.value]))
  const screen = computed(() => devices.screen.value && new MediaStream([devices.screen.value]))
  const seconds = setInterval(() => void everySecond(), 1000)
  const levels = setInterval(() => void conversation.peek()?.pollLevels(), 200)
  const stopping = [
    line.onSignal(heard),
    line.onCallEntry(entryCame),
    effect(() => peersChanged(line.peers.value)),
    effect(() => {
      const keys = line.frameKeys.value
      conversation.peek()?.setKeys(keys)
      if (!keys && conversation.peek()) end("removed")
    }),
    effect(membersChanged),
    effect(putTracks),
    () => clearInterval(seconds),
    () => clearInterval(levels),
  ]
  void devices.refresh()

  return {
    state,
    peers: computed(() => conversation.value?.views.value ?? []),
    startedAt,
    ongoing,
    missed,
    preview,
    screen,
    microphoneLevel: devices.level,
    speakingWhileMuted: computed(() => muted.value && conversation.value !== undefined && devices.level.value > SPEAKING),
    muted,
    cameraOff: computed(() => cameraOff.value || devices.camera.value === undefined),
    sharing: computed(() => devices.screen.value !== undefined),
    devices: devices.list,
    chosen: devices.chosen,
    errors: devices.errors,
    start,
    answer,
    joinOngoing,
    decline,
    hangUp,
    dismiss: () => {
      if (state.peek().kind === "ended") state.value = idle
    },
    forgetMissed: () => {
      missed.value = []
    },
    setMuted,
    setCameraOff,
    shareScreen,
    stopSharing: () => devices.close("screen"),
    chooseDevice: (kind, id) => devices.choose(kind, id),
    refreshDevices: () => devices.refresh(),
    checkDevices,
    endCheck,
    close: () => {
      hangUp()
      stopping.forEach((stop) => stop())
      devices.end()
    },
  }
}

function callerOf({ memberId, name }: Caller): Caller {
  return { memberId, name }
}

function namesOf(peers: ReadonlyMap<string, Peer>): string[] {
  return [...new Set([...peers.values()].map(({ name }) => name))]
}
