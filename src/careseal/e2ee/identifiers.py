"""Public names of things: sixteen bytes, each kind a type of its own (docs/protocol.md §1.2)."""

from __future__ import annotations

import hashlib
from typing import Self

from . import base64url
from .errors import Malformed


class Id(bytes):
    """Sixteen bytes that name something; `str` is their base64url text."""

    __slots__ = ()

    SIZE = 16

    def __new__(cls, value: bytes) -> Self:
        if len(value) != cls.SIZE:
            raise Malformed(f"{cls.__name__} of {len(value)} bytes")
        return super().__new__(cls, value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From base64url text. Raises `Malformed`."""
        return cls(base64url.decode(text))

    def __str__(self) -> str:
        return base64url.encode(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self!s})"


class SessionId(Id):
    """Names a session; the MLS group id is the same."""


class EntryId(Id):
    """Names one sealed entry of the log; a new one each time something is sealed."""


class MessageId(Id):
    """Names a message; stays the same when the message is sealed again."""


class InviteId(Id):
    """Names an invite; derived from its secret."""


class MemberId(Id):
    """Names a device by its leaf's signature key."""

    @classmethod
    def of(cls, signature_key: bytes) -> Self:
        return cls(hashlib.sha256(signature_key).digest()[:16])


class FileId(Id):
    """Names a file at the server."""


class KnockId(Id):
    """Names a knock by its public key."""


class CallId(Id):
    """Names a call."""
