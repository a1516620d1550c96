"""Groups that continue other groups: ReInit and branching (RFC 9420 §11.2, §11.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careseal.mls import (
    Add,
    Committed,
    Extension,
    Group,
    InvalidMessage,
    MissingPsk,
    OwnKeyPackage,
    ReInit,
    RequiredCapabilities,
    UsageError,
)
from tests.unit.mls.world import FAST, RNG, XWING, World, key_package, refused

NEXT = b"next group"
EXTENSIONS: tuple[Extension, ...] = (RequiredCapabilities(credentials=(1,)).extension(),)


@pytest.fixture
def ended() -> World:
    """A group of three that is to go on with the X-Wing suite."""
    world = World(3)
    world.commit("m1", [ReInit(NEXT, 1, XWING.number, EXTENSIONS)])
    return world


def successor(world: World) -> tuple[Committed, list[OwnKeyPackage]]:
    """By m1, with key packages for m0 and m2."""
    others = [key_package(name, XWING) for name in (b"m0", b"m2")]
    packages = [own.key_package for own in others]
    return world["m1"].successor(XWING, key_package(b"m1", XWING), packages, RNG), others


def test_after_a_reinit_all_meet_in_the_announced_group(ended: World) -> None:
    made, others = successor(ended)
    assert made.welcome is not None
    for name, own in zip(("m0", "m2"), others, strict=True):
        joined = Group.join(made.welcome, own, old=ended[name])
        assert joined.epoch_authenticator == made.group.epoch_authenticator
        assert (joined.group_id, joined.epoch) == (NEXT, 1)
        assert joined.context.extensions == EXTENSIONS


def test_a_group_that_was_ended_sends_nothing_more(ended: World) -> None:
    group = ended["m0"]
    assert group.reinit == ReInit(NEXT, 1, XWING.number, EXTENSIONS)
    for action in (
        lambda: group.commit(RNG),
        lambda: group.encrypt(b"data", RNG),
        lambda: group.propose_update(RNG),
        group.group_info,
    ):
        with refused(group, "ended by a ReInit", UsageError):
            action()


def test_the_successor_cannot_be_joined_without_the_old_group(ended: World) -> None:
    made, others = successor(ended)
    assert made.welcome is not None
    with pytest.raises(MissingPsk, match="continues an older group"):
        Group.join(made.welcome, others[0])
    with pytest.raises(InvalidMessage, match="another group or epoch"):
        Group.join(made.welcome, others[0], old=World(2)["m0"].commit(RNG).group)


def test_the_successor_is_the_group_that_was_announced(ended: World) -> None:
    made, others = successor(ended)
    assert made.welcome is not None
    state = ended["m0"]._state
    assert state.reinit is not None
    for announced in (
        replace(state.reinit, group_id=b"x"),
        replace(state.reinit, cipher_suite=1),
        replace(state.reinit, extensions=()),
        replace(state.reinit, version=2),
    ):
        old = Group(replace(state, reinit=announced))
        with pytest.raises(InvalidMessage, match="not the one that the ReInit announced"):
            Group.join(made.welcome, others[0], old=old)


def test_only_an_ended_group_has_a_successor_of_the_announced_suite(ended: World) -> None:
    with pytest.raises(UsageError, match="no ReInit"):
        World(2)["m0"].successor(FAST, key_package(), [], RNG)
    with pytest.raises(UsageError, match="another cipher suite"):
        ended["m0"].successor(FAST, key_package(), [], RNG)


def test_some_members_branch_off() -> None:
    world = World(3)
    own, other = key_package(b"m0"), key_package(b"m2")
    made = world["m0"].branch(b"side group", own, [other.key_package], RNG)
    assert made.welcome is not None
    joined = Group.join(made.welcome, other, old=world["m2"])
    assert joined.epoch_authenticator == made.group.epoch_authenticator
    assert len(joined.roster) == 2
    with pytest.raises(MissingPsk):
        Group.join(made.welcome, other)
    with pytest.raises(InvalidMessage, match="another group or epoch"):
        Group.join(made.welcome, other, old=world["m1"].commit(RNG).group)


def test_a_welcome_that_continues_nothing_is_not_taken_for_a_branch() -> None:
    world, own = World(2), key_package()
    made = world["m0"].commit(RNG, [Add(own.key_package)])
    assert made.welcome is not None
    with pytest.raises(InvalidMessage, match="does not continue"):
        Group.join(made.welcome, own, old=world["m1"])


def test_a_branch_is_not_taken_for_the_successor(ended: World) -> None:
    before = World(2)
    other = key_package()
    made = before["m0"].branch(b"side", key_package(), [other.key_package], RNG)
    assert made.welcome is not None
    state = before["m1"]._state
    old = Group(replace(state, reinit=ended["m0"].reinit))
    with pytest.raises(InvalidMessage, match="ReInit"):
        Group.join(made.welcome, other, old=old)
