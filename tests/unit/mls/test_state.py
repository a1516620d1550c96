"""State as bytes, and secrets that are not shown."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.mls import (
    DecodeError,
    Group,
    PreSharedKey,
    ReInit,
    Remove,
    Secret,
    external_psk_id,
)
from tests.unit.mls.world import FAST, RNG, XWING, World, follow, founded, key_package


def busy(world: World) -> Group:
    """A member with everything that a state can hold."""
    world.groups["m0"], _ = world["m0"].encrypt(b"data", RNG)
    sender = world["m1"]
    for _ in range(3):
        sender, message = sender.encrypt(b"data", RNG)
    world.groups["m0"], _ = world["m0"].receive(message)
    group, message = world["m1"].propose(Remove(2), RNG)
    world.propose("m1", message, group)
    group, message = world["m0"].propose(PreSharedKey(external_psk_id(FAST, b"id", RNG)), RNG)
    world.propose("m0", message, group)
    return world["m0"].propose_update(RNG)[0]


def test_a_group_is_the_same_after_storage() -> None:
    for world in (World(1), World(3), World(2, XWING)):
        for group in world.groups.values():
            assert Group.from_bytes(group.to_bytes()) == group
    group = busy(World(4))
    assert Group.from_bytes(group.to_bytes()) == group


def test_a_stored_group_goes_on() -> None:
    world = World(3)
    for _ in range(3):
        for name, group in world.groups.items():
            world.groups[name] = Group.from_bytes(group.to_bytes())
        world.commit("m1")


def test_an_ended_group_is_ended_after_storage() -> None:
    group = founded().commit(RNG, [ReInit(b"next", 1, FAST.number, ())]).group
    assert Group.from_bytes(group.to_bytes()).reinit == group.reinit is not None


STORED = busy(World(3)).to_bytes()


@given(st.integers(0, len(STORED) - 1), st.integers(1, 255))
def test_a_changed_state_is_refused_or_read_but_nothing_else(at: int, change: int) -> None:
    changed = bytearray(STORED)
    changed[at] ^= change
    try:
        group = Group.from_bytes(bytes(changed))
    except DecodeError:
        return
    assert group.to_bytes() == bytes(changed)


@given(st.integers(0, len(STORED) - 1))
def test_a_cut_state_is_refused(end: int) -> None:
    with pytest.raises(DecodeError):
        Group.from_bytes(STORED[:end])


def test_parts_of_different_states_do_not_make_one() -> None:
    world = World(2)
    one, other = world["m0"]._state, world["m1"]._state
    for mixed in (
        replace(one, own_leaf=1),
        replace(one, own_leaf=9),
        replace(one, signer=other.signer),
        replace(one, private_keys=other.private_keys),
        replace(one, private_keys={}),
        replace(one, private_keys={**one.private_keys, 99: one.private_keys[0]}),
        replace(one, tree=one.tree.removed(1)),
        replace(one, secret_tree=founded()._state.secret_tree),
    ):
        with pytest.raises(DecodeError):
            Group.from_bytes(Group(mixed).to_bytes())


def secrets_in(value: object) -> list[Secret]:
    """Every secret somewhere within a value."""
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, dict):
        return [each for item in value.items() for part in item for each in secrets_in(part)]
    if isinstance(value, tuple | list):
        return [each for part in value for each in secrets_in(part)]
    if is_dataclass(value):
        return [each for part in fields(value) for each in secrets_in(getattr(value, part.name))]
    return []


def test_no_secret_shows_when_something_is_printed() -> None:
    world = World(3)
    group = busy(world)
    own = key_package()
    committed = world["m0"].commit(RNG, references=())
    _, received = world["m1"].receive(committed.message)
    for value in (group, group._state, own, committed, received, group.signer, group.suite):
        shown = repr(value) + str(value) + f"{value}"
        for secret in secrets_in(value):
            assert repr(bytes(secret))[2:-1] not in shown
            assert secret.hex() not in shown
    assert len(secrets_in(group._state)) > 10
    secret = group.export("label", b"", 32)
    assert repr(secret) == str(secret) == f"{secret}" == f"{secret!s:>5}" == "<Secret>"


def test_what_an_epoch_needs_no_more_is_dropped_with_it() -> None:
    world = World(4)
    before = world["m0"]
    after = follow(before, world["m3"].commit(RNG).message)
    kept = {bytes(secret) for secret in secrets_in(after._state)}
    gone = {
        before._state.keys.init_secret,
        before._state.keys.exporter_secret,
        before._state.keys.membership_key,
        before._state.keys.sender_data_secret,
        *before._state.secret_tree.nodes.values(),
        *(ratchet.secret for ratchet in before._state.secret_tree.ratchets.values()),
    }
    assert kept.isdisjoint(gone)
    assert after._state.past_psks[before.epoch] == before._state.keys.resumption_psk


def test_private_keys_of_replaced_nodes_are_forgotten() -> None:
    world = World(4)
    for committer in ("m1", "m2", "m0", "m3"):
        before = {name: group._state.private_keys for name, group in world.groups.items()}
        world.commit(committer)
        for group in world.groups.values():
            for node, key in group._state.private_keys.items():
                there = group.tree.node(node)
                assert there is not None
                assert FAST.kem.public_key(key) == there.encryption_key
        old = set(before[committer].values())
        assert old.isdisjoint(world[committer]._state.private_keys.values())


def test_a_key_that_opened_a_message_is_gone() -> None:
    world = World(2)
    sender, message = world["m0"].encrypt(b"data", RNG)
    receiver, _ = world["m1"].receive(message)
    for group in (sender, receiver):
        tree = group._state.secret_tree
        assert 0 not in tree.nodes
        assert all(not ratchet.skipped for ratchet in tree.ratchets.values())
