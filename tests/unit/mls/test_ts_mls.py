"""The Python core and ts-mls in one group, with the X-Wing suite."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from careseal.mls import (
    XWING_SUITE,
    Add,
    Credential,
    Group,
    GroupInfo,
    KeyPackage,
    OwnKeyPackage,
    ReceivedApplication,
    ReceivedCommit,
    Remove,
    Signer,
    cipher_suite,
    decode_message,
    encode_message,
)
from tests.unit.mls.ts_mls import TsMls, available

SUITE = cipher_suite(XWING_SUITE)
LABEL, CONTEXT, LENGTH = "label", b"context", 48

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))


@pytest.fixture(scope="module")
def peer() -> Iterator[TsMls]:
    with TsMls() as peer:
        yield peer


def create(name: bytes) -> Group:
    signer = Signer.generate(SUITE, os.urandom)
    return Group.create(SUITE, b"group", Credential.basic(name), signer, os.urandom)


def join(info: bytes, signer: Signer | None = None, resync: int | None = None) -> tuple[Group, str]:
    group_info = decode_message(info)
    assert isinstance(group_info, GroupInfo)
    signer = signer or Signer.generate(SUITE, os.urandom)
    group, message = Group.external_commit(
        group_info,
        Credential.basic(b"Python"),
        signer,
        os.urandom,
        authenticated_data=b"data",
        resync=resync,
    )
    return group, message.hex()


def follow(group: Group, message: str) -> Group:
    group, received = group.receive(bytes.fromhex(message))
    assert isinstance(received, ReceivedCommit)
    return group.apply(received)


def assert_agree(group: Group, peer: TsMls, *names: str) -> None:
    exported = group.export(LABEL, CONTEXT, LENGTH).hex()
    for name in names:
        view = peer("view", name, label=LABEL, context=CONTEXT.hex(), length=LENGTH)
        assert view["epoch"] == group.epoch
        assert view["authenticator"] == group.epoch_authenticator.hex()
        assert view["exported"] == exported


def group_info(group: Group) -> str:
    return encode_message(group.group_info()).hex()


def test_ts_mls_joins_a_python_group_from_outside_and_both_commit(peer: TsMls) -> None:
    group = create(b"Founder")
    joined = peer("joinExternally", "a1", groupInfo=group_info(group), data=b"data".hex())
    group, received = group.receive(bytes.fromhex(joined["message"]))
    assert isinstance(received, ReceivedCommit)
    assert received.authenticated_data == b"data"
    assert received.path_leaf is not None
    assert received.path_leaf.credential.identity == b"a1"
    group = group.apply(received)
    assert_agree(group, peer, "a1")
    for _ in range(2):
        made = group.commit(os.urandom, authenticated_data=b"data")
        peer("process", "a1", message=made.message.hex())
        group = made.group
        assert_agree(group, peer, "a1")
        group = follow(group, peer("commit", "a1", data=b"data".hex())["message"])
        assert_agree(group, peer, "a1")


def test_python_joins_a_ts_mls_group_from_outside_and_both_commit(peer: TsMls) -> None:
    peer("create", "b1", groupId=b"group".hex())
    group, message = join(bytes.fromhex(peer("groupInfo", "b1")["message"]))
    peer("process", "b1", message=message)
    assert_agree(group, peer, "b1")
    group = follow(group, peer("commit", "b1")["message"])
    made = group.commit(os.urandom)
    peer("process", "b1", message=made.message.hex())
    assert_agree(made.group, peer, "b1")


def test_a_mixed_group_of_five_joins_removes_and_comes_back(peer: TsMls) -> None:
    first = create(b"Founder")
    peer_names = ["c1", "c2"]
    for name in peer_names:
        joined = peer("joinExternally", name, groupInfo=group_info(first))["message"]
        first = follow(first, joined)
        for other in peer_names[: peer_names.index(name)]:
            peer("process", other, message=joined)
    second, message = join(bytes.fromhex(peer("groupInfo", "c2")["message"]))
    third_signer = Signer.generate(SUITE, os.urandom)
    first = follow(first, message)
    for name in peer_names:
        peer("process", name, message=message)
    third, message = join(encode_message(second.group_info()), third_signer)
    first, second = follow(first, message), follow(second, message)
    for name in peer_names:
        peer("process", name, message=message)
    assert_agree(third, peer, "c1", "c2")

    # A re-sync of a Python member and one of a ts-mls member.
    old = third.own_leaf
    info = bytes.fromhex(peer("groupInfo", "c1")["message"])
    third, message = join(info, third_signer, resync=old)
    first, second = follow(first, message), follow(second, message)
    for name in peer_names:
        peer("process", name, message=message)
    assert third.own_leaf == old
    message = peer("joinExternally", "c2", groupInfo=group_info(third), resync=True)["message"]
    first, second, third = (follow(each, message) for each in (first, second, third))
    peer("process", "c1", message=message)
    assert_agree(third, peer, "c1", "c2")

    # Removals by either side.
    made = first.commit(os.urandom, [Remove(second.own_leaf)])
    first, third = made.group, follow(third, made.message.hex())
    for name in peer_names:
        peer("process", name, message=made.message.hex())
    assert_agree(first, peer, "c1", "c2")
    leaf = peer("view", "c2", label=LABEL, context="", length=1)["leaf"]
    message = peer("commit", "c1", remove=[leaf])["message"]
    first, third = follow(first, message), follow(third, message)
    assert_agree(first, peer, "c1")
    assert first.epoch_authenticator == third.epoch_authenticator


def test_welcomes_and_private_messages_go_both_ways(peer: TsMls) -> None:
    group = create(b"Founder")
    package = decode_message(bytes.fromhex(peer("keyPackage", "d1")["message"]))
    assert isinstance(package, KeyPackage)
    made = group.commit(os.urandom, [Add(package)])
    assert made.welcome is not None
    group = made.group
    peer("join", "d1", welcome=made.welcome.hex())
    assert_agree(group, peer, "d1")
    signer = Signer.generate(SUITE, os.urandom)
    own = OwnKeyPackage.generate(SUITE, Credential.basic(b"Welcomed"), signer, os.urandom)
    commit = peer("commit", "d1", add=[encode_message(own.key_package).hex()])
    group = follow(group, commit["message"])
    welcomed = Group.join(bytes.fromhex(commit["welcome"]), own)
    assert welcomed.epoch_authenticator == group.epoch_authenticator
    assert_agree(welcomed, peer, "d1")
    group, sealed = group.encrypt(b"from Python", os.urandom, padding=5)
    assert peer("process", "d1", message=sealed.hex())["data"] == b"from Python".hex()
    message = peer("encrypt", "d1", text=b"from ts-mls".hex())["message"]
    _, received = welcomed.receive(bytes.fromhex(message))
    assert received == ReceivedApplication(1, b"", b"from ts-mls")
