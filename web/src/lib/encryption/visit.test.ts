/** A session as its members live it (docs/protocol.md §3.5 to §5.4). */
import { describe, expect, test, vi } from "vitest"
import { type Bytes, secureRandom, toBase64Url } from "./bytes.ts"
import {
  applyEntry,
  CannotOpen,
  checkDoor,
  checkKeyBox,
  decodeState,
  DoorUnfit,
  doorOf,
  dropPending,
  encodeState,
  encryptMessage,
  frameKeys,
  grantFor,
  inviteKeys,
  join,
  knownFrom,
  lettersDue,
  type LogEntry,
  makeCommit,
  mayGrant,
  newIdentityKey,
  newInvite,
  openDoor,
  openEntry,
  openGrant,
  openLetter,
  ownMember,
  readFragment,
  Refused,
  securityCode,
  takeHistory,
  withInvite,
  withInviteClosed,
  withoutInvite,
  withSettings,
} from "./e2ee.ts"
import { epochAuthenticator } from "./group.ts"
import { Device, enter, knockIn, Log, startPair, startVisit } from "./visit.fixture.ts"

// Post-quantum keys by the dozen take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

/** All follow the log to its end and are in one epoch. */
async function expectTogether(...devices: Device[]): Promise<void> {
  for (const device of devices) await device.follow()
  const [first, ...others] = devices
  for (const other of others) {
    expect(epochAuthenticator(other.group)).toEqual(epochAuthenticator(first!.group))
    expect(other.state.epoch!.members).toEqual(first!.state.epoch!.members)
    expect(other.state.head).toEqual(first!.state.head)
    expect(other.state.records.at(-1)).toEqual(first!.state.records.at(-1))
  }
}

