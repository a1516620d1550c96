"""What a device keeps, and the link it came by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from careseal.e2ee import (
    base64url,
)
from careseal.e2ee.errors import Malformed, SealError
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.invite import Link
from careseal.e2ee.secret import InviteSecret
from careseal.e2ee.state_codec import decode_state, encode_state
from tests.fuzz.e2ee_scene import (
    scene,
)
from tests.fuzz.target import Form, Target, Unfit


@cache
def _states() -> Sequence[bytes]:
    states = (scene().host, scene().guest, scene().waiting.state)
    return tuple(map(encode_state, states))


def _state(data: bytes) -> None:
    state = decode_state(data)
    assert encode_state(decode_state(encode_state(state))) == encode_state(state)


def _state_fields(data: bytes) -> None:
    """A stored state, as JSON in place of the packed form."""
    try:
        value = _with_bytes(msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unfit from error
    try:
        packed = msgspec.msgpack.encode(value)
    except (OverflowError, msgspec.MsgspecError, UnicodeError) as error:
        raise Unfit from error
    _state(packed)


def _with_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_bytes(each) for each in value]
    if isinstance(value, str) and value.startswith("b:"):
        try:
            return base64url.decode(value[2:])
        except Malformed:
            return value
    return value


def _with_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_texts(each) for each in value]
    return "b:" + base64url.encode(value) if isinstance(value, bytes) else value


def _unpacked_states() -> list[bytes]:
    unpacked = map(msgspec.msgpack.decode, _states())
    return [msgspec.json.encode(_with_texts(each)) for each in unpacked]


def _link(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    link = Link.parse(text)
    again = Link.parse(link.reveal())
    assert again == link


def _links() -> list[bytes]:
    session = SessionId(bytes(range(16)))
    secret = InviteSecret(bytes(range(32)))
    links = (
        Link("https://clinic.example", session, secret),
        Link("http://[::1]:8000", session, secret, True),
    )
    return [link.reveal().encode() for link in links]


LINK_WORDS: tuple[bytes, ...] = (
    b"http://",
    b"https://",
    b"//",
    b"@",
    b":",
    b"[",
    b"]",
    b"%41",
    b"#",
    b".p",
    b"?x=1",
)
LINK_WORDS += (b"/telemedicine/", b":99999", b":-1", b"\n", b"\t", "\u2100".encode(), b" ", b"\xff")
LINK_WORDS += ("\uff0f".encode(), "ı".encode(), b"[v1.x]", b"[::1", "\u0661".encode(), b"\x00")

_SEALED = (SealError,)

TARGETS = (
    Target("e2ee.state", _state, _SEALED, _states),
    Target("e2ee.state fields", _state_fields, _SEALED, _unpacked_states, Form.JSON, share=0.3),
    Target("e2ee.link", _link, _SEALED, _links, Form.TEXT, words=LINK_WORDS),
)
