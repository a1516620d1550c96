/**
 * The MLS group of a session (docs/protocol.md §2; RFC 9420): its state as an immutable value.
 *
 * The files group*.ts are the only ones that touch ts-mls. They build on its codecs, trees, key schedule and framing;
 * making and following commits is done here, because this protocol's are of two kinds only, each of which must be
 * looked at before it has any effect, and because a path of a committer whose side of the tree is otherwise empty ends
 * below the root, where the library derives one step too many.
 */
import { type CiphersuiteImpl, type GroupContext, type KeySchedule, type LeafNode, type RatchetTree } from "ts-mls"
import { deriveSecret } from "ts-mls/crypto/kdf.js"
import { createConfirmationTag } from "ts-mls/framedContent.js"
import { decodeGroupContext, encodeGroupContext } from "ts-mls/groupContext.js"
import { decodeKeySchedule, encodeKeySchedule, initializeKeySchedule, mlsExporter } from "ts-mls/keySchedule.js"
import { signLeafNodeKeyPackage } from "ts-mls/leafNode.js"
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js"
import { treeHashRoot } from "ts-mls/treeHash.js"
import { type Bytes, concat, fromBase64Url, owned, type Random, Reader, secureRandom, u32, vec32 } from "./bytes.ts"
import { Malformed } from "./errors.ts"
import { secretSize, suiteName, suiteOf } from "./groupSuite.ts"
import { capabilities, type Leaf, leafAt, leavesOf, viewLeaf } from "./groupTree.ts"
import { deriveKeyPair, type KeyPair } from "./hpke.ts"
import { publicKeyOf } from "./signature.ts"

export interface Group {
  readonly context: GroupContext
  readonly tree: RatchetTree
  readonly keys: KeySchedule
  readonly confirmationTag: Uint8Array
  /** Own leaf index */
  readonly leaf: number
  /** Own Ed25519 seed, 32 bytes */
  readonly seed: Bytes
  /** Own X-Wing seeds by node index */
  readonly privateKeys: ReadonlyMap<number, Bytes>
}

/** Own signature key and identity of a leaf to be. */
export interface LeafKeys {
  /** Ed25519 seed, 32 bytes */
  readonly seed: Bytes
  /** Identity JSON (docs/protocol.md §2.1) */
  readonly identity: Bytes
}

/** A leaf that says who, with its encryption key still to come. */
export async function leafTemplate({
  seed,
  identity,
}: LeafKeys): Promise<Omit<LeafNode, "leafNodeSource" | "signature">> {
  return {
    hpkePublicKey: new Uint8Array(),
    signaturePublicKey: await publicKeyOf(seed),
    credential: { credentialType: "basic", identity },
    capabilities,
    extensions: [],
  }
}

/** A group of one, in epoch 0. */
export async function createGroup(
  sessionId: string,
  leafKeys: LeafKeys,
  random: Random = secureRandom,
): Promise<Group> {
  const suite = suiteOf(random)
  const pair = await deriveKeyPair(random(32))
  const leaf = await signLeafNodeKeyPackage(
    {
      ...(await leafTemplate(leafKeys)),
      hpkePublicKey: pair.key,
      leafNodeSource: "key_package",
      lifetime: { notBefore: 0n, notAfter: 2n ** 64n - 1n },
    },
    leafKeys.seed,
    suite.signature,
  )
  const tree: RatchetTree = [{ nodeType: "leaf", leaf }]
  const context: GroupContext = {
    version: "mls10",
    cipherSuite: suiteName,
    groupId: fromBase64Url(sessionId, 16),
    epoch: 0n,
    treeHash: await treeHashRoot(tree, suite.hash),
    confirmedTranscriptHash: new Uint8Array(),
    extensions: [],
  }
  const keys = await initializeKeySchedule(random(secretSize), suite.kdf)
  const confirmationTag = await createConfirmationTag(keys.confirmationKey, context.confirmedTranscriptHash, suite.hash)
  const privateKeys = new Map([[0, pair.seed]])
  return { context, tree, keys, confirmationTag, leaf: 0, seed: leafKeys.seed, privateKeys }
}

