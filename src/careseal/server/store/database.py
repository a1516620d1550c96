"""Transactions: reads in a few threads, all writes in one that groups them.

The writer takes every change that waits, runs each in a savepoint of one transaction, commits once
(one fsync for all of them) and only then answers each. So what is acknowledged is durable, a
refused change leaves its neighbours alone, and throughput does not fall to one fsync a change.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from careseal.server.problems import Problem
from careseal.server.store import schema

T = TypeVar("T")
GROUP = 256
READERS = 4
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Change:
    run: Callable[[Connection], Any]
    then: Callable[[Any], None] | None
    answer: asyncio.Future[Any]
    result: Any = None
    refusal: BaseException | None = None


class Database:
    """SQLite in WAL mode with ``synchronous=FULL``, in the file ``path``."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._writing = _engine(path, "BEGIN IMMEDIATE")
        self._reading = _engine(path, "BEGIN")
        schema.metadata.create_all(self._writing)
        os.chmod(path, 0o600)
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._changes: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_in_groups, name="writer")
        self._writer.start()
        self._closed = False

    async def read(self, query: Callable[[Connection], T]) -> T:
        """The result of ``query``, from one snapshot."""

        def run() -> T:
            with self._reading.connect() as connection, connection.begin():
                return query(connection)

        return await self._loop.run_in_executor(self._readers, run)

    async def write(
        self, change: Callable[[Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """The result of ``change`` once it is durable; what it raises undoes it alone.

        ``then`` is called with the result in the event loop, in the order of the commits, also
        when nobody waits for the answer any more.
        """
        if self._closed:
            raise Problem("unavailable", "The server is closing.", headers={"Retry-After": "2"})
        waiting = _Change(change, then, self._loop.create_future())
        self._changes.put(waiting)
        return await waiting.answer  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Write what waits, then let go of the file."""
        self._closed = True
        self._changes.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.sleep(0)
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()

    def _write_in_groups(self) -> None:
        while group := self._next_group():
            self._commit(group)
            self._loop.call_soon_threadsafe(_answer, group)

    def _next_group(self) -> list[_Change]:
        group: list[_Change] = []
        try:
            while len(group) < GROUP:
                change = self._changes.get(block=not group)
                if change is None:
                    self._changes.put(None)  # for the next turn, which finds nothing else
                    break
                group.append(change)
        except queue.Empty:
            pass
        return group

    def _commit(self, group: list[_Change]) -> None:
        try:
            with self._writing.connect() as connection, connection.begin():
                for change in group:
                    _run(change, connection)
        except Exception as failure:
            for change in group:
                change.refusal = change.refusal or failure


def _run(change: _Change, connection: Connection) -> None:
    try:
        with connection.begin_nested():
            change.result = change.run(connection)
    except OperationalError:
        raise  # the disk is full, say: the whole transaction is lost
    except Exception as refusal:
        change.refusal = refusal


def _answer(group: list[_Change]) -> None:
    for change in group:
        if change.refusal is not None:
            if not change.answer.done():
                change.answer.set_exception(_as_problem(change.refusal))
            continue
        if change.then is not None:
            try:
                change.then(change.result)
            except Exception:
                log.exception("what follows a commit failed")
        if not change.answer.done():
            change.answer.set_result(change.result)


def _as_problem(failure: BaseException) -> BaseException:
    if not isinstance(failure, DBAPIError):
        return failure
    log.error("the database refused a change", exc_info=failure)
    if "full" in str(failure.orig):
        return Problem("storage-full", "The server's disk is full.")
    return Problem("unavailable", "The database refused.", headers={"Retry-After": "2"})


def _engine(path: Path, begin: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True, pool_size=READERS)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "busy_timeout = 10000",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
