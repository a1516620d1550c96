/** The vectors in tests/vectors, made again and read back (tests/vectors/README.md). */
import { existsSync, readFileSync } from "node:fs"
import { beforeAll, describe, expect, test, vi } from "vitest"
import { type Bytes, fromBase64Url, fromHex, toBase64Url, toHex, utf8 } from "./bytes.ts"
import { decodeCommitData, joinHolds } from "./commitData.ts"
import { encodeDoor, openKeyBox, openSealedDoor } from "./door.ts"
import { decryptPart, openDoor, openSignal, sealedFileSize, type SignalWindow } from "./e2ee.ts"
import { epochAuthenticator } from "./group.ts"
import { followCommit, lookAtCommit, mergeCommit } from "./groupFollowing.ts"
import { openGroupInfo } from "./groupInfo.ts"
import { contextOf, type EpochRecord, makeEpoch } from "./epoch.ts"
import { decryptFrame, deriveFrameKey, encodeFrameHeader, encryptFrame, frameKid, readFrameHeader } from "./frame.ts"
import { decodeHistory, encodeHistory, openGrant, openLetter } from "./history.ts"
import { hpkeOpen } from "./hpke.ts"
import { knownHolds, readIdentity } from "./identity.ts"
import { inviteKeys, type InviteKeys, readFragment } from "./invite.ts"
import { decodeJson, encodeJson } from "./json.ts"
import { chainStart, digestOf, header, nextPosition, openCommit } from "./log.ts"
import { openMessage } from "./message.ts"
import { checkSuccessor, decodePolicy, encodePolicy } from "./policy.ts"
import { memberIdOf } from "./roster.ts"
import { hashNow, open, pad, padded, unpad } from "./seal.ts"
import { securityCodeOf } from "./securityCode.ts"
import { variable, verify } from "./signature.ts"
import { transcript } from "./transcript.fixture.ts"
import { allVectors, type Vectors } from "./vectors.fixture.ts"
import { seeded, startVisit } from "./visit.fixture.ts"

// Post-quantum keys by the dozen take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

const folder = new URL("../../../../tests/vectors/", import.meta.url)

// The files are what other languages read, so their shape is theirs to know.
/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-return */
function read(name: string): any {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"))
}

describe("the files", () => {
  let made: Vectors
  beforeAll(async () => {
    made = JSON.parse(JSON.stringify({ ...(await allVectors()), transcript: await transcript() })) as Vectors
  }, 60_000)

  test.each([
    "encodings",
    "seal",
    "invite",
    "policy",
    "identity",
    "chain",
    "message",
    "file",
    "signal",
    "frame",
    "code",
    "history",
    "door",
    "transcript",
  ])("%s.json is what this code makes", (name) => {
    expect(read(name)).toEqual(made[name])
  })
})

test("encodings", () => {
  const { base64url, json, padded: lengths, pad: pads, unpadInvalid, memberId } = read("encodings")
  for (const { bytes, text } of base64url.valid) {
    expect(toBase64Url(fromHex(bytes))).toBe(text)
    expect(toHex(fromBase64Url(text))).toBe(bytes)
  }
  for (const text of base64url.invalid) expect(() => fromBase64Url(text), text).toThrow()
  for (const text of json.valid) expect(encodeJson(decodeJson(utf8(text)))).toEqual(utf8(text))
  for (const text of json.invalid) expect(() => decodeJson(utf8(text)), text).toThrow()
  for (const bytes of json.invalidBytes) expect(() => decodeJson(fromHex(bytes)), bytes).toThrow()
  for (const [length, then] of lengths) expect(padded(length)).toBe(then)
  for (const each of pads) {
    expect(toHex(pad(fromHex(each.content)))).toBe(each.padded)
    expect(toHex(unpad(fromHex(each.padded)))).toBe(each.content)
  }
  for (const { why, padded: bytes } of unpadInvalid) expect(() => unpad(fromHex(bytes)), why).toThrow()
  for (const each of memberId) expect(memberIdOf(fromHex(each.key))).toBe(each.memberId)
})

