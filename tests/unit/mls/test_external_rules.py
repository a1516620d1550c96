"""Joining and proposing from outside: what is allowed, and what is refused (§12.1.8, §12.4.3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from careseal.mls import (
    Add,
    Credential,
    ExternalInit,
    ExternalSender,
    Group,
    GroupContextExtensions,
    NotAuthentic,
    Proposal,
    Remove,
    Sender,
    SenderType,
    Signer,
    Update,
    UsageError,
    decode_message,
    encode_message,
    propose_from_outside,
)
from careseal.mls.commit import Commit, ProposalOrRef, ProposalRef, UpdatePath
from careseal.mls.public_message import PublicMessage
from tests.unit.mls.world import (
    FAST,
    GROUP_ID,
    RNG,
    World,
    follow,
    forged,
    founded,
    joined,
    key_package,
    refused,
    remember,
    signer,
)

JOINER = Sender(SenderType.NEW_MEMBER_COMMIT)


@pytest.fixture(scope="module")
def world() -> World:
    return World(3)


def commit_of(message: bytes) -> Commit:
    decoded = decode_message(message)
    assert isinstance(decoded, PublicMessage)
    commit = decoded.content.content
    assert isinstance(commit, Commit)
    return commit


def refuse(
    world: World, match: str, change: Sequence[ProposalOrRef] | None, path: UpdatePath | None = None
) -> None:
    """A joiner's commit with other proposals (or without its path) is refused."""
    newcomer, message = joined(world["m1"])
    right = commit_of(message)
    proposals = right.proposals if change is None else (*right.proposals, *change)
    forgery = forged(world["m1"], proposals, path or right.path, JOINER, newcomer.signer)
    with refused(world["m0"], match):
        follow(world["m0"], forgery)


def test_a_joiner_adds_proposals_of_other_kinds_in_vain(world: World) -> None:
    for proposal in (Add(key_package().key_package), GroupContextExtensions(())):
        refuse(world, "out of place", [proposal])


def test_a_joiner_removes_one_leaf_at_most(world: World) -> None:
    refuse(world, "at most one leaf", [Remove(1), Remove(2)])


def test_a_joiner_removes_somebody_who_is_there(world: World) -> None:
    refuse(world, "no member", [Remove(3)])


def test_a_joiner_brings_one_external_init(world: World) -> None:
    newcomer, message = joined(world["m1"])
    right = commit_of(message)
    for proposals in ((), right.proposals * 2):
        forgery = forged(world["m1"], proposals, right.path, JOINER, newcomer.signer)
        with refused(world["m0"], "exactly one ExternalInit"):
            follow(world["m0"], forgery)


def test_a_joiner_does_not_refer_to_proposals(world: World) -> None:
    refuse(world, "must not refer", [ProposalRef(bytes(32))])


def test_a_joiner_s_commit_has_a_path(world: World) -> None:
    newcomer, message = joined(world["m1"])
    forgery = forged(world["m1"], commit_of(message).proposals, None, JOINER, newcomer.signer)
    with refused(world["m0"], "with a path"):
        world["m0"].receive(forgery)


def test_a_joiner_signs_with_the_key_of_its_leaf(world: World) -> None:
    _, message = joined(world["m1"])
    right = commit_of(message)
    forgery = forged(world["m1"], right.proposals, right.path, JOINER, signer())
    with refused(world["m0"], "FramedContentTBS", NotAuthentic):
        world["m0"].receive(forgery)


def test_a_joiner_needs_a_signature_key_of_its_own(world: World) -> None:
    with pytest.raises(Exception, match="same signature key"):
        Group.external_commit(
            world["m0"].group_info(), Credential.basic(b"x"), world["m1"].signer, RNG
        )


def test_an_external_init_that_is_no_encapsulation_is_refused(world: World) -> None:
    newcomer, message = joined(world["m1"])
    right = commit_of(message)
    forgery = forged(world["m1"], [ExternalInit(b"short")], right.path, JOINER, newcomer.signer)
    with refused(world["m0"], "encapsulation"):
        follow(world["m0"], forgery)


def test_a_joiner_s_old_leaf_must_exist(world: World) -> None:
    with pytest.raises(Exception, match="no member"):
        Group.external_commit(
            world["m0"].group_info(), Credential.basic(b"x"), signer(), RNG, resync=7
        )


def test_one_joins_from_outside_only_where_that_is_offered(world: World) -> None:
    info = world["m0"].group_info(external=False)
    with pytest.raises(UsageError, match="does not offer"):
        Group.external_commit(info, Credential.basic(b"x"), signer(), RNG)


def test_the_tree_may_come_by_another_way(world: World) -> None:
    info = world["m0"].group_info(tree=False)
    with pytest.raises(UsageError, match="no ratchet tree"):
        Group.external_commit(info, Credential.basic(b"x"), signer(), RNG)
    tree = world["m0"].tree.encode()
    newcomer, message = Group.external_commit(
        info, Credential.basic(b"x"), signer(), RNG, tree=tree
    )
    assert follow(world["m1"], message).epoch_authenticator == newcomer.epoch_authenticator


# Proposals from outside


@pytest.fixture
def outsider() -> Signer:
    return signer()


@pytest.fixture
def group(outsider: Signer) -> Group:
    sender = ExternalSender(outsider.public, Credential.basic(b"outsider"))
    group = founded(extensions=(ExternalSender.extension([sender]),))
    return follow(group, joined(group)[1])


def proposal_of(outsider: Signer, proposal: Proposal, group: Group) -> bytes:
    sender = Sender(SenderType.EXTERNAL, 0)
    return propose_from_outside(FAST, GROUP_ID, group.epoch, sender, proposal, outsider)


def test_an_external_sender_proposes_what_a_member_commits(group: Group, outsider: Signer) -> None:
    group = remember(group, proposal_of(outsider, Remove(1), group))
    assert 1 not in group.commit(RNG).group.roster


def test_an_external_sender_proposes_no_update(group: Group, outsider: Signer) -> None:
    update = Update(group.roster[0])
    with refused(group, "must not send"):
        group.receive(proposal_of(outsider, update, group))


def test_a_stranger_proposes_nothing(group: Group) -> None:
    with refused(group, "FramedContentTBS", NotAuthentic):
        group.receive(proposal_of(signer(), Remove(1), group))


def test_a_client_proposes_to_be_added(group: Group) -> None:
    own = key_package()
    sender = Sender(SenderType.NEW_MEMBER_PROPOSAL)
    message = propose_from_outside(
        FAST, GROUP_ID, group.epoch, sender, Add(own.key_package), own.signer
    )
    made = remember(group, message).commit(RNG)
    assert made.welcome is not None
    assert Group.join(made.welcome, own).epoch_authenticator == made.group.epoch_authenticator


def test_a_client_proposes_nothing_but_to_be_added(group: Group) -> None:
    own = key_package()
    sender = Sender(SenderType.NEW_MEMBER_PROPOSAL)
    message = propose_from_outside(FAST, GROUP_ID, group.epoch, sender, Remove(0), own.signer)
    with refused(group, "nothing else"):
        group.receive(message)


def test_members_do_not_propose_from_outside(group: Group) -> None:
    with pytest.raises(UsageError):
        propose_from_outside(FAST, GROUP_ID, group.epoch, Sender.member(0), Remove(1), group.signer)


def test_a_group_info_is_not_for_members(group: Group) -> None:
    with refused(group, "not for members"):
        group.receive(encode_message(group.group_info()))
