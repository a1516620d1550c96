/** GroupInfo, by which one joins from outside (docs/protocol.md §3.5, §3.7; RFC 9420 §12.4.3). */
import { type Extension, type GroupContext, type GroupInfo, type RatchetTree } from "ts-mls"
import { encodeGroupContext } from "ts-mls/groupContext.js"
import { decodeGroupInfo, encodeGroupInfo, signGroupInfo, verifyGroupInfoSignature } from "ts-mls/groupInfo.js"
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js"
import { type Bytes, equal, fromBase64Url, owned, secureRandom } from "./bytes.ts"
import { Malformed, Refused } from "./errors.ts"
import { externalKeys, type Group, whole } from "./group.ts"
import { suiteName, suiteOf } from "./groupSuite.ts"
import { checkTree, leafAt } from "./groupTree.ts"
import { checkPublicKey } from "./hpke.ts"
import { variable } from "./signature.ts"

export interface OpenedGroupInfo {
  readonly context: GroupContext
  readonly tree: RatchetTree
  readonly confirmationTag: Uint8Array
  /** X-Wing public key of the epoch for joiners */
  readonly externalKey: Bytes
  /** Leaf index of the member that signed */
  readonly signer: number
}

/** GroupInfo with external_pub and ratchet_tree, signed by this member. */
export async function makeGroupInfo(group: Group): Promise<Bytes> {
  const extensions: Extension[] = [
    { extensionType: "external_pub", extensionData: variable((await externalKeys(group)).key) },
    { extensionType: "ratchet_tree", extensionData: encodeRatchetTree(group.tree) },
  ]
  const { context: groupContext, confirmationTag, leaf: signer } = group
  const content = { groupContext, extensions, confirmationTag, signer }
  return owned(encodeGroupInfo(await signGroupInfo(content, group.seed, suiteOf(secureRandom).signature)))
}

/** Decodes and checks it: session, suite, epoch, tree and signature. Throws Malformed or Refused. */
export async function openGroupInfo(bytes: Uint8Array, sessionId: string, epoch: number): Promise<OpenedGroupInfo> {
  const info = whole(decodeGroupInfo, bytes)
  if (!equal(encodeGroupInfo(info), bytes)) throw new Malformed("GroupInfo: not in its one form")
  const context = info.groupContext
  // As text: the library reads what it does not know as well.
  const { version, cipherSuite }: { version: string; cipherSuite: string } = context
  if (version !== "mls10" || cipherSuite !== suiteName) throw new Refused("GroupInfo: suite")
  if (!equal(context.groupId, fromBase64Url(sessionId, 16))) throw new Refused("GroupInfo: another session")
  if (context.epoch !== BigInt(epoch)) throw new Refused("GroupInfo: another epoch")
  if (context.extensions.length > 0) throw new Refused("GroupInfo: group context extensions")
  const externalKey = openExternalPub(extension(info, "external_pub"))
  const tree = openTree(extension(info, "ratchet_tree"))
  const suite = suiteOf(secureRandom)
  await checkTree(tree, context, suite)
  const signer = leafAt(tree, info.signer)
  if (signer === undefined) throw new Refused("GroupInfo: signer")
  if (!(await verifyGroupInfoSignature(info, signer.signaturePublicKey, suite.signature))) {
    throw new Refused("GroupInfo: signature")
  }
  return { context, tree, confirmationTag: info.confirmationTag, externalKey, signer: info.signer }
}

function extension(info: GroupInfo, type: "external_pub" | "ratchet_tree"): Uint8Array {
  const found = info.extensions.filter(({ extensionType }) => extensionType === type)
  if (found.length !== 1 || found[0] === undefined) throw new Refused(`GroupInfo: ${type}`)
  return found[0].extensionData
}

/** The key within its vector (RFC 9420 §12.4.3.2), which the library leaves out. */
function openExternalPub(bytes: Uint8Array): Bytes {
  const key = owned(bytes.slice(2))
  if (!equal(variable(key), bytes)) throw new Malformed("GroupInfo: external_pub")
  checkPublicKey(key)
  return key
}

function openTree(bytes: Uint8Array): RatchetTree {
  const tree = whole(decodeRatchetTree, bytes)
  if (!equal(encodeRatchetTree(tree), bytes)) throw new Malformed("tree: not in its one form")
  return tree
}

/** Whether a GroupInfo is of this very epoch: its context, confirmation tag and key for joiners. */
export async function describes(info: OpenedGroupInfo, group: Group): Promise<boolean> {
  return (
    equal(encodeGroupContext(info.context), encodeGroupContext(group.context)) &&
    equal(info.confirmationTag, group.confirmationTag) &&
    equal(info.externalKey, (await externalKeys(group)).key)
  )
}