export function epochOf(group: Group): number {
  return Number(group.context.epoch)
}

/** MLS-Exporter (RFC 9420 §8.5). */
export async function exportSecret(group: Group, label: string, context: Uint8Array, length = 32): Promise<Bytes> {
  return owned(await mlsExporter(group.keys.exporterSecret, label, context, length, suiteOf(secureRandom)))
}

export function groupLeaves(group: Group): Leaf[] {
  return leavesOf(group.tree)
}

export function groupLeaf(group: Group, index: number): Leaf | undefined {
  const leaf = leafAt(group.tree, index)
  return leaf === undefined ? undefined : viewLeaf(index, leaf)
}

/** The same in all members of an epoch, and in nobody else (RFC 9420 §8.7); 64 bytes. */
export function epochAuthenticator(group: Group): Bytes {
  return owned(group.keys.epochAuthenticator)
}

/** The key pair that outsiders encrypt to when they join (RFC 9420 §8.3). */
export function externalKeys(group: Group): Promise<KeyPair> {
  return deriveKeyPair(group.keys.externalSecret)
}

/** Key pair and next path secret of a node with that path secret (RFC 9420 §7.4). */
export async function climb(secret: Uint8Array, suite: CiphersuiteImpl): Promise<{ pair: KeyPair; next: Uint8Array }> {
  const pair = await deriveKeyPair(await deriveSecret(secret, "node", suite.kdf))
  return { pair, next: await deriveSecret(secret, "path", suite.kdf) }
}

/** Own keys of nodes that are as they were, and the new ones. */
export function keptKeys(
  group: { tree: RatchetTree; privateKeys: ReadonlyMap<number, Bytes> },
  tree: RatchetTree,
  learned: ReadonlyMap<number, Bytes>,
): ReadonlyMap<number, Bytes> {
  const keyAt = (of: RatchetTree, node: number) => {
    const there = of[node]
    return there?.nodeType === "leaf" ? there.leaf.hpkePublicKey : there?.parent.hpkePublicKey
  }
  const kept = [...group.privateKeys].filter(([node]) => {
    const [before, after] = [keyAt(group.tree, node), keyAt(tree, node)]
    return before !== undefined && after !== undefined && before.every((byte, i) => byte === after[i])
  })
  return new Map([...kept, ...learned])
}

export function encodeGroup(group: Group): Bytes {
  return concat(
    vec32(encodeGroupContext(group.context)),
    vec32(encodeKeySchedule(group.keys)),
    vec32(encodeRatchetTree(group.tree)),
    vec32(group.confirmationTag),
    u32(group.leaf),
    group.seed,
    u32(group.privateKeys.size),
    ...[...group.privateKeys].flatMap(([node, seed]) => [u32(node), seed]),
  )
}

/** Throws Malformed. */
export function decodeGroup(bytes: Uint8Array): Group {
  const reader = new Reader(bytes)
  const group = {
    context: whole(decodeGroupContext, reader.vec32()),
    keys: whole(decodeKeySchedule, reader.vec32()),
    tree: whole(decodeRatchetTree, reader.vec32()),
    confirmationTag: reader.vec32(),
    leaf: reader.u32(),
    seed: reader.take(32),
  }
  const count = reader.u32()
  const privateKeys = new Map<number, Bytes>()
  for (let i = 0; i < count; i += 1) privateKeys.set(reader.u32(), reader.take(32))
  reader.end()
  return { ...group, privateKeys }
}

type Decoder<T> = (bytes: Uint8Array, offset: number) => [T, number] | undefined

/** Decodes all of the bytes. Throws Malformed, whatever the library threw. */
export function whole<T>(decode: Decoder<T>, bytes: Uint8Array): T {
  let decoded: [T, number] | undefined
  try {
    decoded = decode(bytes, 0)
  } catch {
    throw new Malformed("MLS structure")
  }
  if (decoded?.[1] !== bytes.length) throw new Malformed("MLS structure")
  return decoded[0]
}
