/** Leaves and ratchet trees, as this protocol allows them (docs/protocol.md §2; RFC 9420 §7, §12.4.3.1). */
import { type CiphersuiteImpl, type GroupContext, type LeafNode, type RatchetTree, type UpdatePath } from "ts-mls"
import { encodeCapabilities } from "ts-mls/capabilities.js"
import { verifyLeafNodeSignature } from "ts-mls/leafNode.js"
import { verifyParentHashes } from "ts-mls/parentHash.js"
import { addLeafNode, filteredDirectPathAndCopathResolution, removeLeafNode } from "ts-mls/ratchetTree.js"
import { treeHashRoot } from "ts-mls/treeHash.js"
import { isLeaf, nodeToLeafIndex, toLeafIndex, toNodeIndex } from "ts-mls/treemath.js"
import { applyUpdatePath } from "ts-mls/updatePath.js"
import { type Bytes, equal, owned, toHex } from "./bytes.ts"
import { Malformed, Refused } from "./errors.ts"
import { suiteName } from "./groupSuite.ts"
import { checkPublicKey } from "./hpke.ts"

export const capabilities = {
  versions: ["mls10" as const],
  ciphersuites: [suiteName as typeof suiteName],
  extensions: [],
  proposals: [],
  credentials: ["basic" as const],
}
const capabilitiesEncoded = encodeCapabilities(capabilities)

/** What of a leaf the rest of this room looks at. */
export interface Leaf {
  readonly index: number
  /** Ed25519, 32 bytes */
  readonly key: Bytes
  /** The credential's identity, as sent */
  readonly identity: Bytes
}

/** Throws Refused unless the leaf is of the form §2 gives it: suite, capabilities, basic credential, no extensions. */
export function checkLeafForm(leaf: LeafNode): void {
  if (!equal(encodeCapabilities(leaf.capabilities), capabilitiesEncoded)) throw new Refused("leaf: capabilities")
  if (leaf.credential.credentialType !== "basic") throw new Refused("leaf: credential")
  if (leaf.extensions.length > 0) throw new Refused("leaf: extensions")
  if (leaf.signaturePublicKey.length !== 32) throw new Refused("leaf: signature key")
}

export function viewLeaf(index: number, leaf: LeafNode): Leaf {
  if (leaf.credential.credentialType !== "basic" || !("identity" in leaf.credential)) {
    throw new Refused("leaf: credential")
  }
  return { index, key: owned(leaf.signaturePublicKey), identity: owned(leaf.credential.identity) }
}

export function leafAt(tree: RatchetTree, index: number): LeafNode | undefined {
  const node = tree[2 * index]
  return node?.nodeType === "leaf" ? node.leaf : undefined
}

export function leavesOf(tree: RatchetTree): Leaf[] {
  return tree.flatMap((node, i) => (node?.nodeType === "leaf" ? [viewLeaf(i / 2, node.leaf)] : []))
}

/** The tree without those leaves. Throws Refused for a leaf that is not there, named twice, or the committer's. */
export function withoutLeaves(
  tree: RatchetTree,
  removed: readonly number[],
  committer: number | undefined,
): RatchetTree {
  if (new Set(removed).size < removed.length) throw new Refused("remove: named twice")
  for (const index of removed) {
    if (index === committer) throw new Refused("remove: the committer itself")
    if (leafAt(tree, index) === undefined) throw new Refused("remove: nobody there")
  }
  // The library knows no tree without a leaf, but a lone member that comes back leaves one for a moment.
  if (removed.length === leavesOf(tree).length) return [undefined]
  return removed.reduce((rest, index) => removeLeafNode(rest, toLeafIndex(index)), tree)
}

/** A node of a filtered direct path, and the nodes that its copath child resolves to. */
export interface PathStep {
  readonly node: number
  readonly receivers: readonly number[]
}

export function pathOf(tree: RatchetTree, leaf: number): PathStep[] {
  return filteredDirectPathAndCopathResolution(toLeafIndex(leaf), tree).map(({ nodeIndex, resolution }) => ({
    node: nodeIndex,
    receivers: resolution,
  }))
}

