"""The line to the server while a session is followed (docs/protocol.md §8.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from careseal.e2ee import base64url
from careseal.e2ee.identifiers import MemberId
from careseal.e2ee.secret import MemberToken

from .errors import NotInSession, ServerUnreachable

MAX_FRAME = 4 * 1024 * 1024
SILENCE = 60.0
"""Seconds without a frame, three beats, after which the line counts as dead."""

GREETING = 8.0
"""Seconds in which the server has to take up the line, and to say so."""

REVOKED, NOT_AUTHORISED, OVER = 4403, 4401, 4410

_SHAPES: dict[str, dict[str, type]] = {
    "ready": {"head": int, "members": list},
    "entry": {},  # read with care by who takes it
    "signal": {"signal": str},
    "present": {"members": list},
    "opened": {"invite": str},
    "knocks": {},
    "beat": {"head": int},
}


class LineOver(Exception):
    """The session ended; there is nothing more to come."""


class Line:
    """One WebSocket, authenticated."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def frames(self) -> AsyncIterator[dict[str, Any]]:
        """What the server sends, until the line breaks; what is no frame of the protocol is passed
        over, and is no sign of life.

        Raises `ServerUnreachable`, `LineOver`, or `NotInSession` once revoked.
        """
        now, greeted = asyncio.get_running_loop().time, False
        deadline = now() + GREETING
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    text = await self._socket.recv()
                if now() > deadline:  # what has come already is handed over without a wait
                    raise TimeoutError
                frame = msgspec.json.decode(text)
            except (TimeoutError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise ServerUnreachable("The line to the server is silent.") from error
            except ConnectionClosed as closed:
                raise _why(closed) from closed
            if _is_frame(frame):
                # Until it is ready nothing else that a server says makes the wait longer.
                greeted = greeted or frame["type"] == "ready"
                yield frame
                if greeted:
                    deadline = now() + SILENCE

    async def send_signal(self, to: MemberId | None, signal: bytes) -> None:
        """To one member, or to all others. Raises `ServerUnreachable`."""
        named = None if to is None else [str(to)]
        await self._send({"type": "signal", "to": named, "signal": base64url.encode(signal)})

    async def _send(self, frame: dict[str, Any]) -> None:
        try:
            await self._socket.send(msgspec.json.encode(frame).decode())
        except ConnectionClosed as closed:
            raise _why(closed) from closed


@asynccontextmanager
async def open_line(url: str, token: MemberToken) -> AsyncIterator[Line]:
    """Raises `ServerUnreachable`."""
    try:
        socket = await connect(url, max_size=MAX_FRAME, open_timeout=GREETING, close_timeout=2)
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise ServerUnreachable("The line to the server cannot be opened.") from error
    async with socket:
        line = Line(socket)
        await line._send({"type": "auth", "token": base64url.encode(token)})
        yield line


def _is_frame(value: Any) -> bool:
    shape = _SHAPES.get(str(value.get("type"))) if isinstance(value, dict) else None
    return shape is not None and all(isinstance(value.get(name), shape[name]) for name in shape)


def _why(closed: ConnectionClosed) -> Exception:
    code = closed.rcvd.code if closed.rcvd else 1006
    if code in (REVOKED, NOT_AUTHORISED):
        return NotInSession("This device is not in the session any more.")
    if code == OVER:
        return LineOver()
    return ServerUnreachable("The line to the server broke.")
