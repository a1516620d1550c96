"""Tree hashes (RFC 9420 §7.8), computed over the array of nodes of a ratchet tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import tree_math
from .codec import opaque, optional, u8, u32
from .leaf_node import LeafNode
from .parent_node import ParentNode
from .suite import CipherSuite

Nodes = Sequence[LeafNode | ParentNode | None]
Hashes = list[bytes | None]

LEAF, PARENT = 1, 2  # NodeType (§7.8)


def subtree_hash(suite: CipherSuite, nodes: Nodes, known: Hashes, top: int) -> bytes:
    """Tree hash of the subtree under `top`, Nh bytes; fills `known` on the way."""
    if (found := known[top]) is not None:
        return found
    node = nodes[top]
    if tree_math.is_leaf(top):
        value = _leaf_hash(suite, top // 2, node)
    else:
        left = subtree_hash(suite, nodes, known, tree_math.left(top))
        right = subtree_hash(suite, nodes, known, tree_math.right(top))
        value = _parent_hash(suite, node, left, right)
    known[top] = value
    return value


def hash_without(
    suite: CipherSuite, nodes: Nodes, known: Hashes, top: int, leaves: frozenset[int]
) -> bytes:
    """Tree hash under `top` with `leaves` (leaf indices) blank and nowhere unmerged (§7.9)."""
    here = frozenset(leaf for leaf in leaves if tree_math.in_subtree(2 * leaf, top))
    if not here:
        return subtree_hash(suite, nodes, known, top)
    if tree_math.is_leaf(top):
        return _leaf_hash(suite, top // 2, None)
    node = nodes[top]
    if isinstance(node, ParentNode):
        rest = tuple(leaf for leaf in node.unmerged_leaves if leaf not in here)
        node = replace(node, unmerged_leaves=rest)
    left = hash_without(suite, nodes, known, tree_math.left(top), here)
    right = hash_without(suite, nodes, known, tree_math.right(top), here)
    return _parent_hash(suite, node, left, right)


def _leaf_hash(suite: CipherSuite, index: int, node: LeafNode | ParentNode | None) -> bytes:
    encoded = None if node is None else node.encode()
    return suite.hash(u8(LEAF) + u32(index) + optional(encoded))


def _parent_hash(
    suite: CipherSuite, node: LeafNode | ParentNode | None, left: bytes, right: bytes
) -> bytes:
    encoded = None if node is None else node.encode()
    return suite.hash(u8(PARENT) + optional(encoded) + opaque(left) + opaque(right))
