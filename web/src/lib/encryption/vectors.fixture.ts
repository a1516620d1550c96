/** The test vectors that both languages check (tests/vectors/README.md), made anew from fixed seeds. */
import { type Bytes, concat, fromBase64Url, toBase64Url, toHex, utf8 } from "./bytes.ts"
import { encodeCommitData, signJoin } from "./commitData.ts"
import { encodeDoor, openKeyBox, openSealedDoor } from "./door.ts"
import {
  encryptPart,
  type FilePayload,
  type LogEntry,
  newInvite,
  openDoor,
  type Payload,
  sealedFileSize,
  withInvite,
  withoutInvite,
  withSettings,
  withStart,
} from "./e2ee.ts"
import { contextOf, type EpochRecord } from "./epoch.ts"
import { epochAuthenticator } from "./group.ts"
import { deriveFrameKey, encodeFrameHeader, encryptFrame, frameKid } from "./frame.ts"
import { encodeHistory, sealGrant, sealLetter } from "./history.ts"
import { deriveKeyPair, hpkeSeal } from "./hpke.ts"
import { makeIdentity, newIdentityKey } from "./identity.ts"
import { inviteKeys, type NewInvite } from "./invite.ts"
import { makeKnock } from "./knock.ts"
import { encodeJson } from "./json.ts"
import { chainStart, digestOf, header, nextPosition, sealCommit } from "./log.ts"
import { openMessage, sealMessage } from "./message.ts"
import { checkSuccessor, decodePolicy, encodePolicy, type Policy, type Succession } from "./policy.ts"
import { memberIdOf } from "./roster.ts"
import { hashNow, pad, padded, seal } from "./seal.ts"
import { securityCodeOf } from "./securityCode.ts"
import { publicKeyOf, sign, variable } from "./signature.ts"
import { sealSignal, type SignalPayload } from "./signal.ts"
import { type MemberState } from "./state.ts"
import { seeded, startVisit } from "./visit.fixture.ts"

export type Vectors = Record<string, unknown>

/** File name, without `.json`, to what is in it. */
export async function allVectors(): Promise<Vectors> {
  return {
    encodings: encodings(),
    seal: await seals(),
    invite: await invites(),
    policy: await policies(),
    identity: await identities(),
    chain: await chains(),
    message: await messages(),
    file: await files(),
    signal: await signals(),
    frame: await frames(),
    code: codes(),
    history: await histories(),
    door: await doors(),
  }
}

const sessionId = toBase64Url(seeded("session")(16))
export const idOf = (name: string): string => toBase64Url(seeded(name)(16))

function encodings() {
  const short = [0, 1, 63, 252, 253, 256, 257, 300, 511, 512, 513, 1000, 4096]
  const lengths = [...short, 65535, 65536, 100_000, 1_048_577, 4_194_304]
  const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)
  return {
    base64url: {
      valid: ["", "00", "ff", "fbff", "000000", "ffffff", toHex(seeded("base64url")(31))].map((hex) => ({
        bytes: hex,
        text: toBase64Url(Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16))),
      })),
      invalid: ["A", "AA==", "AB", "AAB", "AAAAA", "+/8", "-_8=", "AA A", "ÄA", "AAA\n"],
    },
    json: {
      valid: [
        "{}",
        "[]",
        "null",
        '{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
        '{"b":1,"a":2}',
        "9007199254740991",
        '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u2028é😀"',
        deep(16),
      ],
      invalid: [
        "",
        " {}",
        "{} ",
        '{"a": 1}',
        '{"a":1,"a":1}',
        '{"A":1}',
        '{"a_b":1}',
        '{"":1}',
        "[1,]",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "01",
        "9007199254740992",
        '"\\/"',
        '"\\u0041"',
        '"\\u001F"',
        '"\\u000a"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        "\ufeff{}",
        "NaN",
        "'a'",
        deep(17),
      ],
      invalidBytes: ["22ff22", "22eda08022", "22c08022", "efbbbf7b7d"],
    },
    padded: lengths.map((length) => [length, padded(length)]),
    pad: ["", "00", toHex(utf8("hello")), toHex(new Uint8Array(252).fill(7)), toHex(new Uint8Array(253).fill(7))].map(
      (content) => ({ content, padded: toHex(pad(bytesOf(content))) }),
    ),
    unpadInvalid: [
      { why: "not zero behind the content", padded: toHex(concat(pad(utf8("a")).subarray(0, 255), Uint8Array.of(1))) },
      { why: "too short", padded: toHex(pad(utf8("a")).subarray(0, 255)) },
      { why: "longer than its content needs", padded: toHex(concat(pad(utf8("a")), new Uint8Array(16))) },
      { why: "a length that does not fit", padded: "ffffffff".padEnd(512, "0") },
      { why: "content of the next size", padded: toHex(concat(bytesOf("000000fd"), new Uint8Array(252))) },
      { why: "empty", padded: "" },
    ],
    memberId: [{ key: toHex(seeded("leaf key")(32)), memberId: memberIdOf(seeded("leaf key")(32)) }],
  }
}

