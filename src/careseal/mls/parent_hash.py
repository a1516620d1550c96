"""Parent hashes: every parent node was put there by a leaf below it (RFC 9420 §7.9)."""

from __future__ import annotations

from . import tree_math
from .codec import opaque
from .errors import InvalidMessage
from .parent_node import ParentNode
from .ratchet_tree import RatchetTree
from .suite import CipherSuite


def parent_hash(suite: CipherSuite, key: bytes, above: bytes, sibling_hash: bytes) -> bytes:
    """Hash of a ParentHashInput: the parent's key, its own parent_hash, and its original
    sibling tree hash (§7.9). Nh bytes."""
    return suite.hash(opaque(key) + opaque(above) + opaque(sibling_hash))


def path_parent_hashes(
    tree: RatchetTree, path: list[tuple[int, int]], keys: list[bytes]
) -> tuple[dict[int, ParentNode], bytes]:
    """Parent nodes of an update path, and the parent_hash for its leaf (§7.9.1).

    `path` is the filtered direct path with copath children, `keys` the new public key of each
    node of it. The copath in `tree` is as it will be after the path is merged.
    """
    nodes: dict[int, ParentNode] = {}
    above = b""
    for (node, other), key in reversed(list(zip(path, keys, strict=True))):
        nodes[node] = ParentNode(key, above)
        above = parent_hash(tree.suite, key, above, tree.hash(other))
    return nodes, above


def check_parent_hashes(tree: RatchetTree) -> None:
    """Raises `InvalidMessage` unless every parent node is parent-hash valid (§7.9.2)."""
    for index, node in tree.parents():
        left, right = tree_math.left(index), tree_math.right(index)
        if not (_vouches(tree, node, left, right) or _vouches(tree, node, right, left)):
            raise InvalidMessage(f"no node vouches for parent node {index}: wrong parent hash")


def _vouches(tree: RatchetTree, node: ParentNode, child: int, other: int) -> bool:
    """Whether the subtree under `child` holds the node that was set together with `node`."""
    unmerged = {2 * leaf for leaf in node.unmerged_leaves if tree_math.in_subtree(2 * leaf, child)}
    resolution = tree.resolution(child)
    candidates = [each for each in resolution if each not in unmerged]
    if len(candidates) != 1 or len(resolution) != len(unmerged) + 1:
        return False
    below = tree.node(candidates[0])
    if below is None or below.parent_hash is None:
        return False
    original = tree.hash_without(other, frozenset(node.unmerged_leaves))
    return below.parent_hash == parent_hash(
        tree.suite, node.encryption_key, node.parent_hash, original
    )
