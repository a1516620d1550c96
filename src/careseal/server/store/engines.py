"""How SQLite and PostgreSQL are opened: durable, from snapshots, without parameters in errors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from careseal.server.durable import sync_folder

READERS = 4
POSTGRESQL_WRITERS = 4
AGAIN = frozenset({"40001", "40P01"})  # serialisation failure, deadlock: PostgreSQL asks to retry
# What libpq is told unless the URL says otherwise: a host that falls silent, which no reset tells
# of, is given up within half a minute.
PATIENCE = {
    "connect_timeout": "10",  # s
    "keepalives_idle": "10",  # s
    "keepalives_interval": "5",  # s
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # ms
}
LOCKED = "55P03"  # a lock was waited for as long as lock_timeout allows


@dataclass(frozen=True, slots=True)
class Engines:
    """``writers`` is how many transactions may write at the same time."""

    reading: Engine
    writing: Engine
    writers: int

    def dispose(self) -> None:
        self.reading.dispose()
        self.writing.dispose()


def parse(text: str) -> URL:
    """A database's URL. Raises ``ValueError`` with a sentence."""
    try:
        url = make_url(text)
    except Exception:
        raise ValueError("A database URL looks like postgresql://user@host/name.") from None
    kind = url.get_backend_name()
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg", query={**PATIENCE, **url.query})
    if kind == "sqlite" and url.database:
        return url
    raise ValueError("The database is PostgreSQL (postgresql://…) or a file (sqlite:///path).")


def open_engines(url: URL) -> Engines:
    """Engines for a URL of ``parse``."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(str(url.database)))
    return _postgresql(url)


def may_retry(failure: BaseException) -> bool:
    """Whether the database undid a transaction only because of others that ran meanwhile."""
    return _sqlstate(failure) in AGAIN


def is_locked(failure: BaseException) -> bool:
    """Whether another transaction held what this one wanted for too long."""
    return _sqlstate(failure) == LOCKED


def _sqlstate(failure: BaseException) -> str | None:
    return getattr(getattr(failure, "orig", None), "sqlstate", None)


def _sqlite(path: Path) -> Engines:
    """WAL with ``synchronous=FULL``; one writer, for there can be only one."""

    def engine(begin: str) -> Engine:
        made = create_engine(f"sqlite:///{path}", hide_parameters=True, pool_size=READERS)

        @event.listens_for(made, "connect")
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
            # SQLite syncs the folder through the connection that made the log of WAL only, which
            # may be one that never writes; by reading it is made, and by this its name stays.
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            sync_folder(path.parent)

        @event.listens_for(made, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return made

    writing = engine("BEGIN IMMEDIATE")
    with writing.connect():  # makes the file
        os.chmod(path, 0o600)
    return Engines(engine("BEGIN"), writing, writers=1)


def _postgresql(url: URL) -> Engines:
    """Readers see one snapshot; writers hold their session's row (``FOR UPDATE``)."""
    common: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
    common["connect_args"] = {"application_name": "careseal"}
    reading = create_engine(
        url, pool_size=READERS, isolation_level="REPEATABLE READ", **common
    ).execution_options(postgresql_readonly=True)
    writing = create_engine(url, pool_size=POSTGRESQL_WRITERS, **common)

    @event.listens_for(writing, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")
            # of a machine that died inside a transaction, and of one that waits for it
            cursor.execute("SET idle_in_transaction_session_timeout = '5s'")
            cursor.execute("SET lock_timeout = '2s'")
        connection.commit()

    return Engines(reading, writing, writers=POSTGRESQL_WRITERS)
