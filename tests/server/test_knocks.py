"""Knocks at the server: kept for hosts, answered to who knocked (docs/protocol.md §3.8)."""

from __future__ import annotations

import threading
from typing import Any

import httpx

from tests.server.following import following
from tests.server.visits import KEY_BOX_SIZE, Invite, Visit, new_id, problem_of, random_b64
from tests.serving import ServerProcess

KNOCK_SIZE = 1568


def knock() -> dict[str, str]:
    return {"id": new_id(), "knock": random_b64(KNOCK_SIZE)}


def box(parent: int = 0) -> dict[str, Any]:
    return {"parent": parent, "keyBox": random_b64(KEY_BOX_SIZE)}


class Door:
    """Who stands before it, and the host behind it."""

    def __init__(self, client: httpx.Client, visit: Visit) -> None:
        self.client, self.visit = client, visit
        self.guest = visit.guest_invite.token.header
        self.host = visit.host.token.header

    def post(self, body: dict[str, str]) -> httpx.Response:
        return self.client.post(f"{self.visit.path}/knocks", json=body, headers=self.guest)

    def ask(self, body: dict[str, str], query: str = "") -> httpx.Response:
        path = f"{self.visit.path}/knocks/{body['id']}{query}"
        return self.client.get(path, headers=self.guest)

    def list(self) -> list[dict[str, Any]]:
        answer = self.client.get(f"{self.visit.path}/knocks", headers=self.host)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["knocks"])

    def admit(self, body: dict[str, str], sealed: dict[str, Any]) -> httpx.Response:
        path = f"{self.visit.path}/knocks/{body['id']}"
        return self.client.put(path, json=sealed, headers=self.host)

    def end(self, body: dict[str, str], header: dict[str, str]) -> httpx.Response:
        return self.client.delete(f"{self.visit.path}/knocks/{body['id']}", headers=header)


def test_a_knock_is_told_to_hosts_and_its_key_box_to_who_waits(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    door, asked = Door(client, visit), knock()
    with following(server, visit, visit.host) as host:
        assert door.post(asked).status_code == 201
        assert door.post(asked).status_code == 200
        assert host.next() == {"type": "knocks"}
        (shown,) = door.list()
        assert {name: shown[name] for name in ("id", "knock")} == asked
        assert (shown["invite"], shown["admitted"]) == (visit.guest_invite.id, False)
        assert door.ask(asked).json() == {"state": "waiting", "keyBox": None}
        answers: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(door.ask(asked, "?wait=25")))
        waiting.start()
        sealed = box()
        assert door.admit(asked, sealed).status_code == 204
        waiting.join(20)
        assert answers[0].json() == {"state": "admitted", "keyBox": sealed["keyBox"]}
        assert door.list()[0]["admitted"] is True
    assert door.end(asked, door.guest).status_code == 204
    assert door.list() == []
    assert problem_of(door.ask(asked)) == "not-found"


def test_a_commit_takes_the_key_boxes_away_and_an_old_one_is_not_taken(
    client: httpx.Client, visit: Visit
) -> None:
    door, asked = Door(client, visit), knock()
    door.post(asked)
    door.admit(asked, box())
    client.post(f"{visit.path}/commits", json=visit.commit(0), headers=door.host).raise_for_status()
    assert door.ask(asked).json()["state"] == "waiting"
    assert problem_of(door.admit(asked, box())) == "stale-parent"
    assert door.admit(asked, box(1)).status_code == 204


def test_who_was_refused_is_told_and_the_hosts_see_it_no_more(
    client: httpx.Client, visit: Visit
) -> None:
    door, asked = Door(client, visit), knock()
    door.post(asked)
    assert door.end(asked, door.host).status_code == 204
    assert door.list() == []
    assert door.ask(asked, "?wait=25").json() == {"state": "refused", "keyBox": None}
    assert problem_of(door.admit(asked, box())) == "not-found"


def test_only_the_own_invite_and_hosts_reach_a_knock(client: httpx.Client, visit: Visit) -> None:
    door, asked = Door(client, visit), knock()
    door.post(asked)
    member = visit.join(client, 0)
    path = f"{visit.path}/knocks/{asked['id']}"
    for header in (member.token.header, door.guest):
        refused = client.get(f"{visit.path}/knocks", headers=header)
        assert problem_of(refused) == "forbidden"
        assert problem_of(client.put(path, json=box(1), headers=header)) == "forbidden"
    assert problem_of(client.get(path, headers=door.host)) == "forbidden"
    assert problem_of(client.delete(path, headers=member.token.header)) == "forbidden"
    other = Invite("guest")
    opened = visit.commit(1, open=[other.opened()])
    client.post(f"{visit.path}/commits", json=opened, headers=door.host).raise_for_status()
    stranger = other.token.header
    assert problem_of(client.get(path, headers=stranger)) == "not-found"
    assert client.delete(path, headers=stranger).status_code == 204
    assert len(door.list()) == 1
    taken = client.post(f"{visit.path}/knocks", json=asked, headers=stranger)
    assert problem_of(taken) == "malformed"


def test_an_invite_has_so_many_knocks_and_none_once_it_is_closed(
    client: httpx.Client, visit: Visit
) -> None:
    door = Door(client, visit)
    assert [door.post(knock()).status_code for _ in range(16)] == [201] * 16
    refused = door.post(knock())
    assert (problem_of(refused), refused.json()["limit"]) == ("too-many", "knocks")
    closed = visit.commit(0, close=[visit.guest_invite.id])
    closed["keyBoxes"] = [visit.host_invite.key_box()]
    client.post(f"{visit.path}/commits", json=closed, headers=door.host).raise_for_status()
    assert door.list() == []
    assert problem_of(door.post(knock())) == "not-authorised"


def test_what_no_knock_is_is_malformed(client: httpx.Client, visit: Visit) -> None:
    door = Door(client, visit)
    for size in (0, KNOCK_SIZE - 1, KNOCK_SIZE + 1):
        assert problem_of(door.post({"id": new_id(), "knock": random_b64(size)})) == "malformed"
    asked = knock()
    door.post(asked)
    assert problem_of(door.admit(asked, {"parent": 0, "keyBox": random_b64(99)})) == "malformed"
    assert problem_of(door.ask(asked, "?wait=26")) == "malformed"
