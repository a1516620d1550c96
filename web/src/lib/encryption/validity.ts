/** Which commits count (docs/protocol.md §3.4): by the log before them alone, so all honest members decide alike. */
import { type Bytes, fromBase64Url, fromUtf8, toHex } from "./bytes.ts"
import { type CommitData, decodeCommitData, joinHolds } from "./commitData.ts"
import { type LogEntry } from "./entry.ts"
import { type Epoch, memberAt } from "./epoch.ts"
import { Malformed, Refused, SealError } from "./errors.ts"
import {
  type CommitView,
  followCommit,
  lookAtCommit,
  mergeCommit,
  type Merged,
  OtherGroup,
  PathClosed,
} from "./groupFollowing.ts"
import { type Group } from "./group.ts"
import { checkLeafForm } from "./groupTree.ts"
import { type Identity, knownHolds, readIdentity } from "./identity.ts"
import { openCommit } from "./log.ts"
import { checkSuccessor, decodePolicy, inviteOf, type PolicyInvite } from "./policy.ts"
import { member, type RosterMember } from "./roster.ts"

/** Stable names of the rules; texts for them are the interface's. */
export type VoidCause =
  | "does-not-open"
  | "malformed"
  | "wrong-group"
  | "commit-data"
  | "position"
  | "by-reference"
  | "no-path"
  | "leaf"
  | "identity"
  | "external-shape"
  | "join-missing"
  | "join-signature"
  | "invite-unknown"
  | "invite-closed"
  | "invite-full"
  | "key-in-use"
  | "resync-mismatch"
  | "join-in-member-commit"
  | "leaf-changed"
  | "proposal"
  | "not-a-host"
  | "policy"
  /** Something that RFC 9420 asks for. */
  | "mls"
  /** Its path does not open here, though all else holds: where a door exists over it, re-sync. */
  | "path"

/** Who sent a void commit, where it can be told. */
export interface Sender {
  readonly sender: RosterMember | undefined
  readonly invite: PolicyInvite | undefined
}

/** What a valid commit does. */
export interface Effects {
  readonly sender: RosterMember
  readonly joined: RosterMember | undefined
  readonly resync: boolean
  /** Without the former leaf of a re-sync */
  readonly removed: readonly RosterMember[]
  readonly policyBytes: Bytes
  readonly at: CommitData["at"]
}

export type Verdict =
  | { readonly kind: "valid"; readonly group: Group; readonly effects: Effects }
  /** Valid as far as a removed device can see. */
  | { readonly kind: "removed-self"; readonly effects: Effects }
  | { readonly kind: "void"; readonly cause: VoidCause } & Sender

/** Carries a cause out of the checks. */
class Void extends Error {
  constructor(readonly reason: VoidCause) {
    super(reason)
  }
}

interface Looked {
  readonly view: CommitView
  readonly data: CommitData
  readonly identity: Identity
  readonly leafKey: Bytes
}

/** Judges a commit entry by the epoch it would leave. Never throws. */
export async function judge(sessionId: string, epoch: Epoch, entry: LogEntry): Promise<Verdict> {
  let from: Sender = { sender: undefined, invite: undefined }
  try {
    const view = await look(sessionId, epoch, entry)
    from = await attribute(sessionId, epoch, view)
    const looked = await readCommit(sessionId, view, entry)
    if (view.sender === undefined) await checkExternal(sessionId, epoch, looked)
    else checkMembers(epoch, looked, view.sender)
    return await follow(epoch, looked)
  } catch (error) {
    return { kind: "void", cause: causeOf(error), ...from }
  }
}

function causeOf(error: unknown): VoidCause {
  if (error instanceof Void) return error.reason
  return error instanceof PathClosed ? "path" : "mls"
}

async function orVoid<T>(cause: VoidCause, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof SealError ? new Void(cause) : error
  }
}

function demand(holds: boolean, cause: VoidCause): asserts holds {
  if (!holds) throw new Void(cause)
}

/** Rule 1, up to the authenticity of the sender. */
async function look(sessionId: string, epoch: Epoch, entry: LogEntry): Promise<CommitView> {
  const message = await orVoid("does-not-open", () => openCommit(epoch.secrets.door, sessionId, entry))
  try {
    return await lookAtCommit(epoch.group, message)
  } catch (error) {
    if (error instanceof OtherGroup) throw new Void("wrong-group")
    throw new Void(error instanceof Malformed ? "malformed" : "mls")
  }
}