describe("joining", () => {
  test("with nothing but a link, both write and read", async () => {
    const { host, guest } = await startPair()
    await guest.text("good morning")
    expect(await host.follow()).toMatchObject({
      kind: "message",
      payload: { type: "text", text: "good morning" },
      sender: { name: "Pat", role: "guest", leaf: 1 },
      time: 1000,
    })
    await host.text("hello")
    expect(await guest.follow()).toMatchObject({ payload: { text: "hello" }, sender: { name: "Dr Roe", role: "host" } })
    await expectTogether(host, guest)
  })

  test("needs nobody online: what the newcomer writes is read later", async () => {
    const { log, host, invites } = await startVisit()
    const guest = await enter(log, invites[1]!, "Pat")
    await guest.text("at night")
    expect(await host.follow()).toMatchObject({ payload: { text: "at night" } })
    expect(host.events.map(({ kind }) => kind)).toEqual(["commit", "message"])
    expect(host.events[0]).toMatchObject({ joined: { name: "Pat" }, resync: false, removed: [], own: false })
  })

  test("the door shows the title and who is in, before joining", async () => {
    const { log, invites } = await startVisit({ title: "Knee" })
    const keys = await inviteKeys(invites[1]!.keys.sessionId, readFragment(invites[1]!.fragment))
    const door = await openDoor(keys, { door: log.door, keyBox: log.keyBox(keys.id) })
    expect(door.policy.settings.title).toBe("Knee")
    expect(door.members).toMatchObject([{ name: "Dr Roe", role: "host" }])
    expect(door.invite).toMatchObject({ label: "patient", role: "guest" })
  })

  test("a clinician's identity key is in the roster", async () => {
    const identityKey = await newIdentityKey()
    const { log, invites } = await startVisit({ introduction: { name: "Dr Roe", device: "x", identityKey } })
    const guest = await enter(log, invites[1]!, "Pat")
    expect(guest.state.epoch!.members[0]!.known).toEqual(identityKey.key)
    expect(guest.state.epoch!.members[1]!.known).toBeUndefined()
  })

  test("with a passcode needs it, and another opens nothing", async () => {
    const { log, invites } = await startVisit({ invites: [{ role: "guest", label: "", passcode: "  ｓecret " }] })
    const invite = invites[1]!
    const link = readFragment(invite.fragment)
    expect(link.passcode).toBe(true)
    await expect(inviteKeys(invite.keys.sessionId, link)).rejects.toThrow(Refused)
    expect((await inviteKeys(invite.keys.sessionId, link, "secret")).id).toBe(invite.keys.id)
    const other = await inviteKeys(invite.keys.sessionId, link, "Secret")
    expect(other.id).not.toBe(invite.keys.id)
    await expect(openDoor(other, { door: log.door, keyBox: log.keyBox(invite.keys.id) })).rejects.toThrow(CannotOpen)
  })

  test("of two at once the one that lands second starts again and gets in", async () => {
    const { log, host, invites } = await startVisit()
    const keys = await inviteKeys(invites[1]!.keys.sessionId, readFragment(invites[1]!.fragment))
    const door = await openDoor(keys, { door: log.door, keyBox: log.keyBox(keys.id) })
    const introduction = { name: "Second", device: "x" }
    const slow = await join(door, { digests: [], lastCommit: 0 }, introduction)
    const fast = await enter(log, invites[1]!, "First")
    const loser = new Device(log, slow.state, keys)
    expect(await loser.follow()).toEqual({ kind: "join-lost" })
    expect(loser.state.pending).toBeUndefined()
    const winner = await enter(log, invites[1]!, "Second")
    await expectTogether(host, fast, winner)
    expect(host.state.epoch!.members.map(({ name }) => name)).toEqual(["Dr Roe", "First", "Second"])
  })

  test("chat that lands between door and join stays closed to the newcomer", async () => {
    const { log, host, invites } = await startVisit()
    const keys = await inviteKeys(invites[1]!.keys.sessionId, readFragment(invites[1]!.fragment))
    const door = await openDoor(keys, { door: log.door, keyBox: log.keyBox(keys.id) })
    const joining = await join(door, { digests: [], lastCommit: 0 }, { name: "Pat", device: "x" })
    await host.text("before")
    log.commit(joining.request)
    const guest = new Device(log, joining.state, keys)
    await guest.follow()
    expect(guest.events).toMatchObject([{ kind: "unreadable", cause: "not-ours" }, { kind: "commit", own: true }])
    await expectTogether(host, guest)
  })

  test("a closed invite, or one without a place, is refused before anything is sent", async () => {
    const { log, host, invites } = await startVisit({ invites: [{ role: "guest", label: "", devices: 1 }] })
    await enter(log, invites[1]!, "Pat")
    await expect(enter(log, invites[1]!, "Eve")).rejects.toThrow("full")
    await host.commit({ policy: withInviteClosed(host.state.epoch!.policy, invites[1]!.invite.id) })
    await expect(enter(log, invites[1]!, "Eve")).rejects.toThrow("closed")
  })

  test("a key box of another session, epoch or invite does not open", async () => {
    const guest = { role: "guest" as const, label: "" }
    const { log, invites } = await startVisit({ invites: [guest, guest] })
    const other = await startVisit()
    const keys = invites[1]!.keys
    const box = log.keyBox(keys.id)
    const later = box.slice()
    later[7] = 1
    for (const keyBox of [log.keyBox(invites[2]!.keys.id), other.log.keyBox(other.invites[1]!.keys.id), later]) {
      await expect(openDoor(keys, { door: log.door, keyBox })).rejects.toThrow(CannotOpen)
    }
    await expect(openDoor(keys, { door: other.log.door, keyBox: box })).rejects.toThrow(CannotOpen)
  })
})

