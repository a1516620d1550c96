"""Array-based tree arithmetic (RFC 9420 appendix C).

A tree of n leaves (a power of two) is an array of 2n-1 nodes; leaf i is node 2i. All functions work
on node indices of such full trees and trust their arguments.
"""

from __future__ import annotations


def node_width(leaves: int) -> int:
    """Nodes of a tree with `leaves` leaves."""
    return 2 * leaves - 1 if leaves else 0


def full_leaves(leaves: int) -> int:
    """The smallest power of two that is at least `leaves`, and at least 1."""
    return 1 << max(leaves - 1, 0).bit_length()


def is_leaf(node: int) -> bool:
    return not node & 1


def level(node: int) -> int:
    """Height above the leaves: 0 for a leaf."""
    return (~node & node + 1).bit_length() - 1


def root(leaves: int) -> int:
    return leaves - 1


def left(node: int) -> int:
    """Left child of a parent node."""
    return node ^ 1 << level(node) - 1


def right(node: int) -> int:
    """Right child of a parent node."""
    return node ^ 3 << level(node) - 1


def parent(node: int) -> int:
    """Parent of a node that is not the root."""
    height = level(node)
    return (node | 1 << height) & ~(1 << height + 1)


def sibling(node: int) -> int:
    """The other child of the node's parent."""
    above = parent(node)
    return right(above) if node < above else left(above)


def direct_path(leaf: int, leaves: int) -> list[int]:
    """Nodes above the leaf with index `leaf`, from its parent to the root."""
    node, top = 2 * leaf, root(leaves)
    path = []
    while node != top:
        node = parent(node)
        path.append(node)
    return path


def leaf_range(top: int) -> tuple[int, int]:
    """First and last leaf index at or below a node."""
    reach = (1 << level(top)) - 1
    return (top - reach) // 2, (top + reach) // 2


def in_subtree(node: int, top: int) -> bool:
    """Whether `node` lies at or below `top`."""
    reach = (1 << level(top)) - 1
    return top - reach <= node <= top + reach


def common_ancestor(a: int, b: int) -> int:
    """The lowest node that has both leaf indices `a` and `b` (not equal) below it."""
    height = (a ^ b).bit_length()
    return (a >> height << height + 1) + (1 << height) - 1
