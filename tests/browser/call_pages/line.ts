/** A `CallLine` without a session: signals over the test's own relay, keys as the test says. */
import { signal } from "@preact/signals"
import { type Alarm, type CallLine, type CallSignal, type FrameKeys, type Member, type Peer } from "../../../web/src/lib/session/types.ts"

export type CallEvent = "started" | "ended" | "missed" | "declined"

type Said =
  | { kind: "peers"; peers: Peer[] }
  | { kind: "signal"; from: Peer; signal: CallSignal }
  | { kind: "entry"; from: Peer; call: string; event: CallEvent; seconds: number | null; at: number }

/** What the page was told to be, in its address: leaf, name, room. */
export function whoAmI(): Peer & { room: string } {
  const query = new URLSearchParams(location.search)
  const name = query.get("name") ?? "nobody"
  return {
    room: query.get("room") ?? "room",
    leaf: Number(query.get("leaf")),
    name,
    memberId: query.get("member") ?? name,
    instance: crypto.randomUUID(),
  }
}

export function openLine(me: Peer & { room: string }) {
  const peers = signal<readonly Peer[]>([])
  const frameKeys = signal<FrameKeys | undefined>(undefined)
  const relayOnly = signal(false)
  const alarms: Alarm[] = []
  const heard: { from: string; signal: CallSignal }[] = []
  const entries: { from: string; event: CallEvent; seconds: number | null }[] = []
  let iceServers: RTCIceServer[] = []
  let renewals = 0
  let listeners: ((from: Peer, signal: CallSignal) => void)[] = []
  let entryListeners: ((from: Member, call: string, event: CallEvent, at: number) => void)[] = []

  const post = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify({ ...me, ...body }) })
    if (!answer.ok) throw new Error(`relay said ${answer.status}`)
  }

  const events = new EventSource(`/events?${new URLSearchParams({ ...me, leaf: `${me.leaf}` })}`)
  events.onmessage = ({ data }: MessageEvent<string>) => {
    const said = JSON.parse(data) as Said
    if (said.kind === "peers") peers.value = said.peers.filter(({ instance }) => instance !== me.instance)
    else if (said.kind === "signal") {
      heard.push({ from: said.from.name, signal: said.signal })
      listeners.forEach((listen) => listen(said.from, said.signal))
    } else {
      entries.push({ from: said.from.name, event: said.event, seconds: said.seconds })
      const member: Member = { ...said.from, id: said.from.memberId, device: "", role: "guest", inviteId: said.from.memberId,
        identity: "none", self: said.from.memberId === me.memberId, here: true, since: 0 }
      if (!member.self) entryListeners.forEach((listen) => listen(member, said.call, said.event, said.at))
    }
  }

  const line: CallLine = {
    peers,
    frameKeys,
    relayOnly,
    send: (to, said) => post("/signal", { to: to.instance, signal: said }),
    onSignal: (listener) => {
      listeners = [...listeners, listener]
      return () => (listeners = listeners.filter((other) => other !== listener))
    },
    iceServers: () => Promise.resolve(iceServers),
    renew: () => {
      renewals++
      return Promise.resolve()
    },
    announce: (call, event, seconds) => post("/entry", { call, event, seconds: seconds ?? null }),
    onCallEntry: (listener) => {
      entryListeners = [...entryListeners, listener]
      return () => (entryListeners = entryListeners.filter((other) => other !== listener))
    },
    raise: (alarm) => void alarms.push(alarm),
    attend: () => undefined,
    hold: () => undefined,
  }

  return {
    line,
    alarms,
    heard,
    entries,
    renewals: () => renewals,
    /** `keys`: epoch and a number from which the test key is made, the current one first. */
    setKeys: (keys: [epoch: number, seed: number][] | null) => {
      frameKeys.value =
        keys === null
          ? undefined
          : { leaf: me.leaf, epochs: keys.map(([epoch, seed]) => ({ epoch, key: new Uint8Array(32).fill(seed) })) }
    },
    setRelay: (servers: RTCIceServer[], only: boolean) => {
      iceServers = servers
      relayOnly.value = only
    },
  }
}
