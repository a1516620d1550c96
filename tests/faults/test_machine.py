"""A disk that is full, read-only, slow or failing, and a clock that is wrong by a year."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from random import Random

import pytest

from careseal.client import ApiToken, Session, Store
from careseal.client.errors import ServerRefused
from tests.eventually import eventually
from tests.faults.conftest import ServerOnDisk, Tally
from tests.faults.disk import YEAR, Disk
from tests.faults.work import FAST, Work, log_of
from tests.server.visits import Visit, new_id, problem_of
from tests.serving import serving

FAULTS = {"full": {"full": True}, "read-only": {"read_only": True}, "failing": {"sync_fails": True}}


def worked_through(server: ServerOnDisk, disk: Disk, fault: dict[str, bool]) -> Work:
    """Work before, under and after a fault; what was acknowledged is there each time."""
    with server.sign_in() as signed_in:
        work = Work(server, Visit().create(signed_in), Random(1), lambda: disk.now)
        with work.going_on(signed_in):
            work.wait_for(10)
            disk.switch(**fault)
            seen = len(work.account.unexpected)
            eventually(lambda: len(work.account.unexpected) > seen + 5)
            assert server.client().get("/healthz").status_code == 200
            disk.switch()
            work.wait_for(10)
        assert work.account.unexpected
    return work


@pytest.mark.parametrize(
    "fault", [pytest.param("full", marks=pytest.mark.quick), "read-only", "failing"]
)
def test_a_disk_that_takes_nothing_refuses_and_then_goes_on(
    fault: str, on_disk: ServerOnDisk, disk: Disk, tally: Tally
) -> None:
    work = worked_through(on_disk, disk, FAULTS[fault])
    names = {json.loads(each.partition(" ")[2])["type"] for each in work.account.unexpected}
    wanted = {"urn:careseal:problem:storage-full", "urn:careseal:problem:unavailable"}
    assert names <= ({sorted(wanted)[0]} if fault == "full" else wanted)
    for _ in range(2):
        found = work.check()
        assert (found.lost, found.doubled) == (0, 0)
        on_disk.kill()
        on_disk.start()
    tally.add(f"disk {fault}", 2, found)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_server_that_cannot_start_says_so_and_starts_later(
    fault: str, on_disk: ServerOnDisk, disk: Disk
) -> None:
    with on_disk.sign_in() as signed_in:
        visit = Visit().create(signed_in)
    with on_disk.client() as client:
        visit.write(client, visit.host)
    on_disk.kill()
    disk.switch(**FAULTS[fault])
    with pytest.raises(RuntimeError, match="did not start"):
        on_disk.start()
    disk.switch()
    on_disk.start()
    with on_disk.client() as client:
        assert len(log_of(client, visit)) == 1


async def test_a_message_waits_for_room_on_the_server(
    on_disk: ServerOnDisk, disk: Disk, tmp_path: Path
) -> None:
    """The SDK keeps what a full disk refused."""
    account = ApiToken(on_disk.careseal("api-token"))
    store = Store.open(tmp_path / "store")
    host, _ = await Session.create(store, on_disk.base_url, account, name="Dr Roe")
    async with host:
        disk.switch(full=True)
        with pytest.raises(ServerRefused):
            await host.send("this waits")
        assert host.unsent == 1
        disk.switch()
        await host.catch_up()
        assert host.unsent == 0
    store.close()


def test_a_slow_disk_only_takes_longer(on_disk: ServerOnDisk, disk: Disk, tally: Tally) -> None:
    with on_disk.sign_in() as signed_in:
        work = Work(on_disk, Visit().create(signed_in), Random(2), lambda: disk.now)
        disk.switch(slow=20)
        with work.going_on(signed_in):
            work.wait_for(5)
            on_disk.kill()
        disk.switch()
        on_disk.start()
        work.try_again()
        found = work.check()
    assert not work.account.unexpected
    assert (found.lost, found.doubled) == (0, 0)
    tally.add("slow disk", 1, found)


@pytest.mark.parametrize("years", [1, -1])
@pytest.mark.parametrize("while_it_runs", [True, False])
def test_a_clock_that_is_a_year_wrong_takes_nothing(
    years: int, while_it_runs: bool, disk: Disk, tmp_path: Path
) -> None:
    """By a clock that is wrong visits are over; they are there when it is right."""
    arguments = (*FAST, "--sweep=0.1", "--orphan-age=60")
    server = ServerOnDisk(tmp_path / "server", arguments, disk.environment)
    with server, server.sign_in() as signed_in:
        work = Work(server, Visit().create(signed_in), Random(3), lambda: 0)
        with work.going_on(signed_in):
            work.wait_for(5)
        visit = work.visit
        if while_it_runs:
            disk.switch(clock=years * YEAR)
        else:
            server.stop()
            disk.switch(clock=years * YEAR)
            server.start()
        if years > 0 or while_it_runs:
            eventually(lambda: "the clock may be wrong" in server.log)
        answer = server.client().get(visit.path, headers=visit.host.token.header)
        assert answer.status_code == (401 if years > 0 else 200)
        if years < 0:
            with server.client() as client:
                last = log_of(client, visit)[-1]
                parent = last["seq"] if last["kind"] == "commit" else last["parent"]
                visit.write(client, visit.host, parent)
        disk.switch()
        server.restart()
        found = work.check()
        assert (found.lost, found.doubled) == (0, 0)
        assert found.acknowledged > 5


def test_a_line_that_breaks_in_a_part_leaves_nothing_of_it(tmp_path: Path) -> None:
    with serving(tmp_path, *FAST, "--orphan-age=0") as server, server.sign_in() as client:
        visit = Visit().create(client)
        header = visit.host.token.header
        size = 256 * 1024 + 16
        file = {"id": new_id(), "parts": 1, "size": size}
        assert client.post(f"{visit.path}/files", json=file, headers=header).status_code == 201
        part = f"{visit.path}/files/{file['id']}/parts/0"
        head = f"PUT {part} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n"
        head += f"Authorization: {header['Authorization']}\r\n\r\n"
        for sent in (0, 1, 70_000, size - 1):
            with socket.create_connection(("localhost", server.port)) as line:
                line.sendall(head.encode() + bytes(sent))
        present = f"{visit.path}/files/{file['id']}"
        assert client.get(present, headers=header).json()["present"] == []
        answer = client.get(part, headers=header)
        assert (answer.status_code, problem_of(answer)) == (404, "not-found")
        octets = bytes(range(256)) * (size // 256) + bytes(size % 256)
        assert client.put(part, content=octets, headers=header).status_code == 201
        assert client.get(part, headers=header).content == octets
        server.restart()
        eventually(lambda: len(server.objects) == 1)
        assert client.get(part, headers=header).content == octets


@pytest.mark.quick
def test_the_start_after_a_crash_says_what_was_set_right(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with server.sign_in() as client:
            visit = Visit().create(client)
        server.kill()
        half = server.data / "objects" / ("0" * 32) / ("1" * 32 + "#1")
        half.parent.mkdir()
        half.write_bytes(b"half of")
        server.start()
        assert not half.exists()
        server.restart()
        said = [json.loads(line) for line in server.log.splitlines()]
        [unclean] = [each for each in said if each["event"] == "started after an unclean end"]
        assert unclean["halfWrittenObjectsRemoved"] == 1
        assert unclean["databaseBytesRecovered"] > 0
        with server.client() as client:
            visit.write(client, visit.host)