describe("a door", () => {
  async function fit(log: Log, keys: Device["keys"], lastCommit = log.lastCommit): Promise<unknown> {
    const door = await openDoor(keys, { door: log.door, keyBox: log.keyBox(keys.id) })
    return join(door, { digests: await log.digests(door.position.seq), lastCommit }, { name: "Pat", device: "x" })
  }

  test("does not fit once another commit, even a void one, follows it; healed it does", async () => {
    const { log, host, guestInvite } = await startPair()
    await fit(log, guestInvite.keys)
    log.add("commit", toBase64Url(secureRandom(16)), secureRandom(300))
    await expect(fit(log, guestInvite.keys)).rejects.toThrow(DoorUnfit)
    await host.follow()
    expect(await checkDoor(host.state, log.door)).toBe("position")
    await host.healDoor()
    expect(await checkDoor(host.state, log.door)).toBeUndefined()
    await fit(log, guestInvite.keys)
  })

  test("does not fit a log that leaves an entry out, or puts in another", async () => {
    const { log, host, guest, guestInvite } = await startPair()
    await guest.text("one")
    await host.text("two")
    await fit(log, guestInvite.keys)
    const all = [...log.entries]
    log.entries.splice(1, 1)
    await expect(fit(log, guestInvite.keys)).rejects.toThrow(DoorUnfit)
    log.entries.splice(0, log.entries.length, ...all.slice(0, 1), { ...all[1]!, parent: 0 })
    await expect(fit(log, guestInvite.keys)).rejects.toThrow(DoorUnfit)
  })

  test("that is old does not fit a new log", async () => {
    const { log, host, guestInvite } = await startPair()
    const [oldDoor, oldBoxes] = [log.door, log.keyBoxes]
    await host.commit()
    log.door = oldDoor
    log.keyBoxes = oldBoxes
    await expect(fit(log, guestInvite.keys)).rejects.toThrow(DoorUnfit)
  })

  test("does not fit another last commit than the log shows", async () => {
    const { log, guestInvite } = await startPair()
    await expect(fit(log, guestInvite.keys, 0)).rejects.toThrow(DoorUnfit)
  })

  test("is found wrong by members for what is wrong with it", async () => {
    const { log, host, guest } = await startPair()
    expect(await checkDoor(host.state, log.door)).toBeUndefined()
    expect(await checkDoor(guest.state, log.door)).toBeUndefined()
    expect(await checkDoor(host.state, log.door.slice(1))).toBe("does-not-open")
    const old = log.door
    await host.commit({ policy: withSettings(host.state.epoch!.policy, { title: "New" }) })
    await guest.follow()
    expect(await checkDoor(guest.state, old)).toBe("does-not-open")
    expect(await checkDoor(guest.state, log.door)).toBeUndefined()
    const unused = { ...host.state, used: [] }
    expect(await checkDoor(host.state, (await doorOf(unused)).door)).toBe("used")
    const elsewhere = { ...host.state, head: { ...host.state.head, h: secureRandom(64) } }
    expect(await checkDoor(host.state, (await doorOf(elsewhere)).door)).toBe("position")
  })

  test("has key boxes for open invites and those with members, and none for knocking ones", async () => {
    const { log, host, invites } = await startVisit({
      invites: [
        { role: "guest", label: "in" },
        { role: "guest", label: "closed", open: false },
        { role: "guest", label: "knocks", knock: true },
      ],
    })
    await enter(log, invites[1]!, "Pat")
    await host.commit({ policy: withInviteClosed(host.state.epoch!.policy, invites[1]!.invite.id) })
    const ids = log.keyBoxes.map(({ invite }) => invite)
    expect(ids).toEqual([invites[0]!.invite.id, invites[1]!.invite.id])
    expect(await checkKeyBox(host.state, invites[1]!.keys, log.keyBox(ids[1]!))).toBe(true)
    expect(await checkKeyBox(host.state, invites[1]!.keys, log.keyBox(ids[0]!))).toBe(false)
    expect(log.keyBox(ids[0]!)).toHaveLength(1176)
  })
})

