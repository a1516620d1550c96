"""One transaction for many changes, and one refusal for one (careseal.server.store.database)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, insert, select
from sqlalchemy.exc import OperationalError

from careseal.server.problems import Problem
from careseal.server.store.database import Database
from careseal.server.store.engines import parse
from careseal.server.store.migration import upgrade
from careseal.server.store.schema import pulse


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
