/** The transcript among the test vectors: one whole session (tests/vectors/README.md). */
import { toHex } from "./bytes.ts"
import { encodeCommitData } from "./commitData.ts"
import {
  doorOf,
  join,
  type LogEntry,
  type MemberState,
  newInvite,
  openDoor,
  type Payload,
  type Policy,
  withInvite,
  withoutInvite,
  withSettings,
} from "./e2ee.ts"
import { epochAuthenticator, type Group } from "./group.ts"
import { makeGroupInfo } from "./groupInfo.ts"
import { securityCodeOf } from "./securityCode.ts"
import { exportedJson, idOf, recordJson } from "./vectors.fixture.ts"
import { Device, enter, forgeCommit, postCommit, seeded, startVisit } from "./visit.fixture.ts"

/** One whole session, by which a reader with the links can check what it makes of each entry. */
export async function transcript() {
  const visit = await startVisit({ title: "Knee" }, seeded("the founder"))
  const { log, host, invites: made } = visit
  const [own, patient] = made
  if (own === undefined || patient === undefined) throw new Error("no invites")
  const steps: unknown[] = []
  const doorsOfEpochs: unknown[] = [doorStep(host.state, log)]
  const tell = async (what: string) => {
    await host.follow()
    steps.push(stepJson(what, log.entries.slice(steps.length), host))
    if (host.events.at(-1)?.kind === "commit") doorsOfEpochs.push(doorStep(host.state, log))
  }

  await host.say(say("before anybody came", "1"), 1001)
  await tell("the founder writes before anybody came")
  const letters = (await doorOf(host.state, seeded("letters"))).letters
  const guest = await enter(log, patient, "Pat", seeded("the patient"))
  await tell("the patient joins")
  const joined = memberJson(guest.group)
  const joinedInfo = toHex(await makeGroupInfo(guest.group))
  await guest.say(say("good morning", "2"), 1002)
  await tell("the patient writes")
  await host.say(say("hello", "3"), 1003)
  await tell("the founder answers")
  const colleague = await newInvite(host.state.sessionId, { role: "host", label: "colleague" }, 2, seeded("colleague"))
  const policy = withSettings(withInvite(currentPolicy(host), colleague.invite), { title: "Knee, again" })
  await host.commit({ policy })
  await tell("the founder changes the title and invites a colleague")
  const second = await enter(log, colleague, "Dr Poe", seeded("the colleague"))
  await tell("the colleague joins")
  await guest.follow()
  const stolen = { proposalType: "remove" as const, remove: { removed: 0 } }
  const data = encodeCommitData({ at: guest.state.head })
  await postCommit(guest, await forgeCommit(guest.group, { data, proposals: [stolen], random: guest.random }))
  await tell("the patient tries to remove the founder: void")
  await guest.follow()
  await host.healDoor()
  doorsOfEpochs.push(doorStep(host.state, log))
  const back = await comeBack(guest)
  await tell("the patient's device comes back by a re-sync")
  await second.follow()
  await second.commit({})
  await tell("the colleague renews the epoch")
  await back.say({ type: "receipt", delivered: 9, seen: 4 }, 1004)
  await tell("the patient's device sends a receipt")
  await second.follow()
  const gone = withoutInvite(currentPolicy(second), patient.invite.id)
  await second.commit({ removes: [back.state.self.leaf], policy: gone })
  await tell("the colleague removes the patient")
  await host.say(say("between us", "4"), 1005)
  await tell("the founder writes to the colleague")
  return {
    sessionId: host.state.sessionId,
    links: {
      founder: own.fragment,
      patient: patient.fragment,
      colleague: colleague.fragment,
    },
    letter: { before: "the patient joins", letter: toHex(letters[0]?.letter ?? new Uint8Array()) },
    doors: doorsOfEpochs,
    steps,
    records: host.state.records.map(recordJson),
    patient: { epoch: 1, groupInfo: joinedInfo, ...joined },
    final: exportedJson(host.state),
  }
}

function currentPolicy({ state }: Device): Policy {
  if (state.epoch === undefined) throw new Error("no epoch")
  return state.epoch.policy
}

function say(words: string, name: string): Payload {
  return { type: "text", message: idOf(`message ${name}`), text: words }
}

async function comeBack({ log, state, keys }: Device): Promise<Device> {
  const door = await openDoor(keys, { door: log.door, keyBox: log.keyBox(keys.id) })
  const tail = { digests: await log.digests(door.position.seq), lastCommit: log.lastCommit }
  const random = seeded("the patient again")
  const back = await join(door, tail, { name: "Pat", device: "Chrome" }, state, random)
  log.commit(back.request)
  const device = new Device(log, back.state, keys, random)
  await device.follow()
  return device
}

function doorStep({ epoch }: MemberState, log: Device["log"]) {
  return {
    epoch: epoch?.n,
    seq: log.entries.length,
    door: toHex(log.door),
    keyBoxes: log.keyBoxes.map(({ invite, box }) => ({ invite, box: toHex(box) })),
  }
}

function stepJson(what: string, entries: readonly LogEntry[], host: Device) {
  const [entry] = entries
  const event = host.events.at(-1)
  const { epoch, head, lastCommit } = host.state
  if (entry === undefined || entries.length !== 1 || event === undefined || epoch === undefined) throw new Error(what)
  return {
    what,
    entry: { ...entry, body: toHex(entry.body) },
    event: eventJson(event),
    after: {
      h: toHex(head.h),
      lastCommit,
      epoch: epoch.n,
      authenticator: toHex(epochAuthenticator(host.group)),
      title: epoch.policy.settings.title,
      members: epoch.members.map(({ leaf, memberId, name, role, invite }) => ({ leaf, memberId, name, role, invite })),
      code: securityCodeOf(host.state.sessionId, epoch.secrets.code).groups.join(" "),
    },
  }
}

function eventJson(event: Device["events"][number]) {
  switch (event.kind) {
    case "commit":
      return {
        kind: event.kind,
        sender: event.sender.memberId,
        joined: event.joined?.memberId ?? null,
        resync: event.resync,
        removed: event.removed.map(({ memberId }) => memberId),
        policyChanged: event.policy !== undefined,
      }
    case "void":
      return { kind: event.kind, cause: event.cause, sender: event.sender?.memberId ?? null }
    case "message":
      return { kind: event.kind, sender: event.sender.memberId, time: event.time, payload: event.payload }
    case "removed-self":
    case "join-lost":
    case "wrong-parent":
    case "duplicate":
    case "refused":
    case "unsupported":
    case "unreadable":
      return { kind: event.kind }
  }
}

/** What a member of an epoch holds in secret: enough to follow the commits after it. */
function memberJson(group: Group) {
  const secrets = Object.entries(group.keys) as [string, Uint8Array][]
  return {
    leaf: group.leaf,
    signatureSeed: toHex(group.seed),
    privateKeys: Object.fromEntries([...group.privateKeys].map(([node, seed]) => [node, toHex(seed)])),
    keySchedule: Object.fromEntries(secrets.map(([name, secret]) => [name, toHex(secret)])),
    confirmationTag: toHex(group.confirmationTag),
  }
}

