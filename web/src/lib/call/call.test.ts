import { signal } from "@preact/signals"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Alarm, type CallLine, type CallSignal, type FrameKeys, type Member, type Peer } from "../session/types.ts"
import { createCalls } from "./call.ts"
import { type Devices } from "./devices.ts"
import { type Link, type LinkOptions, type LinkState } from "./link.ts"
import { type Sealing, type SealingEvents } from "./sealing.ts"
import { type Calls, type MediaChoice } from "./types.ts"

const peer = (leaf: number, name: string, instance = `${name}-page`): Peer => ({ memberId: name, leaf, instance, name })
const [ROE, ANN, KIM, LEE, MAX] = ["Roe", "Ann", "Kim", "Lee", "Max"].map((name, leaf) => peer(leaf, name)) as [
  Peer,
  Peer,
  Peer,
  Peer,
  Peer,
]
const CALL = "A".repeat(22)
const BOTH = { audio: true, video: true }
const OFFER = { type: "offer", call: CALL, sdp: "", round: 0 } as const

/** A link without a browser; the test says when it connects. */
class FakeLink {
  state: LinkState = "connecting"
  offerer = false
  released = false
  pc = undefined
  streams = []
  remote = { audio: false, video: false, screen: false, paused: false }
  constructor(readonly options: LinkOptions) {}
  get peer(): Peer {
    return this.options.peer
  }
  get number(): number {
    return this.options.number
  }
  offer = (): void => {
    this.offerer = true
  }
  release = (): void => {
    this.released = true
  }
  close = (): void => {
    this.state = "closed"
  }
  become(state: LinkState): void {
    this.state = state
    this.options.events.changed()
  }
  takeOffer = vi.fn()
  takeAnswer = vi.fn()
  takeCandidate = vi.fn()
  takeMedia = vi.fn()
  restart = vi.fn()
  setTrack = vi.fn()
  announce = vi.fn()
  betray = vi.fn()
  shape = vi.fn(() => Promise.resolve())
  hurry = vi.fn()
  watchForLeaks = vi.fn(() => Promise.resolve())
}

function stage(self: Peer, here: Peer[], supported = true) {
  const forgotten: string[] = []
  const peers = signal<readonly Peer[]>(here)
  const frameKeys = signal<FrameKeys | undefined>({ leaf: self.leaf, epochs: [{ epoch: 1, key: new Uint8Array(32) }] })
  const said: [to: string, signal: CallSignal][] = []
  const entries: string[] = []
  let written = Promise.resolve()
  const alarms: Alarm[] = []
  const held: boolean[] = []
  const links: FakeLink[] = []
  let hear: (from: Peer, signal: CallSignal) => void = () => undefined
  let read: (from: Member, call: string, event: "started" | "ended" | "missed" | "declined", at: number) => void = () =>
    undefined
  let sealing: SealingEvents | undefined
  const line: CallLine = {
    peers,
    frameKeys,
    relayOnly: signal(false),
    send: (to, signal) => {
      said.push([to.name, signal])
      return Promise.resolve()
    },
    onSignal: (listener) => {
      hear = listener
      return () => undefined
    },
    iceServers: () => Promise.resolve([]),
    renew: () => Promise.resolve(),
    announce: (_, event) => {
      entries.push(event)
      return written
    },
    onCallEntry: (listener) => {
      read = listener
      return () => undefined
    },
    raise: (alarm) => void alarms.push(alarm),
    attend: vi.fn(),
    hold: (on) => void held.push(on),
  }
  const calls: Calls = createCalls(line, {}, {
    supported,
    onNetwork: () => () => undefined,
    onFocus: () => () => undefined,
    devices: { ...fakeDevices(), forget: (about) => void forgotten.push(about) },
    startSealing: (events): Sealing => {
      sealing = events
      return fakeSealing()
    },
    makeLink: (options) => {
      const link = new FakeLink(options)
      links.push(link)
      return link as unknown as Link
    },
  })
  return {
    calls,
    peers,
    frameKeys,
    entries,
    alarms,
    held,
    forgotten,
    links,
    hear: (from: Peer, signal: CallSignal) => hear(from, signal),
    read: (from: Peer, call: string, event: "started" | "ended", at: number) =>
      read({ ...from, id: from.memberId, self: false } as unknown as Member, call, event, at),
    /** What is written from now on lands when the answer is called. */
    holdEntries: (): (() => void) => {
      let land = (): void => undefined
      written = new Promise((resolve) => (land = resolve))
      return land
    },
    sealingDied: () => sealing?.died(),
    state: () => calls.state.value,
    said: (type: string) => said.filter(([, { type: of }]) => of === type).map(([to]) => to),
    linkTo: (to: Peer): FakeLink => {
      const link = links.findLast(({ peer: { name } }) => name === to.name)
      if (!link) throw new Error(`no link to ${to.name}`)
      return link
    },
  }
}

