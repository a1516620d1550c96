"""A proxy between a client and the server that lies as its `Liar` says, on loopback only."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from .liar import Answer, Asked, Fate, Liar

CLOSE, TEXT, CONTINUED = 8, 1, 0
_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"}

Headers = dict[str, str]


@asynccontextmanager
async def lying(upstream: str, liar: Liar) -> AsyncIterator[str]:
    """The origin to give to the client; `upstream` is the server's."""
    proxy = _Proxy(upstream, liar)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://localhost:{port}"
    finally:
        server.close()
        await proxy.close()


class _Proxy:
    def __init__(self, upstream: str, liar: Liar) -> None:
        self._liar = liar
        self._host, _, self._port = upstream.removeprefix("http://").partition(":")
        self._client = httpx.AsyncClient(base_url=upstream, timeout=60)
        self._open: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._client.aclose()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, headers = _parse(head)
            if headers.get("upgrade", "").lower() == "websocket":
                await self._follow(head, reader, writer)
                return
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            answer = await self._answer(Asked(method, target, body, headers))
            if answer is Fate.NEVER_ANSWERED:
                await reader.read()  # until the client gives up
                return
            if not isinstance(answer, Answer):
                return
            writer.write(_written(answer))
            await writer.drain()

    async def _answer(self, asked: Asked) -> Answer | Fate:
        request = self._liar.before(asked)
        if not isinstance(request, Asked):
            return request
        kept = {name: value for name, value in request.headers.items() if name not in _HOP}
        kept["accept-encoding"] = "identity"
        got = await self._client.request(
            request.method, request.target, headers=kept, content=request.body
        )
        passed = {name: value for name, value in got.headers.items() if name not in _HOP}
        return self._liar.after(asked, Answer(got.status_code, got.content, passed))

    # WebSockets ----------------------------------------------------------------------------

    async def _follow(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, target, _ = _parse(head)
        request = self._liar.before(Asked(method, target, b""))
        if request is Fate.NEVER_ANSWERED:
            await reader.read()
            return
        if not isinstance(request, Asked):
            return
        there, back = await asyncio.open_connection(self._host, int(self._port), limit=1 << 20)
        lines = [
            line
            for line in head.split(b"\r\n")
            if not line.lower().startswith(b"sec-websocket-extensions")
        ]
        lines[0] = f"{request.method} {request.target} HTTP/1.1".encode()
        back.write(b"\r\n".join(lines))
        writer.write(await there.readuntil(b"\r\n\r\n"))
        try:
            await asyncio.gather(
                _pass(reader, back, self._liar.up, masked=True),
                _pass(there, writer, self._liar.down, masked=False),
            )
        finally:
            back.close()


async def _pass(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    change: Callable[[str], list[str]],
    *,
    masked: bool,
) -> None:
    """Whole text messages through the liar, everything else as it is, until the line breaks."""
    text = b""
    try:
        while True:
            final, kind, data = await _frame(source)
            if kind not in (TEXT, CONTINUED):
                sink.write(_framed(kind, data, masked))
                if kind == CLOSE:
                    await sink.drain()
                    return
                continue
            text += data
            if final:
                for each in change(text.decode()):
                    sink.write(_framed(TEXT, each.encode(), masked))
                text = b""
            await sink.drain()
    finally:
        with suppress(OSError):
            sink.close()


async def _frame(source: asyncio.StreamReader) -> tuple[bool, int, bytes]:
    first, second = await source.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await source.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await source.readexactly(8))
    mask = await source.readexactly(4) if second & 0x80 else bytes(4)
    return bool(first & 0x80), first & 0x0F, _masked(await source.readexactly(size), mask)


def _framed(kind: int, data: bytes, masked: bool) -> bytes:
    flag = 0x80 if masked else 0
    if len(data) < 126:
        size = bytes([flag | len(data)])
    elif len(data) < 1 << 16:
        size = bytes([flag | 126]) + struct.pack(">H", len(data))
    else:
        size = bytes([flag | 127]) + struct.pack(">Q", len(data))
    mask = os.urandom(4) if masked else b""
    return bytes([0x80 | kind]) + size + mask + (_masked(data, mask) if masked else data)


def _masked(data: bytes, mask: bytes) -> bytes:
    if not any(mask):
        return data
    whole = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(whole)).to_bytes(len(data))


def _parse(head: bytes) -> tuple[str, str, Headers]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return method, target, {name.lower(): value.strip() for name, _, value in pairs}


def _written(answer: Answer) -> bytes:
    length = {"content-length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} Told"]
    lines += [f"{name}: {value}" for name, value in (length | answer.headers).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body
