"""One database, or several that share the sessions between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import URL, Connection

from careseal.server.store.database import Database, Together

A = TypeVar("A")
T = TypeVar("T")


class OfSession(NamedTuple):
    """What a session's requests read and write."""

    database: Database
    session_id: bytes  # 16

    def read(self, query: Callable[[Connection], T]) -> Awaitable[T]:
        """As ``Database.read``."""
        return self.database.read(query)

    def write(
        self, change: Callable[[Connection], T], then: Callable[[T], None] | None = None
    ) -> Awaitable[T]:
        """As ``Database.write``, behind the session's earlier changes."""
        return self.database.write(change, then, key=self.session_id)

    def write_together(
        self, run: Together[A, T], asked: A, then: Callable[[T], None] | None = None
    ) -> Awaitable[T]:
        """As ``Database.write_together``, behind the session's earlier changes."""
        return self.database.write_together(run, asked, then, key=self.session_id)


class Databases:
    """All rows of a session are in one database, which its id names; accounts are in the first.

    The order of the URLs is part of the installation: with another one sessions are not found.
    """

    def __init__(self, urls: Sequence[URL]) -> None:
        self.every = [Database(url) for url in urls]

    @property
    def main(self) -> Database:
        """Where accounts and what opens them are."""
        return self.every[0]

    def of(self, session_id: bytes) -> OfSession:
        """Where this session (16 bytes) is."""
        return OfSession(self.every[self.shard_of(session_id)], session_id)

    def shard_of(self, session_id: bytes) -> int:
        """Which of ``every`` has this session; ids are random, so each has as many."""
        return shard_of(session_id, len(self.every))

    async def close(self) -> None:
        for database in self.every:
            await database.close()


def shard_of(session_id: bytes, count: int) -> int:
    """Which of ``count`` databases has this session."""
    return int.from_bytes(session_id[:4]) % count
