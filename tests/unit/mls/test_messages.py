"""Public and private messages: what each may hold, and who may send it (RFC 9420 §6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careseal.mls import (
    DecodeError,
    Group,
    InvalidMessage,
    OtherEpoch,
    PublicMessage,
    ReceivedProposal,
    Remove,
    decode_message,
    encode_message,
)
from careseal.mls.framing import AuthenticatedContent, ContentType, WireFormat
from careseal.mls.private_message import PrivateMessage
from careseal.mls.sending import protect, sign
from tests.unit.mls.world import RNG, World, founded, refused


@pytest.fixture(scope="module")
def world() -> World:
    return World(2)


def private(message: bytes) -> PrivateMessage:
    decoded = decode_message(message)
    assert isinstance(decoded, PrivateMessage)
    return decoded


def test_application_data_is_neither_sent_nor_read_in_the_open(world: World) -> None:
    group = world["m0"]
    signed = sign(group._state, b"data", b"", private=False)
    with pytest.raises(InvalidMessage, match="must not be sent as a PublicMessage"):
        protect(group._state, signed, RNG)
    message = encode_message(PublicMessage(signed, bytes(32)))
    with refused(world["m1"], "must not be sent as a PublicMessage"):
        world["m1"].receive(message)


def test_padding_is_zero(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    group = world["m0"]
    right = AuthenticatedContent.encode_auth
    with monkeypatch.context() as patch:
        patch.setattr(AuthenticatedContent, "encode_auth", lambda self: right(self) + b"\x01")
        _, message = group.encrypt(b"data", RNG, padding=10)
    with refused(world["m1"], "other than zeros", DecodeError):
        world["m1"].receive(message)


def test_padding_hides_the_length(world: World) -> None:
    lengths = {
        len(world["m0"].encrypt(bytes(size), RNG, padding=100 - size)[1]) for size in (1, 50)
    }
    assert len(lengths) == 1


def test_a_private_message_does_not_change_its_kind(world: World) -> None:
    _, sent = world["m0"].encrypt(b"data", RNG)
    for kind in (ContentType.PROPOSAL, ContentType.COMMIT):
        message = encode_message(replace(private(sent), content_type=kind))
        with refused(world["m1"], "does not open"):
            world["m1"].receive(message)


def test_a_private_message_does_not_change_what_goes_with_it(world: World) -> None:
    _, sent = world["m0"].encrypt(b"data", RNG, authenticated_data=b"ad")
    for changed in (
        replace(private(sent), authenticated_data=b"other"),
        replace(private(sent), encrypted_sender_data=bytes(28)),
        replace(private(sent), ciphertext=b""),
    ):
        with refused(world["m1"], "does not open"):
            world["m1"].receive(encode_message(changed))


def test_a_private_message_comes_from_a_leaf_of_the_tree(world: World) -> None:
    group = world["m0"]
    signed = sign(group._state, b"data", b"", private=True)
    assert signed.wire_format is WireFormat.PRIVATE_MESSAGE
    own_root = group._state.secret_tree.nodes[group.tree.root]
    wide = replace(group._state.secret_tree, size=4, nodes={3: own_root})
    sender = replace(signed.content.sender, index=3)
    moved = replace(signed, content=replace(signed.content, sender=sender))
    _, message = PrivateMessage.protect(
        group.suite, moved, wide, group._state.keys.sender_data_secret, RNG
    )
    with refused(world["m1"], "outside the tree"):
        world["m1"].receive(encode_message(message))


def test_a_message_of_another_group_or_epoch_says_so(world: World) -> None:
    other = founded()
    other = other.commit(RNG).group
    for group in (replace_id(other), world["m0"].commit(RNG).group):
        for message in (group.commit(RNG).message, group.encrypt(b"data", RNG)[1]):
            with refused(world["m1"], "for another group|for epoch", OtherEpoch):
                world["m1"].receive(message)


def replace_id(group: Group) -> Group:
    state = group._state
    return Group(replace(state, context=replace(state.context, group_id=b"another")))


def test_proposals_are_public_or_private_alike(world: World) -> None:
    for secret in (False, True):
        _, message = world["m0"].propose(Remove(1), RNG, private=secret)
        assert isinstance(decode_message(message), PrivateMessage if secret else PublicMessage)
        _, received = world["m1"].receive(message)
        assert isinstance(received, ReceivedProposal)
        assert received.proposal == Remove(1)
