"""Strangers and the server: every route with every token, guesses, fuzz, slow and large ones."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from careseal.server.openapi import OPERATIONS
from tests.server.following import unauthenticated
from tests.server.visits import Token, Visit, new_id, problem_of, random_b64
from tests.serving import ServerProcess, serving

from .strangers import MAY, PUBLIC, Town, api_routes, town

GENEROUS = ("entriesPerSecond", "entriesBurst", "refusalsBurst", "doorsBurst")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = [f"--limit={name}=1000000" for name in GENEROUS]
    with serving(tmp_path_factory.mktemp("strangers"), *limits) as running:
        yield running
    assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def clinician(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.sign_in() as client:
        yield client


@pytest.fixture(scope="module")
def api_token(server: ServerProcess) -> str:
    command = [sys.executable, "-m", "careseal.cli", "api-token", f"--data={server.data}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as anonymous:
        yield anonymous


@pytest.fixture
def here(client: httpx.Client, clinician: httpx.Client, api_token: str) -> Town:
    return town(client, clinician, api_token)


def attack(name: str, does: str, happens: str, check: str) -> pytest.MarkDecorator:
    return pytest.mark.attack(name, does, happens, check)


# What is published ----------------------------------------------------------------------------


def test_the_published_description_is_of_the_routes_that_there_are(client: httpx.Client) -> None:
    told = client.get("/api/openapi.json").json()
    published = {
        (method.upper(), path) for path, every in told["paths"].items() for method in every
    }
    assert published == {route for route in api_routes() if route[0] != "FOLLOW"}
    for route, operation in OPERATIONS.items():
        described = told["paths"][route[1]][route[0].lower()]
        assert bool(described["security"]) == (route not in PUBLIC), route
        if operation.body not in (None, bytes):
            assert operation.body is not None
            schema = told["components"]["schemas"][operation.body.__name__]
            assert schema["additionalProperties"] is False
    for invite in ("NewInvite", "KeyBox"):
        assert told["components"]["schemas"][invite]["additionalProperties"] is False


def test_bodies_of_the_published_shape_are_taken_and_others_are_not(
    client: httpx.Client, here: Town
) -> None:
    """One body for each route, made from the description alone, gets past the decoder."""
    dice = random.Random(3)
    told = client.get("/api/openapi.json").json()
    schemas = told["components"]["schemas"]
    tried = 0
    for path, every in told["paths"].items():
        for method, described in every.items():
            content = described.get("requestBody", {}).get("content", {})
            if "application/json" not in content:
                continue
            tried += 1
            body = _made(content["application/json"]["schema"], schemas, dice)
            who = sorted(MAY.get((method.upper(), path), {"nobody"}))[0]
            answer = here.ask(client, (method.upper(), path), who, json=body)
            told_why = answer.json().get("detail", "") if not answer.is_success else ""
            for wrong in ("missing required field", "unknown field", "Expected `", "must be 16"):
                assert wrong not in told_why, (path, told_why, body)
            spoilt = here.ask(client, (method.upper(), path), who, json={**body, "more": 1})
            assert problem_of(spoilt) == "malformed", path
    assert tried >= 8


def _made(schema: dict[str, Any], schemas: dict[str, Any], dice: random.Random) -> Any:
    """A value of that schema."""
    if "$ref" in schema:
        return _made(schemas[schema["$ref"].rpartition("/")[2]], schemas, dice)
    if "anyOf" in schema:
        return _made(schema["anyOf"][0], schemas, dice)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return {
                name: _made(each, schemas, dice)
                for name, each in schema["properties"].items()
                if name in schema["required"]
            }
        case "array":
            return [_made(schema["items"], schemas, dice)]
        case "integer":
            return int(schema.get("minimum", 0))
    size = re.match(r"\^\[A-Za-z0-9_-\]\{(\d+)\}", schema["pattern"])  # and the last
    return random_b64((int(size[1]) + 1) * 3 // 4 if size else 272)


# Every route with every token --------------------------------------------------------------


def test_it_is_written_down_who_may_use_each_route() -> None:
    """A new route has to say whom it lets in, in `tests/hostile/strangers.py`."""
    assert set(api_routes()) == set(MAY) | PUBLIC


@attack(
    "asks every route with every other token",
    "A stranger, a removed guest, a link or a member of another session, a closed link, a cookie "
    "and an API token ask each route that there is.",
    "refused: `not-authorised` or, inside the session, `forbidden`; not a byte differs between "
    "a wrong token and a session that does not exist",
    "`authority`, `store.members.bearer`",
)
def test_no_route_lets_anybody_else_in(
    server: ServerProcess, client: httpx.Client, here: Town
) -> None:
    inside = {"a guest", "a host", "a guest's link", "a host's link"}
    for route, may in MAY.items():
        if route[0] == "FOLLOW":
            for who in here.headers.keys() - may - {"another scheme"}:
                token = here.headers[who].get("Authorization", "").partition(" ")[2]
                with unauthenticated(server, here.visit.path) as follower:
                    follower.send(type="auth", token=token or Token().text)
                    code, _ = follower.closed()
                assert code in (4400, 4401), (route, who, code)
            continue
        answers = set()
        for who in here.headers.keys() - may:
            answer = here.ask(client, route, who)
            wanted = "forbidden" if who in inside and "{session}" in route[1] else "not-authorised"
            assert problem_of(answer) == wanted, (route, who, answer.text)
            if wanted == "not-authorised":
                answers.add(_without_chance(answer))
                absent = here.ask(client, route, who, instead={"session": new_id()})
                answers.add(_without_chance(absent))
        assert len(answers) == 1, (route, answers)


def _without_chance(answer: httpx.Response) -> tuple[str, tuple[tuple[str, str], ...]]:
    headers = dict(answer.headers)
    del headers["x-request-id"], headers["date"]
    return answer.text, tuple(sorted(headers.items()))


@pytest.mark.parametrize("route", [each for each in MAY if each[0] != "FOLLOW"], ids=" ".join)
def test_those_who_may_get_past_the_door(
    client: httpx.Client, here: Town, route: tuple[str, str]
) -> None:
    """The control: with the right token the same question is not refused for the token."""
    for who in sorted(MAY[route]):
        if route[0] == "DELETE" and who == "the clinician's cookie":
            continue  # a host has deleted it: seen in tests/server/test_accounts.py
        answer = here.ask(client, route, who)
        assert answer.status_code not in (401, 403), (who, answer.text)


@attack(
    "uses a clinician's cookie from another site",
    "A page of another site asks with the clinician's cookie, which a browser might send along.",
    "refused: `forbidden`, for whatever changes something",
    "`authority.is_same_origin`",
)
def test_a_cookie_from_another_site_changes_nothing(client: httpx.Client, here: Town) -> None:
    changing = [route for route in api_routes() if route[0] not in ("GET", "FOLLOW")]
    for where in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ):
        for route in changing:
            cookie = "; ".join(f"{name}={value}" for name, value in here.cookies.items())
            headers = where | {"Cookie": cookie, "Content-Type": "application/json"}
            answer = client.request(route[0], here.path(route[1]), headers=headers, content=b"{}")
            assert answer.status_code in (401, 403), (route, where, answer.text)
    assert here.ask(client, ("GET", "/api/accounts/me"), "the clinician's cookie").is_success


@attack(
    "asks from another origin",
    "A page of another site asks, and asks beforehand whether it may (CORS).",
    "refused: no answer names another origin",
    "no `Access-Control-*` header anywhere; `Cross-Origin-Resource-Policy`",
)
def test_no_other_origin_is_let_in(client: httpx.Client, here: Town) -> None:
    asks = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    for method, path in api_routes():
        verbs = ("OPTIONS",) if method == "FOLLOW" else ("OPTIONS", method)
        for verb in verbs:
            answer = client.request(verb, here.path(path), headers=asks)
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert verb != "OPTIONS" or answer.status_code in (404, 405)


@attack(
    "tries methods that a route does not have",
    "A stranger sends TRACE, PATCH, CONNECT-like and invented methods.",
    "refused: `method-not-allowed` or `not-found`, nothing is echoed",
    "the routes' own methods",
)
def test_other_methods_are_refused(client: httpx.Client, here: Town) -> None:
    known = set(api_routes())
    for path in {path for method, path in known if method != "FOLLOW"}:
        for method in ("TRACE", "PATCH", "PROPFIND", "PUT", "DELETE", "POST"):
            if (method, path) in known:
                continue
            answer = client.request(method, here.path(path), headers={"X-Secret": "echo me"})
            assert answer.status_code in (404, 405), (method, path)
            assert "echo me" not in answer.text


@attack(
    "walks out of the path",
    "A stranger and a member put paths, nothing, too much and other alphabets where ids belong.",
    "refused: `malformed`, `not-authorised` or `not-found`",
    "`requests.path_id`, `path_number`",
)
def test_ids_in_paths_are_ids(client: httpx.Client, here: Town) -> None:
    bad = [
        "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "..%5c..", "%00", "a" * 22, "A" * 5000,
        here.file + "%00", here.file + "%0a", here.file + "=", "%E2%80%AE", "0x00", "-1", "1e9",
        "99999999999999999999", "٣", "%F0%9F%98%80", "%ff%fe", "'%20or%201=1--", "%252e%252e",
    ]  # fmt: skip
    for route in MAY:
        method, path = route
        for name in ("session", "file", "member", "number", "knock"):
            if f"{{{name}}}" not in path or method == "FOLLOW":
                continue
            for text in bad:
                for who in ("nobody", "a host"):
                    answer = here.ask(client, route, who, instead={name: text})
                    assert 400 <= answer.status_code < 500, (route, name, text, answer.status_code)
                    assert problem_of(answer) != "internal"
    assert client.get(here.visit.path, headers=here.headers["a host"]).is_success


# Guesses -----------------------------------------------------------------------------------


@attack(
    "guesses the passcode of a link",
    "Somebody who has the link, but not its passcode, asks for the door with guess after guess.",
    "refused: after 60 wrong tokens a session takes no link's token for a while, right or wrong; "
    "members go on",
    "`authority.bearer`, limit `refusalsPerMinute`",
)
def test_a_passcode_cannot_be_guessed_quickly(tmp_path: Path) -> None:
    with serving(tmp_path / "guessed") as guessed, guessed.sign_in() as made:
        visit = Visit().create(made)
        with guessed.client() as guesser:
            door = f"{visit.path}/door"
            seen = [guesser.get(door, headers=Token().header).status_code for _ in range(70)]
            assert seen[:60] == [401] * 60
            assert set(seen[61:]) == {429}
            right = guesser.get(door, headers=visit.guest_invite.token.header)
            assert (problem_of(right), right.json()["limit"]) == ("too-many", "refusalsPerMinute")
            assert int(right.headers["retry-after"]) <= 10
            assert guesser.get(door, headers=visit.host.token.header).is_success
            absent = Visit()
            seen = [
                guesser.get(f"{absent.path}/door", headers=Token().header).status_code
                for _ in range(70)
            ]
            assert (seen[:60], set(seen[61:])) == ([401] * 60, {429})


@attack(
    "listens to how long a refusal takes",
    "A stranger compares how long a wrong token of a session that exists and of one that does not "
    "take, and a token whose first bytes are right.",
    "no effect: the quickest of many answers do not differ by half a millisecond or a fifth",
    "tokens are looked up by their SHA-256",
)
def test_time_tells_nothing_apart(client: httpx.Client, here: Town) -> None:
    near = bytearray(here.visit.host.token.octets)
    near[-1] ^= 1
    questions = {
        "a wrong token": (here.visit.path, Token().header),
        "no such session": (Visit().path, Token().header),
        "nearly right": (here.visit.path, Token(bytes(near)).header),
    }
    order: set[tuple[str, ...]] = set()
    for _ in range(3):  # the machine may have had something else to do; a leak is there each time
        quick = _quickest(client, questions)
        least, most = min(quick.values()), max(quick.values())
        if most - least < max(0.0005, least / 5):
            return
        order.add(tuple(sorted(quick, key=quick.__getitem__)))
    assert len(order) > 1, quick


def _quickest(
    client: httpx.Client, questions: dict[str, tuple[str, dict[str, str]]]
) -> dict[str, float]:
    """Seconds that a tenth of the answers do not exceed: what disturbs makes them slower only."""
    took: dict[str, list[float]] = {name: [] for name in questions}
    order = list(questions) * 200
    random.Random(1).shuffle(order)
    for name in order:
        path, headers = questions[name]
        began = time.perf_counter()
        assert client.get(path, headers=headers).status_code == 401
        took[name].append(time.perf_counter() - began)
    return {name: sorted(each)[len(each) // 10] for name, each in took.items()}


# Fuzz --------------------------------------------------------------------------------------

WORDS = ["", "0", "-1", "null", "a" * 300, "\x00", "é", "1" * 400, "[]", "{}", "%", "\u202e"]


def _junk(dice: random.Random) -> Any:
    match dice.randrange(9):
        case 0:
            return None
        case 1:
            return dice.choice([0, -1, 1 << 53, 1 << 64, 1e308, True])
        case 2:
            return dice.choice(WORDS)
        case 3:
            return [_junk(dice) for _ in range(dice.randrange(3))]
        case 4:
            return {dice.choice(WORDS): _junk(dice) for _ in range(dice.randrange(3))}
        case 5:
            return random_b64(dice.choice([0, 15, 16, 17, 32, 272, 1176]))
        case _:
            return new_id()


def _changed(body: dict[str, Any], dice: random.Random) -> bytes:
    """A right body with one thing wrong in it, or no body at all."""
    if dice.random() < 0.15:
        return dice.choice([b"", b"{", b"[]", b"null", b"\xff", b"{}" * 3, b"[" * 5000])
    changed = dict(body)
    name = dice.choice(list(changed))
    match dice.randrange(3):
        case 0:
            del changed[name]
        case 1:
            changed[name] = _junk(dice)
        case _:
            changed[dice.choice(WORDS) or "more"] = _junk(dice)
    return json.dumps(changed).encode()


@attack(
    "sends what no client sends",
    "A stranger, a guest and a host send some thousand requests with wrong bodies, queries, types "
    "and headers to every route.",
    "refused: each answer is one of the protocol's problems, none is `internal`",
    "`requests.read_json`, `wire.decode`, `query_of`",
)
def test_no_request_breaks_the_server(
    server: ServerProcess, client: httpx.Client, clinician: httpx.Client, here: Town
) -> None:
    dice, visit = random.Random(7), here.visit
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("POST", "/api/telemedicine/sessions"): Visit(lifetime=60).founding(),
        ("POST", "/api/telemedicine/sessions/{session}/commits"): visit.commit(
            4, member={"id": new_id(), "tokenHash": Token().hash}
        ),
        ("POST", "/api/telemedicine/sessions/{session}/chat"): {
            "id": new_id(), "parent": 4, "encryptedMessage": random_b64(272),
        },
        ("PUT", "/api/telemedicine/sessions/{session}/door"): {
            "parent": 4, "door": random_b64(288), "keyBoxes": [visit.guest_invite.key_box()],
        },
        ("POST", "/api/telemedicine/sessions/{session}/files"): {
            "id": new_id(), "parts": 1, "size": 288,
        },
        ("POST", "/api/accounts/sign-in"): {"code": random_b64(32)},
    }  # fmt: skip
    asked = [route for route in api_routes() if route[0] not in ("DELETE", "FOLLOW")]
    asked = [route for route in asked if not route[1].endswith(("/end", "/sign-out"))]
    people = ["nobody", "a guest", "a host", "the clinician's cookie", "a guest's link"]
    queries = ["", "?after=-1", "?after=1&after=2", "?%00", "?limit=9e9", "?x=" + "y" * 999]
    for _ in range(1500):
        route = dice.choice(asked)
        who, query = dice.choice(people), dice.choice(queries)
        options: dict[str, Any] = {"headers": {"Content-Type": "application/json"}}
        if route[0] != "GET":
            options["content"] = _changed(bodies.get(route, {"a": 1}), dice)
        if dice.random() < 0.1:
            options["headers"] = {"Content-Type": dice.choice(["text/plain", "", "a/b;c=d"])}
        answer = here.ask(client, (route[0], route[1] + query), who, **options)
        assert not answer.is_success or answer.status_code in OPERATIONS[route].answers, route
        assert answer.status_code < 500, (route, query, answer.text)
        if not answer.is_success:
            problem_of(answer)


FRAMES: list[str | bytes] = [
    "", "[]", "null", "7", "{", '{"type":"auth"}', '{"type":"auth","token":7}',
    '{"type":"auth","token":"x"}', '{"type":"signal"}', '{"type":"beat","head":1}',
    '{"type":"signal","to":7,"signal":"x"}', '{"type":"signal","to":["x"],"signal":""}',
    '{"type":"signal","to":null,"signal":"' + "A" * 396 + '","more":1}',
    "[" * 60_000, '{"type":"beat"}' * 2, "\u202e", "\x00", b"", b"\x00\xff", b'{"type":"beat"}',
    '{"type":"auth","token":"' + "A" * 100_000 + '"}', '{"a":' * 5000 + "1" + "}" * 5000,
]  # fmt: skip


@attack(
    "sends frames that no client sends",
    "A stranger, and a member, send a WebSocket frames that are out of shape, binary or huge.",
    "refused: the socket is closed by one of the protocol's codes",
    "`wire.client_frame`, `_receive`",
)
def test_no_frame_breaks_the_server(
    server: ServerProcess, client: httpx.Client, here: Town
) -> None:
    token = here.visit.host.token.text
    for known in (False, True):
        for frame in FRAMES:
            with unauthenticated(server, here.visit.path) as follower:
                if known:
                    follower.send(type="auth", token=token)
                    follower.next("ready")
                with suppress(ConnectionClosed):
                    follower.socket.send(frame)
                code, _ = follower.closed()
            assert code in (4400, 4401, 1009), (known, frame[:80], code)
    assert client.get(here.visit.path, headers=here.headers["a host"]).is_success


@attack(
    "speaks broken HTTP",
    "A stranger sends request lines, headers and lengths that are no HTTP, or two in one.",
    "refused: 400 or the connection is closed; nobody else is answered",
    "llhttp",
)
def test_broken_http_is_refused(server: ServerProcess, client: httpx.Client) -> None:
    texts = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/server HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: folded\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    for text in texts:
        answer = _spoken(server, text)
        assert b" 500 " not in answer.split(b"\r\n")[0], (text, answer[:100])
        assert answer.count(b"HTTP/1.1 ") <= 1, (text, answer)
    assert client.get("/healthz").is_success


def _spoken(server: ServerProcess, text: bytes) -> bytes:
    with closing(socket.create_connection(("localhost", server.port), 10)) as line:
        line.settimeout(1)
        line.sendall(text)
        heard = b""
        with suppress(TimeoutError, ConnectionError):
            while more := line.recv(65_536):
                heard += more
    return heard


# Slow and large ----------------------------------------------------------------------------


@attack(
    "holds connections open without saying anything",
    "A stranger opens 400 connections and sends a byte of a request now and then, or nothing.",
    "no effect: others are served; a head that takes 20 s, or has 64 kB, and a body of which less"
    " than 16 KiB come in a minute, are cut off",
    "`patience.ImpatientProtocol`",
)
def test_slow_ones_keep_nobody_waiting(server: ServerProcess, client: httpx.Client) -> None:
    lines = [socket.create_connection(("localhost", server.port), 10) for _ in range(400)]
    try:
        for each in lines[::2]:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        assert client.get("/healthz").is_success
        assert time.monotonic() - began < 2
        endless = lines[0]
        endless.settimeout(20)
        with suppress(ConnectionError):
            for _ in range(200):
                endless.sendall(b"a" * 4096)
                time.sleep(0.001)
            assert endless.recv(1) == b"", "an endless head was read on"
        for each in lines[1:40]:
            each.settimeout(25)
            assert each.recv(1) == b"", "a silent connection was kept"
    finally:
        for each in lines:
            each.close()


@attack(
    "sends more than anything may have",
    "A stranger and a member send bodies over every limit, told and untold in length.",
    "refused: a stranger before its body is read, a member as `too-large`",
    "`requests.read_json`",
)
def test_too_large_bodies_are_refused(client: httpx.Client, here: Town) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1024):
            yield bytes(64 * 1024)

    json_type = {"Content-Type": "application/json"}
    routes = [route for route in MAY if route[0] in ("POST", "PUT")]
    routes = [route for route in routes if not route[1].endswith(("{number}", "/end"))]
    for route in [*routes, ("POST", "/api/accounts/sign-in")]:
        for who in ("nobody", "a host"):
            for content in (b" " * 8_000_000, endless()):
                try:
                    answer = here.ask(client, route, who, headers=json_type, content=content)
                except httpx.TransportError:
                    continue  # closed while it was still being sent
                assert answer.status_code in (400, 401, 403, 413), (route, who, answer.status_code)


@attack(
    "opens many sockets without a token",
    "A stranger opens 200 WebSockets and sends no first frame.",
    "no effect: others are served; each is closed after 10 s",
    "`auth_timeout`",
)
def test_sockets_without_a_token_are_closed(
    server: ServerProcess, client: httpx.Client, here: Town
) -> None:
    url = f"{server.websocket_url}{here.visit.path}/follow"
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(url)) for _ in range(200)]
        assert client.get("/healthz").is_success
        with suppress(ConnectionClosed):
            sockets[0].recv(15)
        assert sockets[0].close_code == 4408


@attack(
    "listens at the follower's line from another page",
    "A page of another site opens the WebSocket; it has no token.",
    "refused: 4401; the cookie opens nothing there",
    "the first frame holds the token",
)
def test_a_cookie_opens_no_socket(server: ServerProcess, here: Town) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in here.cookies.items())
    url = f"{server.websocket_url}{here.visit.path}/follow"
    try:
        with connect(
            url,
            origin=Origin("https://evil.example"),
            additional_headers={"Cookie": cookie},
        ) as line:
            line.send(json.dumps({"type": "auth", "token": Token().text}))
            with pytest.raises(ConnectionClosed):
                line.recv(10)
            assert line.close_code == 4401
    except InvalidStatus:
        pass


@attack(
    "reads what needs no token",
    "A stranger reads every page and answer that is public.",
    "no effect: nothing of any session, account or device is in it",
    "what `show` of `routes.server` names",
)
def test_public_answers_hold_nothing_of_anybody(client: httpx.Client, here: Town) -> None:
    known = json.loads(client.get("/api/server").text)
    assert set(known) == {"name", "version", "limits"}
    for path in ("/", "/sign-in", f"/telemedicine/{here.visit.id}", "/healthz", "/readyz"):
        answer = client.get(path)
        assert here.visit.id not in answer.text
        assert here.visit.host.id not in answer.text
    for path in ("/docs", "/redoc", "/.git/config", "/.env", "/server-status", "/metrics"):
        assert client.get(path).status_code == 404, path
