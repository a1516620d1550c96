"""Whatever somebody in between changes is noticed (RFC 9420 §6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.mls import Group, MLSError, ReceivedCommit
from tests.unit.mls.world import RNG, XWING, World, joined


def commit_of_a_member(world: World) -> bytes:
    return world["m0"].commit(RNG, authenticated_data=b"data").message


def private_commit_of_a_member(world: World) -> bytes:
    return world["m0"].commit(RNG, private=True).message


def commit_of_a_joiner(world: World) -> bytes:
    return joined(world["m0"])[1]


def proposal(world: World) -> bytes:
    return world["m0"].propose_update(RNG)[1]


def application_data(world: World) -> bytes:
    return world["m0"].encrypt(b"data", RNG, authenticated_data=b"ad")[1]


KINDS = [
    commit_of_a_member,
    private_commit_of_a_member,
    commit_of_a_joiner,
    proposal,
    application_data,
]


def accept(group: Group, message: bytes) -> None:
    group, received = group.receive(message)
    if isinstance(received, ReceivedCommit):
        group.apply(received)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_message_with_any_byte_changed_is_refused(make: Callable[[World], bytes]) -> None:
    world = World(2)
    message, receiver = make(world), world["m1"]
    before = receiver.to_bytes()
    for at in range(len(message)):
        for change in (0x01, 0x80):
            forged = bytearray(message)
            forged[at] ^= change
            with pytest.raises(MLSError):
                accept(receiver, bytes(forged))
    assert receiver.to_bytes() == before
    accept(receiver, message)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_message_cut_or_continued_is_refused(make: Callable[[World], bytes]) -> None:
    world = World(2)
    message, receiver = make(world), world["m1"]
    for forged in (message[:-1], message + b"\x00", message[:40], message + message, b""):
        with pytest.raises(MLSError):
            accept(receiver, forged)


XWING_WORLD = World(3, XWING)
XWING_COMMIT = commit_of_a_joiner(XWING_WORLD)


@given(st.integers(0, len(XWING_COMMIT) - 1), st.integers(1, 255))
def test_an_xwing_commit_with_any_byte_changed_is_refused(at: int, change: int) -> None:
    forged = bytearray(XWING_COMMIT)
    forged[at] ^= change
    with pytest.raises(MLSError):
        accept(XWING_WORLD["m1"], bytes(forged))


def test_a_message_of_another_group_with_the_same_name_is_refused() -> None:
    one, other = World(2), World(2)
    for make in KINDS:
        with pytest.raises(MLSError):
            accept(one["m1"], make(other))


def test_a_commit_is_not_good_for_a_group_with_another_history() -> None:
    one = World(3)
    mine, theirs = one["m0"].commit(RNG), one["m1"].commit(RNG)
    _, received = one["m2"].receive(mine.message)
    assert isinstance(received, ReceivedCommit)
    split = one["m2"].apply(received)
    with pytest.raises(MLSError):
        accept(split, theirs.group.commit(RNG).message)