describe("committing", () => {
  test("an empty commit renews the epoch for all", async () => {
    const { host, guest } = await startPair()
    const before = securityCode(host.state)
    await guest.commit()
    await expectTogether(host, guest)
    expect(host.state.epoch!.n).toBe(2)
    expect(securityCode(host.state)).toEqual(securityCode(guest.state))
    expect(securityCode(host.state)).not.toEqual(before)
    expect(host.events.at(-1)).toMatchObject({ kind: "commit", own: false, sender: { name: "Pat" }, policy: undefined })
  })

  test("a policy change reaches all with what was before", async () => {
    const { host, guest } = await startPair()
    const { policy } = host.state.epoch!
    await host.commit({ policy: withSettings(policy, { title: "Second visit" }) })
    await guest.follow()
    for (const device of [host, guest]) {
      expect(device.events.at(-1)).toMatchObject({
        policy: { before: { settings: { title: "Visit" } }, after: { settings: { title: "Second visit" } } },
      })
    }
    await expectTogether(host, guest)
  })

  test("a new invite lets somebody else in", async () => {
    const { log, host, guest } = await startPair()
    const made = await newInvite(host.state.sessionId, { role: "host", label: "colleague" }, host.state.epoch!.n + 1)
    await host.commit({ policy: withInvite(host.state.epoch!.policy, made.invite) })
    const colleague = await enter(log, made, "Dr Poe")
    await expectTogether(host, guest, colleague)
    expect(ownMember(colleague.state)).toMatchObject({ role: "host" })
  })

  test("of two at once the loser drops its own, follows, and starts again", async () => {
    const { log, host, guest } = await startPair()
    const mine = await makeCommit(host.state)
    host.state = mine.state
    await guest.commit()
    expect(await host.follow()).toMatchObject({ kind: "commit", own: false })
    expect(host.state.pending).toBeUndefined()
    await expectTogether(host, guest)
    host.state = dropPending((await makeCommit(host.state)).state)
    expect(host.state.pending).toBeUndefined()
    await host.commit()
    await expectTogether(host, guest)
    expect(log.entries).toHaveLength(3)
  })

  test("others' rules hold for oneself: a guest cannot remove or bring a policy", async () => {
    const { guest } = await startPair()
    await expect(makeCommit(guest.state, { removes: [0] })).rejects.toThrow(Refused)
    await expect(makeCommit(guest.state, { policy: guest.state.epoch!.policy })).rejects.toThrow(Refused)
  })

  test("a host cannot leave a member without an invite, nor itself", async () => {
    const { host, guest } = await startPair()
    const { policy } = host.state.epoch!
    await expect(makeCommit(host.state, { policy: withoutInvite(policy, guest.keys.id) })).rejects.toThrow(Refused)
    await expect(makeCommit(host.state, { policy: withoutInvite(policy, host.keys.id) })).rejects.toThrow()
    await expect(makeCommit(host.state, { removes: [0] })).rejects.toThrow(Refused)
  })

  test("the pending commit is adopted only as it was posted", async () => {
    const { log, host, guest } = await startPair()
    const { state, request } = await makeCommit(host.state)
    host.state = state
    const changed = request.commit.slice()
    changed[40]! ^= 1
    log.commit({ ...request, commit: changed })
    expect(await host.follow()).toMatchObject({ kind: "void", cause: "does-not-open" })
    expect(await guest.follow()).toMatchObject({ kind: "void", cause: "does-not-open" })
    await expectTogether(host, guest)
  })

  test("of the own leaf made elsewhere cannot be followed, and says so", async () => {
    const { log, host } = await startPair()
    const twin = new Device(log, host.state, host.keys)
    await twin.commit()
    expect(await host.follow()).toMatchObject({ kind: "void", cause: "path" })
  })
})

describe("removal", () => {
  async function removed() {
    const pair = await startPair()
    const { host, guest } = pair
    const policy = withoutInvite(host.state.epoch!.policy, guest.keys.id)
    await host.text("before")
    await guest.follow()
    const entry = await host.commit({ removes: [1], policy })
    return { ...pair, entry }
  }

  test("is seen by the removed one and ends what it can read", async () => {
    const { host, guest, entry } = await removed()
    expect(await guest.follow()).toMatchObject({ kind: "removed-self", resync: false, sender: { name: "Dr Roe" } })
    expect(host.events.at(-1)).toMatchObject({ kind: "commit", removed: [{ name: "Pat" }] })
    const after = await host.text("after")
    expect(await guest.follow()).toEqual({ kind: "unreadable", cause: "not-ours" })
    expect(await openEntry(guest.state, after)).toEqual({ kind: "unreadable", cause: "not-ours" })
    expect(guest.state).toMatchObject({ phase: "removed", removedAt: entry.seq })
    await expect(encryptMessage(guest.state, { type: "leave" }, 0)).rejects.toThrow(Refused)
    await expect(makeCommit(guest.state)).rejects.toThrow(Refused)
    expect(() => securityCode(guest.state)).toThrow(Refused)
    expect(frameKeys(guest.state, 0).epochs).toEqual([])
  })

  test("leaves what was read before readable", async () => {
    const { log, guest } = await removed()
    await guest.follow()
    expect(await openEntry(guest.state, log.entries[1]!)).toMatchObject({ payload: { text: "before" } })
  })

  test("closes the door: the link opens nothing any more", async () => {
    const { log, guestInvite } = await removed()
    await expect(enter(log, guestInvite, "Pat")).rejects.toThrow("no key box")
  })

  test("of all devices of a participant is one commit", async () => {
    const { log, host, guest, guestInvite } = await startPair()
    const second = await enter(log, guestInvite, "Pat")
    await host.follow()
    const leaves = host.state.epoch!.members.filter(({ role }) => role === "guest").map(({ leaf }) => leaf)
    await host.commit({ removes: leaves, policy: withoutInvite(host.state.epoch!.policy, guestInvite.invite.id) })
    for (const device of [guest, second]) expect(await device.follow()).toMatchObject({ kind: "removed-self" })
    await host.text("alone")
    expect(await host.follow()).toMatchObject({ payload: { text: "alone" } })
  })
})

