"""An HTTP client that costs next to nothing, so that a bench measures the server.

It keeps its connection, sends what was made before, and looks at no more of an answer than it must.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec


class Refused(Exception):
    """An answer of 400 or more."""


class Connection(asyncio.Protocol):
    """One request at a time, by HTTP/1.1 with Content-Length."""

    def __init__(self) -> None:
        self._read = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end or self._answer is None:
            return
        _, _, length = head.lower().partition(b"content-length:")
        wanted = int(length.partition(b"\r\n")[0] or 0)
        if len(rest) < wanted:
            return
        self._read = b""
        if int(head[9:12]) < 400:
            self._answer.set_result(rest)
        else:
            self._answer.set_exception(Refused(rest[:300].decode()))

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer to a whole request."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


async def connected(origin: str) -> Connection:
    where = urlsplit(origin)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", where.port)
    return connection


def post(path: str, body: object, token: str = "") -> bytes:
    """The octets of a POST with JSON."""
    content = msgspec.json.encode(body)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def get(path: str, token: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    return "\r\n".join([*lines, "", ""]).encode()


async def rate(origin: str, requests: list[Iterator[bytes]], seconds: float) -> float:
    """Answers a second when as many ask as there are ``requests``, each one after the other."""
    connections = [await connected(origin) for _ in requests]
    until = time.monotonic() + seconds

    async def ask(connection: Connection, mine: Iterator[bytes]) -> int:
        done = 0
        while time.monotonic() < until:
            await connection.ask(next(mine))
            done += 1
        return done

    began = time.monotonic()
    done = await asyncio.gather(*map(ask, connections, requests))
    spent = time.monotonic() - began
    for connection in connections:
        connection.transport.close()
    return sum(done) / spent
