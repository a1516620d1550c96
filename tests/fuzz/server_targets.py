"""The server's edges: what it parses, and the whole application without a network."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec
from fastapi import FastAPI
from starlette.requests import Request

from careseal.server import base64url, tokens, wire
from careseal.server.accounts import new_credential
from careseal.server.app import create_app, open_relay
from careseal.server.problems import KINDS, Problem
from careseal.server.ranges import content_range, requested_range
from careseal.server.relay import Relay
from careseal.server.requests import content_length, path_id, path_number, query_number, query_of
from careseal.server.routes.sessions import erase_session
from careseal.server.settings import Limits, Settings
from tests.fuzz.target import Form, Target
from tests.server.visits import CHAT_SIZE, SIGNAL_SIZE, Invite, Member, Token, Visit, b64
from tests.unit.e2ee.rng import seeded

RNG = seeded("server")
STATUSES = {200, 201, 204, 206, 304} | {status for status, _ in KINDS.values()} - {500}
UNHURRIED = Limits(entries_per_second=10**9, signals_per_second=10**9, doors_per_second=10**9)


def _id() -> str:
    return b64(RNG(16))


def _invite(role: str) -> Invite:
    return Invite(role, _id(), Token(RNG(32)))


VISIT = Visit(_id(), _invite("host"), _invite("guest"), Member(_id(), Token(RNG(32))))
GUEST = Member(_id(), Token(RNG(32)))
FILE = _id()
PART = bytes(288)
FRAME_END = b"\x1e"


# The application ---------------------------------------------------------------------------


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
        self._app: FastAPI = create_app(settings)
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
        host, invite = _bearer(VISIT.host.token), _bearer(VISIT.guest_invite.token)
        files, octets = f"{VISIT.path}/files", "application/octet-stream"
        for answer in (
            self.call("POST", "/api/telemedicine/sessions", api, _json(VISIT.founding())),
            self.call("POST", f"{VISIT.path}/commits", invite, _json(joining)),
            self.call("POST", f"{VISIT.path}/chat", host, _json(_chat(1))),
            self.call("POST", files, host, _json(file)),
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
        scope = _scope("http", path, query, headers) | {"method": method}
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
        scope = _scope("websocket", f"{VISIT.path}/follow".encode(), query, [])
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


def _scope(
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


def _bearer(token: Token) -> str:
    return f"Bearer {token.text}"


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


@cache
def running() -> Running:
    return Running()


def close() -> None:
    """Stop the application, if a target started it."""
    if running.cache_info().currsize:
        running().close()
        running.cache_clear()


def _judge(answer: Answer, api: bool = True) -> None:
    assert answer.status in STATUSES, f"it answered {answer.status}"
    if answer.status < 400 or not api:
        return
    assert answer.headers["content-type"] == "application/problem+json"
    assert KINDS[msgspec.json.decode(answer.body)["type"].rpartition(":")[2]][0] == answer.status


# Bodies ------------------------------------------------------------------------------------


def _chat(parent: int) -> dict[str, Any]:
    return {"id": _id(), "parent": parent, "encryptedMessage": b64(bytes(CHAT_SIZE))}


@dataclass(frozen=True)
class Route:
    """A route with a body: who may call it, and bodies that it takes."""

    name: str
    method: str
    path: str
    shape: type[wire.Shape]
    who: Callable[[], str]
    bodies: Callable[[], list[dict[str, Any]]]

    def seeds(self) -> list[bytes]:
        return [_json(body) for body in self.bodies()]

    def take(self, data: bytes) -> None:
        """Decode the body; what the decoder takes goes to the whole application."""
        shaped = wire.decode(data, self.shape)
        assert wire.decode(_json(wire.plain(shaped)), self.shape) == shaped
        answer = running().call(self.method, self.path, self.who(), data)
        _judge(answer)
        if answer.status < 300:
            running().reset()


def _host() -> str:
    return _bearer(VISIT.host.token)


def _api() -> str:
    return f"Bearer {running().api_token}"


def _commits() -> list[dict[str, Any]]:
    opened, letter = _invite("guest").opened(), VISIT.guest_invite.letter()
    closed, revoked = [VISIT.guest_invite.id], [GUEST.id]
    more = {"letters": [letter], "open": [opened], "close": closed, "revoke": revoked}
    return [VISIT.commit(1), VISIT.commit(1, **more)]


def _doors() -> list[dict[str, Any]]:
    body = VISIT.commit(1)
    door = {"parent": 1, "door": body["door"], "keyBoxes": body["keyBoxes"]}
    return [door, door | {"letters": [VISIT.guest_invite.letter()]}]


SESSIONS = "/api/telemedicine/sessions"
ROUTES = (
    Route("create session", "POST", SESSIONS, wire.CreateSession, _api,
          lambda: [VISIT.founding() | {"id": _id()}, VISIT.founding() | {"lifetime": 60}]),
    Route("put door", "PUT", f"{VISIT.path}/door", wire.PutDoor, _host, _doors),
    Route("append commit", "POST", f"{VISIT.path}/commits", wire.AppendCommit, _host, _commits),
    Route("append join", "POST", f"{VISIT.path}/commits", wire.AppendCommit,
          lambda: _bearer(VISIT.guest_invite.token),
          lambda: [VISIT.commit(1, member={"id": _id(), "tokenHash": b64(bytes(32))})]),
    Route("append chat", "POST", f"{VISIT.path}/chat", wire.AppendChat, _host,
          lambda: [_chat(1), _chat(0)]),
    Route("create file", "POST", f"{VISIT.path}/files", wire.CreateFile, _host,
          lambda: [{"id": _id(), "parts": 1, "size": 288}]),
    Route("sign in", "POST", "/api/accounts/sign-in", wire.SignIn, _host,
          lambda: [{"code": b64(bytes(32))}]),
)  # fmt: skip


# Requests ----------------------------------------------------------------------------------


def _request(data: bytes) -> None:
    """A request as text: method, target, headers, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in
               (line.partition(b":") for line in lines)]  # fmt: skip
    api = running().api_token.encode()
    headers = [(name, value.replace(b"{api}", api)) for name, value in headers if name]
    answer = running().request(method.decode("latin-1"), path, query, headers, body)
    _judge(answer, path.startswith(b"/api/"))
    if answer.status < 300 and method not in (b"GET", b"HEAD"):
        running().reset()


