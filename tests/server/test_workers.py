"""Servers that share PostgreSQL, with Redis between them and without: one installation."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from careseal.server import wire
from careseal.server.settings import Limits
from careseal.server.store import credentials, log
from careseal.server.store.engines import open_engines, parse
from careseal.server.store.migration import upgrade
from tests.eventually import eventually
from tests.form import Large
from tests.postgresql import PostgreSQL, postgresql, somebody_waits_for_a_lock
from tests.redis_server import RedisServer, redis_server
from tests.server.following import following, unauthenticated
from tests.server.test_knocks import Door, box, knock
from tests.server.visits import SIGNAL_SIZE, Visit, chat, new_id, problem_of, random_b64
from tests.serving import ServerProcess

GENEROUS = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    if Large.chosen is not None:
        yield Large.chosen.postgresql
        return
    with postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def machines(
    folder: Path, environment: dict[str, str], count: int, *arguments: str
) -> list[ServerProcess]:
    """Machines of one installation: the same database, objects and secrets."""
    shared = environment | {
        "CARESEAL_OBJECTS_URL": (folder / "objects").as_uri(),
        "CARESEAL_SECRETS_FILE": str(folder / "secrets.json"),
    }
    return [ServerProcess(folder / str(number), arguments, shared) for number in range(count)]


@pytest.fixture(scope="module", params=["redis", "postgresql"])
def pair(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database: PostgreSQL,
    redis: RedisServer,
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two machines with a worker each, and the line between them of each kind."""
    environment = {"CARESEAL_DATABASE_URLS": database.new_database()}
    if request.param == "redis":
        environment["CARESEAL_REDIS_URL"] = redis.url
    folder = tmp_path_factory.mktemp("machines")
    with ExitStack() as running:
        first, second = machines(folder, environment, 2, *GENEROUS)
        yield running.enter_context(first), running.enter_context(second)


@pytest.fixture
def visit(pair: tuple[ServerProcess, ServerProcess], account: httpx.Client) -> Visit:
    return Visit().create(account)


@pytest.fixture(scope="module")
def account(pair: tuple[ServerProcess, ServerProcess]) -> Iterator[httpx.Client]:
    with pair[0].sign_in() as client:
        yield client


def test_what_happens_at_one_is_followed_at_the_other(
    pair: tuple[ServerProcess, ServerProcess], visit: Visit
) -> None:
    here, there = pair
    with here.client() as client, there.client() as other:
        guest = visit.join(other, 0)
        with (
            following(here, visit, visit.host) as host,
            following(there, visit, guest) as far,
        ):
            assert [host.next("entry")["seq"], far.next("entry")["seq"]] == [1, 1]
            while len(host.next("present")["members"]) < 2:
                continue
            sent = time.monotonic()
            visit.write(client, visit.host, 1)
            assert far.next("entry")["seq"] == 2
            assert time.monotonic() - sent < 5
            long = client.post(
                f"{visit.path}/chat", json=chat(1, 57_360), headers=visit.host.token.header
            )
            assert long.status_code == 201, long.text
            assert len(far.next("entry")["body"]) > 70_000
            signal_ = random_b64(SIGNAL_SIZE)
            host.send(type="signal", to=[guest.id], signal=signal_)
            assert far.next("signal")["signal"] == signal_
            big = random_b64(36_904)
            far.send(type="signal", to=None, signal=big)
            assert host.next("signal")["signal"] == big

            waiting = threading.Thread(
                target=lambda: other.get(
                    f"{visit.path}/chat",
                    params={"after": 3, "wait": 25},
                    headers=visit.host.token.header,
                )
            )
            waiting.start()
            visit.write(client, visit.host, 1)
            waiting.join(20)
            assert not waiting.is_alive()

            revoked = client.delete(
                f"{visit.path}/members/{guest.id}", headers=visit.host.token.header
            )
            assert revoked.status_code == 204
            assert far.closed()[0] == 4403
        with following(there, visit, visit.host, after=4) as far_host:
            client.post(f"{visit.path}/end", headers=visit.host.token.header)
            assert far_host.closed()[0] == 4410


def test_a_token_that_wrote_at_one_and_was_revoked_at_the_other_is_refused(
    pair: tuple[ServerProcess, ServerProcess], visit: Visit
) -> None:
    here, there = pair
    with here.client() as client, there.client() as other:
        guest = visit.join(other, 0)
        visit.write(client, guest, 1)
        gone = f"{visit.path}/members/{guest.id}"
        assert other.delete(gone, headers=visit.host.token.header).status_code == 204
        for body in ({}, chat(1), {}):
            refused = client.post(f"{visit.path}/chat", json=body, headers=guest.token.header)
            assert problem_of(refused) == "not-authorised"


