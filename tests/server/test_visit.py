"""A visit as the server sees it, from the first door to the last entry."""

from __future__ import annotations

import json

import httpx
from websockets.sync.client import connect

from tests.server.visits import Visit, chat
from tests.serving import ServerProcess


def test_a_visit_goes_from_door_to_door(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    door = client.get(f"{visit.path}/door", headers=visit.guest_invite.token.header).json()
    assert (door["head"], door["lastCommit"], door["letter"]) == (0, 0, None)

    with connect(f"{server.websocket_url}{visit.path}/follow?after=0") as follower:
        follower.send(json.dumps({"type": "auth", "token": visit.host.token.text}))
        ready = json.loads(follower.recv(5))
        assert ready == {
            "type": "ready",
            "head": 0,
            "lastCommit": 0,
            "members": [visit.host.id],
        }
        guest = visit.join(client, 0)
        written = chat(1)
        answer = client.post(f"{visit.path}/chat", json=written, headers=guest.token.header)
        assert (answer.status_code, answer.json()["seq"]) == (201, 2)

        commit, entry = (json.loads(follower.recv(5)) for _ in range(2))
        assert (commit["seq"], commit["kind"], commit["parent"]) == (1, "commit", 0)
        assert (entry["seq"], entry["kind"], entry["parent"]) == (2, "chat", 1)
        assert (entry["id"], entry["body"]) == (written["id"], written["encryptedMessage"])

    page = client.get(f"{visit.path}/chat?after=1", headers=visit.host.token.header).json()
    assert [one["body"] for one in page["entries"]] == [written["encryptedMessage"]]
    assert (page["head"], page["lastCommit"]) == (2, 1)