function fakeSealing(): Sealing {
  return {
    setKeys: vi.fn(),
    transform: vi.fn(),
    announced: vi.fn(),
    sealed: () => Promise.resolve(),
    counts: () => ({ sealed: 0, unsent: 0, opened: 0, unsealed: 0, undecodable: 0, early: 0 }),
    counted: () => Promise.resolve(),
    forget: vi.fn(),
    close: vi.fn(),
  }
}

function fakeDevices(): Devices {
  const none = signal(undefined)
  return {
    camera: none,
    microphone: none,
    screen: none,
    screenSound: none,
    level: signal(0),
    list: signal([]),
    chosen: signal({ camera: undefined, microphone: undefined, speaker: undefined }),
    inUse: signal({ camera: undefined, microphone: undefined, speaker: undefined }),
    facing: none,
    news: none,
    errors: signal([]),
    open: () => Promise.resolve(),
    close: vi.fn(),
    closeAll: vi.fn(),
    openScreen: () => Promise.resolve(),
    choose: () => Promise.resolve(),
    flipCamera: () => Promise.resolve(),
    forgetNews: vi.fn(),
    refresh: () => Promise.resolve(),
    note: vi.fn(),
    forget: vi.fn(),
    end: vi.fn(),
  }
}

/** The browser's storage of one tab, which stays over a reload. */
function keepOverReloads(): void {
  const kept = new Map<string, string>()
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  })
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it("a page that rings or is in a call says so, once each", async () => {
  const ann = stage(ANN, [ROE])
  ann.hear(ROE, OFFER)
  expect(ann.held).toEqual([true])
  await ann.calls.answer(BOTH)
  expect(ann.held).toEqual([true])
  ann.calls.hangUp()
  expect(ann.held).toEqual([true, false])
})

