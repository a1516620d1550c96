"""Every message has a key of its own, which is there once (RFC 9420 §9)."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.mls import InvalidMessage
from careseal.mls.secret import EncryptionSecret
from careseal.mls.secret_tree import (
    MAX_FORWARD,
    MAX_SKIPPED,
    KeyAndNonce,
    RatchetKind,
    SecretTree,
)
from tests.unit.mls.world import FAST, RNG

APPLICATION, HANDSHAKE = RatchetKind.APPLICATION, RatchetKind.HANDSHAKE


def tree_of(size: int) -> SecretTree:
    return SecretTree.of(FAST, size, EncryptionSecret(RNG(32)))


def in_order(tree: SecretTree, leaf: int, count: int) -> list[KeyAndNonce]:
    keys = []
    for expected in range(count):
        tree, generation, key = tree.next_key(leaf, APPLICATION)
        assert generation == expected
        keys.append(key)
    return keys


@given(st.permutations(range(8)))
def test_keys_are_the_same_in_whatever_order_they_are_asked_for(order: list[int]) -> None:
    tree = tree_of(4)
    expected = in_order(tree, 2, 8)
    for generation in order:
        tree, key = tree.key_at(2, APPLICATION, generation)
        assert key == expected[generation]
        with pytest.raises(InvalidMessage, match="spent"):
            tree.key_at(2, APPLICATION, generation)


@given(st.permutations(range(8)))
def test_keys_are_the_same_in_whatever_order_leaves_are_unfolded(order: list[int]) -> None:
    tree = tree_of(8)
    expected = [in_order(tree, leaf, 1)[0] for leaf in range(8)]
    for leaf in order:
        tree, _, key = tree.next_key(leaf, APPLICATION)
        assert key == expected[leaf]
    assert tree.nodes == {}


def test_no_two_keys_are_alike() -> None:
    tree = tree_of(2)
    places = list(product(range(2), RatchetKind, range(3)))
    keys = [tree.key_at(*place)[1] for place in places]
    assert len({(key.key, key.nonce) for key in keys}) == len(places)


def test_one_skips_so_many_generations_and_no_more() -> None:
    tree = tree_of(1)
    tree.key_at(0, APPLICATION, MAX_FORWARD)
    with pytest.raises(InvalidMessage, match="too many"):
        tree.key_at(0, APPLICATION, MAX_FORWARD + 1)


def test_only_the_latest_skipped_keys_are_kept() -> None:
    tree, _ = tree_of(1).key_at(0, HANDSHAKE, MAX_SKIPPED + 10)
    tree.key_at(0, HANDSHAKE, 10)
    with pytest.raises(InvalidMessage, match="spent"):
        tree.key_at(0, HANDSHAKE, 9)
