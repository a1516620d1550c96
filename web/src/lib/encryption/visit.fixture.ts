/** A visit for tests: a log that takes everything, members that follow it, and commits that should not be. */
import { type GroupContext, type LeafNode, type Proposal, type RatchetTree } from "ts-mls"
import { createContentCommitSignature } from "ts-mls/framedContent.js"
import { protectPublicMessage } from "ts-mls/messageProtectionPublic.js"
import { encodePublicMessage } from "ts-mls/publicMessage.js"
import { toLeafIndex } from "ts-mls/treemath.js"
import { createUpdatePath } from "ts-mls/updatePath.js"
import { type Bytes, concat, type Random, secureRandom, toBase64Url, u32 } from "./bytes.ts"
import {
  type Applied,
  applyEntry,
  type ChatRequest,
  type CommitRequest,
  doorOf,
  type EntryDigest,
  encryptMessage,
  type EntryKind,
  found,
  type FoundOptions,
  inviteKeys,
  type InviteKeys,
  join,
  type KeyBox,
  type LogEntry,
  makeCommit,
  type MemberState,
  type NewInvite,
  openDoor,
  type Payload,
  readFragment,
} from "./e2ee.ts"
import { type Group } from "./group.ts"
import { externalInitContext, messageFront } from "./groupMaking.ts"
import { secretSize, suiteOf } from "./groupSuite.ts"
import { leafAt, placeLeaf, withoutLeaves } from "./groupTree.ts"
import { hpkeExport } from "./hpke.ts"
import { digestOf, sealCommit } from "./log.ts"
import { hashNow } from "./seal.ts"

/** Random bytes that are the same each time: for vectors, and for tests that compare. */
export function seeded(seed: string): Random {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 64) {
      bytes.set(hashNow(new TextEncoder().encode(seed), u32(count)).subarray(0, length - at), at)
      count += 1
    }
    return bytes
  }
}

/** A log with what stands beside it, as an honest server keeps them. */
export class Log {
  readonly entries: LogEntry[] = []
  door: Bytes
  keyBoxes: readonly KeyBox[]

  constructor(made: { readonly door: Bytes; readonly keyBoxes: readonly KeyBox[] }) {
    this.door = made.door
    this.keyBoxes = made.keyBoxes
  }

  get lastCommit(): number {
    return this.entries.findLast(({ kind }) => kind === "commit")?.seq ?? 0
  }

  add(kind: EntryKind, id: string, body: Bytes, parent = this.lastCommit): LogEntry {
    const entry = { seq: this.entries.length + 1, kind, parent, id, body }
    this.entries.push(entry)
    return entry
  }

  commit(request: CommitRequest): LogEntry {
    this.door = request.door
    this.keyBoxes = request.keyBoxes
    return this.add("commit", request.id, request.commit, request.parent)
  }

  chat(request: ChatRequest): LogEntry {
    return this.add("chat", request.id, request.encryptedMessage, request.parent)
  }

  digests(after: number, upTo = Infinity): Promise<EntryDigest[]> {
    return Promise.all(this.entries.filter(({ seq }) => seq > after && seq <= upTo).map(digestOf))
  }

  keyBox(invite: string): Bytes {
    const box = this.keyBoxes.find((each) => each.invite === invite)?.box
    if (box === undefined) throw new Error("no key box for this invite")
    return box
  }
}

/** One device that follows a log. */
export class Device {
  events: Applied["event"][] = []
  forks: number[] = []

  constructor(
    readonly log: Log,
    public state: MemberState,
    readonly keys: InviteKeys,
    readonly random: Random = secureRandom,
  ) {}

  async follow(now = 0): Promise<Applied["event"] | undefined> {
    for (const entry of this.log.entries.slice(this.state.head.seq)) {
      const { state, event, fork } = await applyEntry(this.state, entry, now)
      this.state = state
      this.events.push(event)
      if (fork !== undefined) this.forks.push(fork.seq)
    }
    return this.events.at(-1)
  }

