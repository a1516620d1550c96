"""One transaction for many changes, and one refusal for one (careseal.server.store.database)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event, func, insert, select, update
from sqlalchemy.exc import OperationalError

from careseal.server.problems import Problem
from careseal.server.settings import Limits
from careseal.server.store import log
from careseal.server.store.database import Database
from careseal.server.store.engines import open_engines, parse
from careseal.server.store.migration import upgrade
from careseal.server.store.schema import member, pulse, session
from careseal.server.wire import AppendChat, Id, Sealed
from tests.postgresql import postgresql


def opened_at(folder: Path) -> Database:
    url = parse(f"sqlite:///{folder / 'test.sqlite3'}")
    upgrade(url)
    return Database(url)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = opened_at(tmp_path)
    yield opened
    await opened.close()


def beat(number: int, connection: Connection) -> None:
    connection.execute(insert(pulse).values(id=number, at=0))


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(pulse)).scalar_one()


async def test_changes_that_wait_are_committed_together(database: Database) -> None:
    commits = 0

    @event.listens_for(database._engines.writing, "commit")
    def _count(_connection: Connection) -> None:
        nonlocal commits
        commits += 1

    held = threading.Event()
    first = asyncio.create_task(database.write(lambda _: held.wait(10)))
    await asyncio.sleep(0)
    order: list[int] = []

    def change(number: int) -> asyncio.Task[int]:
        def run(connection: Connection) -> int:
            connection.execute(insert(pulse).values(id=number, at=0))
            if number == 7:
                raise Problem("stale-parent", "refused alone")
            return number

        return asyncio.create_task(database.write(run, then=order.append))

    changes = [change(number) for number in range(100)]
    await asyncio.sleep(0)
    held.set()
    await first
    outcomes = await asyncio.gather(*changes, return_exceptions=True)

    assert isinstance(outcomes[7], Problem)
    assert [one for one in outcomes if isinstance(one, int)] == [n for n in range(100) if n != 7]
    assert order == [number for number in range(100) if number != 7]
    assert await database.read(count) == 99
    assert commits <= 2


async def test_a_broken_disk_fails_the_whole_group_and_no_later_one(database: Database) -> None:
    def break_off(_connection: Connection) -> None:
        raise OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))

    held = threading.Event()

    def hold(_connection: Connection) -> None:
        held.wait(10)

    changes = [asyncio.create_task(database.write(hold))]
    later: list[Callable[[Connection], None]] = [partial(beat, 1), break_off, partial(beat, 2)]
    for change in later:
        changes.append(asyncio.create_task(database.write(change)))
    await asyncio.sleep(0)
    held.set()
    _, *outcomes = await asyncio.gather(*changes, return_exceptions=True)
    kinds = {outcome.kind for outcome in outcomes if isinstance(outcome, Problem)}
    assert "storage-full" in kinds
    stored = await database.read(count)
    assert stored == sum(outcome is None for outcome in outcomes)
    await database.write(partial(beat, 3))
    assert await database.read(count) == stored + 1


async def test_an_answer_comes_after_the_commit(database: Database) -> None:
    """Another connection sees the change as soon as it is acknowledged."""
    for number in range(20):
        await database.write(partial(beat, number))
        assert await database.read(count) == number + 1


async def test_what_follows_a_commit_happens_though_nobody_waits(database: Database) -> None:
    happened = asyncio.Event()

    def run(connection: Connection) -> None:
        connection.execute(insert(pulse).values(id=1, at=0))

    waiting = asyncio.create_task(database.write(run, then=lambda _: happened.set()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait_for(happened.wait(), 5)
    assert await database.read(count) == 1


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    database = opened_at(tmp_path)
    changes = [asyncio.create_task(database.write(partial(beat, number))) for number in range(300)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*changes)
    with pytest.raises(Problem):
        await database.write(count)
    again = opened_at(tmp_path)
    assert await again.read(count) == 300
    await again.close()


NOW = 1_700_000_000_000


def session_of_two(session_id: bytes) -> Callable[[Connection], None]:
    """A session with a commit in it, whose two members' token hashes are 32 of 1 and 32 of 2."""

    def found(connection: Connection) -> None:
        times = {"created_at": NOW, "last_activity_at": NOW, "expires_at": NOW + 1000}
        values = {"id": session_id, "account_id": b"a" * 16, "founding": b"f" * 32, "ended": False}
        heads = {"head": 1, "last_commit": 1, "stored_bytes": 0}
        connection.execute(insert(session).values(**values, **heads, **times))
        for number in (1, 2):
            connection.execute(
                insert(member).values(
                    session_id=session_id,
                    id=bytes([number]) * 16,
                    invite_id=b"i" * 16,
                    token_hash=bytes([number]) * 32,
                    revoked=False,
                    joined_at=NOW,
                )
            )

    return found


