"""Every decoder, given anything at all: what comes out is a value or a documented error.

``make fuzz`` runs the same with far more examples; ``CARESEAL_FUZZ`` is their number a decoder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careseal.e2ee import payload, signal_payload
from careseal.e2ee.boxes import open_grant, open_key_box, open_letter, seal_grant
from careseal.e2ee.commit import CommitData, JoinProof, open_commit, seal_commit
from careseal.e2ee.door import Door
from careseal.e2ee.errors import SealError
from careseal.e2ee.events import CommitVoid, MessageUnreadable
from careseal.e2ee.file import FileSeal
from careseal.e2ee.following import follow, read_entry
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer
from careseal.e2ee.history import History
from careseal.e2ee.identifiers import EntryId, FileId, MessageId
from careseal.e2ee.identity import Identity
from careseal.e2ee.invite import Link
from careseal.e2ee.joining import open_door
from careseal.e2ee.log import Entry, Kind, header
from careseal.e2ee.payload import Text
from careseal.e2ee.policy import Policy
from careseal.e2ee.sealing import seal, unseal
from careseal.e2ee.secret import FileKey
from careseal.e2ee.sending import make_commit, seal_chat
from careseal.e2ee.signal import EVERYBODY, Peer
from careseal.e2ee.state_codec import decode_state, encode_state
from careseal.mls.codec import decode
from careseal.mls.errors import MLSError
from careseal.mls.group_info import GroupInfo
from careseal.mls.message import decode_message
from tests.unit.e2ee.rng import seeded
from tests.unit.e2ee.world import World

EXAMPLES = int(os.environ.get("CARESEAL_FUZZ", "60"))


LINK = "https://host/telemedicine/{}#" + "A" * 43


@cache
def world() -> World:
    made = World.begin("decoders")
    made.host.say("hello")
    made.join()
    made.host.catch_up()
    return made


def _door(data: bytes) -> object:
    """The inside of a door, as whoever has the door key could make it."""
    host, salt = world().host.state, bytes(16)
    aad = b"careseal/1 door" + host.session
    sealed = salt + seal(host.present.keys.door, "door", salt, aad, data)
    return Door.open(host.session, host.present.keys.door, sealed)


def _message(data: bytes) -> object:
    """The inside of a chat entry, as a member could make it."""
    state, entry = world().host.state, EntryId(seeded("chat")(16))
    chat = Entry(state.chain.head.seq + 1, Kind.CHAT, state.chain.last_commit, entry, b"")
    aad = header(state.session, Kind.CHAT, chat.parent, entry)
    body = seal(state.present.keys.content, "message", entry, aad, data)
    event = read_entry(state, Entry(chat.seq, Kind.CHAT, chat.parent, entry, body))
    if isinstance(event, MessageUnreadable):
        raise SealError("unreadable")
    return event


def _commit(data: bytes) -> object:
    """The inside of a commit entry, as a member could make it; it must be void."""
    state, entry = world().host.state, EntryId(bytes(16))
    parent = state.chain.last_commit
    body = seal_commit(state.session, state.present.keys.door, parent, entry, data)
    at = Entry(state.chain.head.seq + 1, Kind.COMMIT, parent, entry, body)
    after, (event, *_) = follow(state, at)
    if isinstance(event, CommitVoid):
        assert after.present.group.epoch_authenticator == state.present.group.epoch_authenticator
        raise SealError("void")
    return event


def _mls_message() -> bytes:
    state = make_commit(world().host.state, seeded("commit"))
    assert state.pending is not None
    parent, body = state.pending.upload.parent, state.pending.body
    entry = Entry(state.chain.head.seq + 1, Kind.COMMIT, parent, state.pending.entry, body)
    return open_commit(state.session, state.present.keys.door, entry)


def _frame() -> bytes:
    keys = world().host.state.present.keys
    sealer = FrameSealer(Codec.VP8, b"abcde", 0, keys.epoch, keys.frame)
    return sealer.seal(b"\x11" + bytes(60))


def _signal() -> bytes:
    state = world().host.state
    return state.present.signals.seal(
        state.signature_key,
        Peer(0, bytes(8)),
        EVERYBODY,
        1,
        b'{"type":"hello","reply":true}',
        seeded("signal"),
    )


def _open_signal(data: bytes) -> object:
    return world().host.state.present.signals.open(data)


def _history() -> History:
    found = world().host.state.history(0)
    assert found is not None
    return found


def _file() -> FileSeal:
    return FileSeal(FileId(bytes(16)), FileKey(bytes(32)), 300)


def _upload() -> Any:
    assert world().log.upload is not None
    return world().log.upload


def _proof() -> bytes:
    state = world().host.state
    proof = JoinProof(state.invite.id, bytes(64))
    return CommitData(state.chain.head, proof, b"{}").encode()


def _plain_message() -> bytes:
    """What a chat entry holds before it is sealed."""
    state = world().host.state
    sealed = seal_chat(state, Text(MessageId(bytes(16)), "hello"), 1, seeded("chat"))
    aad = header(state.session, Kind.CHAT, sealed.parent, sealed.id)
    return unseal(state.present.keys.content, "message", sealed.id, aad, sealed.body)


def _invite_unbox(opener: Callable[..., object], data: bytes) -> object:
    invite = world().guest_invite
    return opener(invite.box_key, invite.session, invite.id, data)


DECODERS: dict[str, tuple[Callable[[bytes], object], Callable[[], bytes]]] = {
    "link": (
        lambda data: Link.parse(data.decode("utf-8", "replace")),
        lambda: bytes(LINK.format(world().host.state.session), "ascii"),
    ),
    "identity": (Identity.decode, lambda: world().host.state.me.identity.text),
    "policy": (Policy.decode, lambda: world().host.state.present.policy.text),
    "commit data": (CommitData.decode, _proof),
    "door": (_door, lambda: _open_door()._encode()),
    "sealed door": (
        lambda data: open_door(
            world().guest_invite, data, world().log.key_box(world().guest_invite)
        ),
        lambda: bytes(_upload().door),
    ),
    "key box": (
        lambda data: _invite_unbox(open_key_box, data),
        lambda: world().log.key_box(world().guest_invite),
    ),
    "letter": (
        lambda data: _invite_unbox(open_letter, data),
        lambda: next(iter(world().log.letters.values())),
    ),
    "grant": (
        lambda data: open_grant(
            world().guest_invite.box_key,
            world().host.state.session,
            world().host.state.member_id,
            data,
        ),
        lambda: seal_grant(
            world().guest_invite.box,
            world().host.state.session,
            world().host.state.member_id,
            _history(),
            seeded("grant"),
        ),
    ),
    "history": (History.decode, lambda: _history().encode()),
    "message": (_message, _plain_message),
    "commit": (_commit, _mls_message),
    "payload": (payload.decode, lambda: payload.encode(Text(MessageId(bytes(16)), "hello"))),
    "signal payload": (signal_payload.decode, lambda: b'{"type":"hello","reply":true}'),
    "signal": (_open_signal, _signal),
    "frame": (
        lambda data: FrameOpener(
            Codec.VP8, 0, {world().host.state.present.number: world().host.state.present.keys.frame}
        ).open(data),
        _frame,
    ),
    "part": (
        lambda data: _file().open_part(0, data),
        lambda: _file().seal_part(0, bytes(300), seeded("part")),
    ),
    "state": (decode_state, lambda: encode_state(world().host.state)),
    "MLS message": (decode_message, _mls_message),
    "GroupInfo": (
        lambda data: decode(GroupInfo.read, data).validate(),
        lambda: world().host.state.present.group.group_info().encode(),
    ),
}


def _open_door() -> Door:
    state = world().host.state
    return Door.open(state.session, state.present.keys.door, _upload().door)


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """The good bytes with a few places changed, cut out, doubled or put in."""
    data = good
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, min(8, len(data) - at)))
        put = draw(st.binary(max_size=8) | st.sampled_from([data[at : at + 40], b"\xff" * 4]))
        data = data[:at] + put + data[at + gone :]
    return data


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_takes_its_own_bytes(name: str) -> None:
    decoder, good = DECODERS[name]
    decoder(good()) if name != "commit" else _void_or_own(decoder, good())


def _void_or_own(decoder: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(SealError):  # a member does not follow its own commit this way
        decoder(data)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_decoder_raises_documented_errors_only(name: str, data: st.DataObject) -> None:
    decoder, good = DECODERS[name]
    given_bytes = data.draw(st.binary(max_size=200) | damaged(good()))
    with suppress(SealError, MLSError):
        decoder(given_bytes)