  async say(payload: Payload, now = 1000): Promise<LogEntry> {
    await this.follow()
    return this.log.chat(await encryptMessage(this.state, payload, now, this.random))
  }

  text(text: string): Promise<LogEntry> {
    return this.say({ type: "text", message: toBase64Url(secureRandom(16)), text })
  }

  async commit(changes: Parameters<typeof makeCommit>[1] = {}): Promise<LogEntry> {
    await this.follow()
    const { state, request } = await makeCommit(this.state, changes, this.random)
    this.state = state
    const entry = this.log.commit(request)
    await this.follow()
    return entry
  }

  async healDoor(): Promise<void> {
    const { door, keyBoxes } = await doorOf(this.state, this.random)
    this.log.door = door
    this.log.keyBoxes = keyBoxes
  }

  /** The group of the current epoch. */
  get group(): Group {
    if (this.state.epoch === undefined) throw new Error("not in a group")
    return this.state.epoch.group
  }
}

export interface Visit {
  readonly log: Log
  readonly host: Device
  readonly invites: readonly NewInvite[]
}

export async function startVisit(options: Partial<FoundOptions> = {}, random?: Random): Promise<Visit> {
  const made = await found(
    {
      introduction: { name: "Dr Roe", device: "Firefox" },
      title: "Visit",
      relayOnly: false,
      founder: { label: "me" },
      invites: [{ role: "guest", label: "patient" }],
      ...options,
    },
    random,
  )
  const log = new Log(made.request)
  const [own] = made.invites
  if (own === undefined) throw new Error("no invite")
  return { log, host: new Device(log, made.state, own.keys, random), invites: made.invites }
}

export async function enter(log: Log, invite: NewInvite, name: string, random?: Random): Promise<Device> {
  const device = await knockIn(log, invite, name, random)
  await device.follow()
  return device
}

/** As `enter`, up to the posted commit. */
export async function knockIn(log: Log, invite: NewInvite, name: string, random?: Random): Promise<Device> {
  const keys = await inviteKeys(invite.keys.sessionId, readFragment(invite.fragment))
  const door = await openDoor(keys, { door: log.door, keyBox: log.keyBox(keys.id) })
  const tail = { digests: await log.digests(door.position.seq), lastCommit: log.lastCommit }
  const { state, request } = await join(door, tail, { name, device: "Chrome" }, undefined, random)
  log.commit(request)
  return new Device(log, state, keys, random)
}

/** A host and a guest who both followed the log to its end. */
export async function startPair(): Promise<Visit & { readonly guest: Device; readonly guestInvite: NewInvite }> {
  const visit = await startVisit()
  const guestInvite = visit.invites[1]
  if (guestInvite === undefined) throw new Error("no invite")
  const guest = await enter(visit.log, guestInvite, "Pat")
  await visit.host.follow()
  return { ...visit, guest, guestInvite }
}

/** What a forged commit has that an honest one has not. */
export interface Forgery {
  readonly data: Bytes
  readonly proposals?: readonly Proposal[]
  readonly byReference?: boolean
  readonly withoutPath?: boolean
  /** Changes to the own leaf before it goes into the path */
  readonly leaf?: Partial<LeafNode>
  readonly epoch?: bigint
  readonly tag?: Bytes
  readonly membershipKey?: Uint8Array
  /** The key that signs the message */
  readonly signer?: Bytes
  readonly random?: Random
  readonly changePath?: (path: NonNullable<Path>) => NonNullable<Path>
}

type Path = Awaited<ReturnType<typeof createUpdatePath>>[1] | undefined

interface Place {
  readonly context: GroupContext
  readonly tree: RatchetTree
  readonly leaf: number
  readonly seed: Bytes
  readonly membershipKey: Uint8Array
  readonly external: boolean
}

