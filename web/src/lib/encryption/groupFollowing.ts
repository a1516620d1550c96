/** Looking at a commit of somebody else before it has any effect, and following it (RFC 9420 §12.4.2). */
import { type PublicMessage, type RatchetTree } from "ts-mls"
import { encodeGroupContext } from "ts-mls/groupContext.js"
import { decryptWithLabel } from "ts-mls/crypto/hpke.js"
import { verifyConfirmationTag } from "ts-mls/framedContent.js"
import { initializeEpoch } from "ts-mls/keySchedule.js"
import { unprotectPublicMessage } from "ts-mls/messageProtectionPublic.js"
import { decodePublicMessage, encodePublicMessage } from "ts-mls/publicMessage.js"
import { treeHashRoot } from "ts-mls/treeHash.js"
import { isAncestor, toNodeIndex } from "ts-mls/treemath.js"
import { type Bytes, concat, equal, owned, secureRandom } from "./bytes.ts"
import { Malformed, Refused, SealError } from "./errors.ts"
import { climb, externalKeys, type Group, keptKeys, whole } from "./group.ts"
import { externalInitContext, messageFront, nextContext } from "./groupMaking.ts"
import { secretSize, suiteOf } from "./groupSuite.ts"
import { type Leaf, leafAt, mergePath, type PathStep, viewLeaf, withoutLeaves } from "./groupTree.ts"
import { hpkeImport } from "./hpke.ts"

type CommitContent = Extract<PublicMessage["content"], { contentType: "commit" }>
type CommitAuth = Extract<PublicMessage["auth"], { contentType: "commit" }>

/** A commit whose sender is authentic, before it has any effect. */
export interface CommitView {
  /** Leaf index of the member that sent it; undefined for an external commit. */
  readonly sender: number | undefined
  readonly authenticatedData: Bytes
  readonly byReference: boolean
  readonly removes: readonly number[]
  readonly externalInits: number
  /** Proposals of any other kind */
  readonly others: number
  /** The path's leaf, its index not settled yet (-1) */
  readonly pathLeaf: Leaf | undefined
  readonly content: CommitContent
  readonly auth: CommitAuth
}

/** Thrown when all holds that can be seen, but the path's secrets do not open here (docs/protocol.md §3.4). */
export class PathClosed extends SealError {
  override name = "PathClosed"
}

/** A commit of another group or epoch. */
export class OtherGroup extends SealError {
  override name = "OtherGroup"
}

/** Decodes a commit of this epoch and checks membership and signature. Throws Malformed, Refused or OtherGroup. */
export async function lookAtCommit(group: Group, bytes: Uint8Array): Promise<CommitView> {
  const message = readMessage(bytes)
  const { content, auth } = message
  if (content.contentType !== "commit" || auth.contentType !== "commit") throw new Refused("not a commit")
  if (!equal(content.groupId, group.context.groupId)) throw new OtherGroup("another group")
  if (content.epoch !== group.context.epoch) throw new OtherGroup("another epoch")
  const { sender } = content
  if (sender.senderType !== "member" && sender.senderType !== "new_member_commit") throw new Refused("sender type")
  try {
    await unprotectPublicMessage(group.keys.membershipKey, group.context, group.tree, message, suiteOf(secureRandom))
  } catch {
    throw new Refused("membership or signature")
  }
  const values = content.commit.proposals.flatMap((each) =>
    each.proposalOrRefType === "proposal" ? [each.proposal] : [],
  )
  const removes = values.flatMap((each) =>
    each.proposalType === "remove" && "remove" in each ? [each.remove.removed] : [],
  )
  const externalInits = values.filter(({ proposalType }) => proposalType === "external_init").length
  const path = content.commit.path
  return {
    sender: sender.senderType === "member" ? sender.leafIndex : undefined,
    authenticatedData: owned(content.authenticatedData),
    byReference: values.length < content.commit.proposals.length,
    removes,
    externalInits,
    others: values.length - removes.length - externalInits,
    pathLeaf: path === undefined ? undefined : viewLeaf(-1, path.leafNode),
    content,
    auth,
  }
}

function readMessage(bytes: Uint8Array): PublicMessage {
  const front = bytes.subarray(0, messageFront.length)
  if (!equal(front, messageFront)) throw new Malformed("not a PublicMessage of mls10")
  const rest = owned(bytes.slice(messageFront.length))
  const message = whole(decodePublicMessage, rest)
  if (!equal(encodePublicMessage(message), rest)) throw new Malformed("MLS structure not in its one form")
  return message
}

/** What a commit does to the tree, after every check that needs no secret. */
export interface Merged {
  readonly tree: RatchetTree
  /** Leaf index of the committer, also of a joiner */
  readonly leaf: number
  readonly removed: readonly Leaf[]
  /** The removed leaves include the own one: no next epoch can be had. */
  readonly removesSelf: boolean
  readonly steps: readonly PathStep[]
}

