"""Following a session (docs/protocol.md §8.1)."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.eventually import eventually
from tests.server.following import following, unauthenticated
from tests.server.visits import SIGNAL_SIZE, Member, Visit, b64, chat, new_id, random_b64
from tests.serving import ServerProcess, serving


@pytest.fixture
def guest(client: httpx.Client, visit: Visit) -> Member:
    """Joined by the first commit."""
    return visit.join(client, 0)


def test_a_follower_resumes_behind_what_it_has(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    for _ in range(5):
        visit.write(client, visit.host)
    with following(server, visit, visit.host, after=3) as follower:
        assert [entry["seq"] for entry in follower.entries(2)] == [4, 5]
        visit.write(client, visit.host)
        assert follower.next()["seq"] == 6


def test_the_maker_s_list_tells_who_is_there(
    server: ServerProcess, client: httpx.Client, signed_in: httpx.Client, visit: Visit
) -> None:
    def listed() -> dict[str, Any]:
        every = signed_in.get("/api/telemedicine/sessions").json()["sessions"]
        return next(dict(each) for each in every if each["id"] == visit.id)

    visit.write(client, visit.host)
    assert (listed()["present"], listed()["head"], listed()["ended"]) == ([], 1, False)
    guest = visit.join(client, 0)
    with following(server, visit, visit.host) as host:
        with following(server, visit, guest):
            eventually(lambda: set(listed()["present"]) == {visit.host.id, guest.id})
        while len(host.next("present")["members"]) > 1:
            continue
        eventually(lambda: listed()["present"] == [visit.host.id])


def test_entries_come_without_gap_while_others_write(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    for _ in range(150):
        visit.write(client, visit.host)
    with ThreadPoolExecutor(8) as writers:
        writing = [writers.submit(visit.write, client, visit.host) for _ in range(250)]
        seqs = []
        with following(server, visit, visit.host) as early:
            seqs.append([entry["seq"] for entry in early.entries(400)])
        for task in writing:
            task.result()
        with following(server, visit, visit.host, after=350) as late:
            seqs.append([entry["seq"] for entry in late.entries(50)])
    assert seqs == [list(range(1, 401)), list(range(351, 401))]


def test_followers_on_and_off_all_see_the_same_log(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    """Comes back again and again in the middle of writing: each hand-over is another race."""

    def read_in_pieces(_number: int) -> list[int]:
        seqs: list[int] = []
        while len(seqs) < 200:
            with following(server, visit, visit.host, after=len(seqs)) as follower:
                piece = min(17, 200 - len(seqs))
                seqs += [entry["seq"] for entry in follower.entries(piece)]
        return seqs

    with ThreadPoolExecutor(7) as pool:
        reading = [pool.submit(read_in_pieces, number) for number in range(3)]
        writing = [pool.submit(visit.write, client, visit.host) for _ in range(200)]
        for task in writing:
            task.result()
        assert [task.result() for task in reading] == [list(range(1, 201))] * 3


def test_signals_go_to_the_others_or_to_those_named(
    server: ServerProcess, client: httpx.Client, visit: Visit, guest: Member
) -> None:
    third = visit.join(client, 1)
    sent = [random_b64(SIGNAL_SIZE) for _ in range(3)]
    with (
        following(server, visit, visit.host, after=2) as host,
        following(server, visit, visit.host, after=2) as second_tab,
        following(server, visit, guest, after=2) as other,
        following(server, visit, third, after=2) as last,
    ):
        host.send(type="signal", to=None, signal=sent[0])
        host.send(type="signal", to=[third.id, new_id()], signal=sent[1])
        host.send(type="signal", to=[visit.host.id, guest.id], signal=sent[2])

        def heard(count: int, follower: Any) -> list[str]:
            frames = [follower.next("signal") for _ in range(count)]
            assert {frame["from"] for frame in frames} == {visit.host.id}
            return [frame["signal"] for frame in frames]

        assert heard(2, other) == [sent[0], sent[2]]
        assert heard(2, last) == [sent[0], sent[1]]
        assert heard(1, second_tab) == [sent[2]]
        other.send(type="signal", to=None, signal=sent[1])
        back = host.next("signal")
        assert (back["from"], back["signal"]) == (guest.id, sent[1])


def test_no_signal_leaves_its_session(
    server: ServerProcess, visit: Visit, signed_in: httpx.Client
) -> None:
    other = Visit().create(signed_in)
    with (
        following(server, visit, visit.host) as here,
        following(server, other, other.host) as there,
    ):
        here.send(type="signal", to=[other.host.id], signal=random_b64(SIGNAL_SIZE))
        here.send(type="signal", to=None, signal=random_b64(SIGNAL_SIZE))
        here.send(type="beat")
        assert here.next("beat")["head"] == 0  # all three were carried out
        there.send(type="beat")
        assert json.loads(there.socket.recv(30))["type"] == "beat"


def test_who_is_connected_is_told_when_it_changes(
    server: ServerProcess, visit: Visit, guest: Member
) -> None:
    with following(server, visit, visit.host, after=1) as host:
        with (
            unauthenticated(server, visit.path, "?after=1") as coming,
            following(server, visit, visit.host, after=1),
        ):
            coming.send(type="auth", token=guest.token.text)
            both = sorted([visit.host.id, guest.id])
            assert sorted(coming.next("ready")["members"]) == both
            assert sorted(host.next("present")["members"]) == both
        assert host.next("present")["members"] == [visit.host.id]


def test_an_opened_link_is_told(server: ServerProcess, client: httpx.Client, visit: Visit) -> None:
    with following(server, visit, visit.host) as host:
        client.get(f"{visit.path}/door", headers=visit.host.token.header)
        client.get(f"{visit.path}/door", headers=visit.guest_invite.token.header)
        assert host.next() == {"type": "opened", "invite": visit.guest_invite.id}


def test_revoked_members_are_closed_at_once(
    server: ServerProcess, client: httpx.Client, visit: Visit, guest: Member
) -> None:
    with (
        following(server, visit, visit.host, after=1) as host,
        following(server, visit, guest, after=1) as gone,
    ):
        commit = visit.commit(1, revoke=[guest.id], close=[visit.guest_invite.id])
        client.post(f"{visit.path}/commits", json=commit, headers=visit.host.token.header)
        code, reason = gone.closed()
        assert (code, reason) == (4403, "revoked")
        assert host.next("entry")["seq"] == 2
    with unauthenticated(server, visit.path) as again:
        again.send(type="auth", token=guest.token.text)
        assert again.closed()[0] == 4401


def test_who_leaves_is_closed(
    server: ServerProcess, client: httpx.Client, visit: Visit, guest: Member
) -> None:
    with following(server, visit, guest, after=1) as leaving:
        client.delete(f"{visit.path}/members/{guest.id}", headers=guest.token.header)
        assert leaving.closed()[0] == 4403


def test_an_end_is_heard_behind_all_entries(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    with following(server, visit, visit.host) as follower:
        visit.write(client, visit.host)
        client.post(f"{visit.path}/end", headers=visit.host.token.header)
        assert follower.next("entry")["seq"] == 1
        assert follower.closed()[0] == 4410
    with following(server, visit, visit.host) as later:
        assert later.next("entry")["seq"] == 1
        assert later.closed()[0] == 4410


def test_a_deleted_session_closes_its_followers(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    with following(server, visit, visit.host) as follower:
        assert client.delete(visit.path, headers=visit.host.token.header).status_code == 204
        assert follower.closed()[0] == 4410


def test_an_expired_session_closes_its_followers(
    server: ServerProcess, signed_in: httpx.Client
) -> None:
    visit = Visit(lifetime=4).create(signed_in)
    with following(server, visit, visit.host) as follower:
        assert follower.closed()[0] == 4410


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "no JSON",
        "[]",
        '{"type":"beat"}',
        '{"type":"auth"}',
        '{"type":"auth","token":""}',
        '{"type":"auth","token":"AAAA"}',
        b'{"type":"auth","token":"AAAA"}',
    ],
)
def test_a_first_frame_that_is_no_authentication_is_malformed(
    server: ServerProcess, visit: Visit, frame: str | bytes
) -> None:
    with unauthenticated(server, visit.path) as follower:
        follower.socket.send(frame)
        assert follower.closed()[0] == 4400


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?after=1&after=2", "?token=1"])
def test_a_wrong_query_is_malformed(server: ServerProcess, visit: Visit, query: str) -> None:
    with unauthenticated(server, visit.path, query) as follower:
        assert follower.closed()[0] == 4400


@pytest.mark.parametrize(
    "frame",
    [
        "no JSON",
        '{"type":"auth","token":"' + b64(bytes(32)) + '"}',
        '{"type":"signal"}',
        '{"type":"signal","to":null,"signal":"' + b64(bytes(100)) + '"}',
        '{"type":"signal","to":null,"signal":"' + b64(bytes(SIGNAL_SIZE)) + '","more":1}',
        '{"type":"signal","to":["x"],"signal":"' + b64(bytes(SIGNAL_SIZE)) + '"}',
        '{"type":"signal","to":null,"signal":"' + b64(bytes(65536 + 2048 + 40)) + '"}',
        b'{"type":"beat"}',
    ],
)
def test_a_frame_that_the_protocol_has_not_is_malformed(
    server: ServerProcess, visit: Visit, frame: str | bytes
) -> None:
    with following(server, visit, visit.host) as follower:
        follower.socket.send(frame)
        assert follower.closed()[0] == 4400


def test_a_frame_over_128_kib_is_refused(server: ServerProcess, visit: Visit) -> None:
    with following(server, visit, visit.host) as follower:
        follower.socket.send(" " * (128 * 1024 + 1))
        assert follower.closed()[0] == 1009


def test_wrong_tokens_and_absent_sessions_look_the_same(
    server: ServerProcess, visit: Visit
) -> None:
    stranger, absent = Member(), Visit()
    closes = []
    for path, token in (
        (visit.path, stranger.token),
        (visit.path, visit.guest_invite.token),
        (absent.path, visit.host.token),
    ):
        with unauthenticated(server, path) as follower:
            follower.send(type="auth", token=token.text)
            closes.append(follower.closed())
    assert closes == [(4401, "not authorised")] * 3


def test_a_member_has_eight_sockets_at_most(server: ServerProcess, visit: Visit) -> None:
    def follow_and_go_deeper(left: int) -> None:
        if left == 0:
            with unauthenticated(server, visit.path) as ninth:
                ninth.send(type="auth", token=visit.host.token.text)
                assert ninth.closed()[0] == 4429
            return
        with following(server, visit, visit.host):
            follow_and_go_deeper(left - 1)

    follow_and_go_deeper(8)


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Short of time, room and patience."""
    with serving(
        tmp_path_factory.mktemp("strict"),
        "--auth-timeout=2",
        "--heartbeat=0.2",
        "--follower-queue=1000000",
        "--limit=signalsPerSecond=0",
        "--limit=signalsBurst=5",
        "--limit=entriesBurst=1000",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def strict_visit(strict_server: ServerProcess) -> Visit:
    with strict_server.sign_in() as clinician:
        return Visit().create(clinician)


def test_who_does_not_authenticate_is_sent_away(
    strict_server: ServerProcess, strict_visit: Visit
) -> None:
    with unauthenticated(strict_server, strict_visit.path) as follower:
        assert follower.closed()[0] == 4408


def test_beats_come_by_themselves(strict_server: ServerProcess, strict_visit: Visit) -> None:
    with following(strict_server, strict_visit, strict_visit.host) as follower:
        assert [follower.next("beat")["head"] for _ in range(2)] == [0, 0]


def test_too_many_signals_close_the_socket(
    strict_server: ServerProcess, strict_visit: Visit
) -> None:
    with following(strict_server, strict_visit, strict_visit.host) as follower:
        for _ in range(7):
            follower.send(type="signal", to=None, signal=random_b64(SIGNAL_SIZE))
        assert follower.closed()[0] == 4429


def test_a_slow_reader_is_cut_off_and_can_come_back(
    strict_server: ServerProcess, strict_visit: Visit
) -> None:
    visit = strict_visit
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("localhost", strict_server.port))
    with (
        following(strict_server, visit, visit.host, sock=slow, max_queue=1) as sleeper,
        following(strict_server, visit, visit.host) as awake,
        strict_server.client() as client,
    ):
        count = 600
        # 8 MB of frames: far more than the kernel holds for the sleeper. Each is as short as those
        # that workers tell each other; what is longer is read from the store, at the reader's pace.
        for _ in range(count):
            sent = client.post(
                f"{visit.path}/chat", json=chat(size=10_256), headers=visit.host.token.header
            )
            assert sent.status_code == 201, sent.text
            awake.next("entry")
        begun = time.monotonic()
        entries = sum(frame["type"] == "entry" for frame in sleeper.rest())
        assert sleeper.socket.close_code == 4409
        assert 0 < entries < count
        assert time.monotonic() - begun < 20
    with following(strict_server, visit, visit.host, after=entries) as back:
        assert [entry["seq"] for entry in back.entries(count - entries)][-1] == count
