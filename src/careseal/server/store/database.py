"""Transactions: reads in a few threads, writes in groups.

A writer takes every change that waits, runs them in one transaction, commits once (one flush for
all of them) and only then answers each. Changes of one kind that follow each other run as one.
Where one is refused the whole is undone and run again, now each in a savepoint. So what is
acknowledged is durable, a refused change leaves its neighbours alone, and throughput does not fall
to one flush a change. To wait too long for a lock refuses the changes of that session alone.
SQLite has one writer. PostgreSQL has several; the changes of one session always go to the same, so
that they come in order and wait for no lock but another worker's.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from careseal.server import metrics, traces
from careseal.server.problems import Problem
from careseal.server.store.engines import READERS, is_locked, may_retry, open_engines

A = TypeVar("A")
T = TypeVar("T")
Together = Callable[[Connection, Sequence[A]], Sequence[T]]  # a result for each that is asked for
GROUP = 256
ATTEMPTS = 5
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Change:
    key: bytes
    run: Together[Any, Any]
    asked: Any
    then: Callable[[Any], None] | None
    answer: asyncio.Future[Any]
    result: Any = None
    refusal: BaseException | None = None


class Database:
    """The database at ``url``, whose tables are there (``migration.upgrade``)."""

    def __init__(self, url: URL) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._engines = open_engines(url)
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._writers = [_Writer(self._engines.writing, loop) for _ in range(self._engines.writers)]
        self._closed = False

    async def read(self, query: Callable[[Connection], T]) -> T:
        """The result of ``query``, from one snapshot."""

        def run() -> T:
            with self._engines.reading.connect() as connection, connection.begin():
                return query(connection)

        try:
            with traces.step("database read"):
                return await self._loop.run_in_executor(self._readers, run)
        except DBAPIError as failure:
            raise _as_problem(failure) from failure

    async def write(
        self,
        change: Callable[[Connection], T],
        then: Callable[[T], None] | None = None,
        *,
        key: bytes = b"",
    ) -> T:
        """The result of ``change`` once it is durable; what it raises undoes it alone.

        ``key`` is the session that it changes. ``then`` is called with the result in the event
        loop, for each session in the order of the commits, also when nobody waits any more.
        ``change`` may run more than once, each time on a clean slate.
        """

        def run(connection: Connection, _asked: Sequence[None]) -> list[T]:
            return [change(connection)]

        return await self.write_together(run, None, then, key=key)

    async def write_together(
        self,
        run: Together[A, T],
        asked: A,
        then: Callable[[T], None] | None = None,
        *,
        key: bytes = b"",
    ) -> T:
        """As ``write``, of a change that is made with others of its kind in fewer statements.

        ``run`` is given what was asked for in a row, and raises when any of it is to be refused:
        then it is called for each by itself.
        """
        if self._closed:
            raise Problem("unavailable", "The server is closing.", headers={"Retry-After": "2"})
        waiting = _Change(key, run, asked, then, self._loop.create_future())
        self._writers[sum(key) % len(self._writers)].put(waiting)
        with traces.step("database write"):
            return await waiting.answer  # type: ignore[no-any-return]

    @property
    def waiting(self) -> int:
        """How many changes no writer has taken up yet."""
        return sum(writer.waiting for writer in self._writers)

    async def close(self) -> None:
        """Write what waits, then let go of the database."""
        self._closed = True
        for writer in self._writers:
            writer.put(None)
        for writer in self._writers:
            await asyncio.to_thread(writer.join)
        await asyncio.sleep(0)
        self._readers.shutdown()
        self._engines.dispose()


class _Writer(threading.Thread):
    """Commits in groups what is put to it, until None is."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="writer")
        self._engine = engine
        self._loop = loop
        self._changes: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self.put = self._changes.put
        self.start()

    @property
    def waiting(self) -> int:
        return self._changes.qsize()

    def run(self) -> None:
        while group := self._next_group():
            self._commit(group)
            self._loop.call_soon_threadsafe(_answer, group)

    def _next_group(self) -> list[_Change]:
        group: list[_Change] = []
        try:
            while len(group) < GROUP:
                change = self._changes.get(block=not group)
                if change is None:
                    self.put(None)  # for the next turn, which finds nothing else
                    break
                group.append(change)
        except queue.Empty:
            pass
        return sorted(group, key=lambda change: change.key)  # locks in one order at all workers

    def _commit(self, group: list[_Change]) -> None:
        begun = time.perf_counter()
        run, attempt = _run_together, 1
        while True:
            try:
                with self._engine.connect() as connection, connection.begin():
                    run(group, connection)
                metrics.commit(len(group), time.perf_counter() - begun)
                return
            except _OneIsRefused:
                run = _run_apart
            except Exception as failure:
                if may_retry(failure) and attempt < ATTEMPTS:
                    attempt += 1
                    continue
                for change in group:
                    change.refusal = change.refusal or failure
                return


class _OneIsRefused(Exception):
    """The transaction is to be undone, and each change run in a savepoint."""


def _run_together(group: list[_Change], connection: Connection) -> None:
    """Without savepoints, which cost as much as a small change does."""
    try:
        for run, alike in groupby(group, key=lambda change: change.run):
            changes = list(alike)
            results = run(connection, [change.asked for change in changes])
            for change, result in zip(changes, results, strict=True):
                change.result = result
    except Exception as failure:
        if _is_of_all(failure):
            raise
        raise _OneIsRefused from None


def _run_apart(group: list[_Change], connection: Connection) -> None:
    held: dict[bytes, BaseException] = {}  # sessions; each is waited for once
    for change in group:
        if change.key in held:
            change.refusal = held[change.key]
            continue
        _run(change, connection)
        if change.key and change.refusal is not None and is_locked(change.refusal):
            held[change.key] = change.refusal


def _is_of_all(failure: Exception) -> bool:
    """Whether the whole transaction is lost, because the disk is full, say."""
    return isinstance(failure, OperationalError) and not is_locked(failure)


def _run(change: _Change, connection: Connection) -> None:
    for attempt in (1, 2):
        change.refusal = None
        try:
            with connection.begin_nested():
                (change.result,) = change.run(connection, [change.asked])
            return
        except IntegrityError as refusal:  # another worker made the same row just now: look again
            change.refusal = refusal
            if attempt == 2:
                return
        except Exception as refusal:
            if _is_of_all(refusal):
                raise
            change.refusal = refusal
            return


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
    if getattr(failure.orig, "sqlstate", None) == "53100" or "full" in str(failure.orig):
        return Problem("storage-full", "The server's disk is full.")
    return Problem("unavailable", "The database refused.", headers={"Retry-After": "2"})
