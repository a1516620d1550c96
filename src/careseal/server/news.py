"""What workers tell each other about a session, as bytes for the bus."""

from __future__ import annotations

from typing import Final

import msgspec

WORKER: Final = 8  # bytes that name a worker
NOBODY: Final = bytes(16)  # instead of a session's id
HEAD: Final = WORKER + 16  # and the session's id


class _News(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Landed(_News, frozen=True):
    """An entry is in the log; without its frame where that would be long."""

    seq: int
    frame: str | None


class Signalled(_News, frozen=True):
    """A frame for other members, or for those named."""

    sender: bytes
    to: list[bytes] | None
    frame: str


class Opened(_News, frozen=True):
    """A frame for everybody."""

    frame: str


class Knocked(_News, frozen=True):
    pass


class Cut(_News, frozen=True):
    """Members whose sockets are closed at once."""

    members: list[bytes]
    code: int
    reason: str


class Over(_News, frozen=True):
    """All sockets are closed behind what is queued."""

    code: int
    reason: str


class Present(_News, frozen=True):
    """Who is connected to this worker, once for each socket."""

    members: list[bytes]


class Who(_News, frozen=True):
    """Asks the others for their ``Present``, of all sessions."""


class Alive(_News, frozen=True):
    """Said every few seconds, about no session."""


News = Landed | Signalled | Opened | Knocked | Cut | Over | Present | Who | Alive
_decoder = msgspec.msgpack.Decoder(News)
_encoder = msgspec.msgpack.Encoder()


def encode(worker: bytes, session_id: bytes, news: News) -> bytes:
    return worker + session_id + _encoder.encode(news)


def origin(message: bytes) -> tuple[bytes, bytes]:
    """The worker and the session (16 bytes), without looking at the rest."""
    return message[:WORKER], message[WORKER:HEAD]


def decode(message: bytes) -> News:
    """Raises ``msgspec.MsgspecError``."""
    news: News = _decoder.decode(memoryview(message)[HEAD:])
    return news
