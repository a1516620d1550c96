"""The ratchet tree as a value (RFC 9420 §4.1, §7.7 to §7.9)."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.mls import InvalidMessage, LeafNode, RatchetTree, Remove, tree_math
from careseal.mls.codec import decode
from careseal.mls.parent_node import ParentNode
from tests.unit.mls.world import FAST, World, founded, key_package

LEAF = key_package().key_package.leaf_node
NUMBERS = count()


def a_leaf() -> LeafNode:
    """A leaf that is like no other."""
    return replace(LEAF, encryption_key=next(NUMBERS).to_bytes(32, "big"))


def reread(tree: RatchetTree) -> RatchetTree:
    return decode(lambda reader: RatchetTree.read(reader, FAST), tree.encode())


@given(st.lists(st.integers(0, 20), max_size=25))
def test_adding_and_removing_keeps_the_tree_as_small_as_can_be(choices: list[int]) -> None:
    tree, members = RatchetTree.of_one(FAST, a_leaf()), {0}
    for choice in choices:
        if choice in members and len(members) > 1:
            tree = tree.removed(choice)
            members -= {choice}
        else:
            free = min(set(range(len(members) + 1)) - members)
            tree, index = tree.added(a_leaf())
            assert index == free
            members |= {index}
        assert {index for index, _ in tree.members()} == members
        assert tree.size == tree_math.full_leaves(max(members) + 1)
        again = reread(tree)
        assert again == tree
        assert again.hash() == tree.hash()


def test_a_change_leaves_the_old_tree_as_it_was() -> None:
    world = World(4)
    tree = world["m0"].tree
    before = tree.encode(), tree.hash()
    tree.removed(1)
    tree.added(a_leaf())
    tree.with_leaf(2, a_leaf())
    assert (tree.encode(), tree.hash()) == before


def test_hashes_that_were_kept_are_those_that_would_be_computed() -> None:
    world = World(6)
    world.commit("m4", [Remove(2)])
    world.add("m1", "m6", "m7", "m8")
    for group in world.groups.values():
        afresh = reread(group.tree)
        for node in range(tree_math.node_width(afresh.size)):
            assert group.tree.hash(node) == afresh.hash(node)


def test_an_added_leaf_is_unmerged_above_it_until_somebody_s_path_comes() -> None:
    world = World(3)
    world.commit("m0")
    world.add("m1", "m3")
    tree = world["m0"].tree
    unmerged = [node for node, parent in tree.parents() if 3 in parent.unmerged_leaves]
    assert unmerged == []  # the commit that added it had a path
    tree, index = tree.removed(3).added(a_leaf())
    assert index == 3
    root = tree.parent(tree.root)
    assert root is None or 3 in root.unmerged_leaves


def test_the_resolution_of_a_node_is_itself_and_its_unmerged_leaves() -> None:
    tree = RatchetTree(FAST, [a_leaf(), ParentNode(b"key", b"", (1,)), a_leaf()])
    assert tree.resolution(1) == [1, 2]
    assert tree.removed(1).resolution(0) == [0]
    blank = RatchetTree(FAST, [a_leaf(), None, a_leaf()])
    assert blank.resolution(1) == [0, 2]


def test_a_member_who_is_not_there_is_asked_for_in_vain() -> None:
    tree = founded().tree
    for index in (-1, 1, 2**32 - 1):
        with pytest.raises(InvalidMessage):
            tree.member(index)
        assert tree.leaf(index) is None


@given(st.integers(0, 63), st.integers(0, 63))
def test_the_common_ancestor_is_the_lowest_node_above_both(a: int, b: int) -> None:
    if a == b:
        return
    above = tree_math.direct_path(a, 64)
    shared = [node for node in above if node in tree_math.direct_path(b, 64)]
    assert tree_math.common_ancestor(a, b) == shared[0]
    assert all(tree_math.in_subtree(2 * a, node) for node in above)
    first, last = tree_math.leaf_range(shared[0])
    assert first <= min(a, b) < max(a, b) <= last