function keysOf(tree: RatchetTree): string[] {
  return tree.flatMap((node) => {
    if (node === undefined) return []
    return [toHex(node.nodeType === "leaf" ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey)]
  })
}

/**
 * The tree with a committer's path in it, after all that can be checked without a secret (RFC 9420 §7.3, §12.4.2).
 * `tree` has the removals in it already; `former` is the committer's leaf before, also that of a re-sync. Throws.
 */
export async function mergePath(
  tree: RatchetTree,
  path: UpdatePath,
  leaf: number | "joining",
  former: LeafNode | undefined,
  context: GroupContext,
  suite: CiphersuiteImpl,
): Promise<{ tree: RatchetTree; leaf: number; steps: PathStep[] }> {
  const [base, index] = leaf === "joining" ? placeLeaf(tree, path.leafNode) : [tree, leaf]
  checkLeafForm(path.leafNode)
  if (!(await verifyLeafNodeSignature(path.leafNode, context.groupId, index, suite.signature))) {
    throw new Refused("path: leaf signature")
  }
  checkPathKeys(tree, path, former)
  const steps = pathOf(base, index)
  if (steps.length !== path.nodes.length) throw new Refused("path: length")
  for (const [i, { receivers }] of steps.entries()) {
    if (path.nodes[i]?.encryptedPathSecret.length !== receivers.length) throw new Refused("path: ciphertexts")
  }
  const merged = await applyUpdatePath(base, toLeafIndex(index), path, suite.hash, leaf === "joining")
  return { tree: merged, leaf: index, steps }
}

/** Puts a leaf into the leftmost free place. */
export function placeLeaf(tree: RatchetTree, leaf: LeafNode): [RatchetTree, number] {
  const [grown, node] = addLeafNode(tree, leaf)
  return [grown, nodeToLeafIndex(node)]
}

function checkPathKeys(tree: RatchetTree, path: UpdatePath, former: LeafNode | undefined): void {
  const brought = [path.leafNode.hpkePublicKey, ...path.nodes.map((node) => node.hpkePublicKey)]
  brought.forEach(checkPublicKey)
  const known = new Set(keysOf(tree))
  if (former !== undefined) known.add(toHex(former.hpkePublicKey))
  for (const key of brought.map(toHex)) {
    if (known.has(key)) throw new Refused("path: a key that is in the tree already")
    known.add(key)
  }
}

/** Checks the tree of a GroupInfo. Throws Refused or Malformed. */
export async function checkTree(tree: RatchetTree, context: GroupContext, suite: CiphersuiteImpl): Promise<void> {
  const keys = keysOf(tree)
  if (new Set(keys).size < keys.length) throw new Refused("tree: an encryption key twice")
  const signers = leavesOf(tree).map(({ key }) => toHex(key))
  if (new Set(signers).size < signers.length) throw new Refused("tree: a signature key twice")
  for (const [i, node] of tree.entries()) {
    if (node === undefined) continue
    if ((node.nodeType === "leaf") !== isLeaf(toNodeIndex(i))) throw new Malformed("tree: structure")
    if (node.nodeType === "leaf") {
      await checkTreeLeaf(node.leaf, i / 2, context, suite)
    } else {
      checkPublicKey(node.parent.hpkePublicKey)
      // Members come by external commits only, whose path merges them at once.
      if (node.parent.unmergedLeaves.length > 0) throw new Refused("tree: unmerged leaves")
    }
  }
  if (!(await verifyParentHashes(tree, suite.hash))) throw new Refused("tree: parent hashes")
  if (!equal(context.treeHash, await treeHashRoot(tree, suite.hash))) throw new Refused("tree: hash")
}

async function checkTreeLeaf(leaf: LeafNode, index: number, context: GroupContext, suite: CiphersuiteImpl) {
  checkLeafForm(leaf)
  checkPublicKey(leaf.hpkePublicKey)
  if (leaf.leafNodeSource === "update") throw new Refused("leaf: source")
  if (!(await verifyLeafNodeSignature(leaf, context.groupId, index, suite.signature))) {
    throw new Refused("leaf: signature")
  }
}