describe("a re-sync", () => {
  async function comeBack(device: Device, log: Log): Promise<Device> {
    const door = await openDoor(device.keys, { door: log.door, keyBox: log.keyBox(device.keys.id) })
    const tail = { digests: await log.digests(door.position.seq), lastCommit: log.lastCommit }
    const { state, request } = await join(door, tail, { name: "Pat", device: "Chrome" }, device.state)
    log.commit(request)
    const returned = new Device(log, state, device.keys)
    await returned.follow()
    return returned
  }

  test("takes the own old leaf's place", async () => {
    const { log, host, guest } = await startPair()
    await host.text("one")
    await host.commit()
    const returned = await comeBack(guest, log)
    await expectTogether(host, returned)
    expect(host.events.at(-1)).toMatchObject({ joined: { name: "Pat" }, resync: true, removed: [] })
    expect(returned.events.at(-1)).toMatchObject({ own: true, resync: true })
    expect(host.state.epoch!.members).toHaveLength(2)
    // What it could read before it still can, and what it missed it cannot.
    expect(returned.state.records.map(({ epoch }) => epoch)).toEqual([1, 3])
    expect(await openEntry(returned.state, log.entries[1]!)).toMatchObject({ payload: { text: "one" } })
  })

  test("ends another copy of the same device", async () => {
    const { log, guest } = await startPair()
    await comeBack(guest, log)
    expect(await guest.follow()).toMatchObject({ kind: "removed-self", resync: true })
  })

  test("works for a lone founder", async () => {
    const { log, host } = await startVisit()
    const returned = await comeBack(host, log)
    await returned.text("still here")
    expect(await returned.follow()).toMatchObject({ payload: { text: "still here" } })
    expect(await host.follow()).toBeDefined()
    expect(host.state.phase).toBe("removed")
  })

  test("of one that was removed is refused", async () => {
    const { log, host, guest } = await startPair()
    await host.commit({ removes: [1] })
    await expect(comeBack(guest, log)).rejects.toThrow(Refused)
  })

  test("is refused when the log is not the one it had verified", async () => {
    const { log, host, guest } = await startPair()
    await guest.text("one")
    await guest.follow()
    const last = log.entries[1]!
    log.entries.splice(1, 1, { ...last, id: toBase64Url(secureRandom(16)) })
    await host.follow()
    await expect(comeBack(guest, log)).rejects.toThrow("forked")
  })
})

describe("state at rest", () => {
  test("comes back as it was, between any two steps", async () => {
    const { log, host, guest } = await startPair()
    await guest.text("hello")
    await host.follow()
    host.state = await decodeState(encodeState(host.state))
    await host.commit()
    guest.state = await decodeState(encodeState(guest.state))
    await expectTogether(host, guest)
    expect(await openEntry(await decodeState(encodeState(host.state)), log.entries[1]!)).toMatchObject({
      payload: { text: "hello" },
    })
  })

  test("keeps a pending commit and a pending join", async () => {
    const { log, host, invites } = await startVisit()
    const guest = await knockIn(log, invites[1]!, "Pat")
    guest.state = await decodeState(encodeState(guest.state))
    expect(await guest.follow()).toMatchObject({ kind: "commit", own: true })
    await host.follow()
    const { state, request } = await makeCommit(host.state)
    host.state = await decodeState(encodeState(state))
    log.commit(request)
    expect(await host.follow()).toMatchObject({ kind: "commit", own: true })
    await expectTogether(host, guest)
  })

  test("refuses bytes that are none", async () => {
    const { host } = await startVisit()
    const encoded = encodeState(host.state)
    await expect(decodeState(encoded.slice(1))).rejects.toThrow()
    await expect(decodeState(new Uint8Array())).rejects.toThrow()
  })
})

