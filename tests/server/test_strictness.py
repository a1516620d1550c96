"""What does not fit the protocol is refused at the edge, and nothing is stored (§1.2, §8)."""

from __future__ import annotations

import copy
import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.server.visits import (
    DOOR_SIZE,
    KEY_BOX_SIZE,
    LETTER_SIZE,
    Invite,
    Member,
    Visit,
    chat,
    new_id,
    problem_of,
    random_b64,
)
from tests.serving import ServerProcess

Body = dict[str, Any]
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@dataclass(frozen=True)
class Route:
    """A route with a body that it accepts."""

    name: str
    method: str
    path: str
    token: Callable[[Visit], dict[str, str]]
    body: Callable[[Visit], Body]
    optional: frozenset[str] = frozenset()


def as_host(visit: Visit) -> dict[str, str]:
    return visit.host.token.header


def as_clinician(_visit: Visit) -> dict[str, str]:
    return {}


ROUTES = {
    route.name: route
    for route in (
        Route(
            "create",
            "POST",
            "/api/telemedicine/sessions",
            as_clinician,
            lambda _: Visit(lifetime=60).founding(),
            frozenset({"lifetime"}),
        ),
        Route(
            "door",
            "PUT",
            "{visit}/door",
            as_host,
            lambda visit: {
                "parent": 0,
                "door": random_b64(DOOR_SIZE),
                "keyBoxes": [visit.guest_invite.key_box()],
                "letters": [visit.guest_invite.letter()],
            },
            frozenset({"letters"}),
        ),
        Route(
            "commit",
            "POST",
            "{visit}/commits",
            as_host,
            lambda visit: visit.commit(
                0,
                letters=[visit.guest_invite.letter()],
                open=[Invite("guest").opened()],
                close=[visit.guest_invite.id],
                revoke=[new_id()],
            ),
            frozenset({"letters", "open", "close", "revoke"}),
        ),
        Route(
            "join",
            "POST",
            "{visit}/commits",
            lambda visit: visit.guest_invite.token.header,
            lambda visit: visit.commit(0, member=Member().joins()),
        ),
        Route("chat", "POST", "{visit}/chat", as_host, lambda _: chat()),
        Route(
            "file",
            "POST",
            "{visit}/files",
            as_host,
            lambda _: {"id": new_id(), "parts": 1, "size": 288},
        ),
        Route(
            "sign-in",
            "POST",
            "/api/accounts/sign-in",
            as_clinician,
            lambda _: {"code": random_b64(32)},
        ),
    )
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where members and items are, outermost first."""
    found: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        found.append((*path, key))
        if isinstance(inner, dict | list):
            found += places(inner, (*path, key))
    return found


def at(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


def with_value(body: Body, path: tuple[Any, ...], value: Any) -> Body:
    changed = copy.deepcopy(body)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def with_stray_bits(text: str) -> str:
    """The same bytes written with low bits that stand for nothing, where the text has such."""
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 1] if len(text) % 4 else "A"


def wrong_values(value: Any) -> list[Any]:
    """What must not stand in the place of ``value``."""
    if isinstance(value, str) and value in ("host", "guest"):
        return [None, 1, "", "Host", "admin", ["host"]]
    if isinstance(value, str):
        padded = value + "=" * (-len(value) % 4 or 4)
        texts = [value[:-2], value + "AAAA", padded, f" {value}", f"{value}\n", "é" + value[1:]]
        texts += ["", "*" + value[1:], "+/" + value[2:], with_stray_bits(value)]
        return [None, 1, True, [value], {"value": value}, *texts]
    if isinstance(value, int):
        return [None, -1, 0.5, str(value), True, 2**53, 1e300, [value]]
    if isinstance(value, list):
        return [None, 1, "", {}, [None], [1], [value]]
    return [None, 1, "", [], {}, [value]]


def ways_to_spoil(route: Route, body: Body) -> list[tuple[str, Body]]:
    spoilt: list[tuple[str, Body]] = []
    for path in places(body):
        value = at(body, path)
        spoilt += [
            (f"{path} = {bad!r}", with_value(body, path, bad)) for bad in wrong_values(value)
        ]
        if isinstance(value, dict):
            extra = with_value(body, path, value | {"extra": 1})
            spoilt.append((f"{path} has a member more", extra))
        if isinstance(path[-1], str) and path[-1] not in route.optional:
            missing = copy.deepcopy(body)
            del at(missing, path[:-1])[path[-1]]
            spoilt.append((f"{path} is missing", missing))
    spoilt += [("a member more", body | {"extra": 1}), ("plain text", body | {"text": "hello"})]
    spoilt.append(("a name in other letters", {key.upper(): body[key] for key in body}))
    return spoilt


@pytest.mark.parametrize("name", ROUTES)
def test_bodies_that_do_not_fit_are_refused(
    name: str, client: httpx.Client, signed_in: httpx.Client, visit: Visit
) -> None:
    route = ROUTES[name]
    sender = signed_in if route.token is as_clinician else client
    path = route.path.format(visit=visit.path)
    spoilt = ways_to_spoil(route, route.body(visit))
    assert len(spoilt) > 10
    before = everything(client, visit)
    for how, body in spoilt:
        answer = sender.request(route.method, path, json=body, headers=route.token(visit))
        assert answer.status_code == 400, f"{name}: {how}: {answer.status_code} {answer.text}"
        assert problem_of(answer) == "malformed", how
    assert everything(client, visit) == before

    right = sender.request(route.method, path, json=route.body(visit), headers=route.token(visit))
    assert right.status_code in (201, 204) or name == "sign-in", right.text


def everything(client: httpx.Client, visit: Visit) -> list[Any]:
    """What the session shows of itself."""
    door = client.get(f"{visit.path}/door", headers=visit.guest_invite.token.header).json()
    log = client.get(f"{visit.path}/chat", headers=visit.host.token.header).json()
    return [door, log]


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000],
    ids=["empty", "open", "null", "list", "text", "UTF-16", "BOM", "deep"],
)
def test_what_is_no_object_is_refused(
    name: str, content: bytes, client: httpx.Client, signed_in: httpx.Client, visit: Visit
) -> None:
    route = ROUTES[name]
    sender = signed_in if route.token is as_clinician else client
    answer = sender.request(
        route.method,
        route.path.format(visit=visit.path),
        content=content,
        headers=route.token(visit) | {"Content-Type": "application/json"},
    )
    assert problem_of(answer) in ("malformed", "too-large")


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_must_say_that_it_is_json(
    name: str, media_type: str, client: httpx.Client, signed_in: httpx.Client, visit: Visit
) -> None:
    route = ROUTES[name]
    sender = signed_in if route.token is as_clinician else client
    answer = sender.request(
        route.method,
        route.path.format(visit=visit.path),
        content=json.dumps(route.body(visit)),
        headers=route.token(visit) | {"Content-Type": media_type},
    )
    assert (answer.status_code, problem_of(answer)) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keyBoxes", "twice"),
        ("letters", "twice"),
        ("open", "twice"),
        ("close", "twice"),
        ("close", "unknown"),
        ("revoke", "oneself"),
        ("open and close", "the same"),
    ],
)
def test_contradictions_in_a_commit_are_refused(
    client: httpx.Client, visit: Visit, field: str, value: str
) -> None:
    opened = Invite("guest").opened()
    contradictions: dict[str, Body] = {
        "keyBoxes twice": {"keyBoxes": [visit.guest_invite.key_box()] * 2},
        "letters twice": {"letters": [visit.guest_invite.letter()] * 2},
        "open twice": {"open": [opened] * 2},
        "close twice": {"close": [visit.guest_invite.id] * 2},
        "close unknown": {"close": [new_id()]},
        "revoke oneself": {"revoke": [visit.host.id]},
        "open and close the same": {"open": [opened], "close": [opened["id"]]},
    }
    body = visit.commit() | contradictions[f"{field} {value}"]
    answer = client.post(f"{visit.path}/commits", json=body, headers=visit.host.token.header)
    assert problem_of(answer) == "malformed"
    assert client.get(visit.path, headers=visit.host.token.header).json()["head"] == 0


@pytest.mark.parametrize(
    ("limit", "body"),
    [
        ("commit", {"commit": random_b64(557056 + 16)}),
        ("door", {"door": random_b64(1114112 + 32)}),
        ("letter", {"letters": "too large"}),
        ("keyBoxes", {"keyBoxes": "too many"}),
        ("invites", {"open": [Invite("guest").opened() for _ in range(33)]}),
        ("members", {"revoke": [new_id() for _ in range(65)]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_too_large_names_its_limit(
    client: httpx.Client, visit: Visit, limit: str, body: Body
) -> None:
    if body.get("letters"):
        letter = {"invite": visit.guest_invite.id, "letter": random_b64(278528 + 1136)}
        body = {"letters": [letter]}
    if body.get("keyBoxes"):
        boxes = [{"invite": new_id(), "box": random_b64(KEY_BOX_SIZE)} for _ in range(33)]
        body = {"keyBoxes": boxes}
    answer = client.post(
        f"{visit.path}/commits", json=visit.commit() | body, headers=visit.host.token.header
    )
    assert (answer.status_code, problem_of(answer)) == (413, "too-large")
    assert answer.json()["limit"] == limit


def test_a_chat_entry_over_64_kib_is_too_large(client: httpx.Client, visit: Visit) -> None:
    header = visit.host.token.header
    too_large = client.post(f"{visit.path}/chat", json=chat(size=67584 + 16), headers=header)
    assert (too_large.status_code, problem_of(too_large)) == (413, "too-large")
    assert too_large.json()["limit"] == "encryptedMessage"
    largest = client.post(f"{visit.path}/chat", json=chat(size=63488 + 16), headers=header)
    assert largest.status_code == 201


def test_a_body_that_never_ends_is_cut_off(client: httpx.Client, visit: Visit) -> None:
    headers = visit.host.token.header | {"Content-Type": "application/json"}
    endless = iter([b" " * 65536] * 4)
    answer = client.post(f"{visit.path}/chat", content=endless, headers=headers)
    assert (answer.status_code, problem_of(answer)) == (413, "too-large")


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=01",
        "after=1&after=2",
        "after=9007199254740992",
        "after=%D9%A1",
        "limit=0",
        "limit=1001",
        "wait=26",
        "form=body",
        "form=",
        "more=1",
    ],
)
def test_a_wrong_query_is_malformed(client: httpx.Client, visit: Visit, query: str) -> None:
    answer = client.get(f"{visit.path}/chat?{query}", headers=visit.host.token.header)
    assert (answer.status_code, problem_of(answer)) == (400, "malformed")


@pytest.mark.parametrize("path", ["", "/door?x=1", "/ice?x=1", "/chat?token=x", "/files/x"])
def test_no_route_takes_what_it_does_not_know(
    client: httpx.Client, visit: Visit, path: str
) -> None:
    path = path or "?x=1"
    answer = client.get(f"{visit.path}{path}", headers=visit.host.token.header)
    assert problem_of(answer) == "malformed"


@pytest.mark.parametrize("bad", ["x", "AAAA", "A" * 23, "A" * 20, "A" * 22 + "="])
def test_an_id_in_the_path_must_be_one(client: httpx.Client, visit: Visit, bad: str) -> None:
    header = visit.host.token.header
    answers = [
        client.get(f"/api/telemedicine/sessions/{bad}", headers=header),
        client.get(f"{visit.path}/files/{bad}", headers=header),
        client.get(f"{visit.path}/door?invite={bad}", headers=header),
        client.delete(f"{visit.path}/members/{bad}", headers=header),
    ]
    assert {problem_of(answer) for answer in answers} == {"malformed"}


def test_unknown_paths_and_methods_are_problems_too(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    for path in ("/api", "/api/none", f"{visit.path}/none", "/none/none", "/.env"):
        answer = client.get(path)
        assert (answer.status_code, problem_of(answer)) == (404, "not-found")
    answer = client.patch(visit.path)
    assert (answer.status_code, problem_of(answer)) == (405, "method-not-allowed")


def test_a_letter_for_nobody_is_not_kept(client: httpx.Client, visit: Visit) -> None:
    letter = {"invite": new_id(), "letter": random_b64(LETTER_SIZE)}
    body = visit.commit() | {"letters": [letter]}
    answer = client.post(f"{visit.path}/commits", json=body, headers=visit.host.token.header)
    assert answer.status_code == 201
    shown = client.get(f"{visit.path}/door", headers=visit.guest_invite.token.header).json()
    assert shown["letter"] is None
