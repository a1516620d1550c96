"""Connections that do not come to the point (careseal.server.patience)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from uvicorn.server import ServerState

from careseal.server import accounts, patience
from careseal.server.app import create_app, open_relay
from careseal.server.patience import ImpatientProtocol
from careseal.server.settings import Settings
from tests.server.visits import Visit, new_id

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
READ = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
IN_CHUNKS = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
HELLO = b"\x81\x05hello"  # a text frame of the server
MASKED_HELLO = b"\x81\x85\0\0\0\0hello"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    """The port at which connections may be idle for a second."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        log_config=None,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=1,
    )
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def answers_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """How many headers there are, without looking at bodies, but at /read.

    A WebSocket says what it hears.
    """
    if scope["type"] == "http":
        if scope["path"] == "/read":
            await Request(scope, receive).body()
        count = str(len(scope["headers"]))
        await Response(headers={"X-Headers": count})(scope, receive, send)
        return
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(patience, "HEAD_WITHIN", 0.2)
    async with serving(answers_at_once) as number:
        yield number


@pytest.fixture
async def connection(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


async def answered(connection: Streams, request: bytes) -> bytes:
    """The head of the answer."""
    reader, writer = connection
    writer.write(request)
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)


async def test_a_first_head_that_does_not_come_is_not_waited_for(connection: Streams) -> None:
    reader, _ = connection
    assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize("begun", [GET[:1], GET[:-1]])
async def test_neither_is_half_of_a_further_one(connection: Streams, begun: bytes) -> None:
    reader, writer = connection
    for _ in range(2):
        assert (await answered(connection, GET)).startswith(b"HTTP/1.1 200 OK")
    writer.write(begun)
    assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize(
    ("request_", "more"),
    [(POST, b"x"), (IN_CHUNKS, b"1"), (GET, b"\r\n")],
    ids=["body", "chunk", "empty line"],
)
async def test_what_comes_after_the_answer_and_is_no_request_keeps_no_connection(
    connection: Streams, request_: bytes, more: bytes
) -> None:
    reader, writer = connection
    assert (await answered(connection, request_)).startswith(b"HTTP/1.1 200 OK")
    writer.write(more)
    assert await asyncio.wait_for(reader.read(), 10) == b""


async def closed_while_more_comes(connection: Streams) -> None:
    reader, writer = connection

    async def send_on() -> None:
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0)  # the server's turn

    sending = asyncio.create_task(send_on())
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 10) == b""
    sending.cancel()


async def test_neither_does_more_and_more_of_it(connection: Streams) -> None:
    await answered(connection, POST)
    await closed_while_more_comes(connection)


async def test_a_body_that_comes_with_the_head_is_not_counted_as_its(connection: Streams) -> None:
    size = patience.MOST_HEAD + 1000
    answer = await answered(connection, READ.replace(b"5", b"%d" % size) + bytes(size))
    assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_a_body_that_comes_too_slowly_is_not_waited_for(
    connection: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BODY_TURN", 0.2)
    monkeypatch.setattr(patience, "LEAST_IN_TURN", 1_000_000_000)
    connection[1].write(READ.replace(b"5", b"9000000000"))
    await closed_while_more_comes(connection)


async def test_a_body_that_brings_enough_in_each_turn_is(
    connection: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BODY_TURN", 0.2)
    monkeypatch.setattr(patience, "LEAST_IN_TURN", 1)
    wait = ImpatientProtocol._wait

    def wait_and_send(
        protocol: ImpatientProtocol, seconds: float, then: Callable[[], None]
    ) -> None:
        wait(protocol, seconds, then)
        if seconds == patience.BODY_TURN:
            connection[1].write(b"x")

    monkeypatch.setattr(ImpatientProtocol, "_wait", wait_and_send)
    answer = await answered(connection, READ)
    assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_a_websocket_after_a_request_is_kept(connection: Streams, port: int) -> None:
    """Until another connection, which did not come to the point, has been cut."""
    reader, writer = connection
    await answered(connection, GET)
    assert (await answered(connection, UPGRADE)).startswith(b"HTTP/1.1 101")
    other = await asyncio.open_connection("127.0.0.1", port)
    await answered(other, POST)
    other[1].write(b"x")
    assert await asyncio.wait_for(other[0].read(), 10) == b""
    other[1].close()
    writer.write(MASKED_HELLO)
    assert await asyncio.wait_for(reader.readexactly(len(HELLO)), 10) == HELLO


async def test_what_comes_behind_a_body_is_not_kept(connection: Streams) -> None:
    request = IN_CHUNKS.replace(b"/", b"/read", 1) + b"0\r\n" + b"a: b\r\n" * 100 + b"\r\n"
    assert b"x-headers: 2\r\n" in await answered(connection, request)


@pytest.mark.parametrize(
    "more",
    [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: " + b"a" * 9000],
    ids=["length", "chunked", "long"],
)
async def test_a_handshake_that_is_none_keeps_no_connection(
    connection: Streams, more: bytes
) -> None:
    reader, writer = connection
    writer.write(UPGRADE.replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n\r\n"))
    assert not (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 101")


async def test_a_handshake_that_follows_at_once_is_answered_behind(connection: Streams) -> None:
    reader, _ = connection
    assert (await answered(connection, GET + UPGRADE)).startswith(b"HTTP/1.1 200 OK")
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")


async def test_a_part_of_which_nothing_more_comes_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(patience, "BODY_TURN", 0.2)
    settings = Settings(data=tmp_path)
    app, visit, file = create_app(settings), Visit(), new_id()
    async with open_relay(settings) as relay, serving(app) as port:
        app.state.relay = relay
        token = await accounts.new_credential(relay, "api", None)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            made = await client.post(
                "/api/telemedicine/sessions",
                json=visit.founding(),
                headers={"Authorization": f"Bearer {token}"},
            )
            assert made.is_success
            about = {"id": file, "parts": 1, "size": 1000}
            header = visit.host.token.header
            made = await client.post(f"{visit.path}/files", json=about, headers=header)
            assert made.is_success
        head = f"PUT {visit.path}/files/{file}/parts/0 HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: {header['Authorization']}\r\nContent-Length: 1000\r\n\r\n"
        connection = await asyncio.open_connection("127.0.0.1", port)
        connection[1].write(head.encode() + bytes(999))
        assert await asyncio.wait_for(connection[0].read(), 10) == b""
        connection[1].close()
        assert not await relay.blobs.older_than(0)