/** A commit by a member that keeps to no rule but those of the signature and the membership tag. */
export function forgeCommit(group: Group, forgery: Forgery): Promise<Bytes> {
  const removed = (forgery.proposals ?? []).flatMap((each) =>
    each.proposalType === "remove" && "remove" in each ? [each.remove.removed] : [],
  )
  const there = removed.filter((index) => leafAt(group.tree, index) !== undefined && index !== group.leaf)
  const tree = withoutLeaves(group.tree, [...new Set(there)], undefined)
  const { context, leaf, seed, keys } = group
  return forge({ context, tree, leaf, seed, membershipKey: keys.membershipKey, external: false }, forgery)
}

/** An external commit by somebody with the door open in front of them; `removes` before its own proposals. */
export async function forgeJoin(
  info: { readonly context: GroupContext; readonly tree: RatchetTree; readonly externalKey: Bytes },
  own: { readonly seed: Bytes; readonly leaf: LeafNode },
  forgery: Forgery & { readonly removes?: readonly number[]; readonly inits?: number },
): Promise<Bytes> {
  const removes = forgery.removes ?? []
  const [tree, leaf] = placeLeaf(withoutLeaves(info.tree, removes, undefined), own.leaf)
  const none = new Uint8Array()
  const { enc } = await hpkeExport(info.externalKey, none, externalInitContext, secretSize, secureRandom)
  const inits = Array.from({ length: forgery.inits ?? 1 }, (): Proposal => {
    return { proposalType: "external_init", externalInit: { kemOutput: enc } }
  })
  const proposals: Proposal[] = [
    ...removes.map((removed): Proposal => ({ proposalType: "remove", remove: { removed } })),
    ...inits,
    ...(forgery.proposals ?? []),
  ]
  const place = { context: info.context, tree, leaf, seed: own.seed, membershipKey: none, external: true }
  return forge(place, { ...forgery, proposals })
}

async function forge(place: Place, forgery: Forgery): Promise<Bytes> {
  const suite = suiteOf(forgery.random ?? secureRandom)
  const context = forgery.epoch === undefined ? place.context : { ...place.context, epoch: forgery.epoch }
  const tree = place.tree.slice()
  const own = leafAt(tree, place.leaf)
  if (own === undefined) throw new Error("no leaf of one's own")
  tree[2 * place.leaf] = { nodeType: "leaf", leaf: { ...own, ...forgery.leaf } as LeafNode }
  const [, made] = await createUpdatePath(tree, toLeafIndex(place.leaf), context, place.seed, suite)
  const path = forgery.changePath === undefined ? made : forgery.changePath(made)
  const values = (forgery.proposals ?? []).map((proposal) => ({ proposalOrRefType: "proposal" as const, proposal }))
  const reference = { proposalOrRefType: "reference" as const, reference: u32(7) }
  const references = forgery.byReference === true ? [reference] : []
  const { signature, framedContent } = await createContentCommitSignature(
    context,
    "mls_public_message",
    { proposals: [...values, ...references], path: forgery.withoutPath === true ? undefined : path },
    place.external ? { senderType: "new_member_commit" } : { senderType: "member", leafIndex: place.leaf },
    forgery.data,
    forgery.signer ?? place.seed,
    suite.signature,
  )
  const auth = { contentType: "commit" as const, signature, confirmationTag: forgery.tag ?? new Uint8Array(64) }
  const content = { wireformat: "mls_public_message" as const, content: framedContent, auth }
  const key = forgery.membershipKey ?? place.membershipKey
  return concat(messageFront, encodePublicMessage(await protectPublicMessage(key, context, content, suite)))
}

/** Puts an MLSMessage into the log, sealed as the current epoch's commits are. */
export async function postCommit(device: Device, message: Bytes): Promise<LogEntry> {
  const { epoch, sessionId } = device.state
  if (epoch === undefined) throw new Error("not in a group")
  const id = toBase64Url(device.random(16))
  const parent = device.log.lastCommit
  const body = await sealCommit(epoch.secrets.door, sessionId, { kind: "commit", parent, id }, message)
  return device.log.add("commit", id, body)
}
