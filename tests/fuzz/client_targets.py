"""What the SDK makes of a server's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any

import httpx
import msgspec

from careseal.client.errors import ClientError
from careseal.client.transport import Transport, read_entry
from careseal.e2ee import base64url
from careseal.e2ee.errors import Malformed, SealError
from careseal.e2ee.identifiers import FileId, SessionId
from careseal.e2ee.secret import MemberToken
from tests.fuzz.target import Form, Target, Unfit

SESSION, TOKEN = SessionId(bytes(16)), MemberToken(bytes(32))
ORIGIN = "https://clinic.example"
Ask = Callable[[Transport], Awaitable[object]]


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _asked(ask: Ask, data: bytes) -> None:
    """A request that this is the answer to, at first; the next one says that it has ended."""
    answers = iter([httpx.Response(200, content=data)])

    def answer(_: httpx.Request) -> httpx.Response:
        return next(answers, httpx.Response(410, content=b"{}"))

    async def run() -> None:
        client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        async with Transport(ORIGIN, client=client, patience=0) as transport:
            await ask(transport)

    _loop().run_until_complete(run())


def _refused(data: bytes) -> None:
    """A refusal with whatever in it."""

    async def run() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(409, content=data))
        async with Transport(
            ORIGIN, client=httpx.AsyncClient(transport=transport), patience=0
        ) as asked:
            await asked.end(SESSION, TOKEN)

    _loop().run_until_complete(run())


def _entry(data: bytes) -> None:
    try:
        row: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unfit from error
    read_entry(row)


def _row(**more: Any) -> dict[str, Any]:
    row = {"seq": 1, "kind": "chat", "parent": 0, "id": base64url.encode(bytes(16)), "at": 5}
    return row | more


_BODY, _DIGEST = base64url.encode(bytes(300)), base64url.encode(bytes(64))
_HEADS = {"head": 2, "lastCommit": 1}
_ENTRIES = [_row(body=_BODY), _row(body=_BODY, seq=2, parent=1, kind="commit")]
_DIGESTS = [_row(digest=_DIGEST), _row(digest=_DIGEST, seq=2, parent=1)]
_PROBLEM = {"type": "urn:careseal:problem:stale-parent", "title": "x", "status": 409}

ANSWERS: dict[str, tuple[Ask, Any]] = {
    "door": (
        lambda server: server.door(SESSION, TOKEN),
        {"door": _BODY, "keyBox": _BODY, "letter": None, **_HEADS},
    ),
    "entries": (
        lambda server: server.entries(SESSION, TOKEN, 0),
        {"entries": _ENTRIES, **_HEADS},
    ),
    "digests": (
        lambda server: server.digests(SESSION, TOKEN, 0),
        {"entries": _DIGESTS, **_HEADS},
    ),
    "parts": (
        lambda server: server.file(SESSION, TOKEN, FileId(bytes(16))),
        {"id": base64url.encode(bytes(16)), "parts": 3, "size": 900, "present": [0, 2]},
    ),
    "ice": (
        lambda server: server.ice_servers(SESSION, TOKEN),
        {"iceServers": [{"urls": "stun:clinic.example"}], "ttl": 60},
    ),
}
_DOCUMENTED = (ClientError, SealError)


def _seeds(value: Any) -> list[bytes]:
    return [msgspec.json.encode(value)]


TARGETS = (
    *(
        Target(
            f"client.answer {name}",
            partial(_asked, ask),
            _DOCUMENTED,
            partial(_seeds, value),
            Form.JSON,
            share=0.2,
        )
        for name, (ask, value) in ANSWERS.items()
    ),
    Target(
        "client.refusal",
        _refused,
        _DOCUMENTED,
        partial(_seeds, _PROBLEM | {"detail": "y", "limit": "entries", **_HEADS}),
        Form.JSON,
        share=0.2,
    ),
    Target("client.entry", _entry, (Malformed,), partial(_seeds, _ENTRIES[0]), Form.JSON),
)
