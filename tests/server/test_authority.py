"""Every route with every token that does not open it (docs/protocol.md §8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.server.visits import (
    DOOR_SIZE,
    Invite,
    Member,
    Token,
    Visit,
    chat,
    new_id,
    problem_of,
    random_b64,
)


@dataclass
class Scene:
    """A visit with everybody who could ask."""

    visit: Visit
    file: str
    headers: dict[str, dict[str, str]]


@pytest.fixture
def scene(client: httpx.Client, signed_in: httpx.Client) -> Scene:
    visit, other = Visit().create(signed_in), Visit().create(signed_in)
    guest, gone = visit.join(client, 0), visit.join(client, 1)
    closed = Invite("guest")
    host = visit.host.token.header
    opening, closing = visit.commit(2, open=[closed.opened()]), visit.commit(3, close=[closed.id])
    for body in (opening, closing):
        assert client.post(f"{visit.path}/commits", json=body, headers=host).status_code == 201
    client.delete(f"{visit.path}/members/{gone.id}", headers=gone.token.header)
    file = {"id": new_id(), "parts": 1, "size": 288}
    client.post(f"{visit.path}/files", json=file, headers=host)
    part = f"{visit.path}/files/{file['id']}/parts/0"
    assert client.put(part, content=bytes(288), headers=host).status_code == 201
    headers: dict[str, dict[str, str]] = {
        "nobody": {},
        "a stranger": Token().header,
        "no token": {"Authorization": "Bearer x"},
        "another scheme": {"Authorization": f"Basic {visit.host.token.text}"},
        "a host of another session": other.host.token.header,
        "an invite of another session": other.guest_invite.token.header,
        "a closed invite": closed.token.header,
        "a revoked member": gone.token.header,
        "an invite": visit.guest_invite.token.header,
        "a host invite": visit.host_invite.token.header,
        "a guest": guest.token.header,
        "a host": host,
    }
    return Scene(visit, str(file["id"]), headers)


OUTSIDERS = (
    "nobody",
    "a stranger",
    "no token",
    "another scheme",
    "a host of another session",
    "an invite of another session",
    "a closed invite",
    "a revoked member",
)
INVITES = ("an invite", "a host invite")
GUESTS = ("a guest",)

# Method, path, body, and who is inside but may not.
ROUTES: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("GET", "", "", ()),
    ("GET", "/door", "", ()),
    ("GET", "/chat?form=digest", "", ()),
    ("POST", "/commits", "commit", ()),
    ("GET", "/chat", "", INVITES),
    ("GET", "/chat?wait=1", "", INVITES),
    ("POST", "/chat", "chat", INVITES),
    ("PUT", "/door", "door", INVITES),
    ("GET", "/ice", "", INVITES),
    ("POST", "/files", "file", INVITES),
    ("GET", "/files/{file}", "", INVITES),
    ("PUT", "/files/{file}/parts/0", "part", INVITES + GUESTS),
    ("GET", "/files/{file}/parts/0", "", INVITES),
    ("DELETE", "/files/{file}", "", INVITES + GUESTS),
    ("DELETE", "/members/{host}", "", INVITES + GUESTS),
    ("POST", "/end", "", INVITES + GUESTS),
    ("DELETE", "", "", INVITES + GUESTS),
]


def ask(client: httpx.Client, scene: Scene, route: tuple[str, str, str, Any], who: str) -> str:
    method, path, kind, _ = route
    visit = scene.visit
    door = {"parent": 4, "door": random_b64(DOOR_SIZE), "keyBoxes": []}
    bodies: dict[str, dict[str, Any]] = {
        "": {},
        "part": {"content": bytes(288)},
        "commit": {"json": visit.commit(4)},
        "chat": {"json": chat(4)},
        "door": {"json": door},
        "file": {"json": {"id": new_id(), "parts": 1, "size": 288}},
    }
    filled = visit.path + path.format(file=scene.file, host=visit.host.id)
    answer = client.request(method, filled, headers=scene.headers[who], **bodies[kind])
    return "" if answer.is_success else problem_of(answer)


def test_outsiders_get_the_same_answer_everywhere(client: httpx.Client, scene: Scene) -> None:
    absent = Scene(Visit(), scene.file, scene.headers)
    for route in ROUTES:
        for who in OUTSIDERS:
            assert ask(client, scene, route, who) == "not-authorised", (route, who)
        for who in scene.headers:
            assert ask(client, absent, route, who) == "not-authorised", (route, who)


def test_insiders_may_do_what_is_theirs_only(client: httpx.Client, scene: Scene) -> None:
    for route in ROUTES:
        for who in route[3]:
            assert ask(client, scene, route, who) == "forbidden", (route, who)


def test_an_outsiders_answer_tells_nothing(client: httpx.Client, scene: Scene) -> None:
    """Not a byte and not a header differs between a wrong token and a session that is not."""
    seen = set()
    for path in (scene.visit.path, Visit().path):
        for who in OUTSIDERS:
            answer = client.get(path, headers=scene.headers[who])
            headers = dict(answer.headers)
            del headers["x-request-id"], headers["date"]
            seen.add((answer.text, tuple(sorted(headers.items()))))
    assert len(seen) == 1


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_host_may_do_all_of_it(client: httpx.Client, scene: Scene, route: Any) -> None:
    """The same requests succeed with the right token, so the refusals above are for the token."""
    assert ask(client, scene, route, "a host") == ""


# A token that wrote before is known to the worker: it opens nothing more, whatever ended it.


def removed(client: httpx.Client, visit: Visit, guest: Member) -> None:
    gone = f"{visit.path}/members/{guest.id}"
    assert client.delete(gone, headers=visit.host.token.header).status_code == 204


def removed_by_a_commit(client: httpx.Client, visit: Visit, guest: Member) -> None:
    commit = visit.commit(1, revoke=[guest.id])
    made = client.post(f"{visit.path}/commits", json=commit, headers=visit.host.token.header)
    assert made.status_code == 201


def back_with_another_token(client: httpx.Client, visit: Visit, guest: Member) -> None:
    again = visit.commit(1, member={"id": guest.id, "tokenHash": Token().hash})
    made = client.post(f"{visit.path}/commits", json=again, headers=visit.guest_invite.token.header)
    assert made.status_code == 201


def without_a_session(client: httpx.Client, visit: Visit, guest: Member) -> None:
    assert client.delete(visit.path, headers=visit.host.token.header).status_code == 204


ENDS = (removed, removed_by_a_commit, back_with_another_token, without_a_session)
APPENDS: dict[str, dict[str, Any]] = {
    "as it should be": {"json": chat(1)},
    "with another parent": {"json": chat(9)},
    "no JSON": {"content": b"{", "headers": {"Content-Type": "application/json"}},
    "of another type": {"content": b"text", "headers": {"Content-Type": "text/plain"}},
    "without an id": {"json": {"parent": 1}},
    "too large": {"json": chat(1, 70_000)},
    "with a query": {"json": chat(1), "params": {"after": 1}},
}


@pytest.mark.parametrize("append", APPENDS.values(), ids=APPENDS)
@pytest.mark.parametrize("end", ENDS)
def test_the_next_append_of_a_token_that_wrote_is_refused_for_the_token(
    client: httpx.Client, visit: Visit, end: Callable[..., None], append: dict[str, Any]
) -> None:
    guest = visit.join(client, 0)
    visit.write(client, guest, 1)
    before = ask_to_append(client, visit, guest, append)
    end(client, visit, guest)
    after = ask_to_append(client, visit, guest, append)
    assert before != "not-authorised"
    assert after == "not-authorised"


def ask_to_append(
    client: httpx.Client, visit: Visit, member: Member, append: dict[str, Any]
) -> str:
    asked = {**append, "headers": {**append.get("headers", {}), **member.token.header}}
    answer = client.post(f"{visit.path}/chat", **asked)
    return "" if answer.is_success else problem_of(answer)


def test_accounts_are_asked_for_where_sessions_are_made(client: httpx.Client, scene: Scene) -> None:
    for headers in scene.headers.values():
        made = client.post("/api/telemedicine/sessions", json=Visit().founding(), headers=headers)
        assert problem_of(made) == "not-authorised"
        listed = client.get("/api/telemedicine/sessions", headers=headers)
        assert problem_of(listed) == "not-authorised"
        assert problem_of(client.get("/api/accounts/me", headers=headers)) == "not-authorised"


def test_a_members_token_is_not_kept_as_it_is(
    client: httpx.Client, visit: Visit, server: Any
) -> None:
    guest: Member = visit.join(client, 0)
    stored = b"".join(path.read_bytes() for path in server.data.glob("careseal.sqlite3*"))
    assert guest.token.octets not in stored
    assert visit.guest_invite.token.octets not in stored


def test_a_call_asks_no_server_of_others_by_default(client: httpx.Client, visit: Visit) -> None:
    """So no third party learns who calls whom."""
    answer = client.get(f"{visit.path}/ice", headers=visit.host.token.header)
    assert answer.json() == {"iceServers": [], "ttl": 3600}
