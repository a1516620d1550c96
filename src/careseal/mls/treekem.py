"""TreeKEM: making and following update paths (RFC 9420 §7.4 to §7.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from . import tree_math
from .commit import HpkeCiphertext, UpdatePath, UpdatePathNode
from .errors import InvalidMessage
from .kem import Rng
from .leaf_node import LeafNode, LeafNodeSource
from .parent_hash import path_parent_hashes
from .ratchet_tree import RatchetTree
from .secret import CommitSecret, HpkePrivateKey, PathSecret
from .signer import Signer
from .suite import CipherSuite

PrivateKeys = Mapping[int, HpkePrivateKey]
"""A member's private keys by node index: its own leaf's, and those above it that it knows."""

ContextOf = Callable[[RatchetTree], bytes]
"""The encoded provisional GroupContext for the tree after the path (§12.4.1)."""

_LABEL = b"UpdatePathNode"


@dataclass(frozen=True, slots=True)
class MergedPath:
    """The tree with a path in it, and what a member learned from the path."""

    tree: RatchetTree
    commit_secret: CommitSecret
    private_keys: PrivateKeys  # the new ones only


@dataclass(frozen=True, slots=True)
class CreatedPath:
    path: UpdatePath
    merged: MergedPath
    path_secrets: Mapping[int, PathSecret]  # by node index, for Welcomes


def next_path_secret(suite: CipherSuite, secret: PathSecret) -> PathSecret:
    """The path secret one step further up (§7.4)."""
    return PathSecret(suite.derive_secret(secret, b"path"))


def node_key_pair(suite: CipherSuite, secret: PathSecret) -> tuple[HpkePrivateKey, bytes]:
    """Private and public key of the node with that path secret (§7.4)."""
    return suite.kem.derive_key_pair(suite.derive_secret(secret, b"node"))


def create_path(
    tree: RatchetTree,
    leaf_index: int,
    template: LeafNode,
    signer: Signer,
    group_id: bytes,
    context_of: ContextOf,
    excluded: frozenset[int],
    rng: Rng,
) -> CreatedPath:
    """A fresh path from a leaf to the root (§7.5).

    `template` gives the new leaf's credential, capabilities and extensions; `excluded` are the
    leaf indices that this same commit adds, to whom nothing is encrypted here.
    """
    suite = tree.suite
    path = tree.filtered_direct_path(leaf_index)
    private, public = suite.generate_hpke_key(rng)
    private_keys = {2 * leaf_index: private}
    secret = PathSecret(rng(suite.secret_size))
    secrets, publics = {}, []
    for node, _ in path:
        secrets[node] = secret
        private_keys[node], key = node_key_pair(suite, secret)
        publics.append(key)
        secret = next_path_secret(suite, secret)
    parents, leaf_parent_hash = path_parent_hashes(tree, path, publics)
    leaf = replace(
        template,
        encryption_key=public,
        signature_key=signer.public,
        source=LeafNodeSource.COMMIT,
        lifetime=None,
        parent_hash=leaf_parent_hash,
    ).signed(suite, signer.private, group_id, leaf_index)
    merged = tree.with_path(leaf_index, leaf, parents)
    context = context_of(merged)
    nodes = [
        UpdatePathNode(
            public,
            tuple(
                _encrypt(merged, receiver, context, secrets[node], rng)
                for receiver in _receivers(merged, other, excluded)
            ),
        )
        for (node, other), public in zip(path, publics, strict=True)
    ]
    return CreatedPath(
        UpdatePath(leaf, tuple(nodes)),
        MergedPath(merged, CommitSecret(secret), private_keys),
        secrets,
    )


def merge_path(tree: RatchetTree, sender: int, path: UpdatePath) -> RatchetTree:
    """The tree with the sender's path in it. Raises `InvalidMessage` if the path has another
    length than the sender's filtered direct path, or a wrong parent hash."""
    nodes = tree.filtered_direct_path(sender)
    if len(nodes) != len(path.nodes):
        raise InvalidMessage("the update path has a wrong number of nodes")
    keys = [node.encryption_key for node in path.nodes]
    parents, leaf_parent_hash = path_parent_hashes(tree, nodes, keys)
    if path.leaf_node.parent_hash != leaf_parent_hash:
        raise InvalidMessage("the update path's leaf has a wrong parent hash")
    return tree.with_path(sender, path.leaf_node, parents)


def follow_path(
    merged: RatchetTree,
    sender: int,
    path: UpdatePath,
    receiver: int,
    private_keys: PrivateKeys,
    context: bytes,
    excluded: frozenset[int],
) -> MergedPath:
    """What the member `receiver` learns from a path that is in the tree already (§7.5).

    Raises `InvalidMessage` if the member cannot read its path secret, or if the secret leads to
    other keys than the path has.
    """
    suite = merged.suite
    nodes = merged.filtered_direct_path(sender)
    start, secret = _decrypt(merged, nodes, path, receiver, private_keys, context, excluded)
    learned = {}
    for (node, _), sent in zip(nodes[start:], path.nodes[start:], strict=True):
        learned[node], public = node_key_pair(suite, secret)
        if public != sent.encryption_key:
            raise InvalidMessage("a path secret does not fit the key that came with it")
        secret = next_path_secret(suite, secret)
    return MergedPath(merged, CommitSecret(secret), learned)


def _decrypt(
    merged: RatchetTree,
    nodes: list[tuple[int, int]],
    path: UpdatePath,
    receiver: int,
    private_keys: PrivateKeys,
    context: bytes,
    excluded: frozenset[int],
) -> tuple[int, PathSecret]:
    """Place on the path where the receiver comes in, and the path secret of that node."""
    found: tuple[int, PathSecret] | None = None
    for at, ((_, other), sent) in enumerate(zip(nodes, path.nodes, strict=True)):
        receivers = _receivers(merged, other, excluded)
        if len(receivers) != len(sent.encrypted_path_secret):
            raise InvalidMessage("the update path has a wrong number of ciphertexts")
        if not tree_math.in_subtree(2 * receiver, other):
            continue
        for node, secret in zip(receivers, sent.encrypted_path_secret, strict=True):
            if (key := private_keys.get(node)) is not None:
                opened = merged.suite.decrypt_with_label(
                    key, _LABEL, context, secret.kem_output, secret.ciphertext
                )
                found = at, PathSecret(opened)
                break
    if found is None:
        raise InvalidMessage("the update path has no secret for this member")
    return found


def _receivers(tree: RatchetTree, copath_child: int, excluded: frozenset[int]) -> list[int]:
    """Nodes that a path secret is encrypted to."""
    return [
        node
        for node in tree.resolution(copath_child)
        if not (tree_math.is_leaf(node) and node // 2 in excluded)
    ]


def _encrypt(
    tree: RatchetTree, receiver: int, context: bytes, secret: PathSecret, rng: Rng
) -> HpkeCiphertext:
    node = tree.node(receiver)
    public = b"" if node is None else node.encryption_key
    return HpkeCiphertext(*tree.suite.encrypt_with_label(public, _LABEL, context, secret, rng))


def kept_keys(keys: PrivateKeys, before: RatchetTree, after: RatchetTree) -> PrivateKeys:
    """Those private keys whose nodes are still the same; the others are to be forgotten."""
    last = 2 * after.size - 2
    return {
        node: key
        for node, key in keys.items()
        if node <= last and _key_of(before, node) == _key_of(after, node) is not None
    }


def _key_of(tree: RatchetTree, index: int) -> bytes | None:
    node = tree.node(index)
    return None if node is None else node.encryption_key