describe("who calls", () => {
  it("rings everybody who is here, after a new epoch and the entry", async () => {
    const roe = stage(ROE, [ANN, KIM])
    await roe.calls.start(BOTH)
    expect(roe.state().kind).toBe("ringing-out")
    expect(roe.entries).toEqual(["started"])
    expect(roe.links.map(({ peer: { name } }) => name)).toEqual(["Ann", "Kim"])
    expect(roe.links.every(({ offerer, released }) => offerer && !released)).toBe(true)
  })

  it("begins without the troubles of the call before", async () => {
    const roe = stage(ROE, [ANN])
    await roe.calls.start(BOTH)
    expect(roe.forgotten).toEqual(["call", "screen"])
  })

  it("is told when nobody is here", async () => {
    const roe = stage(ROE, [])
    await roe.calls.start(BOTH)
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "nobody-here" })
    expect(roe.entries).toEqual([])
  })

  it("waits 45 seconds for an answer", async () => {
    const roe = stage(ROE, [ANN])
    await roe.calls.start(BOTH)
    await vi.advanceTimersByTimeAsync(44_000)
    expect(roe.state().kind).toBe("ringing-out")
    await vi.advanceTimersByTimeAsync(1_000)
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "missed" })
    expect(roe.entries).toEqual(["started", "missed"])
    expect(roe.said("hangup")).toEqual(["Ann"])
  })

  it("sends nothing of the user to who has not answered", async () => {
    const roe = stage(ROE, [ANN, KIM])
    await roe.calls.start(BOTH)
    roe.hear(ANN, { type: "accept", call: callOf(roe.calls) })
    expect(roe.linkTo(ANN).released).toBe(true)
    expect(roe.linkTo(KIM).released).toBe(false)
  })

  it("stops ringing at those who have not answered 45 seconds later, and the call goes on", async () => {
    const roe = stage(ROE, [ANN, KIM])
    await roe.calls.start(BOTH)
    roe.hear(ANN, { type: "accept", call: callOf(roe.calls) })
    roe.linkTo(ANN).become("connected")
    await vi.advanceTimersByTimeAsync(45_000)
    expect(roe.said("hangup")).toEqual(["Kim"])
    expect(roe.linkTo(KIM).state).toBe("closed")
    expect(roe.state().kind).toBe("active")
  })

  it("is told that all declined", async () => {
    const roe = stage(ROE, [ANN, KIM])
    await roe.calls.start(BOTH)
    roe.hear(ANN, { type: "busy", call: callOf(roe.calls) })
    expect(roe.state().kind).toBe("ringing-out")
    roe.hear(KIM, { type: "decline", call: callOf(roe.calls) })
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "declined-by-other" })
    expect(roe.entries).toEqual(["started", "declined"])
  })

  it("is told of who declined what the entry rang before the offer went out", async () => {
    const roe = stage(ROE, [ANN])
    const land = roe.holdEntries()
    const started = roe.calls.start(BOTH)
    await vi.waitUntil(() => roe.entries.length === 1)
    roe.hear(ANN, { type: "decline", call: callOf(roe.calls) })
    land()
    await started
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "declined-by-other" })
    expect(roe.entries).toEqual(["started", "declined"])
  })

  it("is told once of refusals that come twice before the offer, or of a page that was not there", async () => {
    const roe = stage(ROE, [ANN])
    const land = roe.holdEntries()
    const started = roe.calls.start(BOTH)
    await vi.waitUntil(() => roe.entries.length === 1)
    for (const from of [KIM, ANN, ANN]) roe.hear(from, { type: "busy", call: callOf(roe.calls) })
    land()
    await started
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "busy" })
    expect(roe.entries).toEqual(["started", "missed"])
  })

  it("takes three others and no more", async () => {
    const roe = stage(ROE, [ANN, KIM, LEE, MAX])
    await roe.calls.start(BOTH)
    for (const other of [ANN, KIM, LEE, MAX]) roe.hear(other, { type: "accept", call: callOf(roe.calls) })
    expect(roe.said("busy")).toEqual(["Max"])
    expect(roe.linkTo(MAX).released).toBe(false)
  })
})