def _requests() -> list[bytes]:
    host, guest = (f"authorization: {_bearer(each)}" for each in (VISIT.host.token, GUEST.token))
    invite = f"authorization: {_bearer(VISIT.guest_invite.token)}"
    part, json = f"{VISIT.path}/files/{FILE}/parts/0", "content-type: application/json"
    octets, size = "content-type: application/octet-stream", f"content-length: {len(PART)}"
    heads = (
        f"GET {VISIT.path}\n{host}",
        f"GET {VISIT.path}/door?invite={VISIT.guest_invite.id}\n{host}",
        f"GET {VISIT.path}/door\n{invite}",
        f"GET {VISIT.path}/chat?after=1&limit=5&wait=0\n{guest}",
        f"GET {VISIT.path}/chat?form=digest\n{invite}",
        f"GET {part}\n{host}\nrange: bytes=5-9",
        f"GET {VISIT.path}/files/{FILE}\n{host}",
        f"GET {VISIT.path}/ice\n{host}",
        f"PUT {part}\n{host}\n{octets}\n{size}",
        f"DELETE {VISIT.path}/members/{GUEST.id}\n{guest}",
        f"DELETE {VISIT.path}/files/{FILE}\n{host}",
        f"POST {VISIT.path}/end\n{host}",
        f"DELETE {VISIT.path}\n{host}",
        f"GET {SESSIONS}\nauthorization: Bearer {{api}}",
        "GET /api/accounts/me\ncookie: careseal=x; a=b\nsec-fetch-site: same-origin",
        f"POST /api/accounts/sign-out\n{json}\ncookie: careseal={b64(bytes(32))}\norigin: http://localhost",
        "GET /api/server\naccept: */*",
        "GET /healthz",
        f"GET /telemedicine/{VISIT.id}\naccept-encoding: gzip\nif-none-match: x",
        "GET /assets/index.js",
        f"POST {VISIT.path}/chat\n{host}\n{json}",
    )
    chat = _json(_chat(1))
    return [head.encode() + b"\n\n" + (chat if head.endswith(json) else PART) for head in heads]


REQUEST_WORDS: tuple[bytes, ...] = (
    b"%00",
    b"%2f",
    b"%2e%2e",
    b"/../",
    b"..",
    b"//",
    b"%ff",
    b"?",
    b"&",
    b"=",
    b"&&",
)
REQUEST_WORDS += (b"after=", b"limit=-1", b"wait=1e9", b"form=digest", b"invite=", b"after=01")
REQUEST_WORDS += (b"\n", b"\n\n", b":", b"content-length: 99999999999999999999", b"HEAD", b"PUT")
REQUEST_WORDS += (b"DELETE", b"OPTIONS", b"PATCH", b"bytes=-1", b"bytes=0-0,1-2", b"\xff", b";")
REQUEST_WORDS += (
    b"Bearer ",
    b"Basic ",
    b"cookie: ",
    b"host: [::1",
    b"origin: http://[",
    b"'",
    b'"',
)
REQUEST_WORDS += (b"transfer-encoding: chunked", b"x-forwarded-for: ::1", "é".encode(), b"+", b"%")


def _follow(data: bytes) -> None:
    """A query, then frames; `{auth}` stands for a right first frame."""
    query, *frames = data.split(FRAME_END)
    auth = _json({"type": "auth", "token": VISIT.host.token.text})
    code = running().follow(query, [frame.replace(b"{auth}", auth) for frame in frames])
    assert code in {None, 4400, 4401, 4403, 4408, 4409, 4410, 4429}, f"it closed with {code}"


