/** docs/protocol.md §7.1 */
import { expect, test } from "vitest"
import { secureRandom, toBase64Url } from "./bytes.ts"
import {
  applyEntry,
  CannotOpen,
  type Instance,
  makeCommit,
  openSignal,
  Refused,
  sealSignal,
  type SignalPayload,
  type SignalWindow,
  withoutInvite,
} from "./e2ee.ts"
import { startPair } from "./visit.fixture.ts"

const call = toBase64Url(secureRandom(16))
const offer: SignalPayload = { type: "offer", call, sdp: "v=0", round: 0 }
const none: SignalWindow = new Map()

async function scene() {
  const { host, guest, ...rest } = await startPair()
  const [hostPage, guestPage] = [0, 1].map((leaf): Instance => ({ leaf, instance: toBase64Url(secureRandom(8)) }))
  if (hostPage === undefined || guestPage === undefined) throw new Error("no pages")
  return { host, guest, hostPage, guestPage, ...rest }
}

test("a signal reaches the page it is for", async () => {
  const { host, guest, hostPage, guestPage } = await scene()
  const signal = await sealSignal(host.state, { ...hostPage, counter: 0 }, guestPage, offer)
  const opened = await openSignal(guest.state, guestPage, none, signal, 0)
  expect(opened).toMatchObject({ payload: offer, from: hostPage, toAll: false, sender: { name: "Dr Roe" } })
})

test("a replayed or late signal is refused, per sending page", async () => {
  const { host, guest, hostPage, guestPage } = await scene()
  const seal = (instance: string, counter: number) => sealSignal(host.state, { instance, counter }, guestPage, offer)
  const [first, second] = [await seal(hostPage.instance, 1), await seal(hostPage.instance, 2)]
  const { window } = await openSignal(guest.state, guestPage, none, second, 0)
  for (const signal of [first, second]) {
    await expect(openSignal(guest.state, guestPage, window, signal, 0)).rejects.toThrow("replayed")
  }
  const otherPage = await seal(toBase64Url(secureRandom(8)), 1)
  await openSignal(guest.state, guestPage, window, otherPage, 0)
})

test("a signal for another page, another leaf or oneself is refused", async () => {
  const { host, guest, hostPage, guestPage } = await scene()
  const from = { ...hostPage, counter: 0 }
  const elsewhere = { ...guestPage, instance: toBase64Url(secureRandom(8)) }
  for (const to of [elsewhere, { ...guestPage, leaf: 0 }, { ...guestPage, leaf: 0xffffffff }]) {
    const signal = await sealSignal(host.state, from, to, offer)
    await expect(openSignal(guest.state, guestPage, none, signal, 0)).rejects.toThrow("recipient")
  }
  const hello = await sealSignal(host.state, from, "everybody", { type: "hello", reply: true })
  await expect(openSignal(host.state, hostPage, none, hello, 0)).rejects.toThrow("own")
  expect(await openSignal(guest.state, guestPage, none, hello, 0)).toMatchObject({ toAll: true })
})

test("only hello, typing and bye are for everybody", async () => {
  const { host, hostPage } = await scene()
  await expect(sealSignal(host.state, { ...hostPage, counter: 0 }, "everybody", offer)).rejects.toThrow(Refused)
})

test("a signal of the epoch before is taken for ten seconds, and of no other", async () => {
  const { log, host, guest, hostPage, guestPage } = await scene()
  const early = await sealSignal(host.state, { ...hostPage, counter: 0 }, guestPage, offer)
  const { state, request } = await makeCommit(guest.state)
  guest.state = (await applyEntry(state, log.commit(request), 1000)).state
  await openSignal(guest.state, guestPage, none, early, 10_999)
  await expect(openSignal(guest.state, guestPage, none, early, 11_000)).rejects.toThrow("epoch")
  await guest.commit()
  await expect(openSignal(guest.state, guestPage, none, early, 0)).rejects.toThrow("epoch")
})

test("one who was removed is no longer heard", async () => {
  const { host, guest, hostPage, guestPage } = await scene()
  const signal = await sealSignal(guest.state, { ...guestPage, counter: 0 }, hostPage, offer)
  await host.commit({ removes: [1], policy: withoutInvite(host.state.epoch!.policy, guest.keys.id) })
  await expect(openSignal(host.state, hostPage, none, signal, 0)).rejects.toThrow("sender")
  await guest.follow()
  await expect(sealSignal(guest.state, { ...guestPage, counter: 1 }, hostPage, offer)).rejects.toThrow(Refused)
})

test("a signal with any byte changed is refused", async () => {
  const { host, guest, hostPage, guestPage } = await scene()
  const signal = await sealSignal(host.state, { ...hostPage, counter: 0 }, guestPage, offer)
  for (let at = 0; at < signal.length; at += 7) {
    const changed = signal.slice()
    changed[at]! ^= 1
    await expect(openSignal(guest.state, guestPage, none, changed, 0)).rejects.toThrow()
  }
  await expect(openSignal(guest.state, guestPage, none, signal.slice(0, -1), 0)).rejects.toThrow(CannotOpen)
})
