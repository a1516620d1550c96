"""Vectors of the ratchet tree: tree-math, tree-operations, tree-validation, treekem."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .. import tree_math
from ..codec import decode
from ..commit import UpdatePath
from ..epoch_change import provisional_context
from ..group_context import GroupContext
from ..leaf_node import MLS10
from ..parent_hash import check_parent_hashes
from ..proposal import Add, Remove, Update, read_proposal
from ..ratchet_tree import RatchetTree
from ..secret import HpkePrivateKey, PathSecret, SignaturePrivateKey
from ..signer import Signer
from ..suite import CipherSuite
from ..treekem import PrivateKeys, create_path, follow_path, merge_path, node_key_pair
from .case import Case, Mismatch, fresh, raw, same, suite_of


def tree_arithmetic(case: Case) -> None:
    leaves = case["n_leaves"]
    width = tree_math.node_width(leaves)
    top = tree_math.root(leaves)
    same("n_nodes", width, case["n_nodes"])
    same("root", top, case["root"])
    for node in range(width):
        leaf, is_root = tree_math.is_leaf(node), node == top
        found: dict[str, int | None] = {
            "left": None if leaf else tree_math.left(node),
            "right": None if leaf else tree_math.right(node),
            "parent": None if is_root else tree_math.parent(node),
            "sibling": None if is_root else tree_math.sibling(node),
        }
        for name, value in found.items():
            same(f"{name} of node {node}", value, case[name][node])


def tree_operations(case: Case) -> None:
    suite = suite_of(case)
    before = _tree(suite, case["tree_before"])
    same("hash before", before.hash(), raw(case["tree_hash_before"]))
    match decode(read_proposal, raw(case["proposal"])):
        case Add(key_package):
            after, _ = before.added(key_package.leaf_node)
        case Update(leaf):
            after = before.with_leaf(case["proposal_sender"], leaf)
        case Remove(removed):
            after = before.removed(removed)
        case _:
            raise Mismatch("a proposal that does not change the tree")
    same("tree after", after.encode(), raw(case["tree_after"]))
    same("hash after", after.hash(), raw(case["tree_hash_after"]))


def tree_validation(case: Case) -> None:
    tree = _tree(suite_of(case), case["tree"])
    same("re-encoded tree", tree.encode(), raw(case["tree"]))
    for node, resolution in enumerate(case["resolutions"]):
        same(f"resolution of node {node}", tree.resolution(node), resolution)
    for node, value in enumerate(case["tree_hashes"]):
        same(f"hash of node {node}", tree.hash(node), raw(value))
    check_parent_hashes(tree)
    for index, leaf in tree.members():
        leaf.verify(tree.suite, raw(case["group_id"]), index)


def treekem(case: Case) -> None:
    suite = suite_of(case)
    tree = _tree(suite, case["ratchet_tree"])
    context = GroupContext(
        MLS10,
        suite.number,
        raw(case["group_id"]),
        case["epoch"] - 1,  # paths are encrypted for the epoch after the group's
        b"",
        raw(case["confirmed_transcript_hash"]),
        (),
    )
    context_of = partial(provisional_context, context, ())
    members = {each["index"]: each for each in case["leaves_private"]}
    keys = {index: _private_keys(tree, each) for index, each in members.items()}
    for expected in case["update_paths"]:
        sender = expected["sender"]
        path = decode(UpdatePath.read, raw(expected["update_path"]))
        secrets = {
            index: raw(secret)
            for index, secret in enumerate(expected["path_secrets"])
            if secret is not None
        }
        merged = _follow_all(tree, sender, path, keys, context_of, raw(expected["commit_secret"]))
        same("tree hash after", merged.hash(), raw(expected["tree_hash_after"]))
        _check_path_secrets(merged, sender, path, keys, context_of, secrets)
        signer = Signer.of(suite, SignaturePrivateKey(raw(members[sender]["signature_priv"])))
        created = create_path(
            tree,
            sender,
            tree.member(sender),
            signer,
            context.group_id,
            context_of,
            frozenset(),
            fresh,
        )
        _follow_all(tree, sender, created.path, keys, context_of, created.merged.commit_secret)


def _tree(suite: CipherSuite, encoded: str) -> RatchetTree:
    return decode(lambda reader: RatchetTree.read(reader, suite), raw(encoded))


def _private_keys(tree: RatchetTree, member: Case) -> PrivateKeys:
    keys = {2 * member["index"]: HpkePrivateKey(raw(member["encryption_priv"]))}
    for each in member["path_secrets"]:
        secret = PathSecret(raw(each["path_secret"]))
        keys[each["node"]], _ = node_key_pair(tree.suite, secret)
    for node, key in keys.items():
        there = tree.node(node)
        public = None if there is None else there.encryption_key
        same(f"key of node {node}", tree.suite.kem.public_key(key), public)
    return keys


def _follow_all(
    tree: RatchetTree,
    sender: int,
    path: UpdatePath,
    keys: dict[int, PrivateKeys],
    context_of: Callable[[RatchetTree], bytes],
    commit_secret: bytes,
) -> RatchetTree:
    """Everybody but the sender follows the path and comes to `commit_secret`."""
    merged = merge_path(tree, sender, path)
    context = context_of(merged)
    for index, _ in tree.members():
        if index != sender:
            learned = follow_path(merged, sender, path, index, keys[index], context, frozenset())
            same(f"commit secret of leaf {index}", learned.commit_secret, commit_secret)
    return merged


def _check_path_secrets(
    merged: RatchetTree,
    sender: int,
    path: UpdatePath,
    keys: dict[int, PrivateKeys],
    context_of: Callable[[RatchetTree], bytes],
    secrets: dict[int, bytes],
) -> None:
    """Each member's lowest new private key is the one that its published path secret gives."""
    context = context_of(merged)
    for index, secret in secrets.items():
        learned = follow_path(merged, sender, path, index, keys[index], context, frozenset())
        lowest = min(learned.private_keys, key=tree_math.level)
        expected, _ = node_key_pair(merged.suite, PathSecret(secret))
        same(f"path secret of leaf {index}", learned.private_keys[lowest], expected)
