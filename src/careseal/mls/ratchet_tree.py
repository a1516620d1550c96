"""The ratchet tree as a value, and the ways to change it (RFC 9420 §4.1, §7.7, §7.8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from . import tree_hash, tree_math
from .codec import Reader, optional, u8, vector
from .errors import DecodeError, InvalidMessage
from .leaf_node import LeafNode
from .parent_node import ParentNode
from .suite import CipherSuite

Node: TypeAlias = LeafNode | ParentNode | None


class RatchetTree:
    """An immutable ratchet tree with a power of two of leaves; changes give a new tree.

    Node hashes are computed once and carried over to the new tree wherever nothing below has
    changed.
    """

    __slots__ = ("_hashes", "_nodes", "suite")

    def __init__(
        self, suite: CipherSuite, nodes: list[Node], hashes: list[bytes | None] | None = None
    ) -> None:
        self.suite = suite
        self._nodes = nodes
        self._hashes = hashes or [None] * len(nodes)

    @classmethod
    def of_one(cls, suite: CipherSuite, leaf: LeafNode) -> RatchetTree:
        """The tree of a new group: its creator alone."""
        return cls(suite, [leaf])

    # What is there

    @property
    def size(self) -> int:
        """Number of leaves, blank ones included."""
        return len(self._nodes) // 2 + 1

    @property
    def root(self) -> int:
        return tree_math.root(self.size)

    def node(self, index: int) -> Node:
        return self._nodes[index]

    def leaf(self, leaf_index: int) -> LeafNode | None:
        """The leaf with that index; None if it is blank or outside the tree."""
        if not 0 <= leaf_index < self.size:
            return None
        node = self._nodes[2 * leaf_index]
        return node if isinstance(node, LeafNode) else None

    def parent(self, node: int) -> ParentNode | None:
        found = self._nodes[node]
        return found if isinstance(found, ParentNode) else None

    def member(self, leaf_index: int) -> LeafNode:
        """The leaf with that index; raises `InvalidMessage` if nobody is there."""
        leaf = self.leaf(leaf_index)
        if leaf is None:
            raise InvalidMessage(f"there is no member with leaf index {leaf_index}")
        return leaf

    def members(self) -> Iterator[tuple[int, LeafNode]]:
        """Leaf index and leaf of every member, in order."""
        for index, node in enumerate(self._nodes[::2]):
            if isinstance(node, LeafNode):
                yield index, node

    def parents(self) -> Iterator[tuple[int, ParentNode]]:
        """Node index and node of every parent that is not blank, in order."""
        for index in range(1, len(self._nodes), 2):
            node = self.parent(index)
            if node is not None:
                yield index, node

    def resolution(self, node: int) -> list[int]:
        """The fewest nodes that cover all members below `node` (§4.1.1)."""
        found = self._nodes[node]
        if isinstance(found, ParentNode):
            return [node, *(2 * leaf for leaf in found.unmerged_leaves)]
        if found is not None:
            return [node]
        if tree_math.is_leaf(node):
            return []
        return self.resolution(tree_math.left(node)) + self.resolution(tree_math.right(node))

    def filtered_direct_path(self, leaf_index: int) -> list[tuple[int, int]]:
        """Nodes above a leaf with the copath child of each, without those whose copath child
        resolves to nobody (§4.1.2)."""
        path, below = [], 2 * leaf_index
        for node in tree_math.direct_path(leaf_index, self.size):
            other = tree_math.sibling(below)
            if self.resolution(other):
                path.append((node, other))
            below = node
        return path

    def hash(self, node: int | None = None) -> bytes:
        """Tree hash of the subtree under `node`, by default of the whole tree (§7.8)."""
        top = self.root if node is None else node
        return tree_hash.subtree_hash(self.suite, self._nodes, self._hashes, top)

    def hash_without(self, node: int, leaves: frozenset[int]) -> bytes:
        """Tree hash of a subtree as if these leaves had not been added yet (§7.9)."""
        return tree_hash.hash_without(self.suite, self._nodes, self._hashes, node, leaves)

    # Changes

    def with_leaf(self, leaf_index: int, leaf: LeafNode) -> RatchetTree:
        """With a member's leaf replaced and the nodes above it blank (§12.1.2)."""
        return self._changed(leaf_index, {2 * leaf_index: leaf})

    def with_path(
        self, leaf_index: int, leaf: LeafNode, parents: Mapping[int, ParentNode]
    ) -> RatchetTree:
        """With an update path merged in: leaf, these parents, the rest above blank (§7.5)."""
        return self._changed(leaf_index, {2 * leaf_index: leaf, **parents})

    def added(self, leaf: LeafNode) -> tuple[RatchetTree, int]:
        """With a new member in the leftmost blank leaf, whose index is returned (§7.7)."""
        tree = self
        if (index := self.free_leaf) == self.size:
            tree = self._extended()
        above = tree_math.direct_path(index, tree.size)
        unmerged: dict[int, Node] = {
            node: replace(found, unmerged_leaves=tuple(sorted((*found.unmerged_leaves, index))))
            for node in above
            if (found := tree.parent(node)) is not None
        }
        return tree._changed(index, {2 * index: leaf, **unmerged}), index

    @property
    def free_leaf(self) -> int:
        """Index of the leaf that the next member would get; `size` if the tree is full."""
        leaves = self._nodes[::2]
        return leaves.index(None) if None in leaves else self.size

    def removed(self, leaf_index: int) -> RatchetTree:
        """Without a member, nodes above blank, and cut while the right half is empty (§7.7)."""
        nodes = self._changed(leaf_index, {2 * leaf_index: None})
        size = nodes.size
        last = max((index for index, _ in nodes.members()), default=0)
        while size > 1 and last < size // 2:
            size //= 2
        width = tree_math.node_width(size)
        return RatchetTree(self.suite, nodes._nodes[:width], nodes._hashes[:width])

    def _extended(self) -> RatchetTree:
        more = len(self._nodes) + 1
        return RatchetTree(
            self.suite, [*self._nodes, *[None] * more], [*self._hashes, *[None] * more]
        )

    def _changed(self, leaf_index: int, changes: Mapping[int, Node]) -> RatchetTree:
        """With the leaf and all nodes above it blank but for `changes`."""
        nodes, hashes = list(self._nodes), list(self._hashes)
        for node in (2 * leaf_index, *tree_math.direct_path(leaf_index, self.size)):
            nodes[node] = changes.get(node)
            hashes[node] = None
        return RatchetTree(self.suite, nodes, hashes)

    # Bytes

    def encode(self) -> bytes:
        """As in the `ratchet_tree` extension (§12.4.3.3)."""
        end = len(self._nodes)
        while self._nodes[end - 1] is None:
            end -= 1
        return vector(map(_encode_node, self._nodes[:end]))

    @classmethod
    def read(cls, reader: Reader, suite: CipherSuite) -> RatchetTree:
        """A tree in which leaves and parents are where they belong; not validated further."""
        nodes: list[Node] = list(reader.vector(lambda each: each.optional(_read_node)))
        if not nodes or nodes[-1] is None:
            raise DecodeError("a ratchet tree ends with a node that is not blank")
        for index, node in enumerate(nodes):
            if isinstance(node, ParentNode if tree_math.is_leaf(index) else LeafNode):
                raise DecodeError("a ratchet tree node is in the wrong place")
        width = tree_math.node_width(tree_math.full_leaves(len(nodes) // 2 + 1))
        return cls(suite, nodes + [None] * (width - len(nodes)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RatchetTree) and self._nodes == other._nodes

    def __hash__(self) -> int:
        return hash(self.hash())

    def __repr__(self) -> str:
        return f"<RatchetTree of {sum(1 for _ in self.members())} members>"


def _encode_node(node: Node) -> bytes:
    if node is None:
        return optional(None)
    kind = tree_hash.LEAF if isinstance(node, LeafNode) else tree_hash.PARENT
    return optional(u8(kind) + node.encode())


def _read_node(reader: Reader) -> LeafNode | ParentNode:
    match reader.u8():
        case tree_hash.LEAF:
            return LeafNode.read(reader)
        case tree_hash.PARENT:
            return ParentNode.read(reader)
    raise DecodeError("unknown ratchet tree node type")