test("seal, sign and HPKE", async () => {
  const vectors = read("seal")
  for (const { secret, label, salt, aad, content, sealed } of vectors.seal) {
    const [key, bytes] = [fromHex(secret), fromHex(sealed)]
    expect(toHex(await open(key, label, fromHex(salt), fromHex(aad), bytes))).toBe(content)
    await expect(open(key, `${label}s`, fromHex(salt), fromHex(aad), bytes)).rejects.toThrow()
    await expect(open(key, label, fromHex(salt), fromHex(String(aad) + "00"), bytes)).rejects.toThrow()
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = bytes.slice()
      changed[at]! ^= 128
      await expect(open(key, label, fromHex(salt), fromHex(aad), changed)).rejects.toThrow()
    }
  }
  for (const { key, label, content, vectorLength, signature } of vectors.sign) {
    expect(variable(fromHex(content))).toHaveLength(vectorLength)
    expect(await verify(fromHex(key), label, fromHex(content), fromHex(signature))).toBe(true)
    expect(await verify(fromHex(key), "careseal/1 tesT", fromHex(content), fromHex(signature))).toBe(false)
  }
  const { seed, info, plain, sealed } = vectors.hpke
  expect(toHex(await hpkeOpen(fromHex(seed), fromHex(info), fromHex(sealed)))).toBe(plain)
  await expect(hpkeOpen(fromHex(seed), fromHex(String(info) + "00"), fromHex(sealed))).rejects.toThrow()
})

test("invite", async () => {
  const { sessionId, invites, fragmentsInvalid, join, commitData, commitDataInvalid } = read("invite")
  for (const each of invites) {
    const keys = await inviteKeys(sessionId, readFragment(each.fragment), each.passcode)
    expect(keys).toMatchObject({ id: each.id })
    expect(toHex(keys.accessToken)).toBe(each.accessToken)
    expect(toHex(keys.accessTokenHash)).toBe(each.accessTokenHash)
    expect([toHex(keys.join.seed), toHex(keys.join.key)]).toEqual([each.joinSeed, each.joinKey])
    expect([toHex(keys.box.seed), toHex(keys.box.key)]).toEqual([each.boxSeed, each.boxKey])
  }
  expect(invites[1].id).toBe(invites[2].id)
  for (const text of fragmentsInvalid) expect(() => readFragment(text), text).toThrow()
  const joinKey = fromHex(invites[0].joinKey)
  const holds = (epoch: number): Promise<boolean> =>
    joinHolds(joinKey, sessionId, epoch, fromHex(join.leafKey), fromHex(join.signature))
  expect([await holds(join.epoch), await holds(Number(join.epoch) + 1)]).toEqual([true, false])
  for (const { data } of commitData) expect(decodeCommitData(utf8(data)).at.seq).toBe(7)
  for (const data of commitDataInvalid) expect(() => decodeCommitData(utf8(data)), data).toThrow()
})

test("policy", () => {
  const { sessionId, policy, context, invalid, succession, successors } = read("policy")
  const decoded = decodePolicy(utf8(policy))
  expect(encodePolicy(decoded)).toEqual(utf8(policy))
  expect(toHex(contextOf(sessionId, utf8(policy)))).toBe(context)
  for (const { why, policy: text } of invalid) expect(() => decodePolicy(utf8(text)), why).toThrow()
  for (const { why, policy: text, allowed } of successors) {
    const check = (): void => checkSuccessor(decoded, decodePolicy(utf8(text)), succession)
    if (allowed === true) expect(check, why).not.toThrow()
    else expect(check, why).toThrow()
  }
})

