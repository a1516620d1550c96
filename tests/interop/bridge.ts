/**
 * The web client's own modules as a process: one JSON request a line in, one answer a line out. Bytes are base64url.
 *
 * Built and driven by tests/interop; see peers.py for the other side.
 */
import { createInterface } from "node:readline"
import { type Bytes, concat, fromBase64Url, secureRandom, toBase64Url } from "../../web/src/lib/encryption/bytes.ts"
import { encodeCommitData } from "../../web/src/lib/encryption/commitData.ts"
import * as e2ee from "../../web/src/lib/encryption/e2ee.ts"
import * as frame from "../../web/src/lib/encryption/frame.ts"
import { commit } from "../../web/src/lib/encryption/groupMaking.ts"
import { sealCommit } from "../../web/src/lib/encryption/log.ts"
import { sealMessage } from "../../web/src/lib/encryption/message.ts"

type Values = Record<string, any>

interface Device {
  state: e2ee.MemberState
  /** While a re-sync is on its way */
  before?: e2ee.MemberState | undefined
  keys: e2ee.InviteKeys
  instance: string
  counter: number
  window: e2ee.SignalWindow
}

const devices = new Map<string, Device>()
const frameWindows = new Map<string, frame.ReplayWindow>()

const marks = new Map<string, Map<string, Device>>()

function copied(prefix: string, from: ReadonlyMap<string, Device>): Map<string, Device> {
  return new Map([...from].filter(([name]) => name.startsWith(prefix)).map(([name, kept]) => [name, { ...kept }]))
}

function device(name: string): Device {
  const found = devices.get(name)
  if (found === undefined) throw new Error(`no device ${name}`)
  return found
}

function adopt(name: string, state: e2ee.MemberState, keys: e2ee.InviteKeys): void {
  devices.set(name, { state, keys, instance: toBase64Url(secureRandom(8)), counter: 0, window: new Map() })
}

function boxes(list: readonly { invite: string; box: Bytes }[]) {
  return list.map(({ invite, box }) => ({ invite, box: toBase64Url(box) }))
}

function request({ id, parent, commit: body, door, keyBoxes }: e2ee.CommitRequest) {
  return { id, parent, body: toBase64Url(body), door: toBase64Url(door), keyBoxes: boxes(keyBoxes) }
}

function upload({ parent, door, keyBoxes, letters }: e2ee.DoorRequest) {
  const kept = letters.map(({ invite, letter }) => ({ invite, letter: toBase64Url(letter) }))
  return { parent, door: toBase64Url(door), keyBoxes: boxes(keyBoxes), letters: kept }
}

function told(event: e2ee.EntryEvent | e2ee.MessageEvent): unknown[] {
  switch (event.kind) {
    case "message":
      return ["message", event.sender.memberId, event.time, JSON.stringify(event.payload)]
    case "refused":
      return ["refused", event.sender.memberId, event.time]
    case "unsupported":
      return ["unsupported", event.sender.memberId, event.time, event.type]
    case "unreadable":
      return ["unreadable", event.cause]
    case "commit": {
      const removed = event.removed.map(({ memberId }) => memberId).sort()
      return ["commit", event.sender.memberId, event.own, event.joined?.memberId ?? null, event.resync, removed]
    }
    case "removed-self":
      return ["removed-self", event.resync]
    case "void":
      return ["void", event.cause, event.sender?.memberId ?? null, event.invite?.id ?? null]
    default:
      return [event.kind]
  }
}

