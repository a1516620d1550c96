"""The server's application in this process, with a session in it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec
from starlette.applications import Starlette

from careseal.server import base64url
from careseal.server.accounts import new_credential
from careseal.server.app import create_app, open_relay
from careseal.server.problems import KINDS
from careseal.server.relay import Relay
from careseal.server.routes.sessions import erase_session
from careseal.server.settings import Limits, Settings
from tests.server.visits import CHAT_SIZE, Invite, Member, Token, Visit, b64
from tests.unit.e2ee.rng import seeded

RNG = seeded("server")
STATUSES = {200, 201, 204, 206, 304} | {status for status, _ in KINDS.values()} - {500}
UNHURRIED = Limits(entries_per_second=10**9, signals_per_second=10**9, doors_per_second=10**9)


def new_id() -> str:
    return b64(RNG(16))


def new_invite(role: str) -> Invite:
    return Invite(role, new_id(), Token(RNG(32)))


VISIT = Visit(new_id(), new_invite("host"), new_invite("guest"), Member(new_id(), Token(RNG(32))))
GUEST = Member(new_id(), Token(RNG(32)))
FILE = new_id()
PART = bytes(288)
FRAME_END = b"\x1e"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Running:
    """The application with a session in it, in this process; requests go in without a socket."""

    def __init__(self) -> None:
        shared = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=shared if shared.exists() else None)
        self._loop = asyncio.new_event_loop()
        settings = Settings(
            Path(self._folder.name), longest_wait=0, limits=UNHURRIED, auth_timeout=0.2
        )
        self._app: Starlette = create_app(settings)
        self._opening: AbstractAsyncContextManager[Relay] = open_relay(settings)
        self._app.state.relay = relay = self._loop.run_until_complete(self._opening.__aenter__())
        made = new_credential(relay, "api", None)
        self.api_token = self._loop.run_until_complete(made)
        self.reset()

    def close(self) -> None:
        self._loop.run_until_complete(self._opening.__aexit__(None, None, None))
        self._loop.close()
        self._folder.cleanup()

    def reset(self) -> None:
        """The session as it was at the start."""
        api = f"Bearer {self.api_token}"
        relay: Relay = self._app.state.relay
        self._loop.run_until_complete(erase_session(relay, base64url.decode(VISIT.id)))
        joining = VISIT.commit(0, member=GUEST.joins())
        file = {"id": FILE, "parts": 1, "size": len(PART)}
        host, invite = bearer(VISIT.host.token), bearer(VISIT.guest_invite.token)
        files, octets = f"{VISIT.path}/files", "application/octet-stream"
        for answer in (
            self.call("POST", "/api/telemedicine/sessions", api, to_json(VISIT.founding())),
            self.call("POST", f"{VISIT.path}/commits", invite, to_json(joining)),
            self.call("POST", f"{VISIT.path}/chat", host, to_json(chat_body(1))),
            self.call("POST", files, host, to_json(file)),
            self.call("PUT", f"{files}/{FILE}/parts/0", host, PART, content_type=octets),
        ):
            assert answer.status == 201, answer

    def call(
        self,
        method: str,
        path: str,
        authorization: str | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> Answer:
        headers = [("content-type", content_type), ("content-length", str(len(body)))]
        if authorization is not None:
            headers.append(("authorization", authorization))
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        return self.request(method, path.encode(), b"", encoded, body)

    def request(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> Answer:
        scope = asgi_scope("http", path, query, headers) | {"method": method}
        heard = iter([{"type": "http.request", "body": body, "more_body": False}])
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(heard, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            said.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        start = next(each for each in said if each["type"] == "http.response.start")
        text = b"".join(each.get("body", b"") for each in said)
        answered = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], answered, text)

    def follow(self, query: bytes, frames: Sequence[bytes]) -> int | None:
        """Follow the session and say `frames`; the code that the server closed with."""
        scope = asgi_scope("websocket", f"{VISIT.path}/follow".encode(), query, [])
        messages: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        messages += map(_frame, frames)
        heard = iter([*messages, {"type": "websocket.disconnect", "code": 1000}])
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(heard, {"type": "websocket.disconnect", "code": 1000})

        async def send(message: Any) -> None:
            said.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        codes = [each["code"] for each in said if each["type"] == "websocket.close"]
        return codes[0] if codes else None


def asgi_scope(
    kind: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> dict[str, Any]:
    raw = quote(path, safe=b"/%").encode()
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
        "state": {},
    }


def _frame(octets: bytes) -> dict[str, Any]:
    """A text frame, or a binary one where it is no UTF-8."""
    try:
        return {"type": "websocket.receive", "text": octets.decode()}
    except UnicodeDecodeError:
        return {"type": "websocket.receive", "bytes": octets}


def bearer(token: Token) -> str:
    return f"Bearer {token.text}"


def to_json(value: Any) -> bytes:
    return msgspec.json.encode(value)


@cache
def running() -> Running:
    return Running()


def close() -> None:
    """Stop the application, if a target started it."""
    if running.cache_info().currsize:
        running().close()
        running.cache_clear()


def judge(answer: Answer, api: bool = True) -> None:
    assert answer.status in STATUSES, f"it answered {answer.status}"
    if answer.status < 400 or not api:
        return
    assert answer.headers["content-type"] == "application/problem+json"
    assert KINDS[msgspec.json.decode(answer.body)["type"].rpartition(":")[2]][0] == answer.status


def chat_body(parent: int) -> dict[str, Any]:
    return {"id": new_id(), "parent": parent, "encryptedMessage": b64(bytes(CHAT_SIZE))}