/** Throws Refused or Malformed for all that RFC 9420 forbids; the kinds of proposals are the caller's to judge. */
export async function mergeCommit(group: Group, view: CommitView): Promise<Merged> {
  const path = view.content.commit.path
  if (path === undefined) throw new Refused("no path")
  const removed = view.removes.map((index) => {
    const leaf = leafAt(group.tree, index)
    if (leaf === undefined) throw new Refused("remove: nobody there")
    return viewLeaf(index, leaf)
  })
  const rest = withoutLeaves(group.tree, view.removes, view.sender)
  const formerIndex = view.sender ?? view.removes[0]
  const former = formerIndex === undefined ? undefined : leafAt(group.tree, formerIndex)
  const suite = suiteOf(secureRandom)
  const merged = await mergePath(rest, path, view.sender ?? "joining", former, group.context, suite)
  return { ...merged, removed, removesSelf: view.removes.includes(group.leaf) }
}

/** The next epoch. Throws PathClosed, or Refused for a wrong confirmation tag. */
export async function followCommit(group: Group, view: CommitView, merged: Merged): Promise<Group> {
  const suite = suiteOf(secureRandom)
  const { content, auth } = view
  const provisional = {
    ...group.context,
    epoch: group.context.epoch + 1n,
    treeHash: await treeHashRoot(merged.tree, suite.hash),
  }
  const { learned, commitSecret } = await followPath(group, view, merged, encodeGroupContext(provisional))
  const initSecret = view.sender === undefined ? await importInitSecret(group, content) : group.keys.initSecret
  const signed = { wireformat: "mls_public_message" as const, content, signature: auth.signature }
  const after = await nextContext(group, signed, merged.tree, suite)
  const epoch = await initializeEpoch(initSecret, commitSecret, after, new Uint8Array(secretSize), suite.kdf)
  const keys = epoch.keySchedule
  const { confirmationTag } = auth
  const { confirmedTranscriptHash } = after
  if (!(await verifyConfirmationTag(keys.confirmationKey, confirmationTag, confirmedTranscriptHash, suite.hash))) {
    throw new Refused("confirmation tag")
  }
  const privateKeys = keptKeys(group, merged.tree, learned)
  return { ...group, context: after, tree: merged.tree, keys, confirmationTag, privateKeys }
}

async function followPath(
  group: Group,
  view: CommitView,
  merged: Merged,
  context: Uint8Array,
): Promise<{ learned: ReadonlyMap<number, Bytes>; commitSecret: Uint8Array }> {
  const suite = suiteOf(secureRandom)
  const nodes = view.content.commit.path?.nodes ?? []
  const own = toNodeIndex(2 * group.leaf)
  const start = merged.steps.findIndex(({ node }) => isAncestor(own, toNodeIndex(node), merged.tree.length))
  // A commit of this very leaf that is not the pending one was made by another copy of it.
  if (start < 0 || merged.leaf === group.leaf) throw new PathClosed("the path has no secret for this member")
  let secret = await ownPathSecret(group, merged.steps[start], nodes[start]?.encryptedPathSecret ?? [], context)
  const learned = new Map<number, Bytes>()
  for (const [i, { node }] of merged.steps.entries()) {
    if (i < start) continue
    const { pair, next } = await climb(secret, suite)
    if (!equal(pair.key, nodes[i]?.hpkePublicKey ?? new Uint8Array())) {
      throw new PathClosed("a path secret does not fit the key that came with it")
    }
    learned.set(node, pair.seed)
    secret = next
  }
  return { learned, commitSecret: secret }
}

async function ownPathSecret(
  group: Group,
  step: PathStep | undefined,
  secrets: readonly { kemOutput: Uint8Array; ciphertext: Uint8Array }[],
  context: Uint8Array,
): Promise<Uint8Array> {
  for (const [i, receiver] of (step?.receivers ?? []).entries()) {
    const seed = group.privateKeys.get(receiver)
    const sealed = secrets[i]
    if (seed === undefined || sealed === undefined) continue
    const { hpke } = suiteOf(secureRandom)
    try {
      const key = await hpke.importPrivateKey(seed)
      return await decryptWithLabel(key, "UpdatePathNode", context, sealed.kemOutput, sealed.ciphertext, hpke)
    } catch {
      throw new PathClosed("the path secret for this member does not open")
    }
  }
  throw new PathClosed("the path has no secret for this member")
}

async function importInitSecret(group: Group, content: CommitContent): Promise<Bytes> {
  const init = content.commit.proposals.flatMap((each) =>
    each.proposalOrRefType === "proposal" && "externalInit" in each.proposal ? [each.proposal.externalInit] : [],
  )[0]
  if (init === undefined) throw new Refused("no ExternalInit")
  const { seed } = await externalKeys(group)
  const none = new Uint8Array()
  return hpkeImport(seed, init.kemOutput, none, externalInitContext, secretSize)
}

/** The message of a commit as it goes into the log, for tests of what others send. */
export function encodeMessage(message: PublicMessage): Bytes {
  return concat(messageFront, encodePublicMessage(message))
}