const operations: Record<string, (values: Values) => Promise<unknown> | unknown> = {
  async found({ name, title, invites, who }) {
    const founder = { label: who, devices: 4 }
    const introduction = { name: who, device: "browser" }
    const made = await e2ee.found({ introduction, title, relayOnly: false, founder, invites })
    const own = made.invites[0]
    if (own === undefined) throw new Error("no invite")
    adopt(name, made.state, own.keys)
    const { door, keyBoxes } = made.request
    const fragments = made.invites.map(({ fragment }) => fragment)
    return { session: made.request.id, fragments, door: toBase64Url(door), keyBoxes: boxes(keyBoxes) }
  },
  async newInvite({ name, options }) {
    const { state } = device(name)
    const epoch = state.epoch
    if (epoch === undefined) throw new Error("not in")
    const made = await e2ee.newInvite(state.sessionId, options, epoch.n + 1)
    const next = await e2ee.makeCommit(state, { policy: e2ee.withInvite(epoch.policy, made.invite) })
    device(name).state = next.state
    return { ...request(next.request), fragment: made.fragment }
  },
  async join({ name, session, fragment, passcode, door, keyBox, digests, lastCommit, who, returning }) {
    const keys = await e2ee.inviteKeys(session, e2ee.readFragment(fragment), passcode)
    const opened = await e2ee.openDoor(keys, { door: fromBase64Url(door), keyBox: fromBase64Url(keyBox) })
    const before = returning ? device(name).state : undefined
    const rows = digests.filter(({ seq }: Values) => seq > opened.position.seq).map(e2ee.readDigest)
    const introduction = { name: who, device: "browser" }
    const made = await e2ee.join(opened, { digests: rows, lastCommit }, introduction, before)
    if (returning) Object.assign(device(name), { state: made.state, before })
    else adopt(name, made.state, keys)
    return request(made.request)
  },
  async apply({ name, entries, now }) {
    const events: unknown[] = []
    const forks: number[] = []
    for (const row of entries) {
      const applied = await e2ee.applyEntry(device(name).state, e2ee.readEntry(row), now)
      device(name).state = applied.state
      events.push(told(applied.event))
      if (applied.fork !== undefined) forks.push(applied.fork.seq)
    }
    return { events, forks }
  },
  async reread({ name, entries }) {
    const events: unknown[] = []
    for (const row of entries) events.push(told(await e2ee.openEntry(device(name).state, e2ee.readEntry(row))))
    return { events }
  },
  async seal({ name, payload, now }) {
    const { id, parent, encryptedMessage } = await e2ee.encryptMessage(device(name).state, payload, now)
    return { id, parent, body: toBase64Url(encryptedMessage) }
  },
  /** Seals a payload that this side's own rules would not let out, under an epoch it is in. */
  async sealUnchecked({ name, payload, now }) {
    const { state } = device(name)
    if (state.epoch === undefined) throw new Error("not in")
    const id = toBase64Url(secureRandom(16))
    const fields = { kind: "chat" as const, parent: state.lastCommit, id }
    const body = await sealMessage(state.sessionId, state.epoch, fields, state.head, payload, now)
    return { id, parent: state.lastCommit, body: toBase64Url(body) }
  },
  async commit({ name, removes, close, title, without }) {
    const { state } = device(name)
    let policy = state.epoch?.policy
    if (policy === undefined) throw new Error("not in")
    if (close !== undefined) policy = e2ee.withInviteClosed(policy, close)
    if (without !== undefined) policy = e2ee.withoutInvite(policy, without)
    if (title !== undefined) policy = e2ee.withSettings(policy, { title, relayOnly: false })
    const changed = policy !== state.epoch?.policy
    const made = await e2ee.makeCommit(state, { removes, ...(changed ? { policy } : {}) })
    device(name).state = made.state
    return request(made.request)
  },
  /** A commit whose data and removes nobody has checked. */
  async commitUnchecked({ name, removes, seq, h, policy, join }) {
    const { state } = device(name)
    const { epoch } = state
    if (epoch === undefined) throw new Error("not in")
    const at = seq === undefined ? state.head : { seq, h: fromBase64Url(h) }
    const data = encodeCommitData({
      at,
      ...(join === undefined ? {} : { join: { invite: join.invite, signature: fromBase64Url(join.signature) } }),
      ...(policy === undefined ? {} : { policy: fromBase64Url(policy) }),
    })
    const made = await commit(epoch.group, removes, data, secureRandom)
    const id = toBase64Url(secureRandom(16))
    const fields = { kind: "commit" as const, parent: state.lastCommit, id }
    const body = await sealCommit(epoch.secrets.door, state.sessionId, fields, made.message)
    return { id, parent: state.lastCommit, body: toBase64Url(body) }
  },
  /** Any bytes as a commit entry of the present epoch. */
  async sealAsCommit({ name, message }) {
    const { state } = device(name)
    if (state.epoch === undefined) throw new Error("not in")
    const id = toBase64Url(secureRandom(16))
    const fields = { kind: "commit" as const, parent: state.lastCommit, id }
    const body = await sealCommit(state.epoch.secrets.door, state.sessionId, fields, fromBase64Url(message))
    return { id, parent: state.lastCommit, body: toBase64Url(body) }
  },
  /** A re-sync that was lost: the device goes on from the state before it. */
  goBack({ name }) {
    const { before } = device(name)
    if (before === undefined) throw new Error("no re-sync")
    Object.assign(device(name), { state: before, before: undefined })
    return {}
  },
  drop({ name }) {
    device(name).state = e2ee.dropPending(device(name).state)
    return {}
  },
  async door({ name }) {
    return upload(await e2ee.doorOf(device(name).state))
  },
  async checkDoor({ name, door }) {
    return { fault: (await e2ee.checkDoor(device(name).state, fromBase64Url(door))) ?? null }
  },
  async takeLetter({ name, letter, digests }) {
    const { state, keys } = device(name)
    const history = await e2ee.openLetter(keys, fromBase64Url(letter))
    device(name).state = await e2ee.takeHistory(state, history, between(history, state, digests))
    return {}
  },
  async grants({ name, member }) {
    return { payloads: await e2ee.grantFor(device(name).state, member) }
  },
  async takeGrant({ name, box, digests }) {
    const { state, keys } = device(name)
    const history = await e2ee.openGrant(keys, state.self.memberId, box)
    device(name).state = await e2ee.takeHistory(state, history, between(history, state, digests))
    return {}
  },
  async restore({ name }) {
    device(name).state = await e2ee.decodeState(e2ee.encodeState(device(name).state))
    return {}
  },
  summary({ name }) {
    const { state } = device(name)
    const { epoch } = state
    const common = {
      phase: state.phase,
      head: state.head.seq,
      h: toBase64Url(state.head.h),
      lastCommit: state.lastCommit,
      fork: state.fork ?? null,
      contradictions: state.contradictions.map(({ memberId, seq }) => [memberId, seq]),
      pending: state.pending !== undefined,
    }
    if (epoch === undefined || state.phase !== "in") return common
    return {
      ...common,
      epoch: epoch.n,
      authenticator: toBase64Url(epoch.group.keys.epochAuthenticator as Bytes),
      policy: toBase64Url(epoch.policyBytes),
      roster: epoch.members.map(({ leaf, memberId, role, identity }) => [leaf, memberId, role, identity]),
      used: [...state.used].sort(),
      code: e2ee.securityCode(state).groups,
      frame: toBase64Url(epoch.secrets.frame),
      records: state.records.map(({ epoch: n, start }) => [n, start]),
    }
  },
  hello({ name }) {
    const { state, instance } = device(name)
    return { leaf: state.self.leaf, instance }
  },
  async sealSignal({ name, to, payload }) {
    const own = device(name)
    own.counter += 1
    const sealed = await e2ee.sealSignal(own.state, { instance: own.instance, counter: own.counter }, to, payload)
    return { signal: toBase64Url(sealed) }
  },
  async openSignal({ name, signal, now }) {
    const own = device(name)
    const opened = await e2ee.openSignal(own.state, own, own.window, fromBase64Url(signal), now)
    own.window = opened.window
    return { payload: JSON.stringify(opened.payload), sender: opened.sender.memberId, from: opened.from }
  },
  async sealFrame({ name, context, counter, plain, codec }) {
    const { leaf, epochs } = e2ee.frameKeys(device(name).state, 0)
    const current = epochs[0]
    if (current === undefined) throw new Error("no key")
    const kid = frame.frameKid(fromBase64Url(context), leaf, current.epoch)
    const bytes = fromBase64Url(plain)
    const readable = codec === "vp8" ? frame.readableOfVp8(bytes) : 0
    const key = await frame.deriveFrameKey(current.key, kid)
    return { frame: toBase64Url(await frame.encryptFrame(key, counter, bytes, readable)) }
  },
  async openFrame({ name, sealed, leaf, codec }) {
    const bytes = fromBase64Url(sealed)
    const readable = codec === "vp8" ? frame.readableOfVp8(bytes) : 0
    const header = frame.readFrameHeader(bytes, readable)
    if (header === undefined || header.leaf !== leaf) throw new Error("header")
    const { epochs } = e2ee.frameKeys(device(name).state, 0)
    const base = epochs.find(({ epoch }) => epoch % 65536 === header.epoch)
    if (base === undefined) throw new Error("epoch")
    const key = await frame.deriveFrameKey(base.key, header.kid)
    const plain = await frame.decryptFrame(key, bytes, readable)
    const place = `${name} ${header.kid}`
    const window = frameWindows.get(place) ?? new frame.ReplayWindow()
    frameWindows.set(place, window)
    if (!window.take(header.counter)) throw new Error("replayed")
    return { plain: toBase64Url(plain) }
  },
  async sealPart({ file, key, size, number, plain }) {
    const sealed = await e2ee.encryptPart({ id: file, key: fromBase64Url(key) }, size, number, fromBase64Url(plain))
    return { part: toBase64Url(sealed) }
  },
  async openPart({ file, key, size, number, part }) {
    const plain = await e2ee.decryptPart({ id: file, key: fromBase64Url(key) }, size, number, fromBase64Url(part))
    return { plain: toBase64Url(plain) }
  },
  async invite({ session, fragment, passcode }) {
    const keys = await e2ee.inviteKeys(session, e2ee.readFragment(fragment), passcode)
    const { id, accessToken, join, box } = keys
    return { id, accessToken: toBase64Url(accessToken), join: toBase64Url(join.key), box: toBase64Url(box.key) }
  },
  /** Keeps what all devices know, to come back to it with `recall`. */
  mark({ prefix }) {
    marks.set(prefix, copied(prefix, devices))
    return {}
  },
  recall({ prefix }) {
    for (const name of [...devices.keys()]) if (name.startsWith(prefix)) devices.delete(name)
    for (const [name, kept] of copied(prefix, marks.get(prefix) ?? new Map())) devices.set(name, kept)
    return {}
  },
  forget({ prefix }) {
    marks.delete(prefix)
    for (const name of [...devices.keys()]) if (name.startsWith(prefix)) devices.delete(name)
    return { kept: concat().length }
  },
}

function between(history: e2ee.History, state: e2ee.MemberState, digests: Values[]) {
  const until = e2ee.knownFrom(state)
  return digests.filter(({ seq }) => seq > history.from.seq && seq <= until).map((row) => e2ee.readDigest(row as never))
}

async function answer(line: string): Promise<void> {
  const { op, ...values } = JSON.parse(line) as Values
  let result: unknown
  try {
    result = await operations[op as string]?.(values)
  } catch (error) {
    const { name, message, stack } = error as Error
    result = { error: error instanceof e2ee.SealError ? "seal" : name, message, stack }
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

let last = Promise.resolve()
createInterface({ input: process.stdin }).on("line", (line) => {
  last = last.then(() => answer(line))
})
