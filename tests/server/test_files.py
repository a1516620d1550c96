"""Sealed files in parts (docs/protocol.md §6, §8)."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.eventually import eventually
from tests.seaweed import seaweed
from tests.server.visits import Member, Visit, new_id, problem_of
from tests.serving import ServerProcess, serving

FULL = 4 * 1024 * 1024 + 32


def announce(
    client: httpx.Client, visit: Visit, member: Member, parts: int = 1, size: int = 288
) -> str:
    file = {"id": new_id(), "parts": parts, "size": size}
    answer = client.post(f"{visit.path}/files", json=file, headers=member.token.header)
    assert answer.status_code == 201, answer.text
    return str(file["id"])


def put(
    client: httpx.Client, visit: Visit, member: Member, file: str, number: int, content: Any
) -> httpx.Response:
    path = f"{visit.path}/files/{file}/parts/{number}"
    return client.put(path, content=content, headers=member.token.header, timeout=60)


def get(
    client: httpx.Client, visit: Visit, member: Member, file: str, number: int = 0, **more: str
) -> httpx.Response:
    path = f"{visit.path}/files/{file}/parts/{number}"
    return client.get(path, headers=member.token.header | more)


def test_a_part_comes_back_as_it_was_sent(client: httpx.Client, visit: Visit) -> None:
    guest = visit.join(client, 0)
    parts = [secrets.token_bytes(FULL), secrets.token_bytes(300)]
    file = announce(client, visit, visit.host, 2, FULL + 300)
    for number, content in enumerate(parts):
        assert put(client, visit, visit.host, file, number, content).status_code == 201
    for number, content in enumerate(parts):
        answer = get(client, visit, guest, file, number)
        assert (answer.status_code, answer.content == content) == (200, True)
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["cache-control"] == "no-store"


def test_an_upload_goes_on_with_the_parts_that_are_missing(
    client: httpx.Client, visit: Visit
) -> None:
    file = announce(client, visit, visit.host, 3, 2 * FULL + 32)
    put(client, visit, visit.host, file, 2, bytes(32))
    put(client, visit, visit.host, file, 0, bytes(FULL))
    path = f"{visit.path}/files/{file}"
    shown = client.get(path, headers=visit.host.token.header).json()
    told = {"id": file, "parts": 3, "size": 2 * FULL + 32, "present": [0, 2], "direct": False}
    assert shown == told
    again = {"id": file, "parts": 3, "size": 2 * FULL + 32}
    answer = client.post(f"{visit.path}/files", json=again, headers=visit.host.token.header)
    assert answer.status_code == 200
    other = again | {"size": 2 * FULL + 33}
    refused = client.post(f"{visit.path}/files", json=other, headers=visit.host.token.header)
    assert problem_of(refused) == "file-exists"


def test_a_part_is_created_once(server: ServerProcess, client: httpx.Client, visit: Visit) -> None:
    content = secrets.token_bytes(288)
    file = announce(client, visit, visit.host)
    before = len(server.objects)
    assert put(client, visit, visit.host, file, 0, content).status_code == 201
    assert put(client, visit, visit.host, file, 0, content).status_code == 200
    other = put(client, visit, visit.host, file, 0, secrets.token_bytes(288))
    assert (other.status_code, problem_of(other)) == (409, "part-exists")
    assert get(client, visit, visit.host, file).content == content
    assert len(server.objects) == before + 1


def test_of_many_who_create_a_part_at_once_one_wins(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    file = announce(client, visit, visit.host)
    before = len(server.objects)
    contents = [secrets.token_bytes(288) for _ in range(8)]

    def send(content: bytes) -> int:
        return put(client, visit, visit.host, file, 0, content).status_code

    with ThreadPoolExecutor(8) as senders:
        codes = list(senders.map(send, contents))
    assert sorted(codes) == [201] + [409] * 7
    assert get(client, visit, visit.host, file).content == contents[codes.index(201)]
    assert len(server.objects) == before + 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=200-", (200, 288)),
        ("bytes=200-999", (200, 288)),
        ("bytes=-8", (280, 288)),
        ("bytes=-999", (0, 288)),
    ],
)
def test_a_range_is_honoured(
    client: httpx.Client, visit: Visit, asked: str, expected: tuple[int, int]
) -> None:
    content = secrets.token_bytes(288)
    file = announce(client, visit, visit.host)
    put(client, visit, visit.host, file, 0, content)
    answer = get(client, visit, visit.host, file, Range=asked)
    start, end = expected
    assert (answer.status_code, answer.content) == (206, content[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/288"


@pytest.mark.parametrize("asked", ["bytes=288-", "bytes=300-400", "bytes=-0"])
def test_a_range_outside_is_refused(client: httpx.Client, visit: Visit, asked: str) -> None:
    file = announce(client, visit, visit.host)
    put(client, visit, visit.host, file, 0, bytes(288))
    answer = get(client, visit, visit.host, file, Range=asked)
    assert (answer.status_code, problem_of(answer)) == (416, "range")
    assert answer.headers["content-range"] == "bytes */288"


def test_a_part_of_another_length_is_refused(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    file = announce(client, visit, visit.host, 2, FULL + 288)
    before = len(server.objects)
    for number, size in ((0, FULL - 1), (1, 287), (1, 289), (1, 0)):
        answer = put(client, visit, visit.host, file, number, bytes(size))
        assert problem_of(answer) == "malformed"
    too_large = put(client, visit, visit.host, file, 0, bytes(FULL + 1))
    assert (too_large.status_code, problem_of(too_large)) == (413, "too-large")
    assert too_large.json()["limit"] == "part"
    unannounced = put(client, visit, visit.host, file, 1, iter([bytes(288)]))
    assert problem_of(unannounced) == "malformed"
    assert len(server.objects) == before


@pytest.mark.parametrize(
    ("parts", "size"), [(1, 31 - 31), (1, FULL + 1), (2, FULL), (3, FULL), (2, 2 * FULL + 1)]
)
def test_sizes_that_no_parts_have_are_refused(
    client: httpx.Client, visit: Visit, parts: int, size: int
) -> None:
    file = {"id": new_id(), "parts": parts, "size": size}
    answer = client.post(f"{visit.path}/files", json=file, headers=visit.host.token.header)
    assert problem_of(answer) == "malformed"


def test_only_the_uploader_sends_parts(client: httpx.Client, visit: Visit) -> None:
    guest = visit.join(client, 0)
    file = announce(client, visit, guest)
    answer = put(client, visit, visit.host, file, 0, bytes(288))
    assert problem_of(answer) == "forbidden"


def test_a_removed_file_is_gone(server: ServerProcess, client: httpx.Client, visit: Visit) -> None:
    guest, other = visit.join(client, 0), visit.join(client, 1)
    before = len(server.objects)
    for member in (guest, visit.host):  # the uploader, a host
        file = announce(client, visit, guest)
        put(client, visit, guest, file, 0, bytes(288))
        path = f"{visit.path}/files/{file}"
        assert problem_of(client.delete(path, headers=other.token.header)) == "forbidden"
        assert client.delete(path, headers=member.token.header).status_code == 204
        assert problem_of(client.get(path, headers=member.token.header)) == "not-found"
        assert problem_of(get(client, visit, member, file)) == "not-found"
    assert len(server.objects) == before


def test_parts_that_are_not_there_are_not_found(client: httpx.Client, visit: Visit) -> None:
    file = announce(client, visit, visit.host)
    for number in (0, 1):
        assert problem_of(get(client, visit, visit.host, file, number)) == "not-found"
    assert problem_of(put(client, visit, visit.host, file, 1, bytes(288))) == "not-found"
    unknown = put(client, visit, visit.host, new_id(), 0, bytes(288))
    assert problem_of(unknown) == "not-found"


def test_a_file_of_another_session_is_not_found(
    client: httpx.Client, visit: Visit, signed_in: httpx.Client
) -> None:
    file = announce(client, visit, visit.host)
    put(client, visit, visit.host, file, 0, bytes(288))
    other = Visit().create(signed_in)
    assert problem_of(get(client, other, other.host, file)) == "not-found"


def head_of_part(visit: Visit, file: str, size: int) -> bytes:
    head = f"PUT {visit.path}/files/{file}/parts/0 HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: Bearer {visit.host.token.text}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode()


def test_an_upload_that_breaks_off_leaves_nothing(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    file = announce(client, visit, visit.host, 1, 1_000_000)
    before = server.objects
    head = head_of_part(visit, file, 1_000_000)
    with socket.create_connection(("localhost", server.port)) as broken:
        broken.sendall(head + bytes(500_000))
    assert put(client, visit, visit.host, file, 0, bytes(1_000_000)).status_code == 201
    assert len(server.objects - before) <= 2  # the part, and perhaps what breaks off
    shown = client.get(f"{visit.path}/files/{file}", headers=visit.host.token.header).json()
    assert shown["present"] == [0]


@pytest.mark.small
def test_a_part_of_a_session_that_is_deleted_meanwhile_is_refused_for_the_token(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    file = announce(client, visit, visit.host, 1, 4_000_000)
    before = server.objects
    head = head_of_part(visit, file, 4_000_000)
    with socket.create_connection(("localhost", server.port), timeout=30) as sending:
        sending.sendall(head + bytes(3_900_000))
        eventually(lambda: server.objects - before)
        assert client.delete(visit.path, headers=visit.host.token.header).status_code == 204
        sending.sendall(bytes(100_000))
        assert sending.recv(12) == b"HTTP/1.1 401"
    assert server.objects == before


def test_what_is_done_without_the_bucket_is_not_undone(tmp_path: Path) -> None:
    """Files and sessions go; their objects stay until a sweep."""
    with seaweed(tmp_path / "bucket") as store:
        environment = store.environment | {"CARESEAL_OBJECTS_URL": store.new_url()}
        with serving(tmp_path / "server", **environment) as server, server.sign_in() as client:
            visit = Visit().create(client)
            header = visit.host.token.header
            file = announce(client, visit, visit.host)
            assert put(client, visit, visit.host, file, 0, bytes(288)).status_code == 201
            store.stop()
            path = f"{visit.path}/files/{file}"
            assert client.delete(path, headers=header).status_code == 204
            assert problem_of(client.get(path, headers=header)) == "not-found"
            assert client.delete(visit.path, headers=header).status_code == 204
            assert problem_of(client.get(visit.path, headers=header)) == "not-authorised"


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(
        tmp_path_factory.mktemp("small"),
        "--limit=storedBytes=1000000",
        "--limit=openUploads=2",
        "--limit=parts=3",
    ) as running:
        yield running


def test_what_all_sessions_store_is_limited(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--limit=allStoredBytes=1000000") as running,
        running.sign_in() as client,
    ):
        one, other = Visit().create(client), Visit().create(client)
        file = announce(client, one, one.host, 1, 900_000)
        asked = {"id": new_id(), "parts": 1, "size": 200_000}
        path, header = f"{other.path}/files", other.host.token.header
        refused = client.post(path, json=asked, headers=header)
        assert (refused.status_code, problem_of(refused)) == (507, "storage-full")
        assert refused.json()["limit"] == "allStoredBytes"
        # What has its room keeps it, and messages go on.
        there = {"id": file, "parts": 1, "size": 900_000}
        again = client.post(f"{one.path}/files", json=there, headers=one.host.token.header)
        assert again.status_code == 200
        other.write(client, other.host)
        client.delete(f"{one.path}/files/{file}", headers=one.host.token.header)

        def fits() -> bool:
            return client.post(path, json=asked, headers=header).status_code == 201

        eventually(fits)


def test_many_who_ask_at_once_get_no_more_than_there_is(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--limit=allStoredBytes=100000") as running,
        running.sign_in() as client,
        ThreadPoolExecutor(10) as many,
    ):
        visit = Visit().create(client)

        def ask(_number: int) -> int:
            asked = {"id": new_id(), "parts": 1, "size": 90_000}
            header = visit.host.token.header
            return client.post(f"{visit.path}/files", json=asked, headers=header).status_code

        assert sorted(many.map(ask, range(10))) == [201, *[507] * 9]


@pytest.fixture(scope="module")
def small_clinician(small_server: ServerProcess) -> Iterator[httpx.Client]:
    with small_server.sign_in() as client:
        yield client


@pytest.fixture
def small_visit(small_clinician: httpx.Client) -> tuple[Visit, httpx.Client]:
    return Visit().create(small_clinician), small_clinician


def test_what_a_session_stores_is_limited(small_visit: tuple[Visit, httpx.Client]) -> None:
    visit, client = small_visit
    file = announce(client, visit, visit.host, 1, 900_000)
    asked = {"id": new_id(), "parts": 1, "size": 200_000}
    refused = client.post(f"{visit.path}/files", json=asked, headers=visit.host.token.header)
    assert (refused.status_code, problem_of(refused)) == (507, "storage-full")
    assert refused.json()["limit"] == "storedBytes"
    client.delete(f"{visit.path}/files/{file}", headers=visit.host.token.header)
    again = client.post(f"{visit.path}/files", json=asked, headers=visit.host.token.header)
    assert again.status_code == 201


def test_open_uploads_and_parts_are_limited(small_visit: tuple[Visit, httpx.Client]) -> None:
    visit, client = small_visit
    first = announce(client, visit, visit.host)
    announce(client, visit, visit.host)
    asked = {"id": new_id(), "parts": 1, "size": 288}
    refused = client.post(f"{visit.path}/files", json=asked, headers=visit.host.token.header)
    assert (refused.status_code, problem_of(refused)) == (409, "too-many-open")
    assert refused.json()["limit"] == "openUploads"
    put(client, visit, visit.host, first, 0, bytes(288))
    again = client.post(f"{visit.path}/files", json=asked, headers=visit.host.token.header)
    assert again.status_code == 201
    long = {"id": new_id(), "parts": 4, "size": 3 * FULL + 32}
    refused = client.post(f"{visit.path}/files", json=long, headers=visit.host.token.header)
    assert (problem_of(refused), refused.json()["limit"]) == ("too-large", "parts")


def memory(server: ServerProcess, name: str) -> int:
    """A line of /proc/PID/status, in bytes."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def test_200_mb_pass_through_without_being_held(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    parts = 50
    part = os.urandom(FULL)
    file = announce(client, visit, visit.host, parts, parts * FULL)
    assert put(client, visit, visit.host, file, 0, part).status_code == 201
    assert server.process is not None
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # peak memory counts anew
    before = memory(server, "VmRSS")

    def send(number: int) -> int:
        return put(client, visit, visit.host, file, number, part).status_code

    with ThreadPoolExecutor(4) as senders:
        assert set(senders.map(send, range(1, parts))) == {201}
    for number in range(parts):
        with client.stream(
            "GET",
            f"{visit.path}/files/{file}/parts/{number}",
            headers=visit.host.token.header,
        ) as answer:
            assert sum(len(chunk) for chunk in answer.iter_raw()) == FULL
    assert memory(server, "VmHWM") - before < 24 * 1024 * 1024
    client.delete(f"{visit.path}/files/{file}", headers=visit.host.token.header)