function bytesOf(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}

async function seals() {
  const [secret, salt, seed] = [seeded("secret")(32), seeded("salt")(16), seeded("seed")(32)]
  const cases = [
    { label: "careseal/1 door", aad: "", content: "" },
    { label: "careseal/1 message", aad: toHex(utf8("header")), content: toHex(utf8("hello")) },
    { label: "careseal/1 commit", aad: toHex(seeded("aad")(42)), content: toHex(seeded("content")(700)) },
  ]
  const contents = ["", toHex(utf8("careseal")), toHex(seeded("long")(100)), toHex(seeded("longer")(20_000))]
  const [random, box] = [seeded("ekm"), await deriveKeyPair(seeded("box")(32))]
  return {
    seal: await Promise.all(
      cases.map(async ({ label, aad, content }) => ({
        secret: toHex(secret),
        label,
        salt: toHex(salt),
        aad,
        content,
        sealed: toHex(await seal(secret, label, salt, bytesOf(aad), bytesOf(content))),
      })),
    ),
    sign: await Promise.all(
      contents.map(async (content) => ({
        seed: toHex(seed),
        key: toHex(await publicKeyOf(seed)),
        label: "careseal/1 test",
        content,
        vectorLength: variable(bytesOf(content)).length,
        signature: toHex(await sign(seed, "careseal/1 test", bytesOf(content))),
      })),
    ),
    hpke: {
      material: toHex(seeded("box")(32)),
      seed: toHex(box.seed),
      key: toHex(box.key),
      info: toHex(utf8("info")),
      plain: toHex(utf8("plain")),
      sealed: toHex(await hpkeSeal(box.key, utf8("info"), utf8("plain"), random)),
    },
  }
}

async function inviteOf(name: string, passcode?: string) {
  const secret = seeded(name)(32)
  const keys = await inviteKeys(sessionId, { secret, passcode: passcode !== undefined, knock: false }, passcode)
  return {
    secret: toHex(secret),
    fragment: toBase64Url(secret) + (passcode === undefined ? "" : ".p"),
    ...(passcode === undefined ? {} : { passcode }),
    id: keys.id,
    accessToken: toHex(keys.accessToken),
    accessTokenHash: toHex(keys.accessTokenHash),
    joinSeed: toHex(keys.join.seed),
    joinKey: toHex(keys.join.key),
    boxSeed: toHex(keys.box.seed),
    boxKey: toHex(keys.box.key),
  }
}

async function knockOf(secretName: string, name: string) {
  const secret = seeded(secretName)(32)
  const keys = await inviteKeys(sessionId, { secret, passcode: false, knock: true })
  const { id, seed, knock } = await makeKnock(keys, name, seeded("knock"))
  return { fragment: `${toBase64Url(secret)}.k`, name, id, seed: toHex(seed), knock: toHex(knock) }
}