async def test_appends_that_wait_are_made_at_once_and_refused_one_by_one(
    database: Database,
) -> None:
    one, two = b"1" * 16, b"2" * 16
    await database.write(session_of_two(one))
    await database.write(session_of_two(two))
    sizes: list[int] = []

    def run(connection: Connection, asked: Sequence[log.AskedChat]) -> list[log.Appended]:
        sizes.append(len(asked))
        return log.append_chats(connection, asked)

    def append(session_id: bytes, who: int, entry: int, parent: int = 1) -> asyncio.Task[Any]:
        sent = AppendChat(
            parent=parent, id=Id(bytes([entry]) * 16), encrypted_message=Sealed(bytes([entry]))
        )
        asked = log.AskedChat(session_id, bytes([who]) * 32, sent, Limits(), NOW)
        return asyncio.create_task(database.write_together(run, asked, key=session_id))

    async def together(*appends: Callable[[], asyncio.Task[Any]]) -> list[Any]:
        sizes.clear()
        held = threading.Event()
        first = asyncio.create_task(database.write(lambda _: held.wait(10)))
        await asyncio.sleep(0)
        tasks = [each() for each in appends]
        await asyncio.sleep(0)
        held.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    made = await together(
        partial(append, one, 1, 10),
        partial(append, two, 2, 11),
        partial(append, one, 2, 12),
        partial(append, two, 2, 13),
    )
    assert [(each.entry.seq, each.new) for each in made] == [
        (2, True),
        (2, True),
        (3, True),
        (3, True),
    ]
    assert sizes == [4]
    made = await together(
        partial(append, one, 1, 20),
        partial(append, one, 3, 21),  # nobody's token
        partial(append, one, 2, 22, 9),  # another parent
        partial(append, one, 1, 20),  # the first, once more
        partial(append, two, 1, 23),
    )
    assert [getattr(each, "kind", None) or each.entry.seq for each in made] == [
        4,
        "not-authorised",
        "stale-parent",
        4,
        4,
    ]
    assert sizes == [5, 1, 1, 1, 1, 1]
    assert [made[0].new, made[3].new, made[4].new] == [True, False, True]
    for session_id, head in ((one, 4), (two, 4)):
        page = await database.read(partial(log.page, session_id=session_id, after=1, limit=9))
        assert page.head == head
        assert [entry.seq for entry in page.entries] == list(range(2, head + 1))


@pytest.fixture(scope="module")
def shared() -> Iterator[str]:
    """The URL of a database of PostgreSQL, with two sessions that have the same writer."""
    with postgresql() as running:
        url = running.new_database()
        upgrade(parse(url))
        engines = open_engines(parse(url))
        with engines.writing.begin() as connection:
            for session_id in (ONE, TWO):
                session_of_two(session_id)(connection)
        engines.dispose()
        yield url


ONE, TWO = b"1" * 16, b"2" * 16


def fill(session_id: bytes, connection: Connection) -> int:
    made = connection.execute(
        update(session)
        .where(session.c.id == session_id)
        .values(stored_bytes=session.c.stored_bytes + 1)
        .returning(session.c.stored_bytes)
    )
    return int(made.scalar_one())


async def test_a_session_that_another_holds_is_refused_and_no_other(shared: str) -> None:
    """All eight of its changes together take no longer than one."""
    database = Database(parse(shared))
    held = threading.Event()
    with psycopg.connect(shared) as other:
        other.execute("SELECT 1 FROM session WHERE id = %s FOR UPDATE", [ONE])
        first = asyncio.create_task(database.write(lambda _: held.wait(10), key=ONE))
        await asyncio.sleep(0)
        changes = [
            asyncio.create_task(database.write(partial(fill, session_id), key=session_id))
            for session_id in (*[ONE] * 8, TWO)
        ]
        await asyncio.sleep(0)
        held.set()
        await first
        try:
            async with asyncio.timeout(12):
                outcomes = await asyncio.gather(*changes, return_exceptions=True)
        finally:
            other.rollback()
    *refused, stored = outcomes
    assert stored == 1
    for outcome in refused:
        assert isinstance(outcome, Problem)
        assert (outcome.kind, outcome.headers) == ("unavailable", {"Retry-After": "2"})
    assert await database.write(partial(fill, ONE), key=ONE) == 1
    await database.close()


async def test_a_machine_that_dies_inside_a_transaction_stops_its_session_for_seconds(
    shared: str,
) -> None:
    engines, database = open_engines(parse(shared)), Database(parse(shared))
    with closing(engines.writing.connect()) as dead:
        before = fill(ONE, dead)
        now = None
        async with asyncio.timeout(20):
            while now is None:
                with suppress(Problem):
                    now = await database.write(partial(fill, ONE), key=ONE)
        assert now == before  # what the dead one had begun is undone
        dead.invalidate()
    await database.close()
    engines.dispose()