describe("who is called", () => {
  it("is rung by the offer, connects, and releases nothing before the answer", async () => {
    const ann = stage(ANN, [ROE])
    ann.hear(ROE, OFFER)
    expect(ann.state()).toMatchObject({ kind: "ringing-in", from: { name: "Roe" } })
    expect(ann.linkTo(ROE).takeOffer).toHaveBeenCalledOnce()
    ann.linkTo(ROE).become("connected")
    expect(ann.state().kind).toBe("ringing-in")
    expect(ann.linkTo(ROE).released).toBe(false)
    await ann.calls.answer(BOTH)
    expect(ann.said("accept")).toEqual(["Roe"])
    expect(ann.linkTo(ROE).released).toBe(true)
    expect(ann.state().kind).toBe("active")
  })

  it("is rung by the entry too, once, and not by an old one", () => {
    const ann = stage(ANN, [ROE])
    ann.read(ROE, CALL, "started", Date.now() - 60_000)
    expect(ann.state().kind).toBe("idle")
    ann.read(ROE, CALL, "started", Date.now())
    ann.hear(ROE, OFFER)
    expect(ann.state()).toMatchObject({ kind: "ringing-in", call: CALL })
    expect(ann.linkTo(ROE).takeOffer).toHaveBeenCalledOnce()
  })

  it("has a missed call when it stops ringing", async () => {
    const ann = stage(ANN, [ROE])
    ann.hear(ROE, OFFER)
    await vi.advanceTimersByTimeAsync(45_000)
    expect(ann.state()).toMatchObject({ kind: "ended", reason: "missed" })
    expect(ann.calls.missed.value).toMatchObject([{ call: CALL, from: { name: "Roe" } }])
    ann.calls.forgetMissed()
    expect(ann.calls.missed.value).toEqual([])
  })

  it("is busy for a second caller, whose leaf is higher", () => {
    const ann = stage(ANN, [ROE, KIM])
    ann.hear(ROE, OFFER)
    ann.hear(KIM, { ...OFFER, call: "B".repeat(22) })
    expect(ann.said("busy")).toEqual(["Kim"])
    expect(ann.state()).toMatchObject({ call: CALL })
  })

  it("rings for the lower leaf where two call at once", () => {
    const ann = stage(ANN, [ROE, KIM])
    ann.hear(KIM, { ...OFFER, call: "B".repeat(22) })
    ann.hear(ROE, OFFER)
    expect(ann.said("busy")).toEqual(["Kim"])
    expect(ann.state()).toMatchObject({ kind: "ringing-in", call: CALL, from: { name: "Roe" } })
  })

  it("is not rung again by a call that was declined", () => {
    const ann = stage(ANN, [ROE])
    ann.hear(ROE, OFFER)
    ann.calls.decline()
    ann.calls.dismiss()
    ann.hear(ROE, OFFER)
    expect(ann.state().kind).toBe("idle")
  })

  it("declines where frames cannot be sealed", () => {
    const ann = stage(ANN, [ROE], false)
    expect(ann.state().kind).toBe("unsupported")
    ann.hear(ROE, OFFER)
    expect(ann.said("decline")).toEqual(["Roe"])
    expect(ann.links).toEqual([])
  })

  it("offers to those of a higher leaf who answered before, and waits for the others", async () => {
    const kim = stage(KIM, [ROE, ANN, LEE])
    kim.hear(ROE, OFFER)
    kim.hear(ANN, { type: "accept", call: CALL })
    kim.hear(LEE, { type: "accept", call: CALL })
    await kim.calls.answer(BOTH)
    expect(kim.links.filter(({ offerer }) => offerer).map(({ peer: { name } }) => name)).toEqual(["Lee"])
    kim.hear(ANN, OFFER)
    expect(kim.linkTo(ANN).takeOffer).toHaveBeenCalledOnce()
    expect(kim.linkTo(ANN).released).toBe(true)
  })
})

describe("two who call at once", () => {
  it("are in the call of the lower leaf", async () => {
    const ann = stage(ANN, [ROE])
    await ann.calls.start(BOTH)
    const own = callOf(ann.calls)
    ann.hear(ROE, OFFER)
    expect(ann.state()).toMatchObject({ kind: "connecting", call: CALL })
    expect(ann.said("accept")).toEqual(["Roe"])
    const roe = stage(ROE, [ANN])
    await roe.calls.start(BOTH)
    roe.hear(ANN, { ...OFFER, call: own })
    expect(roe.state().kind).toBe("ringing-out")
    expect(roe.links).toHaveLength(1)
  })
})