describe("history", () => {
  test("a letter tells whoever opens an invite first what was written before", async () => {
    const { log, host, invites } = await startVisit()
    await host.text("please fill in the form")
    await host.commit()
    await host.text("see you tomorrow")
    await host.follow()
    const id = invites[1]!.invite.id
    expect(lettersDue(host.state)).toEqual([id])
    const { letters, door, keyBoxes } = await doorOf(host.state)
    log.door = door
    log.keyBoxes = keyBoxes
    const guest = await enter(log, invites[1]!, "Pat")
    const history = await openLetter(guest.keys, letters[0]!.letter)
    const digests = await log.digests(history.from.seq, knownFrom(guest.state))
    guest.state = takeHistory(guest.state, history, digests)
    const read = await Promise.all(log.entries.map((entry) => openEntry(guest.state, entry)))
    expect(read[0]).toMatchObject({ payload: { text: "please fill in the form" }, sender: { name: "Dr Roe" } })
    expect(read[2]).toMatchObject({ payload: { text: "see you tomorrow" } })
    await host.follow()
    expect(lettersDue(host.state)).toEqual([])
    expect((await doorOf(host.state)).letters).toEqual([])
    expect((await doorOf(guest.state)).letters).toEqual([])
  })

  test("of an invite made later, a letter begins with the invite", async () => {
    const { log, host } = await startVisit()
    await host.text("private")
    const made = await newInvite(host.state.sessionId, { role: "guest", label: "late" }, 1)
    await host.commit({ policy: withInvite(host.state.epoch!.policy, made.invite) })
    await host.text("for the latecomer")
    await host.follow()
    const { letters } = await doorOf(host.state)
    const late = letters.find(({ invite }) => invite === made.invite.id)!
    const history = await openLetter(made.keys, late.letter)
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1])
    const guest = await enter(log, made, "Pat")
    guest.state = takeHistory(guest.state, history, await log.digests(history.from.seq, knownFrom(guest.state)))
    expect(await openEntry(guest.state, log.entries[0]!)).toEqual({ kind: "unreadable", cause: "not-ours" })
    expect(await openEntry(guest.state, log.entries[2]!)).toMatchObject({ payload: { text: "for the latecomer" } })
  })

  async function secondDevice() {
    const pair = await startPair()
    await pair.host.text("to the first device")
    await pair.host.follow()
    // So that the newcomer's log begins behind what it is given.
    await pair.host.healDoor()
    const second = await enter(pair.log, pair.guestInvite, "Pat")
    for (const device of [pair.host, pair.guest]) await device.follow()
    return { ...pair, second }
  }

  test.each(["host", "guest"] as const)("the %s gives a second device what came before", async (giver) => {
    const scene = await secondDevice()
    const { log, second } = scene
    const granting = scene[giver]
    expect(mayGrant(granting.state, second.state.self.memberId)).toBe(true)
    const [payload] = await grantFor(granting.state, second.state.self.memberId)
    await granting.say(payload!)
    const event = await second.follow()
    if (event?.kind !== "message" || event.payload.type !== "history") throw new Error("no grant")
    const history = await openGrant(second.keys, second.state.self.memberId, event.payload.box)
    second.state = takeHistory(second.state, history, await log.digests(history.from.seq, knownFrom(second.state)))
    expect(await openEntry(second.state, log.entries[1]!)).toMatchObject({ payload: { text: "to the first device" } })
    expect(await openEntry(await decodeState(encodeState(second.state)), log.entries[1]!)).toMatchObject({
      payload: { text: "to the first device" },
    })
    // And it can hand them on.
    expect((await grantFor(second.state, scene.guest.state.self.memberId)).length).toBe(giver === "host" ? 1 : 0)
  })

  test("is not a guest's to give to others, and readers refuse it", async () => {
    const { host, guest, second } = await secondDevice()
    const hostId = host.state.self.memberId
    expect(mayGrant(guest.state, hostId)).toBe(false)
    await expect(grantFor(guest.state, hostId)).rejects.toThrow(Refused)
    const [payload] = await grantFor(guest.state, second.state.self.memberId)
    await guest.say({ ...payload!, to: hostId })
    expect(await host.follow()).toMatchObject({ kind: "refused", cause: "not-allowed", type: "history" })
  })

  test("over another log is refused", async () => {
    const { log, host, second } = await secondDevice()
    const [payload] = await grantFor(host.state, second.state.self.memberId)
    const history = await openGrant(second.keys, second.state.self.memberId, payload!.box)
    const digests = await log.digests(history.from.seq, knownFrom(second.state))
    const changed = digests.map((each, i) => (i === 0 ? { ...each, digest: secureRandom(64) } : each))
    expect(() => takeHistory(second.state, history, changed)).toThrow(Refused)
    expect(() => takeHistory(second.state, history, digests.slice(1))).toThrow(Refused)
  })

  test("a letter or grant opens for its invite only", async () => {
    const { host, guest, second } = await secondDevice()
    const [payload] = await grantFor(host.state, second.state.self.memberId)
    await expect(openGrant(host.keys, second.state.self.memberId, payload!.box)).rejects.toThrow(CannotOpen)
    await expect(openGrant(guest.keys, guest.state.self.memberId, payload!.box)).rejects.toThrow(CannotOpen)
  })

  test("that is long is cut into payloads that fit", async () => {
    const { log, host, guestInvite } = await startPair()
    for (let i = 0; i < 60; i += 1) await host.commit()
    await host.healDoor()
    const second = await enter(log, guestInvite, "Pat")
    await host.follow()
    const payloads = await grantFor(host.state, second.state.self.memberId)
    expect(payloads.length).toBeGreaterThan(1)
    for (const payload of payloads) {
      await encryptMessage(host.state, payload, 0)
      const history = await openGrant(second.keys, second.state.self.memberId, payload.box)
      const digests = await log.digests(history.from.seq, knownFrom(second.state))
      second.state = takeHistory(second.state, history, digests)
    }
    expect(second.state.records.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 63 }, (_, i) => i))
  })
})