test("identity", async () => {
  const { sessionId, leafKey, identityKey, plain, known, invalid } = read("identity")
  expect(readIdentity(utf8(plain)).known).toBeUndefined()
  const identity = readIdentity(utf8(known))
  expect(identity.known?.key).toBe(toBase64Url(fromHex(identityKey.key)))
  expect(await knownHolds(sessionId, identity, fromHex(leafKey))).toBe(true)
  expect(await knownHolds(sessionId, identity, fromHex(leafKey).fill(1))).toBe(false)
  expect(await knownHolds("AAAAAAAAAAAAAAAAAAAAAA", identity, fromHex(leafKey))).toBe(false)
  for (const text of invalid) expect(() => readIdentity(utf8(text)), text).toThrow()
})

test("chain", async () => {
  const { sessionId, start, entries, commit } = read("chain")
  let position = chainStart(sessionId)
  expect(toHex(position.h)).toBe(start)
  for (const each of entries) {
    const entry = { ...each, body: fromHex(each.body) }
    expect(toHex(header(sessionId, entry))).toBe(each.header)
    position = nextPosition(sessionId, position, await digestOf(entry))
    expect(toHex(position.h)).toBe(each.h)
  }
  const entry = { ...commit, seq: 4, body: fromHex(commit.body) }
  expect(toHex(await openCommit(fromHex(commit.doorKey), sessionId, entry))).toBe(commit.message)
})

function recordOf(record: any): EpochRecord {
  return {
    ...record,
    secret: fromHex(record.secret),
    context: fromHex(record.context),
    members: record.members.map((each: any) => ({ ...each, key: fromHex(each.key) })),
  }
}

test("message", async () => {
  const { sessionId, record, entry, time, payload, payloads } = read("message")
  const opened = await openMessage(sessionId, recordOf(record), { ...entry, body: fromHex(entry.body) })
  expect(opened.event).toMatchObject({ kind: "message", time, payload: JSON.parse(payload) })
  const kinds = payloads.map(({ why, host, guest }: any) => [why, host, guest])
  expect(kinds).toContainEqual(["note", "message", "refused"])
  expect(kinds).toContainEqual(["history to somebody not in", "message", "refused"])
  expect(kinds).toContainEqual(["edit", "message", "message"])
  expect(kinds).toContainEqual(["withdraw", "message", "message"])
  expect(kinds).toContainEqual(["reaction too long", "refused", "refused"])
  expect(kinds).toContainEqual(["a type of tomorrow", "unsupported", "unsupported"])
  expect(kinds).toContainEqual(["text too long", "refused", "refused"])
})

test("file", async () => {
  const vectors = read("file")
  const file = { id: vectors.file as string, key: fromHex(vectors.key) }
  for (const { size, plain, sealed } of vectors.onePart) {
    if (sealed !== undefined) expect(toHex(await decryptPart(file, size, 0, fromHex(sealed)))).toBe(plain)
  }
  for (const [size, sealed] of vectors.sealedFileSizes) expect(sealedFileSize(size)).toBe(sealed)
})

test("signal", async () => {
  const { host } = await startVisit({}, seeded("visit of signals"))
  const { sessionId, from, signals, secret } = read("signal")
  expect(host.state.sessionId).toBe(sessionId)
  expect(toHex(host.state.epoch!.secrets.signal)).toBe(secret)
  let window: SignalWindow = new Map()
  for (const { payload, signal, to } of signals) {
    if (to !== "everybody") continue
    // The only member hears itself, as another page of its own.
    const opened = await openSignal(host.state, { instance: "AAAAAAAAAAA" }, window, fromHex(signal), 0)
    expect(opened).toMatchObject({ payload: JSON.parse(payload), from: { instance: from.instance }, toAll: true })
    window = opened.window
  }
  expect(window.size).toBe(1)
})