def test_who_follows_elsewhere_counts_and_goes(
    pair: tuple[ServerProcess, ServerProcess], visit: Visit, account: httpx.Client
) -> None:
    here, there = pair
    with following(here, visit, visit.host) as host, ExitStack() as sockets:
        for _ in range(7):
            sockets.enter_context(following(there, visit, visit.host))
        eventually(lambda: present(account, visit) == [visit.host.id])

        def refused() -> bool:
            with unauthenticated(here, visit.path) as ninth:
                ninth.send(type="auth", token=visit.host.token.text)
                return bool(ninth.closed()[0] == 4429)

        eventually(refused)
        host.send(type="beat")
        host.next("beat")
    eventually(lambda: present(account, visit) == [])


def present(account: httpx.Client, visit: Visit) -> list[str]:
    every = account.get("/api/telemedicine/sessions").json()["sessions"]
    return next(list(each["present"]) for each in every if each["id"] == visit.id)


def test_a_box_for_the_epoch_that_another_worker_ends_is_not_taken(
    pair: tuple[ServerProcess, ServerProcess], visit: Visit
) -> None:
    """The commit is under way when a host admits: the box is refused once it is there."""
    server = pair[0]
    url = server.environment["CARESEAL_DATABASE_URLS"]
    with server.client() as client, ThreadPoolExecutor(1) as host:
        door, asked = Door(client, visit), knock()
        door.post(asked)
        assert door.admit(asked, box()).status_code == 204
        with committing(url, visit):
            admitting = host.submit(door.admit, asked, box())
            eventually(lambda: somebody_waits_for_a_lock(url))
        assert problem_of(admitting.result()) == "stale-parent"
        assert door.ask(asked).json()["state"] == "waiting"
        assert door.admit(asked, box(1)).status_code == 204


@contextmanager
def committing(url: str, visit: Visit) -> Iterator[None]:
    """What another worker does to append a commit; it is there at the end."""
    engines = open_engines(parse(url))
    sent = wire.decode(wire.encode(visit.commit()), wire.AppendCommit)
    session_id, token_hash = octets_of(visit.id), octets_of(visit.host.token.hash)
    now = time.time_ns() // 1_000_000
    with engines.writing.begin() as connection:
        log.append_commit(connection, session_id, token_hash, sent, limits=Limits(), now=now)
        yield
    engines.dispose()


def octets_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(f"{text}==")


def test_a_sign_in_link_works_once_at_all_of_them(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    code = pair[1].careseal("sign-in-link").partition("#")[2]

    def use(server: ServerProcess) -> int:
        with server.client() as client:
            return client.post("/api/accounts/sign-in", json={"code": code}).status_code

    with ThreadPoolExecutor(8) as many:
        answers = sorted(many.map(use, [*pair] * 4))
    assert answers == [204] + [401] * 7


def test_one_log_is_written_at_both_at_once(
    pair: tuple[ServerProcess, ServerProcess], visit: Visit
) -> None:
    """Forty writers, and a follower at each side hears all in order."""

    def write(number: int) -> None:
        with pair[number % 2].client() as client:
            for _ in range(5):
                visit.write(client, visit.host)

    with (
        following(pair[0], visit, visit.host) as first,
        following(pair[1], visit, visit.host) as second,
        ThreadPoolExecutor(8) as writers,
    ):
        list(writers.map(write, range(40)))
        for follower in (first, second):
            assert [entry["seq"] for entry in follower.entries(200)] == list(range(1, 201))


@pytest.mark.long
def test_limits_count_at_all_of_them(
    tmp_path: Path, database: PostgreSQL, redis: RedisServer
) -> None:
    for line in ({}, {"CARESEAL_REDIS_URL": redis.url}):
        environment = {"CARESEAL_DATABASE_URLS": database.new_database(), **line}
        tight = ("--limit=entriesPerSecond=0", "--limit=entriesBurst=20")
        slow = ("--limit=entriesPerSecond=1", "--limit=entriesBurst=20")
        for arguments in (slow, tight):
            folder = tmp_path / f"{len(line)}{len(arguments[0])}{arguments[0][-1]}"
            with ExitStack() as running:
                servers = machines(folder, environment, 2, *arguments)
                pair = [running.enter_context(server) for server in servers]
                with pair[0].sign_in() as clinician:
                    visit = Visit().create(clinician)
                answers = [post(pair[number % 2], visit) for number in range(40)]
            refused = [answer for answer in answers if answer.status_code == 429]
            assert 5 <= len(refused) <= 20
            assert arguments is slow or len(refused) == 20
            assert problem_of(refused[0]) == "too-many"


def post(server: ServerProcess, visit: Visit) -> httpx.Response:
    with server.client() as client:
        return client.post(f"{visit.path}/chat", json=chat(), headers=visit.host.token.header)


def test_without_redis_for_a_while_nothing_is_lost(tmp_path: Path, database: PostgreSQL) -> None:
    environment = {"CARESEAL_DATABASE_URLS": database.new_database()}
    with redis_server() as redis, ExitStack() as running:
        environment["CARESEAL_REDIS_URL"] = redis.url
        servers = machines(tmp_path, environment, 2, *GENEROUS)
        here, there = (running.enter_context(server) for server in servers)
        with here.sign_in() as clinician, here.client() as client:
            visit = Visit().create(clinician)
            with following(there, visit, visit.host) as far:
                for _ in range(3):
                    visit.write(client, visit.host)
                assert [entry["seq"] for entry in far.entries(3)] == [1, 2, 3]
                redis.kill()
                for _ in range(3):
                    visit.write(client, visit.host)
                assert [entry["seq"] for entry in far.entries(3)] == [4, 5, 6]
                redis.start()
                for _ in range(3):
                    visit.write(client, visit.host)
                assert [entry["seq"] for entry in far.entries(3)] == [7, 8, 9]
                eventually(lambda: "the line to the other workers broke" in there.log)


@pytest.mark.long
def test_workers_are_replaced_under_load_without_a_lost_entry(
    tmp_path: Path, database: PostgreSQL
) -> None:
    """One is killed, then all are replaced by a signal, while eight write and one follows."""
    environment = {"CARESEAL_DATABASE_URLS": database.new_database(), "CARESEAL_WORKERS": "2"}
    (server,) = machines(tmp_path, environment, 1, *GENEROUS)
    with server:
        with server.sign_in() as clinician:
            visit = Visit().create(clinician)
        acknowledged: dict[str, int] = {}
        stop = threading.Event()

        def write() -> None:
            with server.client() as client:
                while not stop.is_set():
                    body = chat()
                    acknowledged[body["id"]] = send_until_taken(client, visit, body)

        with ThreadPoolExecutor(4) as writers:
            running = [writers.submit(write) for _ in range(4)]
            try:
                eventually(lambda: len(acknowledged) > 50)
                os.kill(workers_of(server)[0], signal.SIGKILL)
                before = len(acknowledged)
                eventually(lambda: len(acknowledged) > before + 50)
                eventually(lambda: "a worker ended" in server.log)
                old = set(workers_of(server))
                assert server.process is not None
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: "workers replaced" in server.log, 60)
                assert not old & set(workers_of(server))
                before = len(acknowledged)
                eventually(lambda: len(acknowledged) > before + 50)
            finally:
                stop.set()
            for one in running:
                one.result()
        with server.client() as client:
            assert log_of(client, visit) == acknowledged


