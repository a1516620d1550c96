/** Making commits: a member's, and the external one of a joiner (RFC 9420 §12.4.1, §12.4.3.2). */
import {
  type CiphersuiteImpl,
  type GroupContext,
  type LeafNode,
  type Proposal,
  type RatchetTree,
  type Sender,
} from "ts-mls"
import { createConfirmationTag, createContentCommitSignature } from "ts-mls/framedContent.js"
import { initializeEpoch } from "ts-mls/keySchedule.js"
import { protectPublicMessage } from "ts-mls/messageProtectionPublic.js"
import { encodePublicMessage } from "ts-mls/publicMessage.js"
import { createConfirmedHash, createInterimHash } from "ts-mls/transcriptHash.js"
import { treeHashRoot } from "ts-mls/treeHash.js"
import { toLeafIndex } from "ts-mls/treemath.js"
import { createUpdatePath } from "ts-mls/updatePath.js"
import { type Bytes, concat, owned, type Random, u16, utf8 } from "./bytes.ts"
import { climb, type Group, keptKeys, type LeafKeys, leafTemplate } from "./group.ts"
import { type OpenedGroupInfo } from "./groupInfo.ts"
import { secretSize, suiteOf } from "./groupSuite.ts"
import { placeLeaf, withoutLeaves } from "./groupTree.ts"
import { hpkeExport } from "./hpke.ts"

/** MLSMessage: version mls10, wire format PublicMessage. */
export const messageFront = concat(u16(1), u16(1))
export const externalInitContext = utf8("MLS 1.0 external init secret")

export interface MadeCommit {
  /** The group in the epoch that the commit leads to. */
  readonly group: Group
  /** MLSMessage */
  readonly message: Bytes
}

/** What a commit starts from. */
interface Before {
  readonly context: GroupContext
  readonly confirmationTag: Uint8Array
  readonly initSecret: Uint8Array
  /** Empty outside the group, where no tag is made */
  readonly membershipKey: Uint8Array
}

/** What one who makes a commit brings. */
interface Committer {
  readonly tree: RatchetTree
  readonly leaf: number
  readonly seed: Bytes
  readonly sender: Sender
  readonly proposals: readonly Proposal[]
  readonly privateKeys: ReadonlyMap<number, Bytes>
}

/** An empty commit, or one that removes leaves. Throws Refused. */
export function commit(
  group: Group,
  removes: readonly number[],
  authenticatedData: Bytes,
  random: Random,
): Promise<MadeCommit> {
  const tree = withoutLeaves(group.tree, removes, group.leaf)
  const committer: Committer = {
    tree,
    leaf: group.leaf,
    seed: group.seed,
    sender: { senderType: "member", leafIndex: group.leaf },
    proposals: removes.map((removed) => ({ proposalType: "remove", remove: { removed } })),
    privateKeys: group.privateKeys,
  }
  const { context, confirmationTag, keys } = group
  const { initSecret, membershipKey } = keys
  const before = { context, confirmationTag, initSecret, membershipKey }
  return conclude(before, committer, authenticatedData, suiteOf(random))
}

/** Joins from outside; `former` is the own leaf to remove in a re-sync. */
export async function commitExternally(
  info: OpenedGroupInfo,
  leafKeys: LeafKeys,
  former: number | undefined,
  authenticatedData: Bytes,
  random: Random,
): Promise<MadeCommit> {
  const suite = suiteOf(random)
  const rest = withoutLeaves(info.tree, former === undefined ? [] : [former], undefined)
  const [tree, leaf] = placeLeaf(rest, { ...(await leafTemplate(leafKeys)), leafNodeSource: "commit" } as LeafNode)
  const none = new Uint8Array()
  const { enc, secret } = await hpkeExport(info.externalKey, none, externalInitContext, secretSize, random)
  const remove: Proposal[] = former === undefined ? [] : [{ proposalType: "remove", remove: { removed: former } }]
  const committer: Committer = {
    tree,
    leaf,
    seed: leafKeys.seed,
    sender: { senderType: "new_member_commit" },
    proposals: [...remove, { proposalType: "external_init", externalInit: { kemOutput: enc } }],
    privateKeys: new Map(),
  }
  const { context, confirmationTag } = info
  const before = { context, confirmationTag, initSecret: secret, membershipKey: none }
  return conclude(before, committer, authenticatedData, suite)
}

async function conclude(
  before: Before,
  committer: Committer,
  authenticatedData: Bytes,
  suite: CiphersuiteImpl,
): Promise<MadeCommit> {
  const { context } = before
  const { leaf, seed, sender } = committer
  const place = toLeafIndex(leaf)
  const [tree, path, secrets, leafSeed] = await createUpdatePath(committer.tree, place, context, seed, suite)
  const learned = new Map([[2 * leaf, owned(await suite.hpke.exportPrivateKey(leafSeed))]])
  let commitSecret: Uint8Array = suite.rng.randomBytes(secretSize)
  for (const { nodeIndex, secret } of secrets) {
    const { pair, next } = await climb(secret, suite)
    learned.set(nodeIndex, pair.seed)
    commitSecret = next
  }
  const { signature, framedContent } = await createContentCommitSignature(
    context,
    "mls_public_message",
    { proposals: committer.proposals.map((proposal) => ({ proposalOrRefType: "proposal", proposal })), path },
    sender,
    authenticatedData,
    seed,
    suite.signature,
  )
  const content = { wireformat: "mls_public_message" as const, content: framedContent, signature }
  const after = await nextContext(before, content, tree, suite)
  const epoch = await initializeEpoch(before.initSecret, commitSecret, after, new Uint8Array(secretSize), suite.kdf)
  const keys = epoch.keySchedule
  const confirmationTag = await createConfirmationTag(keys.confirmationKey, after.confirmedTranscriptHash, suite.hash)
  const group: Group = {
    context: after,
    tree,
    keys,
    confirmationTag,
    leaf,
    seed,
    privateKeys: keptKeys(committer, tree, learned),
  }
  const auth = { contentType: "commit" as const, signature, confirmationTag }
  const authenticated = { wireformat: content.wireformat, content: framedContent, auth }
  const protectedMessage = await protectPublicMessage(before.membershipKey, context, authenticated, suite)
  return { group, message: concat(messageFront, encodePublicMessage(protectedMessage)) }
}

type SignedContent = Parameters<typeof createConfirmedHash>[1]

/** The context of the epoch that a signed commit leads to (RFC 9420 §8.2). */
export async function nextContext(
  before: { readonly context: GroupContext; readonly confirmationTag: Uint8Array },
  content: SignedContent,
  tree: RatchetTree,
  suite: CiphersuiteImpl,
): Promise<GroupContext> {
  const { context, confirmationTag } = before
  const interim = await createInterimHash(context.confirmedTranscriptHash, confirmationTag, suite.hash)
  return {
    ...context,
    epoch: context.epoch + 1n,
    treeHash: await treeHashRoot(tree, suite.hash),
    confirmedTranscriptHash: await createConfirmedHash(interim, content, suite.hash),
  }
}