test("frame", async () => {
  const { baseKey, context, leaf, epoch, kid, header: headers, frames } = read("frame")
  const key = await deriveFrameKey(fromHex(baseKey), frameKid(fromHex(context), leaf, epoch))
  expect(key.kid.toString()).toBe(kid)
  for (const [counter, encoded] of headers) expect(toHex(encodeFrameHeader(key.kid, BigInt(counter)))).toBe(encoded)
  for (const { counter, readable, frame, sealed } of frames) {
    expect(toHex(await encryptFrame(key, counter, fromHex(frame), readable))).toBe(sealed)
    expect(toHex(await decryptFrame(key, fromHex(sealed), readable))).toBe(frame)
    expect(readFrameHeader(fromHex(sealed), readable)).toMatchObject({ leaf, epoch: epoch % 65536 })
  }
})

test("code", () => {
  for (const { sessionId, code, groups, qr } of read("code")) {
    expect(securityCodeOf(sessionId, fromHex(code))).toEqual({ groups, qr })
  }
})

test("history", async () => {
  const { sessionId, invite, recipient, history, letter, grant, invalid } = read("history")
  const keys = { sessionId, id: invite.id, box: { seed: fromHex(invite.boxSeed) } } as unknown as InviteKeys
  expect(encodeHistory(decodeHistory(utf8(history)))).toEqual(utf8(history))
  expect(encodeHistory(await openLetter(keys, fromHex(letter)))).toEqual(utf8(history))
  expect(encodeHistory(await openGrant(keys, recipient, toBase64Url(fromHex(grant))))).toEqual(utf8(history))
  await expect(openLetter(keys, fromHex(grant))).rejects.toThrow()
  for (const { why, history: text } of invalid) expect(() => decodeHistory(utf8(text)), why).toThrow()
})

test("door", async () => {
  const { sessionId, invite, epoch, keyBox, doorKey, door, content } = read("door")
  const keys = await inviteKeys(sessionId, readFragment(invite.fragment))
  const box = await openKeyBox(keys, fromHex(keyBox))
  expect([box.n, toHex(box.doorKey)]).toEqual([epoch, doorKey])
  const opened = await openSealedDoor(box.doorKey, sessionId, fromHex(door))
  expect(toHex(encodeDoor(opened))).toBe(content.encoded)
  expect(toHex(opened.groupInfo)).toBe(content.groupInfo)
})

