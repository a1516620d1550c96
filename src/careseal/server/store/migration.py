"""Brings a database's tables to this release, on the data that is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from careseal.server.store import marks
from careseal.server.store.engines import is_locked, may_retry, open_engines

FIRST: Final = "0001"
LATEST: Final = "0006"
SENTENCES: Final[dict[marks.State, str]] = {
    "left": "These data are about to be moved. Run careseal move again, until it says that all are "
    "there, or with --give-up.",
    "moved": "These data were moved. Start the server on the new place.",
    "arriving": "Data are being moved to this place. Run careseal move again, until it says that "
    "all are there.",
}
TRIES: Final = 20  # workers of the release before may be writing, and get in the way
PAUSE: Final = 1.0  # s between tries for tables that another holds; their users go on meanwhile
LOCK: Final = 0x6361_7265  # of PostgreSQL's advisory locks: one server upgrades at a time


class TooNew(Exception):
    """A later release made these tables."""


class Elsewhere(Exception):
    """The data are being moved, or were."""


class Held(Exception):
    """Something else, a backup say, holds tables that are to be changed."""


def upgrade(url: URL, *, moving: bool = False) -> str | None:
    """Bring the tables to ``LATEST``; the revision that they had, None when there were none.

    It is one transaction. Raises ``TooNew``, ``Held``, and ``Elsewhere`` unless it is for
    ``moving`` data.
    """
    engines = open_engines(url)
    try:
        for left in reversed(range(TRIES)):
            try:
                return _upgrade(engines.writing, moving)
            except DBAPIError as failure:
                if is_locked(failure):
                    _pause(left)
                elif not (left and may_retry(failure)):
                    raise
        raise AssertionError  # the last try returns or raises
    finally:
        engines.dispose()


def _pause(left: int) -> None:
    if not left:
        raise Held(
            "Something else, such as a backup, holds tables that are to be upgraded. Start again "
            "when it is over."
        ) from None
    time.sleep(PAUSE)


def _upgrade(engine: Engine, moving: bool) -> str | None:
    with _alone(engine) as connection:
        mark = None if moving else marks.find(connection)
        if mark is not None:
            raise Elsewhere(SENTENCES[mark.state])
        there = revision(connection)
        if there == LATEST:
            return there
        if there is not None and there > LATEST:
            raise TooNew(
                f"The database is of a later release (revision {there}; this one knows "
                f"{LATEST}). Install that release."
            )
        if there is not None and engine.dialect.name == "postgresql":
            _hold_all(connection)
        _run(connection, there)
        return there


def _hold_all(connection: Connection) -> None:
    """Workers of the release before wait from here on, rather than at each table in turn.

    Who comes after a lock that is waited for waits too, so that is not for long.
    """
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))
    names = inspect(connection).get_table_names()
    others = (f', "{name}"' for name in names if name != "session")
    connection.execute(text(f'LOCK TABLE "session"{"".join(others)} IN ACCESS EXCLUSIVE MODE'))


def revision(connection: Connection) -> str | None:
    """The revision that the tables have; None in an empty database."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found
    return FIRST if "session" in tables else None  # made before there were revisions


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # another may upgrade for long
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        yield connection


def _run(connection: Connection, there: str | None) -> None:
    from alembic import command  # only where there is something to do: it takes its time
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    if there is not None and "alembic_version" not in inspect(connection).get_table_names():
        command.stamp(config, there)
    command.upgrade(config, "head")