def _follows() -> list[bytes]:
    signal = b64(bytes(SIGNAL_SIZE))
    to_all = _json({"type": "signal", "to": None, "signal": signal})
    to_guest = _json({"type": "signal", "to": [GUEST.id, VISIT.host.id], "signal": signal})
    beat = b'{"type":"beat"}'
    return [
        FRAME_END.join((b"after=1", b"{auth}", beat, to_all, to_guest, beat)),
        FRAME_END.join((b"", b"{auth}", to_all)),
        FRAME_END.join((b"", _json({"type": "auth", "token": GUEST.token.text}), beat)),
    ]


def _client_frame(data: bytes) -> None:
    wire.client_frame(data.decode("utf-8", "surrogatepass"))


def _query(data: bytes) -> None:
    scope = _scope("http", b"/", data, []) | {"method": "GET"}
    query = query_of(Request(scope), "after", "limit", "wait", "form", "invite")
    for name, most in (("after", 2**53 - 1), ("limit", 1000), ("wait", 25)):
        assert 0 <= query_number(query, name, 0, 0, most) <= most
    if "invite" in query:
        assert len(path_id(query["invite"])) == 16


def _path(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for parse in (path_id, path_number):
        try:
            parse(text)
        except Problem:
            continue
    scope = _scope("http", b"/", b"", [(b"content-length", data)]) | {"method": "PUT"}
    assert content_length(Request(scope)) >= 0


def _range(data: bytes) -> None:
    for size in (1, 288, 2**40):
        try:
            chosen = requested_range(data.decode("latin-1"), size)
        except Problem:
            continue
        if chosen is not None:
            assert 0 <= chosen[0] < chosen[1] <= size
            content_range(*chosen, size)


def _base64url(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    tokens.octets_of(text)
    assert base64url.encode(base64url.decode(text)) == text


def _target(
    name: str,
    run: Callable[[bytes], object],
    seeds: Callable[[], Sequence[bytes]],
    form: Form = Form.TEXT,
    words: tuple[bytes, ...] = (),
    refusals: tuple[type[Exception], ...] = (),
    share: float = 1.0,
) -> Target:
    return Target(f"server.{name}", run, refusals, seeds, form, words=words, share=share)


FOLLOW_WORDS: tuple[bytes, ...] = (
    FRAME_END,
    b"{auth}",
    b"after=",
    b"\xff",
    b"null",
    b'{"type":"beat"}',
    b"[]",
)
QUERY_WORDS: tuple[bytes, ...] = (
    b"&",
    b"=",
    b"after=",
    b"limit=",
    b"wait=",
    b"form=",
    b"%",
    b"%00",
    b"+",
    b";",
)
QUERY_WORDS += (b"9007199254740992", b"-1", b"01", b"1e3", b"\xff", "\u0661".encode(), b"%ed%a0%80")
RANGE_WORDS = (b"bytes=", b"-", b",", b" ", b"9" * 15, b"9" * 40, b"0", b"\t", b"\xb2", b"Bytes=")
TEXT_WORDS: tuple[bytes, ...] = (
    b"=",
    b"+",
    b"/",
    b"-",
    b"_",
    b"\n",
    b" ",
    "é".encode(),
    b"\xff",
    b"\0",
    b"A",
    b"0",
)
TEXT_WORDS += ("²".encode(), "\u0661".encode(), b"9" * 20)

TARGETS = (
    *(
        _target(route.name, route.take, route.seeds, Form.JSON, (), (Problem,), 0.15)
        for route in ROUTES
    ),
    _target("request", _request, _requests, words=REQUEST_WORDS, share=0.2),
    _target("follow", _follow, _follows, words=FOLLOW_WORDS, share=0.2),
    _target(
        "client frame",
        _client_frame,
        lambda: [frame for each in _follows() for frame in each.split(FRAME_END)[2:]],
        Form.JSON,
        refusals=(Problem, UnicodeDecodeError),
    ),
    _target(
        "query",
        _query,
        lambda: [b"after=1&limit=5&wait=2&form=digest", f"invite={_id()}".encode(), b""],
        words=QUERY_WORDS,
        refusals=(Problem,),
    ),
    _target("path", _path, lambda: [_id().encode(), b"0", b"65535"], words=TEXT_WORDS),
    _target(
        "range",
        _range,
        lambda: [b"bytes=0-9", b"bytes=-5", b"bytes=7-", b"bytes=0-0,2-3"],
        words=RANGE_WORDS,
    ),
    _target(
        "base64url",
        _base64url,
        lambda: [b64(bytes(range(size))).encode() for size in (0, 1, 2, 16, 32)],
        words=TEXT_WORDS,
        refusals=(ValueError,),
    ),
)