describe("the transcript", () => {
  const vectors = read("transcript")
  const sessionId: string = vectors.sessionId
  const entries = vectors.steps.map(({ entry }: any) => ({ ...entry, body: fromHex(entry.body) }))

  test("has a chain that anybody can follow", async () => {
    let position = chainStart(sessionId)
    for (const [i, entry] of entries.entries()) {
      position = nextPosition(sessionId, position, await digestOf(entry))
      expect(toHex(position.h)).toBe(vectors.steps[i].after.h)
    }
  })

  test("has doors that its links open, with the members of their epochs", async () => {
    const keys = await Promise.all(
      Object.values(vectors.links).map((link) => inviteKeys(sessionId, readFragment(link as string))),
    )
    for (const { epoch, door, keyBoxes, seq } of vectors.doors) {
      for (const { invite, box } of keyBoxes) {
        const own = keys.find(({ id }) => id === invite)!
        const opened = await openDoor(own, { door: fromHex(door), keyBox: fromHex(box) })
        expect(opened.n).toBe(epoch)
        if (seq > 0) expect(opened.members).toMatchObject(vectors.steps[seq - 1].after.members)
      }
    }
  })

  test("has messages that its records open", async () => {
    const records: EpochRecord[] = vectors.records.map(recordOf)
    let read = 0
    for (const [i, entry] of entries.entries()) {
      if (entry.kind !== "chat") continue
      const record = records.findLast(({ start }) => start <= entry.parent)!
      const { event } = await openMessage(sessionId, record, entry)
      const { kind, payload, time } = vectors.steps[i].event
      expect(event).toMatchObject({ kind, payload, time })
      read += 1
    }
    expect(read).toBe(5)
  })

  test("has commits that the patient's device follows with what it held when it had joined", async () => {
    const { patient, doors, steps } = vectors
    const info = await openGroupInfo(fromHex(patient.groupInfo), sessionId, patient.epoch)
    const unhexed = (of: Record<string, string>) =>
      Object.entries(of).map(([name, hex]): [string, Bytes] => [name, fromHex(hex)])
    const keys = Object.fromEntries(unhexed(patient.keySchedule))
    const privateKeys = new Map(unhexed(patient.privateKeys).map(([node, seed]) => [Number(node), seed]))
    const policyOf = async (n: number): Promise<Bytes> => {
      const at = doors.find(({ epoch }: any) => epoch === n)
      const own = await inviteKeys(sessionId, readFragment(vectors.links.founder))
      const keyBox = fromHex(at.keyBoxes.find(({ invite }: any) => invite === own.id).box)
      return (await openDoor(own, { door: fromHex(at.door), keyBox })).content.policy
    }
    let group = {
      context: info.context,
      tree: info.tree,
      keys: keys as any,
      confirmationTag: fromHex(patient.confirmationTag),
      leaf: patient.leaf as number,
      seed: fromHex(patient.signatureSeed),
      privateKeys,
    }
    let followed = 0
    for (const [i, entry] of entries.entries()) {
      const { event, after } = steps[i]
      if (entry.kind !== "commit" || after.epoch <= patient.epoch || event.kind !== "commit") continue
      if (event.resync === true) break // Its own coming back, with other keys.
      const epoch = await makeEpoch(sessionId, group, await policyOf(after.epoch - 1), 0, "AAAAAAAAAAAAAAAAAAAAAA")
      const view = await lookAtCommit(group, await openCommit(epoch.secrets.door, sessionId, entry))
      group = (await followCommit(group, view, await mergeCommit(group, view))) as typeof group
      expect(toHex(epochAuthenticator(group))).toBe(after.authenticator)
      followed += 1
    }
    expect(followed).toBe(2)
  })

  test("tells a void commit apart", () => {
    const causes = vectors.steps.map(({ event }: any) => event.cause).filter(Boolean)
    expect(causes).toEqual(["not-a-host"])
  })
})

// Published vectors, where they are present.
const published = [process.env["CARESEAL_VECTORS"], new URL("../../../../../shared/vectors", import.meta.url).pathname]
  .filter((place) => place !== undefined)
  .map((place) => `${place}/sframe/rfc9605.json`)
  .find((path) => existsSync(path))

test.skipIf(published === undefined)("SFrame as published with RFC 9605", async () => {
  const { header: headers, sframe } = JSON.parse(readFileSync(published!, "utf8"))
  for (const { kid, ctr, encoded } of headers) {
    // Numbers above 2^53 are not exact in a JSON that JavaScript reads.
    if (!Number.isSafeInteger(kid) || !Number.isSafeInteger(ctr)) continue
    expect(toHex(encodeFrameHeader(BigInt(kid), BigInt(ctr)))).toBe(encoded)
  }
  const cases = sframe.filter(({ cipher_suite }: any) => cipher_suite === 5)
  expect(cases.length).toBeGreaterThan(0)
  for (const each of cases) {
    const key = await deriveFrameKey(fromHex(each.base_key), BigInt(each.kid))
    expect(toHex(key.salt)).toBe(each.sframe_salt)
    const metadata = fromHex(each.metadata)
    const frame = Uint8Array.from([...metadata, ...fromHex(each.pt)])
    const sealed = await encryptFrame(key, each.ctr, frame, metadata.length)
    expect(toHex(sealed.subarray(metadata.length))).toBe(each.ct)
    expect(await decryptFrame(key, sealed, metadata.length)).toEqual(frame)
  }
})

test("a hash is the same whether it is made here or by the platform", async () => {
  const input = seeded("long input")(5000)
  expect(toHex(hashNow(input))).toBe(toHex(new Uint8Array(await crypto.subtle.digest("SHA-512", input))))
})
