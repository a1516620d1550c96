/** Keeps what comes in for a call while the code of calls is still loading: a ring, or word of a call that goes on. */
import { type CallLine } from "../../lib/session/types"

type Listener<A extends unknown[]> = (...args: A) => void

/** More than this was not said in the seconds of loading. */
const most = 256

function kept<A extends unknown[]>(listen: (listener: Listener<A>) => () => void): (listener: Listener<A>) => () => void {
  let early: A[] | undefined = []
  const stop = listen((...args) => {
    if (early && early.length < most) early.push(args)
  })
  return (listener) => {
    const before = early ?? []
    early = undefined
    stop()
    const stopListening = listen(listener)
    for (const args of before) listener(...args)
    return stopListening
  }
}

/** The same line; the first listener of each kind is told what came before it. */
export function earlyLine(line: CallLine): CallLine {
  return {
    peers: line.peers,
    frameKeys: line.frameKeys,
    relayOnly: line.relayOnly,
    send: (to, signal) => line.send(to, signal),
    onSignal: kept((listener) => line.onSignal(listener)),
    iceServers: () => line.iceServers(),
    renew: () => line.renew(),
    announce: (call, event, seconds) => line.announce(call, event, seconds),
    onCallEntry: kept((listener) => line.onCallEntry(listener)),
    raise: (alarm) => line.raise(alarm),
    attend: () => line.attend(),
    hold: (on) => line.hold(on),
  }
}
