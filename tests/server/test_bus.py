"""The line between workers over a real PostgreSQL, when half of it breaks."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest

from careseal.server import bus
from careseal.server.bus import Bus, PostgresLine
from careseal.server.store.engines import open_engines, parse
from tests.postgresql import PostgreSQL, postgresql

WITHIN = 30  # s


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    with postgresql() as running:
        yield running


class Worker:
    """What is heard, and how often the line came to stand."""

    def __init__(self, url: str) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.stood: asyncio.Queue[None] = asyncio.Queue()
        line = PostgresLine(parse(url))
        self.bus = Bus(line, self.heard.put_nowait, lambda: self.stood.put_nowait(None))

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.heard.get(), WITHIN)

    async def stands(self) -> None:
        await asyncio.wait_for(self.stood.get(), WITHIN)
        assert self.bus.up


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Worker, Worker]]:
    """They have spoken, and heard each other and themselves."""
    here, there = Worker(url), Worker(url)
    try:
        for worker in (here, there):
            await worker.stands()
        here.bus.say(b"hello")
        assert [await each.next() for each in (here, there)] == [b"hello"] * 2
        yield here, there
    finally:
        for worker in (here, there):
            await worker.bus.close()


def end_those_who_speak(url: str) -> int:
    """The connections that notify, and not those that listen; how many there were."""
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE '%pg_notify(%'"
        " AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])


async def test_what_could_not_be_said_is_said_again(database: PostgreSQL) -> None:
    url = database.new_database()
    async with two(url) as (here, there):
        assert await asyncio.to_thread(end_those_who_speak, url) == 1
        here.bus.say(b"one")
        here.bus.say(b"two")
        assert [await there.next() for _ in range(2)] == [b"one", b"two"]
        await here.stands()
        assert here.bus.unsaid == 0
        assert there.stood.empty()


async def test_after_a_restart_of_the_database_the_line_stands_for_good(
    database: PostgreSQL,
) -> None:
    """The listener is back at once; the connection that speaks is found dead when it is used."""
    async with two(database.new_database()) as (here, there):
        await asyncio.to_thread(database.kill)
        await asyncio.to_thread(database.start)
        await here.stands()
        await there.stands()
        here.bus.say(b"after")
        assert await there.next() == b"after"
        await here.stands()


async def test_a_host_that_falls_silent_is_found_out(database: PostgreSQL) -> None:
    """What the kernel was told for each connection; to wait until it acts would take long."""
    url = parse(database.new_database())
    engines = open_engines(url)
    async with two(url.render_as_string(hide_password=False)):
        with engines.reading.connect(), engines.writing.connect():
            lines = [patience(each) for each in lines_to(url.port)]
    engines.dispose()
    assert lines == [(1, 10, 5, 3, 15_000)] * 5  # one of them has not spoken yet


def lines_to(port: int | None) -> Iterator[socket.socket]:
    """This process's TCP connections to a port."""
    for number in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as each:
            if each.family == socket.AF_INET and each.getpeername()[1] == port:
                yield each


def patience(line: socket.socket) -> tuple[int, ...]:
    """Whether it asks, after how long (s), how often (s), how many times, and for data (ms)."""
    options = (
        socket.TCP_KEEPIDLE,
        socket.TCP_KEEPINTVL,
        socket.TCP_KEEPCNT,
        socket.TCP_USER_TIMEOUT,
    )
    asks = line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return asks, *(line.getsockopt(socket.IPPROTO_TCP, option) for option in options)


async def test_of_more_than_can_wait_the_oldest_are_dropped(
    database: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "QUEUED", 30)
    async with two(database.new_database()) as (here, there):
        for number in range(10):
            here.bus.say(b"message %d." % number)
        assert here.bus.unsaid == 3
        assert [await there.next() for _ in range(3)] == [b"message %d." % n for n in (7, 8, 9)]
