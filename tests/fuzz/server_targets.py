"""The server's edges: what it parses, and the whole application without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from careseal.server import base64url, tokens, wire
from careseal.server.problems import Problem
from careseal.server.ranges import content_range, requested_range
from careseal.server.requests import content_length, path_id, path_number, query_number, query_of
from tests.fuzz.server_running import (
    FILE,
    FRAME_END,
    GUEST,
    PART,
    VISIT,
    asgi_scope,
    bearer,
    chat_body,
    judge,
    new_id,
    new_invite,
    running,
    to_json,
)
from tests.fuzz.target import Form, Target
from tests.server.visits import SIGNAL_SIZE, b64

# Bodies ------------------------------------------------------------------------------------


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
        return [to_json(body) for body in self.bodies()]

    def take(self, data: bytes) -> None:
        """Decode the body; what the decoder takes goes to the whole application."""
        shaped = wire.decode(data, self.shape)
        assert wire.decode(to_json(wire.plain(shaped)), self.shape) == shaped
        answer = running().call(self.method, self.path, self.who(), data)
        judge(answer)
        if answer.status < 300:
            running().reset()


def _host() -> str:
    return bearer(VISIT.host.token)


def _api() -> str:
    return f"Bearer {running().api_token}"


def _commits() -> list[dict[str, Any]]:
    opened, letter = new_invite("guest").opened(), VISIT.guest_invite.letter()
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
          lambda: [VISIT.founding() | {"id": new_id()}, VISIT.founding() | {"lifetime": 60}]),
    Route("put door", "PUT", f"{VISIT.path}/door", wire.PutDoor, _host, _doors),
    Route("append commit", "POST", f"{VISIT.path}/commits", wire.AppendCommit, _host, _commits),
    Route("append join", "POST", f"{VISIT.path}/commits", wire.AppendCommit,
          lambda: bearer(VISIT.guest_invite.token),
          lambda: [VISIT.commit(1, member={"id": new_id(), "tokenHash": b64(bytes(32))})]),
    Route("append chat", "POST", f"{VISIT.path}/chat", wire.AppendChat, _host,
          lambda: [chat_body(1), chat_body(0)]),
    Route("create file", "POST", f"{VISIT.path}/files", wire.CreateFile, _host,
          lambda: [{"id": new_id(), "parts": 1, "size": 288}]),
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
    judge(answer, path.startswith(b"/api/"))
    if answer.status < 300 and method not in (b"GET", b"HEAD"):
        running().reset()


def _requests() -> list[bytes]:
    host, guest = (f"authorization: {bearer(each)}" for each in (VISIT.host.token, GUEST.token))
    invite = f"authorization: {bearer(VISIT.guest_invite.token)}"
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
    chat = to_json(chat_body(1))
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
    auth = to_json({"type": "auth", "token": VISIT.host.token.text})
    code = running().follow(query, [frame.replace(b"{auth}", auth) for frame in frames])
    assert code in {None, 4400, 4401, 4403, 4408, 4409, 4410, 4429}, f"it closed with {code}"


def _follows() -> list[bytes]:
    signal = b64(bytes(SIGNAL_SIZE))
    to_all = to_json({"type": "signal", "to": None, "signal": signal})
    to_guest = to_json({"type": "signal", "to": [GUEST.id, VISIT.host.id], "signal": signal})
    beat = b'{"type":"beat"}'
    return [
        FRAME_END.join((b"after=1", b"{auth}", beat, to_all, to_guest, beat)),
        FRAME_END.join((b"", b"{auth}", to_all)),
        FRAME_END.join((b"", to_json({"type": "auth", "token": GUEST.token.text}), beat)),
    ]


def _client_frame(data: bytes) -> None:
    wire.client_frame(data.decode("utf-8", "surrogatepass"))


def _query(data: bytes) -> None:
    scope = asgi_scope("http", b"/", data, []) | {"method": "GET"}
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
    scope = asgi_scope("http", b"/", b"", [(b"content-length", data)]) | {"method": "PUT"}
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
        lambda: [b"after=1&limit=5&wait=2&form=digest", f"invite={new_id()}".encode(), b""],
        words=QUERY_WORDS,
        refusals=(Problem,),
    ),
    _target("path", _path, lambda: [new_id().encode(), b"0", b"65535"], words=TEXT_WORDS),
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