describe("a lying server", () => {
  test("that changes any byte of a message shows nothing", async () => {
    const { host, guest } = await startPair()
    const entry = await guest.text("500 mg")
    for (let at = 0; at < entry.body.length; at += 13) {
      const body = entry.body.slice()
      body[at]! ^= 1 << at % 8
      const { event, state } = await applyEntry(host.state, { ...entry, body }, 0)
      expect(event).toEqual({ kind: "unreadable", cause: "tampered" })
      expect(state.epoch).toBe(host.state.epoch)
    }
  })

  test("that moves a message to another id or place shows nothing", async () => {
    const { host, guest } = await startPair()
    const entry = await guest.text("500 mg")
    const id = toBase64Url(secureRandom(16))
    expect((await applyEntry(host.state, { ...entry, id }, 0)).event).toMatchObject({ cause: "tampered" })
    await host.commit()
    const { event } = await applyEntry(host.state, { ...entry, seq: 4, parent: host.state.lastCommit }, 0)
    expect(event).toMatchObject({ kind: "unreadable" })
  })

  test("that tells two stories is found out, and sending stops", async () => {
    const { log, host, guest } = await startPair()
    const other = new Log(log)
    other.entries.push(...log.entries)
    const left = new Device(other, guest.state, guest.keys)
    await host.text("to be kept from the guest")
    await host.follow()
    other.add("chat", toBase64Url(secureRandom(16)), secureRandom(400))
    await left.follow()
    const spoken = await left.text("hello?")
    log.entries.push({ ...spoken, seq: log.entries.length + 1 })
    expect(await host.follow()).toMatchObject({ kind: "message", payload: { text: "hello?" } })
    expect(host.forks).toEqual([2])
    const { memberId } = guest.state.self
    expect(host.state.contradictions).toEqual([{ memberId, seq: 2 }])
    await expect(encryptMessage(host.state, { type: "leave" }, 0)).rejects.toThrow("forked")
    await expect(makeCommit(host.state)).rejects.toThrow("forked")
    expect((await decodeState(encodeState(host.state))).contradictions).toEqual([{ memberId, seq: 2 }])
    await host.commit({ removes: [guest.state.self.leaf] })
    expect(host.state.contradictions).toEqual([])
    await host.text("now among us")
  })

  test("that puts a message before what its author had seen is found out", async () => {
    const { log, host, guest } = await startPair()
    const other = new Log(log)
    other.entries.push(...log.entries)
    const left = new Device(other, guest.state, guest.keys)
    other.add("chat", toBase64Url(secureRandom(16)), secureRandom(400))
    const spoken = await left.text("the second of two")
    log.entries.push({ ...spoken, seq: log.entries.length + 1 })
    expect(await host.follow()).toMatchObject({ kind: "message" })
    expect(host.state.contradictions).toEqual([{ memberId: guest.state.self.memberId, seq: 2 }])
  })

  test("that shows another entry where one was is found out; the same again is no harm", async () => {
    const { log, host, guest } = await startPair()
    await guest.text("one")
    await host.follow()
    const before = host.state
    const same = await applyEntry(before, log.entries[1]!, 0)
    expect(same).toEqual({ state: before, event: { kind: "duplicate" }, fork: undefined })
    const other = await applyEntry(before, { ...log.entries[1]!, body: secureRandom(300) }, 0)
    expect(other.fork).toEqual({ seq: 2, by: undefined })
    expect(other.state.fork).toBe(2)
  })

  test("that leaves entries out gets no further", async () => {
    const { log, host, guest } = await startPair()
    await guest.text("one")
    const two: LogEntry = await guest.text("two")
    expect(two.seq).toBe(log.entries.length)
    await expect(applyEntry(host.state, two, 0)).rejects.toThrow(Refused)
  })

  test("that changes what is scrolled back to shows nothing", async () => {
    const { log, host, guest } = await startPair()
    await guest.text("one")
    await host.follow()
    expect(await openEntry(host.state, log.entries[1]!)).toMatchObject({ payload: { text: "one" } })
    for (const change of [{ parent: 0 }, { seq: 1 }, { id: toBase64Url(secureRandom(16)) }]) {
      expect(await openEntry(host.state, { ...log.entries[1]!, ...change })).toMatchObject({ kind: "unreadable" })
    }
  })

  test("that hands a leaf's old message to a later epoch shows nothing", async () => {
    const { log, host, guest } = await startPair()
    const old = await encryptMessage(guest.state, { type: "leave" }, 0)
    await host.commit()
    log.chat({ ...old, parent: log.lastCommit })
    expect(await host.follow()).toEqual({ kind: "unreadable", cause: "tampered" })
  })
})

