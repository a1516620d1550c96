"""Connections that do not come to the point (careseal.server.patience)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.responses import Response
from uvicorn.server import ServerState

from careseal.server import patience
from careseal.server.patience import ImpatientProtocol

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connection(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Streams]:
    monkeypatch.setattr(patience, "HEAD_WITHIN", 0.2)
    config = uvicorn.Config(Response(), log_config=None, lifespan="off", proxy_headers=False)
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()


async def test_a_first_head_that_does_not_come_is_not_waited_for(connection: Streams) -> None:
    reader, _ = connection
    assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize("begun", [GET[:1], GET[:-1]])
async def test_neither_is_half_of_a_further_one(connection: Streams, begun: bytes) -> None:
    reader, writer = connection
    for _ in range(2):
        writer.write(GET)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert answer.startswith(b"HTTP/1.1 200 OK")
    writer.write(begun)
    assert await asyncio.wait_for(reader.read(), 10) == b""
