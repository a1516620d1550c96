import { signal } from "@preact/signals"
import { expect, test } from "vitest"
import { type CallLine, type CallSignal, type Peer } from "../../lib/session/types"
import { earlyLine } from "./earlyLine"

const peer: Peer = { memberId: "m", leaf: 1, instance: "i", name: "Ann" }
const hangUp = (call: string): CallSignal => ({ type: "hangup", call })

function line(): { line: CallLine; say: (signal: CallSignal) => void; listeners: () => number } {
  const listeners = new Set<(from: Peer, signal: CallSignal) => void>()
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    say: (said) => listeners.forEach((listener) => listener(peer, said)),
    listeners: () => listeners.size,
    line: {
      peers: signal([]),
      frameKeys: signal(undefined),
      relayOnly: signal(false),
      send: nothing,
      onSignal: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      iceServers: () => Promise.resolve([]),
      renew: nothing,
      announce: nothing,
      onCallEntry: () => () => undefined,
      raise: () => undefined,
      attend: () => undefined,
      hold: () => undefined,
    },
  }
}

test("what was said before anybody listened is told once and in order, then the rest as it comes", () => {
  const real = line()
  const early = earlyLine(real.line)
  real.say(hangUp("a"))
  real.say(hangUp("b"))
  const heard: string[] = []
  early.onSignal((_, { call }) => heard.push(call))
  real.say(hangUp("c"))
  early.onSignal((_, { call }) => heard.push(`second ${call}`))
  expect(heard).toEqual(["a", "b", "c"])
})

test("no listener stays behind when the only one stops", () => {
  const real = line()
  earlyLine(real.line).onSignal(() => undefined)()
  expect(real.listeners()).toBe(0)
})