describe("a call under way", () => {
  async function active() {
    const roe = stage(ROE, [ANN])
    await roe.calls.start(BOTH)
    roe.hear(ANN, { type: "accept", call: callOf(roe.calls) })
    roe.linkTo(ANN).become("connected")
    return roe
  }

  it("tells of itself to who comes later, and lets them in", async () => {
    const roe = await active()
    roe.peers.value = [ANN, KIM]
    expect(roe.said("media")).toEqual(["Kim"])
    roe.hear(KIM, { type: "accept", call: callOf(roe.calls) })
    expect(roe.linkTo(KIM)).toMatchObject({ offerer: true, released: true })
  })

  it("closes the link to a page that was loaded again", async () => {
    const roe = await active()
    const old = roe.linkTo(ANN)
    roe.peers.value = [peer(1, "Ann", "another page")]
    expect(old.state).toBe("closed")
    expect(roe.state().kind).toBe("connecting")
  })

  it("says nothing of a gap of 5 seconds, and waits two minutes and a half", async () => {
    const roe = await active()
    roe.linkTo(ANN).become("reconnecting")
    await vi.advanceTimersByTimeAsync(4_000)
    expect(roe.state().kind).toBe("active")
    await vi.advanceTimersByTimeAsync(2_000)
    expect(roe.state().kind).toBe("connecting")
    await vi.advanceTimersByTimeAsync(140_000)
    expect(roe.state().kind).toBe("connecting")
    await vi.advanceTimersByTimeAsync(10_000)
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "lost" })
    expect(roe.entries).toEqual(["started", "ended"])
  })

  it("that never connected is not said to have been lost", async () => {
    const roe = stage(ROE, [ANN])
    await roe.calls.start(BOTH)
    roe.hear(ANN, { type: "accept", call: callOf(roe.calls) })
    await vi.advanceTimersByTimeAsync(29_000)
    expect(roe.state().kind).toBe("connecting")
    await vi.advanceTimersByTimeAsync(5_000)
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "failed" })
  })

  it("goes on when the server is out of reach and the connection is not", async () => {
    const roe = await active()
    roe.peers.value = []
    await vi.advanceTimersByTimeAsync(60_000)
    expect(roe.state().kind).toBe("active")
  })

  it("ends for both when one of two hangs up, written by who did", async () => {
    const roe = await active()
    await vi.advanceTimersByTimeAsync(7_000)
    roe.hear(ANN, { type: "hangup", call: callOf(roe.calls) })
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "hung-up-by-other", seconds: 7 })
    expect(roe.entries).toEqual(["started"])
  })

  it("ends when the worker that seals dies", async () => {
    const roe = await active()
    roe.sealingDied()
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "sealing-stopped" })
    expect(roe.linkTo(ANN).state).toBe("closed")
  })

  it("ends when this device is removed", async () => {
    const roe = await active()
    roe.frameKeys.value = undefined
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "removed" })
    expect(roe.linkTo(ANN).state).toBe("closed")
  })

  it("raises an alarm for a foreign certificate and ends", async () => {
    const roe = await active()
    roe.linkTo(ANN).options.events.betrayed("foreign-fingerprint")
    expect(roe.alarms).toEqual([{ kind: "foreign-fingerprint", who: "Ann", stops: true }])
    expect(roe.state()).toMatchObject({ kind: "ended", reason: "alarm" })
  })
})

describe("a page that was loaded again", () => {
  const ON = { type: "media", audio: true, video: true, screen: false, context: ["", "", ""] } satisfies Partial<CallSignal>

  async function reached() {
    keepOverReloads()
    const ann = stage(ANN, [ROE])
    ann.hear(ROE, OFFER)
    await ann.calls.answer(BOTH)
    ann.linkTo(ROE).become("connected")
    return ann
  }

  /** What it sent before, as it hears that the call goes on. */
  function again(): { calls: Calls; left: MediaChoice | undefined } {
    const ann = stage(ANN, [ROE])
    ann.hear(ROE, { ...ON, call: CALL })
    return { calls: ann.calls, left: ann.calls.ongoing.value?.wasIn }
  }

  it("is back as it was left, and so after another reload", async () => {
    const ann = await reached()
    expect(again().left).toEqual(BOTH)
    await ann.calls.setMuted(true)
    expect(again().left).toEqual({ audio: false, video: true })
    await ann.calls.setCameraOff(true)
    const { calls, left = BOTH } = again()
    expect(left).toEqual({ audio: false, video: false })
    await calls.joinOngoing(left)
    expect([calls.muted.value, calls.cameraOff.value]).toEqual([true, true])
    expect(again().left).toEqual(left)
    await calls.setMuted(false)
    expect(again().left).toEqual({ audio: true, video: false })
  })

  it("is waited for, also where only the visit was left and not the page", async () => {
    const ann = await reached()
    ann.calls.close()
    expect(ann.said("hangup")).toEqual([])
    expect(ann.entries).toEqual([])
    expect(ann.linkTo(ROE).state).toBe("closed")
    expect(ann.state().kind).toBe("idle")
    expect(again().left).toEqual(BOTH)
  })

  it("lets nothing ring on for it", async () => {
    const roe = stage(ROE, [ANN])
    await roe.calls.start(BOTH)
    roe.calls.close()
    expect(roe.said("hangup")).toEqual(["Ann"])
    expect(roe.entries).toEqual(["started", "missed"])
  })

  it("goes back into no call that it left", async () => {
    const ann = await reached()
    ann.calls.hangUp()
    expect(again().left).toBeUndefined()
  })
})

function callOf(calls: Calls): string {
  const state = calls.state.value
  if (!("call" in state)) throw new Error("no call")
  return state.call
}