test("the keys of the epoch before are held for ten seconds", async () => {
  const { host } = await startPair()
  const before = host.state.epoch!
  await host.follow()
  const { state, request } = await makeCommit(host.state)
  const entry: LogEntry = { seq: 2, kind: "commit", parent: 1, id: request.id, body: request.commit }
  const { state: after } = await applyEntry(state, entry, 5000)
  const keysAt = (now: number): Bytes[] => frameKeys(after, now).epochs.map(({ key }) => key)
  expect(keysAt(5000)).toEqual([after.epoch!.secrets.frame, before.secrets.frame])
  expect(keysAt(14_999)).toHaveLength(2)
  expect(keysAt(15_000)).toEqual([after.epoch!.secrets.frame])
})

test("many who come, go, come back and renew stay together", async () => {
  const random = numbers(7)
  const visit = await startVisit({ invites: [{ role: "guest", label: "", devices: 16 }] })
  const { log, host } = visit
  let guests: Device[] = []
  for (let step = 0; step < 24; step += 1) {
    const choice = random(6)
    if (guests.length < 2 || choice < 2) {
      guests.push(await enter(log, visit.invites[1]!, `g${step}`))
    } else if (choice === 2) {
      const at = random(guests.length)
      await host.follow()
      await host.commit({ removes: [guests[at]!.state.self.leaf] })
      guests = guests.filter((_, i) => i !== at)
    } else if (choice === 3) {
      await guests[random(guests.length)]!.commit()
    } else {
      await guests[random(guests.length)]!.text(`${step}`)
    }
    await expectTogether(host, ...guests)
  }
}, 60_000)

test("those who are left far from the first places stay together", async () => {
  const visit = await startVisit({
    founder: { label: "", devices: 16 },
    invites: [{ role: "guest", label: "", devices: 16 }],
  })
  const { log, host, invites } = visit
  const a = await enter(log, invites[1]!, "a")
  const second = await enter(log, invites[0]!, "Dr Roe too")
  const b = await enter(log, invites[1]!, "b")
  await second.follow()
  await second.commit({ removes: [host.state.self.leaf, a.state.self.leaf] })
  await expectTogether(second, b)
  await b.commit()
  await expectTogether(second, b)
  const c = await enter(log, invites[1]!, "c")
  await expectTogether(second, b, c)
})

/** Small numbers that look random and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
}
