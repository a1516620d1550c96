"""The log of a session (docs/protocol.md §4, §8)."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.server.visits import Member, Visit, chat, new_id, problem_of, random_b64


@pytest.fixture
def host(visit: Visit) -> dict[str, str]:
    return visit.host.token.header


def test_64_writers_at_once_make_a_log_without_gaps(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    sent = [chat() for _ in range(64)]
    barrier = threading.Barrier(64)

    def write(body: dict[str, object]) -> int:
        barrier.wait()
        first, again = (
            client.post(f"{visit.path}/chat", json=body, headers=host) for _ in range(2)
        )
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        return int(first.json()["seq"])

    with ThreadPoolExecutor(64) as writers:
        seqs = list(writers.map(write, sent))

    assert sorted(seqs) == list(range(1, 65))
    log = client.get(f"{visit.path}/chat?limit=1000", headers=host).json()
    assert [entry["seq"] for entry in log["entries"]] == list(range(1, 65))
    bodies = {entry["id"]: entry["body"] for entry in log["entries"]}
    assert bodies == {body["id"]: body["encryptedMessage"] for body in sent}


def test_an_id_with_other_content_is_refused(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    first = chat()
    client.post(f"{visit.path}/chat", json=first, headers=host)
    other = chat() | {"id": first["id"]}
    answer = client.post(f"{visit.path}/chat", json=other, headers=host)
    assert (answer.status_code, problem_of(answer)) == (409, "entry-exists")
    assert client.get(visit.path, headers=host).json()["head"] == 1


def test_a_chat_entrys_id_is_no_commits(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    first = chat()
    client.post(f"{visit.path}/chat", json=first, headers=host)
    commit = visit.commit() | {"id": first["id"], "commit": first["encryptedMessage"]}
    answer = client.post(f"{visit.path}/commits", json=commit, headers=host)
    assert problem_of(answer) == "entry-exists"


@pytest.mark.parametrize("parent", [1, 7])
def test_a_wrong_parent_is_refused_with_what_to_go_on_from(
    client: httpx.Client, visit: Visit, host: dict[str, str], parent: int
) -> None:
    visit.write(client, visit.host)
    for path, body in (("chat", chat(parent)), ("commits", visit.commit(parent))):
        answer = client.post(f"{visit.path}/{path}", json=body, headers=host)
        assert (answer.status_code, problem_of(answer)) == (409, "stale-parent")
        assert (answer.json()["head"], answer.json()["lastCommit"]) == (1, 0)


def test_an_entry_that_asks_for_a_place_gets_that_one_or_none(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    first = chat() | {"seq": 1}
    for status in (201, 200):
        assert client.post(f"{visit.path}/chat", json=first, headers=host).status_code == status
    for path, body in (("chat", chat()), ("commits", visit.commit(0)), ("chat", first)):
        for place in (1, 2, 3):
            if (place == 1) is (body is first) or (place == 2 and body is not first):
                continue
            asked = body | {"seq": place}
            answer = client.post(f"{visit.path}/{path}", json=asked, headers=host)
            assert (answer.status_code, problem_of(answer)) == (409, "wrong-place")
    assert client.get(visit.path, headers=host).json()["head"] == 1


def test_of_two_commits_at_once_one_wins_and_the_neighbours_stay(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    barrier = threading.Barrier(20)

    def send(number: int) -> int:
        barrier.wait()
        path, body = ("commits", visit.commit()) if number % 2 else ("chat", chat())
        return client.post(f"{visit.path}/{path}", json=body, headers=host).status_code

    with ThreadPoolExecutor(20) as senders:
        codes = list(senders.map(send, range(20)))
    assert codes[1::2].count(201) == 1
    assert set(codes) <= {201, 409}
    log = client.get(f"{visit.path}/chat", headers=host).json()
    assert [entry["seq"] for entry in log["entries"]] == list(range(1, codes.count(201) + 1))
    commits = [entry["seq"] for entry in log["entries"] if entry["kind"] == "commit"]
    assert commits == [log["lastCommit"]]
    for entry in log["entries"]:
        assert entry["parent"] == (commits[0] if entry["seq"] > commits[0] else 0)


def test_a_retry_after_a_commit_finds_what_is_there(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    first = chat()
    made = client.post(f"{visit.path}/chat", json=first, headers=host).json()
    visit.join(client, 0)
    again = client.post(f"{visit.path}/chat", json=first, headers=host)
    assert (again.status_code, again.json()) == (200, made)


def test_pages_go_on_where_the_last_one_ended(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    for _ in range(5):
        visit.write(client, visit.host)
    pages = [
        client.get(f"{visit.path}/chat?after={after}&limit=2", headers=host).json()
        for after in (0, 2, 4, 5)
    ]
    seqs = [[entry["seq"] for entry in page["entries"]] for page in pages]
    assert seqs == [[1, 2], [3, 4], [5], []]
    assert {page["head"] for page in pages} == {5}


def test_a_page_of_large_entries_is_shorter_than_asked(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    for _ in range(70):
        large = client.post(f"{visit.path}/chat", json=chat(size=63504), headers=host)
        assert large.status_code == 201, large.text
    page = client.get(f"{visit.path}/chat?limit=1000", headers=host).json()
    assert page["head"] == 70
    assert 60 < len(page["entries"]) < 70


def test_digests_are_the_hashes_of_the_bodies(client: httpx.Client, visit: Visit) -> None:
    sent = chat()
    client.post(f"{visit.path}/chat", json=sent, headers=visit.host.token.header)
    for token in (visit.host.token, visit.guest_invite.token):
        page = client.get(f"{visit.path}/chat?form=digest", headers=token.header).json()
        [entry] = page["entries"]
        assert "body" not in entry
        body = base64.urlsafe_b64decode(sent["encryptedMessage"] + "==")
        digest = base64.urlsafe_b64encode(hashlib.sha512(body).digest()).rstrip(b"=").decode()
        assert entry["digest"] == digest


def test_a_long_poll_is_answered_when_an_entry_lands(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    with ThreadPoolExecutor(1) as waiting:
        begun = time.monotonic()
        poll = waiting.submit(
            client.get, f"{visit.path}/chat?after=0&wait=25", headers=host, timeout=60
        )
        while not poll.running():
            pass
        sent = visit.write(client, visit.host)
        entries = poll.result().json()["entries"]
    assert [entry["seq"] for entry in entries] == [sent["seq"]]
    assert time.monotonic() - begun < 20


def test_a_long_poll_ends_empty_when_its_time_is_up(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    begun = time.monotonic()
    page = client.get(f"{visit.path}/chat?after=0&wait=1", headers=host).json()
    assert page == {"entries": [], "head": 0, "lastCommit": 0}
    assert 0.9 < time.monotonic() - begun < 15


def test_a_long_poll_of_a_revoked_member_is_refused(client: httpx.Client, visit: Visit) -> None:
    guest = visit.join(client, 0)
    with ThreadPoolExecutor(1) as waiting:
        path = f"{visit.path}/chat?after=1&wait=25"
        poll = waiting.submit(client.get, path, headers=guest.token.header, timeout=60)
        while not poll.running():
            pass
        gone = client.delete(f"{visit.path}/members/{guest.id}", headers=visit.host.token.header)
        assert gone.status_code == 204
        assert problem_of(poll.result()) == "not-authorised"


def test_an_ended_session_is_read_only(
    client: httpx.Client, visit: Visit, host: dict[str, str]
) -> None:
    kept = chat()
    client.post(f"{visit.path}/chat", json=kept, headers=host)
    assert client.post(f"{visit.path}/end", headers=host).status_code == 204
    assert client.post(f"{visit.path}/end", headers=host).status_code == 204

    door = {key: visit.commit()[key] for key in ("parent", "door", "keyBoxes")}
    file = {"id": new_id(), "parts": 1, "size": 32}
    refused = [
        client.post(f"{visit.path}/chat", json=chat(), headers=host),
        client.post(f"{visit.path}/commits", json=visit.commit(), headers=host),
        client.put(f"{visit.path}/door", json=door, headers=host),
        client.post(f"{visit.path}/files", json=file, headers=host),
    ]
    assert [problem_of(answer) for answer in refused] == ["session-ended"] * 4
    assert {answer.status_code for answer in refused} == {410}
    assert client.post(f"{visit.path}/chat", json=kept, headers=host).status_code == 200
    assert client.get(visit.path, headers=host).json()["ended"] is True
    assert len(client.get(f"{visit.path}/chat", headers=host).json()["entries"]) == 1


def test_a_revoked_member_writes_nothing_more(client: httpx.Client, visit: Visit) -> None:
    guest: Member = visit.join(client, 0)
    commit = visit.commit(1, revoke=[guest.id])
    client.post(f"{visit.path}/commits", json=commit, headers=visit.host.token.header)
    answer = client.post(f"{visit.path}/chat", json=chat(2), headers=guest.token.header)
    assert problem_of(answer) == "not-authorised"


def test_unsealed_text_is_refused(client: httpx.Client, visit: Visit, host: dict[str, str]) -> None:
    plain = {"id": new_id(), "parent": 0, "encryptedMessage": random_b64(100)}
    answer = client.post(f"{visit.path}/chat", json=plain, headers=host)
    assert (answer.status_code, problem_of(answer)) == (400, "malformed")
    assert "not sealed" in answer.json()["detail"]
    assert client.get(visit.path, headers=host).json()["head"] == 0
