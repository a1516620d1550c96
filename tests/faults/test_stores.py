"""Stores beside the server that fail: a bucket that answers errors, late or wrongly; PostgreSQL."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.eventually import eventually
from tests.faults.conftest import Tally
from tests.faults.work import FAST, Work
from tests.postgresql import postgresql
from tests.seaweed import Seaweed, seaweed
from tests.server.visits import Visit, new_id, problem_of
from tests.serving import ServerProcess, serving


class Bad:
    """What stands before the bucket does: ``fails`` of the next requests get ``how``."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.how = ""
        self.fails = 0
        self.seen = 0
        self._lock = threading.Lock()

    def switch(self, how: str, fails: int) -> None:
        with self._lock:
            self.how, self.fails, self.seen = how, fails, 0

    def next(self) -> str:
        with self._lock:
            if self.fails == 0:
                return ""
            self.fails -= 1
            self.seen += 1
            return self.how


@contextmanager
def before(target: str) -> Iterator[tuple[Bad, str]]:
    """A proxy in front of ``target``, and its URL."""
    bad = Bad(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            how = bad.next()
            if how == "cuts off":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, headers, answer = self._asked(body) if how != "answers 500" else (500, [], b"")
            if how == "does it and answers 500":
                status, headers, answer = 500, [], b""
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(answer)))
            self.end_headers()
            if how == "stops half-way":
                self.wfile.write(answer[: len(answer) // 2])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
            elif self.command != "HEAD":
                self.wfile.write(answer)

        def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            onward = HTTPConnection(str(bad.target.hostname), bad.target.port, timeout=30)
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                onward.putheader(name, value)
            onward.endheaders(body)
            answer = onward.getresponse()
            done = answer.status, answer.getheaders(), answer.read()
            onward.close()
            return done

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    running = threading.Thread(target=proxy.serve_forever)
    running.start()
    try:
        yield bad, f"http://127.0.0.1:{proxy.server_address[1]}"
    finally:
        proxy.shutdown()
        proxy.server_close()
        running.join()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with seaweed(tmp_path_factory.mktemp("seaweed")) as running:
        yield running


@pytest.fixture(scope="module")
def at_bucket(
    bucket: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, Bad]]:
    """A server whose objects are behind what fails."""
    with before(bucket.environment["AWS_ENDPOINT"]) as (bad, url):
        environment = bucket.environment | {"AWS_ENDPOINT": url}
        environment["CARESEAL_OBJECTS_URL"] = bucket.new_url()
        with serving(tmp_path_factory.mktemp("at-bucket"), *FAST, **environment) as server:
            yield server, bad


HOWS = ("answers 500", "does it and answers 500", "cuts off")


@pytest.fixture(scope="module")
def visit(at_bucket: tuple[ServerProcess, Bad]) -> Visit:
    with at_bucket[0].sign_in() as signed_in:
        return Visit().create(signed_in)


def new_part(server: ServerProcess, visit: Visit, size: int) -> str:
    file = {"id": new_id(), "parts": 1, "size": size}
    with server.client() as client:
        made = client.post(f"{visit.path}/files", json=file, headers=visit.host.token.header)
    assert made.status_code == 201
    return f"{visit.path}/files/{file['id']}/parts/0"


@pytest.mark.parametrize("how", HOWS)
def test_a_bucket_that_fails_for_a_while_is_waited_for(
    how: str, at_bucket: tuple[ServerProcess, Bad], visit: Visit
) -> None:
    server, bad = at_bucket
    path, octets = new_part(server, visit, 528), bytes(range(176)) * 3
    header = visit.host.token.header
    with server.client() as client:
        bad.switch(how, 2)
        assert client.put(path, content=octets, headers=header).status_code == 201
        assert bad.seen == 2
        bad.switch(how, 2)
        assert client.get(path, headers=header).content == octets
        assert bad.seen == 2


@pytest.mark.parametrize("how", HOWS)
def test_a_bucket_that_fails_for_long_is_said_and_nothing_is_taken(
    how: str, at_bucket: tuple[ServerProcess, Bad], visit: Visit
) -> None:
    """A part counts when the bucket has it; the same bytes are taken later."""
    server, bad = at_bucket
    path, octets = new_part(server, visit, 528), bytes(range(176)) * 3
    header = visit.host.token.header
    with server.client() as client:
        bad.switch(how, -1)
        answer = client.put(path, content=octets, headers=header)
        assert (answer.status_code, problem_of(answer)) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert visit.write(client, visit.host)["seq"] > 0  # the log goes on
        bad.switch("", 0)
        assert client.get(path.rpartition("/parts")[0], headers=header).json()["present"] == []
        assert client.put(path, content=octets, headers=header).status_code == 201
        assert client.get(path, headers=header).content == octets


def test_a_bucket_that_stops_half_way_never_gives_half_a_part(
    at_bucket: tuple[ServerProcess, Bad], visit: Visit
) -> None:
    server, bad = at_bucket
    size = 256 * 1024
    path, octets = new_part(server, visit, size), bytes(range(256)) * (size // 256)
    header = visit.host.token.header
    with server.client() as client:
        assert client.put(path, content=octets, headers=header).status_code == 201
        bad.switch("stops half-way", 1)
        with suppress(Exception):
            answer = client.get(path, headers=header)
            assert answer.status_code != 200 or answer.content == octets
        bad.switch("", 0)
        assert client.get(path, headers=header).content == octets


def more(refused: list[str], than: int) -> bool:
    return len(refused) > than


@pytest.mark.timeout(300)
def test_postgresql_dies_and_comes_back_under_work(tmp_path: Path, tally: Tally) -> None:
    with postgresql() as cluster:
        url = cluster.new_database()
        with serving(tmp_path, *FAST, CARESEAL_DATABASE_URLS=url) as server:
            signed_in = server.sign_in()
            work = Work(server, Visit().create(signed_in), Random(5), lambda: 0)
            with work.going_on(signed_in):
                for _ in range(3):
                    work.wait_for(20)
                    seen = len(work.account.unexpected)
                    cluster.kill()
                    eventually(partial(more, work.account.unexpected, seen))
                    cluster.start()
                work.wait_for(20)
            found = work.check()
            assert (found.lost, found.doubled) == (0, 0)
            others = [each for each in work.account.unexpected if "unavailable" not in each]
            assert others == [], server.log[-3000:]
            signed_in.close()
    tally.add("PostgreSQL killed", 3, found)
