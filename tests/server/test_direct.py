"""Parts that clients put into the bucket and get from it themselves (docs/protocol.md §6.1, §8)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import obstore
import pytest
from sqlalchemy import update

from careseal.server.blobs import open_blobs
from careseal.server.presign import Presigner
from careseal.server.problems import Problem
from careseal.server.settings import Settings
from careseal.server.store import schema
from careseal.server.store.engines import open_engines
from tests.eventually import eventually
from tests.seaweed import BUCKET, KEY, SECRET, Seaweed, environment_of
from tests.server.test_files import FULL, announce, get, put
from tests.server.visits import Member, Visit, b64, problem_of
from tests.serving import ServerProcess, serving


@pytest.fixture(scope="module")
def server(bucket: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("direct"), "--sweep=0.3", **bucket.direct()) as running:
        yield running
    assert "X-Amz" not in running.log
    assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def signed_in(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.sign_in() as client:
        yield client


@dataclass(frozen=True)
class Way:
    """To one part of one file, for one member."""

    client: httpx.Client
    visit: Visit
    member: Member
    file: str
    number: int = 0

    def ask(self, method: str, content: bytes | None = None) -> httpx.Response:
        path = f"{self.visit.path}/files/{self.file}/parts/{self.number}/direct"
        body = None if content is None else described(content)
        return self.client.request(method, path, headers=self.member.token.header, json=body)

    def address(self, content: bytes) -> str:
        answer = self.ask("POST", content)
        assert answer.status_code == 201, answer.text
        assert answer.json()["lasts"] == 300
        return str(answer.json()["url"])

    def store(self, content: bytes) -> None:
        assert send(self.address(content), content).status_code == 200
        assert self.ask("PUT", content).status_code == 201


def described(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": b64(hashlib.sha256(content).digest())}


def send(url: str, content: bytes, *, told: bytes | None = None) -> httpx.Response:
    """As a client puts ``content``, or what it says to be ``told``."""
    digest = hashlib.sha256(content if told is None else told).digest()
    checks = {"if-none-match": "*", "x-amz-checksum-sha256": base64.b64encode(digest).decode()}
    return httpx.put(url, content=content, headers=checks)


@pytest.fixture
def way(client: httpx.Client, visit: Visit) -> Way:
    return Way(client, visit, visit.host, announce(client, visit, visit.host))


def objects(server: ServerProcess, bucket: Seaweed) -> set[str]:
    prefix = server.environment["CARESEAL_OBJECTS_URL"].rpartition("/")[2]
    return {one["path"] for page in obstore.list(bucket.store(prefix)) for one in page}


def let_time_pass(server: ServerProcess, file: str) -> None:
    """What was handed out for a file is as old as it may get."""
    urls = server.environment.get("CARESEAL_DATABASE_URLS", "").split()
    for url in Settings(data=server.data, database_urls=tuple(urls)).databases():
        engines = open_engines(url)
        with engines.writing.begin() as connection:
            octets = base64.urlsafe_b64decode(file + "==")
            of_file = update(schema.addressed).where(schema.addressed.c.file_id == octets)
            connection.execute(of_file.values(until=0))
        engines.dispose()


def test_a_part_that_was_put_into_the_bucket_is_a_part(
    server: ServerProcess, client: httpx.Client, visit: Visit
) -> None:
    guest = visit.join(client, 0)
    parts = [secrets.token_bytes(FULL), secrets.token_bytes(288)]
    file = announce(client, visit, visit.host, 2, FULL + 288)
    for number, content in enumerate(parts):
        Way(client, visit, visit.host, file, number).store(content)
    shown = client.get(f"{visit.path}/files/{file}", headers=guest.token.header).json()
    assert shown == {"id": file, "parts": 2, "size": FULL + 288, "present": [0, 1], "direct": True}
    for number, content in enumerate(parts):
        assert get(client, visit, guest, file, number).content == content
        told = Way(client, visit, guest, file, number).ask("GET").json()
        assert (told["size"], told["lasts"]) == (len(content), 300)
        assert httpx.get(told["url"]).content == content
        ranged = httpx.get(told["url"], headers={"Range": "bytes=5-8"})
        assert (ranged.status_code, ranged.content) == (206, content[5:9])


def test_an_address_takes_no_other_bytes_than_it_is_for(way: Way) -> None:
    content, other = secrets.token_bytes(288), secrets.token_bytes(288)
    url = way.address(content)
    assert send(url, content[:-1]).status_code >= 400
    assert send(url, content + b"x").status_code >= 400
    assert send(url, other).status_code >= 400
    assert send(url, other, told=content).status_code >= 400
    assert httpx.put(url, content=content).status_code >= 400
    assert problem_of(way.ask("PUT", content)) == "not-found"
    assert send(url, content).status_code == 200
    assert problem_of(way.ask("PUT", other)) == "not-found"
    assert way.ask("PUT", content).status_code == 201


def test_a_part_is_not_there_before_it_is_confirmed(way: Way) -> None:
    content = secrets.token_bytes(288)
    assert problem_of(way.ask("PUT", content)) == "not-found"  # nothing was asked for
    url = way.address(content)
    assert problem_of(way.ask("PUT", content)) == "not-found"  # nothing was put
    send(url, content)
    assert problem_of(way.ask("GET")) == "not-found"
    assert problem_of(get(way.client, way.visit, way.member, way.file)) == "not-found"
    shown = way.client.get(
        f"{way.visit.path}/files/{way.file}", headers=way.member.token.header
    ).json()
    assert shown["present"] == []


def test_every_step_can_be_repeated(server: ServerProcess, bucket: Seaweed, way: Way) -> None:
    content = secrets.token_bytes(288)
    before = objects(server, bucket)
    url, again = way.address(content), way.address(content)
    assert urlsplit(url).path == urlsplit(again).path
    assert send(url, content).status_code == 200
    assert send(again, content).status_code == 412
    assert way.ask("PUT", content).status_code == 201
    assert way.ask("PUT", content).status_code == 200
    assert (way.ask("POST", content).status_code, way.ask("POST", content).json()) == (200, {})
    assert put(way.client, way.visit, way.member, way.file, 0, content).status_code == 200
    assert len(objects(server, bucket) - before) == 1


def test_a_confirmed_part_is_not_changed_by_an_address_that_is_still_good(way: Way) -> None:
    content, other = secrets.token_bytes(288), secrets.token_bytes(288)
    url, late = way.address(content), way.address(other)
    send(url, content)
    assert way.ask("PUT", content).status_code == 201
    assert send(url, content).status_code == 412
    assert send(url, other, told=content).status_code >= 400
    assert send(late, other).status_code == 200  # an object of its own
    assert problem_of(way.ask("PUT", other)) == "part-exists"
    assert problem_of(way.ask("POST", other)) == "part-exists"
    assert httpx.get(way.ask("GET").json()["url"]).content == content
    assert get(way.client, way.visit, way.member, way.file).content == content


def test_an_address_for_one_thing_does_nothing_else(way: Way) -> None:
    content = secrets.token_bytes(288)
    url = way.address(content)
    way.store(content)
    for method in ("GET", "DELETE", "POST"):
        assert httpx.request(method, url).status_code >= 400
    reading = way.ask("GET").json()["url"]
    for method in ("PUT", "DELETE"):
        assert httpx.request(method, reading, content=b"x").status_code >= 400
    elsewhere = reading.replace(urlsplit(reading).path, f"/{BUCKET}/ready")
    assert httpx.get(elsewhere).status_code == 403
    assert httpx.get(reading).content == content


def test_an_address_is_good_for_minutes(server: ServerProcess, bucket: Seaweed, way: Way) -> None:
    way.store(content := secrets.token_bytes(288))
    place = urlsplit(way.ask("GET").json()["url"]).path.removeprefix(f"/{BUCKET}/")
    presigner = Presigner(bucket.address, "", KEY, SECRET)
    earlier = datetime.now(UTC) - timedelta(seconds=301)
    assert httpx.get(presigner.address("GET", place, 300)).content == content
    assert httpx.get(presigner.address("GET", place, 300, now=earlier)).status_code == 403


def test_the_checks_are_those_of_the_way_through_the_server(
    client: httpx.Client, visit: Visit, signed_in: httpx.Client, way: Way
) -> None:
    content = secrets.token_bytes(288)
    guest = visit.join(client, 0)
    of_guest = Way(client, visit, guest, way.file)
    for method in ("POST", "PUT"):
        assert problem_of(of_guest.ask(method, content)) == "forbidden"
    assert problem_of(way.ask("POST", secrets.token_bytes(300))) == "malformed"
    assert problem_of(Way(client, visit, visit.host, way.file, 1).ask("POST", content)) == (
        "not-found"
    )
    other = Visit().create(signed_in)
    for method, body in (("POST", content), ("PUT", content), ("GET", None)):
        assert problem_of(Way(client, other, other.host, way.file).ask(method, body)) == "not-found"
        by_link = way.client.request(
            method,
            f"{visit.path}/files/{way.file}/parts/0/direct",
            headers=visit.guest_invite.token.header,
        )
        assert problem_of(by_link) == "forbidden"
    client.post(f"{visit.path}/end", headers=visit.host.token.header)
    assert problem_of(way.ask("POST", content)) == "session-ended"


def test_what_is_not_confirmed_in_time_goes(
    server: ServerProcess, bucket: Seaweed, way: Way
) -> None:
    before = objects(server, bucket)
    content = secrets.token_bytes(288)
    send(way.address(content), content)
    assert len(objects(server, bucket) - before) == 1
    let_time_pass(server, way.file)
    eventually(lambda: objects(server, bucket) == before)
    assert problem_of(way.ask("PUT", content)) == "not-found"
    way.store(content)


def test_what_is_swept_is_no_part(server: ServerProcess, bucket: Seaweed, way: Way) -> None:
    way.store(content := secrets.token_bytes(288))
    let_time_pass(server, way.file)
    unconfirmed = Way(
        way.client, way.visit, way.member, announce(way.client, way.visit, way.member)
    )
    other = secrets.token_bytes(288)
    url = unconfirmed.address(other)
    send(url, other)
    name = urlsplit(url).path.rpartition("/")[2]
    let_time_pass(server, unconfirmed.file)
    eventually(lambda: all(not each.endswith(name) for each in objects(server, bucket)))
    assert get(way.client, way.visit, way.member, way.file).content == content


def test_addresses_do_not_get_round_what_may_be_stored(bucket: Seaweed, tmp_path: Path) -> None:
    """Neither by not confirming, nor by removing the file that its room was for."""
    with (
        serving(tmp_path, "--limit=openUploads=2", **bucket.direct()) as running,
        running.sign_in() as client,
    ):
        visit = Visit().create(client)
        for _ in range(2):
            file = announce(client, visit, visit.host)
            content = secrets.token_bytes(288)
            way = Way(client, visit, visit.host, file)
            send(way.address(content), content)
            path = f"{visit.path}/files/{file}"
            assert client.delete(path, headers=visit.host.token.header).status_code == 204
        way = Way(client, visit, visit.host, announce(client, visit, visit.host))
        refused = way.ask("POST", content)
        assert (problem_of(refused), refused.json()["limit"]) == ("too-many-open", "openUploads")
        assert put(client, visit, visit.host, way.file, 0, content).status_code == 201


def test_addresses_that_are_still_good_count_when_their_parts_are_removed(
    bucket: Seaweed, tmp_path: Path
) -> None:
    """What was confirmed and removed can be put again: it takes its place, and goes in time."""
    with (
        serving(tmp_path, "--limit=openUploads=2", "--sweep=0.3", **bucket.direct()) as running,
        running.sign_in() as client,
    ):
        visit = Visit().create(client)
        header = visit.host.token.header
        before = objects(running, bucket)
        file = announce(client, visit, visit.host, 2, FULL + 288)
        parts = [secrets.token_bytes(FULL), secrets.token_bytes(288)]
        ways = [Way(client, visit, visit.host, file, number) for number in range(2)]
        urls = [way.address(content) for way, content in zip(ways, parts, strict=True)]
        for way, url, content in zip(ways, urls, parts, strict=True):
            assert send(url, content).status_code == 200
            assert way.ask("PUT", content).status_code == 201
        assert client.delete(f"{visit.path}/files/{file}", headers=header).status_code == 204
        assert objects(running, bucket) == before
        assert send(urls[1], parts[1]).status_code == 200
        again = Way(client, visit, visit.host, announce(client, visit, visit.host))
        refused = again.ask("POST", parts[1])
        assert (problem_of(refused), refused.json()["limit"]) == ("too-many-open", "openUploads")
        assert len(objects(running, bucket) - before) == 1
        let_time_pass(running, file)
        eventually(lambda: objects(running, bucket) == before)
        again.store(parts[1])


def test_a_file_that_is_there_again_takes_nothing_of_the_one_that_was_removed(way: Way) -> None:
    """The object of the removed one may be on its way out."""
    way.store(content := secrets.token_bytes(288))
    url = way.ask("GET").json()["url"]
    path = f"{way.visit.path}/files/{way.file}"
    assert way.client.delete(path, headers=way.member.token.header).status_code == 204
    same = {"id": way.file, "parts": 1, "size": 288}
    made = way.client.post(f"{way.visit.path}/files", json=same, headers=way.member.token.header)
    assert made.status_code == 201
    assert urlsplit(way.address(content)).path != urlsplit(url).path


def test_a_server_without_a_bucket_offers_nothing(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as running, running.sign_in() as client:
        visit = Visit().create(client)
        way = Way(client, visit, visit.host, announce(client, visit, visit.host))
        content = secrets.token_bytes(288)
        path = f"{visit.path}/files/{way.file}"
        assert client.get(path, headers=visit.host.token.header).json()["direct"] is False
        assert problem_of(way.ask("POST", content)) == "not-found"
        assert problem_of(way.ask("PUT", content)) == "not-found"
        put(client, visit, visit.host, way.file, 0, content)
        assert problem_of(way.ask("GET")) == "not-found"
        assert (
            "connect-src 'self' ws://localhost"
            in client.get("/").headers["content-security-policy"]
        )


def test_pages_may_fetch_from_the_bucket_and_nowhere_else(
    server: ServerProcess, bucket: Seaweed, client: httpx.Client
) -> None:
    policy = client.get("/").headers["content-security-policy"]
    host = f"localhost:{server.port}"
    origin = bucket.address.removesuffix(f"/{BUCKET}")
    assert f"connect-src 'self' ws://{host} {origin};" in policy + ";"


def test_a_store_that_checks_nothing_gets_no_direct_uploads(
    bucket: Seaweed, tmp_path: Path, careless: str
) -> None:
    environment = bucket.direct() | {"CARESEAL_OBJECTS_DIRECT": careless}
    with serving(tmp_path, **environment) as running, running.sign_in() as client:
        visit = Visit().create(client)
        way = Way(client, visit, visit.host, announce(client, visit, visit.host))
        assert problem_of(way.ask("POST", content := secrets.token_bytes(288))) == "not-found"
        assert put(client, visit, visit.host, way.file, 0, content).status_code == 201
        assert "it takes another length than the address is for" in running.log


@pytest.fixture
def careless() -> Iterator[str]:
    """The address of a store that takes whatever comes."""
    with store_answering(200) as address:
        yield f"{address}/{BUCKET}"


async def test_where_the_bucket_is_gone_a_part_is_to_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SeaweedFS would make it again, so what answers here only says what S3 does."""

    async def part() -> AsyncIterator[bytes]:
        yield bytes(288)

    gone = b"<Error><Code>NoSuchBucket</Code><Message>It is not there</Message></Error>"
    with store_answering(404, gone) as address:
        for name, value in environment_of(address).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Problem, match="unavailable"):
            await open_blobs(f"s3://{BUCKET}", Path()).write(bytes(16), part())


@contextmanager
def store_answering(status: int, body: bytes = b"") -> Iterator[str]:
    """The address of what answers every PUT alike."""

    class Store(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    store = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    Thread(target=store.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{store.server_port}"
    finally:
        store.shutdown()
        store.server_close()
