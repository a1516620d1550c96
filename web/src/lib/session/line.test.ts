import "fake-indexeddb/auto"
import { afterEach, beforeEach, expect, test } from "vitest"
import { toBase64Url } from "../encryption/e2ee.ts"
import { type SessionPage } from "./page.ts"
import { Profile, until } from "./testing/device.ts"
import { shows, World } from "./testing/world.ts"
import { type CallSignal, type Peer } from "./types.ts"

let world: World
beforeEach(() => {
  world = new World()
})
afterEach(() => world.close())

const call = toBase64Url(crypto.getRandomValues(new Uint8Array(16)))

async function two() {
  const made = await world.founded()
  const profile = new Profile()
  const guest = await world.joined(made.id, made.secret, "Sam", profile)
  await until(() => made.host.line.peers.value.length === 1 && guest.line.peers.value.length === 1)
  return { ...made, guest, patient: profile }
}

function heard(page: SessionPage): [Peer, CallSignal][] {
  const all: [Peer, CallSignal][] = []
  page.line.onSignal((from, signal) => all.push([from, signal]))
  return all
}

const peerOf = (page: SessionPage) => page.line.peers.value[0]!

test("pages that say hello find each other, and are here", async () => {
  const { host, guest } = await two()
  expect(peerOf(host)).toMatchObject({ memberId: guest.self.value?.id, leaf: 1, name: "Sam" })
  await until(() => host.participants.value.every(({ here }) => here))
})

test("a signal reaches the page it is for, in order", async () => {
  const { host, guest } = await two()
  const signals = heard(guest)
  const back = heard(host)
  await host.line.send(peerOf(host), { type: "offer", call, sdp: "v=0", round: 0 })
  await host.line.send(peerOf(host), { type: "candidate", call, round: 0, candidate: null, mid: "0", line: 0 })
  await until(() => signals.length === 2)
  expect(signals.map(([, { type }]) => type)).toEqual(["offer", "candidate"])
  await guest.line.send(signals[0]![0], { type: "answer", call, sdp: "v=0", round: 0 })
  await until(() => back.length === 1)
})

test("a replayed signal is dropped", async () => {
  const { host, guest } = await two()
  const signals = heard(guest)
  const frames: object[] = []
  for (const socket of world.server.sockets) {
    const give = socket.give.bind(socket)
    socket.give = (frame) => {
      frames.push(frame)
      give(frame)
      if ((frame as { type: string }).type === "signal") give(frame)
    }
  }
  await host.line.send(peerOf(host), { type: "hangup", call })
  await host.line.send(peerOf(host), { type: "busy", call })
  await until(() => signals.some(([, { type }]) => type === "busy"))
  expect(signals.map(([, { type }]) => type)).toEqual(["hangup", "busy"])
})

test("who types is shown for some seconds, and not to themselves", async () => {
  const { host, guest } = await two()
  guest.noteTyping()
  await until(() => host.typing.value.includes("Sam"))
  expect(guest.typing.value).toEqual([])
  await guest.sendText("done")
  await shows(host, "done")
  expect(host.typing.value).toEqual([])
})

test("a page that closes is no peer, and one that comes back is another", async () => {
  const { id, host, guest, patient } = await two()
  const before = peerOf(host).instance
  await guest.closed()
  await until(() => host.line.peers.value.length === 0)
  expect(host.participants.value.find(({ self }) => !self)?.here).toBe(false)
  await world.opened(patient, id)
  await until(() => host.line.peers.value.length === 1)
  expect(peerOf(host).instance).not.toBe(before)
})

test("a call entry rings live at the others and stands in the timeline", async () => {
  const { host, guest } = await two()
  const rings: string[] = []
  guest.line.onCallEntry((from, _, event) => rings.push(`${from.name} ${event}`))
  host.line.onCallEntry(() => rings.push("own"))
  await host.line.announce(call, "started")
  await host.line.announce(call, "ended", 61)
  await until(() => rings.length === 2)
  expect(rings).toEqual(["Dr Roe started", "Dr Roe ended"])
  await until(() => host.unsent.value === 0)
  const told = guest.timeline.value.flatMap((item) => (item.kind === "event" && item.event.type === "call" ? [item.event] : []))
  expect(told).toEqual([
    { type: "call", call, event: "started" },
    { type: "call", call, event: "ended", seconds: 61 },
  ])
})

test("a call of an hour ago does not ring when the line is back", async () => {
  const { id, host, guest, patient } = await two()
  await guest.closed()
  await host.line.announce(call, "started")
  await until(() => host.unsent.value === 0)
  for (const row of world.server.place(id).log) row.at -= 60 * 60_000
  await host.sendText("are you there?")
  await until(() => host.unsent.value === 0)
  const again = await world.opened(patient, id)
  const rings: string[] = []
  again.line.onCallEntry((_, __, event) => rings.push(event))
  await shows(again, "are you there?")
  expect(rings).toEqual([])
})

test("a new epoch for a call gives both the same keys, and keeps the one before for a while", async () => {
  const { host, guest } = await two()
  const before = host.line.frameKeys.value?.epochs[0]
  await host.line.renew()
  const after = host.line.frameKeys.value
  expect(after?.epochs).toHaveLength(2)
  expect(after?.epochs[1]).toEqual(before)
  expect(after?.epochs[0]?.epoch).toBe((before?.epoch ?? 0) + 1)
  await until(() => guest.line.frameKeys.value?.epochs[0]?.epoch === after?.epochs[0]?.epoch)
  expect(guest.line.frameKeys.value?.epochs[0]?.key).toEqual(after?.epochs[0]?.key)
  expect(guest.line.frameKeys.value?.leaf).toBe(1)
})

test("a second tab can call: signals go out from it and come back to it", async () => {
  const { id, host, guest, patient } = await two()
  const tab = await world.opened(patient, id)
  const atTab = heard(tab)
  const atOwner = heard(guest)
  const atHost = heard(host)
  await tab.line.send(peerOf(tab), { type: "offer", call, sdp: "v=0", round: 0 })
  await until(() => atHost.length === 1)
  await host.line.send(atHost[0]![0], { type: "answer", call, sdp: "v=0", round: 0 })
  await until(() => atTab.length === 1)
  expect(atOwner).toEqual([])
})

test("an alarm of a call stops the sending", async () => {
  const { host } = await two()
  host.line.raise({ kind: "foreign-fingerprint", who: "Sam", stops: true })
  await until(() => host.alarms.value.length === 1)
  await expect(host.sendText("no")).rejects.toMatchObject({ reason: "stopped" })
})

test("the tab that is looked at is the one that others reach, unless another rings or is in a call", async () => {
  const { host, guest, patient } = await two()
  const first = peerOf(host).instance
  const second = await world.opened(patient, guest.id)
  second.line.attend()
  await until(() => peerOf(host).instance !== first)
  const other = peerOf(host).instance
  guest.line.attend()
  await until(() => peerOf(host).instance === first)
  guest.line.hold(true)
  second.line.attend()
  const signals = heard(guest)
  await host.line.send(peerOf(host), { type: "hangup", call })
  await until(() => signals.length === 1)
  expect(peerOf(host).instance).toBe(first)
  guest.line.hold(false)
  second.line.attend()
  await until(() => peerOf(host).instance === other)
})