def send_until_taken(client: httpx.Client, visit: Visit, body: dict[str, Any]) -> int:
    """As every client does: the same again, until there is an answer."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            answer = client.post(f"{visit.path}/chat", json=body, headers=visit.host.token.header)
        except httpx.TransportError:
            continue
        if answer.status_code < 500:
            return int(answer.raise_for_status().json()["seq"])
    raise TimeoutError


def log_of(client: httpx.Client, visit: Visit) -> dict[str, int]:
    found: dict[str, int] = {}
    while True:
        page = client.get(
            f"{visit.path}/chat",
            params={"after": len(found), "limit": 1000},
            headers=visit.host.token.header,
        ).json()
        found |= {entry["id"]: entry["seq"] for entry in page["entries"]}
        if len(found) >= page["head"]:
            return found


def workers_of(server: ServerProcess) -> list[int]:
    """Process ids of the workers: the children that run Python's spawned main."""
    assert server.process is not None
    listed = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", "spawn_main"],
        check=False,
        capture_output=True,
        text=True,
    )
    return [int(number) for number in listed.stdout.split()]


def test_sessions_are_shared_out_to_two_databases(tmp_path: Path, database: PostgreSQL) -> None:
    urls = [database.new_database(), database.new_database()]
    environment = {"CARESEAL_DATABASE_URLS": " ".join(urls)}
    (server,) = machines(tmp_path, environment, 1, *GENEROUS)
    with server, server.sign_in() as clinician, server.client() as client:
        visits = [Visit(id=new_id()).create(clinician) for _ in range(12)]
        for visit in visits:
            visit.write(client, visit.host)
        listed = clinician.get("/api/telemedicine/sessions").json()["sessions"]
        assert {each["id"] for each in listed} == {visit.id for visit in visits}
        counts = [count_sessions(url) for url in urls]
        assert sum(counts) == 12
        assert all(counts)
        clinician.delete(visits[0].path)
        assert sum(count_sessions(url) for url in urls) == 11


def count_sessions(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM session").fetchone()
    return 0 if row is None else int(row[0])


def test_of_two_first_starts_at_once_one_makes_the_account(database: PostgreSQL) -> None:
    url = database.new_database()
    upgrade(parse(url))
    engines = open_engines(parse(url))
    now = 1_700_000_000_000

    def second() -> credentials.Account:
        with engines.writing.begin() as connection:
            return credentials.only_account(connection, now)

    with ThreadPoolExecutor() as others:
        with engines.writing.begin() as connection:
            made = credentials.only_account(connection, now)
            other = others.submit(second)
            eventually(lambda: somebody_waits_for_a_lock(url))
        assert other.result(30) == made
    engines.dispose()


def test_more_workers_than_one_need_postgresql(tmp_path: Path) -> None:
    refused = ServerProcess(tmp_path, ("--workers=2",), {})
    with pytest.raises(RuntimeError, match="needs PostgreSQL"):
        refused.start()
    refused.process = None