async function attribute(sessionId: string, epoch: Epoch, view: CommitView): Promise<Sender> {
  if (view.sender !== undefined) return { sender: memberAt(epoch, view.sender), invite: undefined }
  try {
    const { join } = decodeCommitData(view.authenticatedData)
    const invite = join === undefined ? undefined : inviteOf(epoch.policy, join.invite)
    if (join === undefined || invite === undefined || view.pathLeaf === undefined) throw new Refused("no invite")
    const holds = await joinHolds(fromBase64Url(invite.join), sessionId, epoch.n, view.pathLeaf.key, join.signature)
    return { sender: undefined, invite: holds ? invite : undefined }
  } catch {
    return { sender: undefined, invite: undefined }
  }
}

/** The rest of rule 1, and rule 2. */
async function readCommit(sessionId: string, view: CommitView, entry: LogEntry): Promise<Looked> {
  const data = await orVoid("commit-data", () => decodeCommitData(view.authenticatedData))
  demand(data.at.seq < entry.seq, "position")
  demand(!view.byReference, "by-reference")
  const path = view.content.commit.path
  const leaf = view.pathLeaf
  if (path === undefined || leaf === undefined) throw new Void("no-path")
  await orVoid("leaf", () => checkLeafForm(path.leafNode))
  const identity = await orVoid("identity", () => readIdentity(leaf.identity))
  demand(await knownHolds(sessionId, identity, leaf.key), "identity")
  return { view, data, identity, leafKey: leaf.key }
}

/** Rule 3. */
async function checkExternal(sessionId: string, epoch: Epoch, { view, data, identity, leafKey }: Looked) {
  demand(view.externalInits === 1 && view.removes.length <= 1 && view.others === 0, "external-shape")
  if (data.join === undefined) throw new Void("join-missing")
  demand(data.policy === undefined, "policy")
  const invite = inviteOf(epoch.policy, data.join.invite)
  if (invite?.id !== identity.invite) throw new Void("invite-unknown")
  const { join } = data
  demand(await joinHolds(fromBase64Url(invite.join), sessionId, epoch.n, leafKey, join.signature), "join-signature")
  const holders = epoch.members.filter(({ key }) => toHex(key) === toHex(leafKey))
  const [removed] = view.removes
  if (removed !== undefined) {
    const former = holders.find(({ leaf }) => leaf === removed)
    demand(former?.invite === invite.id, "resync-mismatch")
    return
  }
  demand(invite.open, "invite-closed")
  demand(epoch.members.filter((each) => each.invite === invite.id).length < invite.devices, "invite-full")
  demand(holders.length === 0, "key-in-use")
}

/** Rule 4. */
function checkMembers(epoch: Epoch, { view, data, identity, leafKey }: Looked, leaf: number): void {
  demand(data.join === undefined, "join-in-member-commit")
  const sender = memberAt(epoch, leaf)
  if (sender === undefined) throw new Void("mls")
  const before = readIdentity(new TextEncoder().encode(sender.identity))
  const same =
    toHex(sender.key) === toHex(leafKey) &&
    before.invite === identity.invite &&
    before.known?.key === identity.known?.key &&
    before.known?.signature === identity.known?.signature
  demand(same, "leaf-changed")
  demand(view.externalInits === 0 && view.others === 0, "proposal")
  demand(sender.role === "host" || (view.removes.length === 0 && data.policy === undefined), "not-a-host")
  if (data.policy !== undefined) checkPolicy(epoch, data.policy, view.removes, sender.invite)
}

function checkPolicy(epoch: Epoch, policy: Bytes, removes: readonly number[], committer: string): void {
  const leaves = epoch.members.filter(({ leaf }) => !removes.includes(leaf)).map(({ invite }) => invite)
  try {
    checkSuccessor(epoch.policy, decodePolicy(policy), { epoch: epoch.n, committer, leaves })
  } catch {
    throw new Void("policy")
  }
}

/** Rule 5, and what the commit does. */
async function follow(epoch: Epoch, looked: Looked): Promise<Verdict> {
  const { view } = looked
  const merged = await mergeCommit(epoch.group, view)
  const effects = effectsOf(epoch, looked, merged)
  if (merged.removesSelf) return { kind: "removed-self", effects }
  return { kind: "valid", group: await followCommit(epoch.group, view, merged), effects }
}

function effectsOf(epoch: Epoch, { view, data, identity, leafKey }: Looked, merged: Merged): Effects {
  const policyBytes = data.policy ?? epoch.policyBytes
  const role = inviteOf(decodePolicy(policyBytes), identity.invite)?.role ?? "guest"
  const leafIdentity = fromUtf8(view.pathLeaf?.identity ?? new Uint8Array())
  const sender = member(merged.leaf, leafKey, leafIdentity, identity, role)
  const external = view.sender === undefined
  const resync = external && view.removes.length > 0
  const removed = resync ? [] : epoch.members.filter(({ leaf }) => view.removes.includes(leaf))
  return { sender, joined: external ? sender : undefined, resync, removed, policyBytes, at: data.at }
}