async function invites() {
  const leafKey = seeded("joining leaf")(32)
  const keys = await inviteKeys(sessionId, { secret: seeded("plain invite")(32), passcode: false, knock: false })
  const signature = await signJoin(keys, 5, leafKey)
  const at = { seq: 7, h: seeded("h")(64) }
  const zeros = toBase64Url(new Uint8Array(32))
  return {
    sessionId,
    invites: [
      await inviteOf("plain invite"),
      await inviteOf("coded invite", "sesame"),
      // NFKC, and white space around it
      await inviteOf("coded invite", " \u00a0ｓｅｓａｍｅ\u3000\n"),
      await inviteOf("other invite", "Zoë 😀"),
    ],
    knock: await knockOf("knocking invite", "Zoë"),
    fragmentsInvalid: ["", "AAAA", toBase64Url(new Uint8Array(31)), `${zeros}.q`, `${zeros}=`],
    join: { epoch: 5, leafKey: toHex(leafKey), invite: keys.id, signature: toHex(signature) },
    commitData: [
      { data: text(encodeCommitData({ at })) },
      { data: text(encodeCommitData({ at, join: { invite: keys.id, signature } })) },
      { data: text(encodeCommitData({ at, policy: utf8("{}") })) },
    ],
    commitDataInvalid: ['{"at":[7]}', `{"at":["7","${toBase64Url(at.h)}"]}`, "{}", `{"at":[7,"AAAA"]}`],
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

async function somePolicy(): Promise<{ policy: Policy; others: NewInvite[] }> {
  const host = await newInvite(sessionId, { role: "host", label: "me" }, 0, seeded("host"))
  const guest = await newInvite(sessionId, { role: "guest", label: "Pätient", history: true }, 2, seeded("guest"))
  const others = [await newInvite(sessionId, { role: "guest", label: "new", devices: 16 }, 6, seeded("new"))]
  const settings = { title: "Knee, left", relayOnly: false }
  return { policy: { v: 1, invites: [host.invite, guest.invite], settings }, others }
}

async function policies() {
  const { policy, others } = await somePolicy()
  const [host, guest] = policy.invites
  const [other] = others
  if (host === undefined || guest === undefined || other === undefined) throw new Error("invites are missing")
  const encoded = encodePolicy(policy)
  const change = (id: string, what: object): unknown => ({
    ...policy,
    invites: policy.invites.map((each) => (each.id === id ? { ...each, ...what } : each)),
  })
  const invalid: [string, unknown][] = [
    ["another version", { ...policy, v: 2 }],
    ["no invites", { ...policy, invites: [] }],
    ["no host", { ...policy, invites: [guest] }],
    ["an id twice", { ...policy, invites: [host, host] }],
    ["a member too many", { ...policy, more: true }],
    ["a role that is none", change(guest.id, { role: "nurse" })],
    ["no devices", change(guest.id, { devices: 0 })],
    ["too many devices", change(guest.id, { devices: 17 })],
    ["a short key", change(guest.id, { join: toBase64Url(new Uint8Array(31)) })],
    ["a label too long", change(guest.id, { label: "é".repeat(65) })],
    ["a title too long", { ...policy, settings: { ...policy.settings, title: "x".repeat(129) } }],
    ["settings without a member", { ...policy, settings: { title: "" } }],
    ["settings with a member too many", { ...policy, settings: { ...policy.settings, ends: 1 } }],
    ["a start that is no time", { ...policy, settings: { ...policy.settings, starts: null } }],
    ["a start that is text", { ...policy, settings: { ...policy.settings, starts: "2026" } }],
    ["a start after the last year", { ...policy, settings: { ...policy.settings, starts: 253402300800000 } }],
    ["too many invites", { ...policy, invites: Array.from({ length: 33 }, (_, i) => ({ ...host, id: idOf(`${i}`) })) }],
  ]
  const succession = { epoch: 5, committer: host.id, leaves: [host.id, guest.id] }
  const successors: [string, unknown, boolean][] = [
    ["the same", policy, true],
    ["another title", withSettings(policy, { title: "" }), true],
    ["a time agreed", withStart(policy, 1_790_000_000_000), true],
    ["the first of all times", withStart(policy, 0), true],
    ["the last of all times", withStart(policy, 253402300799999), true],
    ["an invite closed", change(guest.id, { open: false }), true],
    ["all that may change", change(guest.id, { devices: 1, history: false, knock: true, label: "" }), true],
    ["an invite more", withInvite(policy, other.invite), true],
    ["an invite more with another beginning", withInvite(policy, { ...other.invite, since: 5 }), false],
    ["a member's invite gone", withoutInvite(policy, guest.id), false],
    ["another role", change(guest.id, { role: "host" }), false],
    ["another join key", change(guest.id, { join: host.join }), false],
    ["another box key", change(guest.id, { box: host.box }), false],
    ["another beginning", change(guest.id, { since: 3 }), false],
  ]
  return {
    sessionId,
    policy: text(encoded),
    context: toHex(contextOf(sessionId, encoded)),
    invalid: invalid.map(([why, value]) => ({ why, policy: text(encodeJson(value)) })),
    succession,
    successors: successors.map(([why, value, allowed]) => {
      checkAllowed(policy, value as Policy, succession, allowed)
      return { why, policy: text(encodeJson(value)), allowed }
    }),
  }
}

/** The vectors are written by the very code they hold; at least it must say what is written. */
function checkAllowed(before: Policy, after: Policy, succession: Succession, allowed: boolean): void {
  let said = true
  try {
    checkSuccessor(before, decodePolicy(encodeJson(after)), succession)
  } catch {
    said = false
  }
  if (said !== allowed) throw new Error("a successor is judged another way")
}

async function identities() {
  const identityKey = await newIdentityKey(seeded("identity key"))
  const leafKey = seeded("leaf key")(32)
  const invite = idOf("invite")
  return {
    sessionId,
    leafKey: toHex(leafKey),
    identityKey: { seed: toHex(identityKey.seed), key: toHex(identityKey.key) },
    plain: text(await makeIdentity(sessionId, invite, { name: "Pat", device: "Firefox" }, leafKey)),
    known: text(await makeIdentity(sessionId, invite, { name: "Dr Röe", device: "", identityKey }, leafKey)),
    invalid: [
      `{"name":"Pat","device":"x"}`,
      `{"name":"${"x".repeat(129)}","device":"x","invite":"${invite}"}`,
      `{"name":"Pat","device":"${"x".repeat(65)}","invite":"${invite}"}`,
      `{"name":"Pat","device":"x","invite":"AAAA"}`,
      `{"name":"Pat","device":"x","invite":"${invite}","known":null}`,
      `{"name":"Pat","device":"x","invite":"${invite}","known":{"key":"${toBase64Url(leafKey)}"}}`,
    ],
  }
}

async function chains() {
  const shapes = [
    { kind: "chat" as const, parent: 0, size: 272 },
    { kind: "commit" as const, parent: 0, size: 5000 },
    { kind: "chat" as const, parent: 2, size: 0 },
  ]
  let position = chainStart(sessionId)
  const start = toHex(position.h)
  const entries = []
  for (const [i, { kind, parent, size }] of shapes.entries()) {
    const entry: LogEntry = { seq: i + 1, kind, parent, id: idOf(`entry ${i}`), body: seeded(`body ${i}`)(size) }
    const digest = await digestOf(entry)
    position = nextPosition(sessionId, position, digest)
    entries.push({
      ...entry,
      body: toHex(entry.body),
      header: toHex(header(sessionId, entry)),
      digest: toHex(digest.digest),
      h: toHex(position.h),
    })
  }
  const fields = { kind: "commit" as const, parent: 2, id: idOf("commit") }
  const [doorKey, message] = [seeded("door key")(32), seeded("message")(900)]
  return {
    sessionId,
    start,
    entries,
    commit: {
      doorKey: toHex(doorKey),
      ...fields,
      message: toHex(message),
      body: toHex(await sealCommit(doorKey, sessionId, fields, message)),
    },
  }
}

async function messages() {
  const { host } = await startVisit({}, seeded("visit of messages"))
  const epoch = host.state.epoch
  const record = host.state.records[0]
  if (epoch === undefined || record === undefined) throw new Error("no epoch")
  const at = { seq: 3, h: seeded("at")(64) }
  const fields = { kind: "chat" as const, parent: 0, id: idOf("message entry") }
  const payload: Payload = { type: "text", message: idOf("message"), text: "Take one, twice a day: ½ 😀" }
  const now = 1_790_000_000_000
  const body = await sealMessage(host.state.sessionId, epoch, fields, at, payload, now)
  return {
    sessionId: host.state.sessionId,
    record: recordJson(record),
    entry: { seq: 4, ...fields, body: toHex(body) },
    sender: { leaf: 0, seed: toHex(epoch.group.seed), key: toHex(epoch.members[0]?.key ?? new Uint8Array()) },
    time: now,
    at: [at.seq, toHex(at.h)],
    payload: text(encodeJson(payload)),
    payloads: await Promise.all(payloadCases().map(([why, value]) => judged(host.state, record, why, value))),
  }
}

/** Payloads as sent by a host and by a guest, and what readers make of them. */
async function judged(state: MemberState, record: EpochRecord, why: string, payload: string) {
  const as = async (role: "host" | "guest") => {
    const members = record.members.map((each) => ({ ...each, role }))
    return (await readAs(state, { ...record, members }, payload)).kind
  }
  return { why, payload, host: await as("host"), guest: await as("guest") }
}

async function readAs({ sessionId: session, epoch }: MemberState, record: EpochRecord, payload: string) {
  if (epoch === undefined) throw new Error("no epoch")
  const fields = { kind: "chat" as const, parent: 0, id: idOf("judged") }
  const content = concat(new Uint8Array(4 + 8 + 8), new Uint8Array(64), length32(utf8(payload)))
  const front = header(session, fields)
  const signed = concat(front, new Uint8Array(8), record.context, content)
  const signature = await sign(epoch.group.seed, "careseal/1 message", signed)
  const id = fromBase64Url(fields.id, 16)
  const body = await seal(record.secret, "careseal/1 message", id, front, concat(content, signature))
  return (await openMessage(session, record, { seq: 1, ...fields, body })).event
}

function length32(bytes: Uint8Array): Bytes {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  return concat(length, bytes)
}

function payloadCases(): [string, string][] {
  const [message, other] = [idOf("m"), idOf("o")]
  const file: FilePayload = {
    type: "file",
    message,
    file: idOf("f"),
    key: toBase64Url(seeded("k")(32)),
    size: 5,
    parts: 1,
    name: "scan.png",
    mime: "image/png",
  }
  const json = (value: unknown): string => text(encodeJson(value))
  return [
    ["text", json({ type: "text", message, text: "hi" })],
    ["reply", json({ type: "text", message, text: "hi", reply: other })],
    ["empty text", json({ type: "text", message, text: "" })],
    ["text too long", json({ type: "text", message, text: "x".repeat(16385) })],
    ["text with a member too many", json({ type: "text", message, text: "hi", bold: true })],
    ["text with a short id", json({ type: "text", message: "AAAA", text: "hi" })],
    ["file", json(file)],
    ["file with a thumb", json({ ...file, thumb: toBase64Url(seeded("thumb")(100)) })],
    ["file with a thumb too large", json({ ...file, thumb: toBase64Url(new Uint8Array(24577)) })],
    ["file that is a voice message", json({ ...file, voice: 12 })],
    ["file with a voice of no length", json({ ...file, voice: 0 })],
    ["file with a voice too long", json({ ...file, voice: 3601 })],
    ["file without parts", json({ ...file, parts: 0 })],
    ["file with too many parts", json({ ...file, parts: 65537 })],
    ["file with a name too long", json({ ...file, name: "é".repeat(128) })],
    ["history to somebody not in", json({ type: "history", to: other, box: "AAAA" })],
    ["call", json({ type: "call", call: message, event: "started" })],
    ["call with seconds", json({ type: "call", call: message, event: "ended", seconds: 61 })],
    ["call with another event", json({ type: "call", call: message, event: "paused" })],
    ["receipt", json({ type: "receipt", delivered: 3, seen: 2 })],
    ["receipt without seen", json({ type: "receipt", delivered: 3 })],
    ["admit", json({ type: "admit", member: other })],
    ["leave", json({ type: "leave" })],
    ["note", json({ type: "note", message, text: "" })],
    ["note too long", json({ type: "note", message, text: "x".repeat(1025) })],
    ["end", json({ type: "end" })],
    ["edit", json({ type: "edit", message, text: "ho" })],
    ["edit to an empty text", json({ type: "edit", message, text: "" })],
    ["edit to a text too long", json({ type: "edit", message, text: "x".repeat(16385) })],
    ["edit that names an author", json({ type: "edit", author: other, message, text: "ho" })],
    ["withdraw", json({ type: "withdraw", message })],
    ["withdraw of nothing", json({ type: "withdraw" })],
    ["withdraw with a member too many", json({ type: "withdraw", message, text: "" })],
    ["reaction", json({ type: "reaction", author: other, message, emoji: "👍🏽" })],
    ["reaction taken back", json({ type: "reaction", author: other, message, emoji: "" })],
    ["reaction of 64 bytes", json({ type: "reaction", author: other, message, emoji: "👍".repeat(16) })],
    ["reaction too long", json({ type: "reaction", author: other, message, emoji: `${"👍".repeat(16)}x` })],
    ["reaction to nobody's message", json({ type: "reaction", message, emoji: "👍" })],
    ["reaction with a short author", json({ type: "reaction", author: "AAAA", message, emoji: "👍" })],
    ["a type of tomorrow", json({ type: "poll", question: "?" })],
    ["no type", json({ message })],
    ["a type that is no text", json({ type: 1 })],
    ["no object", "[]"],
    ["not compact", '{"type": "leave"}'],
    ["not JSON", "hello"],
  ]
}

export function recordJson({ epoch, start, secret, context, members }: EpochRecord) {
  return {
    epoch,
    start,
    secret: toHex(secret),
    context: toHex(context),
    members: members.map(({ leaf, key, identity, role }) => ({ leaf, key: toHex(key), identity, role })),
  }
}

async function files() {
  const file = { id: idOf("file"), key: seeded("file key")(32) }
  const sizes = [0, 1, 5, 256, 257, 70_000]
  const small = await Promise.all(
    sizes.map(async (size) => {
      const random = seeded(`salt ${size}`)
      const plain = seeded(`plain ${size}`)(size)
      const sealed = await encryptPart(file, size, 0, plain, random)
      const shown = sealed.length <= 600
      return {
        size,
        plain: shown ? toHex(plain) : undefined,
        plainSeed: shown ? undefined : `plain ${size}`,
        sealedSize: sealed.length,
        sealed: shown ? toHex(sealed) : undefined,
        salt: toHex(sealed.subarray(0, 16)),
        sealedHash: toHex(hashNow(sealed)),
      }
    }),
  )
  const size = 4_194_304 + 1000
  const plain = new Uint8Array(size).map((_, i) => (i * 7 + (i >> 8)) & 255)
  const parts = []
  for (const number of [0, 1]) {
    const range = plain.subarray(number * 4_194_304, Math.min(size, (number + 1) * 4_194_304))
    const sealed = await encryptPart(file, size, number, range, seeded(`salt of part ${number}`))
    const salt = toHex(sealed.subarray(0, 16))
    parts.push({ number, salt, sealedSize: sealed.length, sealedHash: toHex(hashNow(sealed)) })
  }
  const large = [0, 1, 4_194_303, 4_194_304, 4_194_305, 100_000_000, 5 * 2 ** 30]
  return {
    file: file.id,
    key: toHex(file.key),
    onePart: small,
    twoParts: { size, plain: "byte i is (7 i + floor(i / 256)) mod 256", parts },
    sealedFileSizes: large.map((each) => [each, sealedFileSize(each)]),
  }
}

async function signals() {
  const { host } = await startVisit({}, seeded("visit of signals"))
  const epoch = host.state.epoch
  if (epoch === undefined) throw new Error("no epoch")
  const [call, to] = [idOf("call"), { leaf: 1, instance: toBase64Url(seeded("to")(8)) }]
  const cases: [SignalPayload, typeof to | "everybody"][] = [
    [{ type: "hello", reply: true }, "everybody"],
    [{ type: "offer", call, sdp: "v=0\r\n", round: 0 }, to],
    [{ type: "candidate", call, round: 0, candidate: null, mid: "0", line: 0 }, to],
    [{ type: "hangup", call }, to],
    [{ type: "media", call, audio: true, video: false, screen: false, context: ["AAAAAAA", "AAAAAAA", "AAAAAAA"] }, to],
    [
      {
        type: "media",
        call,
        audio: true,
        video: true,
        screen: false,
        context: ["AAAAAAA", "AAAAAAA", "AAAAAAA"],
        paused: true,
      },
      to,
    ],
  ]
  const from = { instance: toBase64Url(seeded("from")(8)) }
  const random = seeded("signal salts")
  const sealed = []
  for (const [counter, [payload, recipient]] of cases.entries()) {
    const signal = await sealSignal(host.state, { ...from, counter }, recipient, payload, random)
    sealed.push({ counter, to: recipient, payload: text(encodeJson(payload)), signal: toHex(signal) })
  }
  return {
    sessionId: host.state.sessionId,
    epoch: epoch.n,
    secret: toHex(epoch.secrets.signal),
    context: toHex(epoch.context),
    from: { leaf: 0, ...from, seed: toHex(epoch.group.seed), key: toHex(await publicKeyOf(epoch.group.seed)) },
    signals: sealed,
    invalid: [
      '{"type":"hello"}',
      '{"type":"offer","call":"AAAA","sdp":"","round":0}',
      `{"type":"candidate","call":"${call}","round":0,"candidate":null,"mid":"0","line":256}`,
      `{"type":"media","call":"${call}","audio":true,"video":true,"screen":true,"context":["AAAAAAA","AAAAAAA"]}`,
      `{"type":"media","call":"${call}","audio":true,"video":true,"screen":true,"context":["AAAAAAA","AAAAAAA","AAAAAAA"],"paused":null}`,
      '{"type":"unknown"}',
    ],
  }
}

async function frames() {
  const baseKey = seeded("frame key")(32)
  const context = seeded("stream")(5)
  const kid = frameKid(context, 3, 65_537)
  const key = await deriveFrameKey(baseKey, kid)
  const cases: [string, number, number, Bytes][] = [
    ["opus", 0, 0, seeded("opus")(40)],
    ["opus, empty", 7, 0, new Uint8Array()],
    ["vp8 key frame", 8, 10, concat(Uint8Array.of(0x10), seeded("vp8")(200))],
    ["vp8 delta frame", 65_536, 3, concat(Uint8Array.of(0x11), seeded("vp8 delta")(60))],
    ["a late counter", 2 ** 40, 0, seeded("late")(20)],
  ]
  return {
    baseKey: toHex(baseKey),
    context: toHex(context),
    leaf: 3,
    epoch: 65_537,
    kid: kid.toString(),
    header: [0n, 1n, 7n, 8n, 255n, 256n, 2n ** 53n - 1n].map((counter) => [
      counter.toString(),
      toHex(encodeFrameHeader(kid, counter)),
    ]),
    frames: await Promise.all(
      cases.map(async ([why, counter, readable, frame]) => ({
        why,
        counter,
        readable,
        frame: toHex(frame),
        sealed: toHex(await encryptFrame(key, counter, frame, readable)),
      })),
    ),
  }
}

function codes() {
  return ["one", "two", "three"].map((name) => {
    const code = seeded(`code ${name}`)(32)
    return { sessionId, code: toHex(code), ...securityCodeOf(sessionId, code) }
  })
}

async function histories() {
  const { host, invites: made } = await startVisit({}, seeded("visit of histories"))
  const record = host.state.records[0]
  const invite = made[1]
  if (record === undefined || invite === undefined) throw new Error("no record")
  const from = { seq: 0, h: chainStart(host.state.sessionId).h }
  const epochs = [record, { ...record, epoch: 1, start: 4 }, { ...record, epoch: 2, start: 9 }]
  const history = { from, epochs }
  const memberId = idOf("recipient")
  const random = seeded("history boxes")
  const { sessionId: session } = host.state
  const encoded = text(encodeHistory(history))
  return {
    sessionId: session,
    invite: { id: invite.invite.id, boxSeed: toHex(invite.keys.box.seed), box: toHex(invite.keys.box.key) },
    recipient: memberId,
    history: encoded,
    letter: toHex(await sealLetter(session, invite.invite, history, random)),
    grant: toHex(await sealGrant(session, memberId, invite.invite.box, history, random)),
    invalid: [
      { why: "a gap", history: text(encodeHistory({ from, epochs: [record, { ...record, epoch: 2, start: 9 }] })) },
      { why: "starts that go back", history: text(encodeHistory({ from, epochs: [record, { ...record, epoch: 1 }] })) },
      { why: "from another position", history: text(encodeHistory({ from: { ...from, seq: 1 }, epochs: [record] })) },
      { why: "no epochs", history: `{"from":[0,"${toBase64Url(from.h)}"],"epochs":[]}` },
    ],
  }
}

async function doors() {
  const { log, host, invites: made } = await startVisit({}, seeded("visit of doors"))
  const guest = made[1]
  if (guest === undefined) throw new Error("no invite")
  const keyBox = log.keyBox(guest.invite.id)
  const { n, doorKey } = await openKeyBox(guest.keys, keyBox)
  const content = await openSealedDoor(doorKey, host.state.sessionId, log.door)
  const seal = await openDoor(guest.keys, { door: log.door, keyBox })
  return {
    sessionId: host.state.sessionId,
    invite: { fragment: guest.fragment, id: guest.invite.id },
    epoch: n,
    keyBox: toHex(keyBox),
    doorKey: toHex(doorKey),
    door: toHex(log.door),
    content: doorJson(content, encodeDoor(content)),
    members: seal.members.map(({ leaf, memberId, name, role }) => ({ leaf, memberId, name, role })),
    authenticator: toHex(epochAuthenticator(host.group)),
    exported: exportedJson(host.state),
  }
}

function doorJson(content: Parameters<typeof encodeDoor>[0], encoded: Bytes) {
  return {
    encoded: toHex(encoded),
    groupInfo: toHex(content.groupInfo),
    policy: text(content.policy),
    covers: content.covers,
    commitId: content.commitId,
    position: [content.position.seq, toHex(content.position.h)],
    used: content.used,
  }
}

export function exportedJson({ epoch }: MemberState) {
  if (epoch === undefined) throw new Error("no epoch")
  const { content, door, signal, frame, code } = epoch.secrets
  return {
    context: toHex(epoch.context),
    content: toHex(content),
    door: toHex(door),
    signal: toHex(signal),
    frame: toHex(frame),
    code: toHex(code),
  }
}
