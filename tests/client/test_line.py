"""How long the client listens to a server that says nothing of use (docs/protocol.md §8.1)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from careseal.client import ApiToken, Disconnected, Session, Store, following, line
from careseal.client.errors import ServerUnreachable
from careseal.e2ee.secret import MemberToken
from tests.serving import ServerProcess

Frame = dict[str, Any]
READY: Frame = {"type": "ready", "head": 1, "lastCommit": 1, "members": []}
BEAT: Frame = {"type": "beat", "head": 1}
NONSENSE: tuple[Frame, ...] = (
    {},
    {"type": "beat"},
    {"type": "ready", "head": 1},
    {"type": ["ready"]},
)


async def test_a_server_that_talks_and_is_never_ready_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "GREETING", 0.5)

    async def talk(connection: ServerConnection) -> None:
        async for _ in connection:
            while True:
                await connection.send("{}")
                await asyncio.sleep(0.05)

    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with line.open_line(f"ws://127.0.0.1:{port}", MemberToken(bytes(32))) as opened:
            heard: list[Frame] = []
            with pytest.raises(ServerUnreachable):
                await listen(opened, heard)
    assert heard == []


async def test_a_server_that_says_what_is_no_frame_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "SILENCE", 0.5)

    async def talk(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send(encoded(READY))
            while True:
                for each in NONSENSE:
                    await connection.send(encoded(each))
                await asyncio.sleep(0.05)

    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with line.open_line(f"ws://127.0.0.1:{port}", MemberToken(bytes(32))) as opened:
            heard: list[Frame] = []
            with pytest.raises(ServerUnreachable):
                await listen(opened, heard)
    assert heard == [READY]


@pytest.mark.parametrize(("frame", "most"), [(BEAT, 15.0), (READY, 1.0)], ids=["beat", "ready"])
async def test_a_server_that_says_one_frame_and_hangs_up_is_asked_less_and_less_often(
    frame: Frame,
    most: float,
    server: ServerProcess,
    account: ApiToken,
    stores: list[Store],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Brief:
        async def frames(self) -> AsyncIterator[Frame]:
            yield frame
            raise ServerUnreachable("It hung up.")

        async def send_signal(self, to: object, signal: bytes) -> None:
            raise ServerUnreachable("It hung up.")

    @asynccontextmanager
    async def brief(url: str, token: MemberToken) -> AsyncIterator[Brief]:
        yield Brief()

    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        await real_sleep(0)

    monkeypatch.setattr(following, "open_line", brief)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    session, _ = await Session.create(stores[0], server.base_url, account, name="Dr Roe")
    waits: list[float] = []
    async with session, session.following() as events:
        async for event in events:
            if isinstance(event, Disconnected):
                waits.append(event.retry_in)
            if len(waits) == 12:
                break
    assert waits[0] == following.SOON
    assert waits == sorted(waits)
    assert waits[-1] == most


async def listen(opened: line.Line, heard: list[Frame]) -> None:
    async with asyncio.timeout(5):
        async for frame in opened.frames():
            heard.append(frame)


def encoded(frame: Frame) -> str:
    return msgspec.json.encode(frame).decode()
