"""Sessions: finding, ending and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from careseal.server.store.schema import session


class Session(NamedTuple):
    """Times in ms."""

    id: bytes  # 16
    account_id: bytes  # 16
    founding: bytes  # 32
    head: int
    last_commit: int
    stored_bytes: int
    ended: bool
    created_at: int
    expires_at: int
    last_activity_at: int


def of_row(row: Sequence[Any]) -> Session:
    """From a row that begins with the columns of ``session``."""
    return Session(*tuple(row)[: len(session.c)])


def find(connection: Connection, session_id: bytes, now: int) -> Session | None:
    """The session, unless it has expired."""
    query = select(session).where(session.c.id == session_id, session.c.expires_at > now)
    row = connection.execute(query).first()
    return of_row(row) if row else None


def of_account(connection: Connection, account_id: bytes, now: int) -> list[Session]:
    """The sessions that an account made, newest first."""
    query = (
        select(session)
        .where(session.c.account_id == account_id, session.c.expires_at > now)
        .order_by(session.c.created_at.desc(), session.c.id)
    )
    return [of_row(row) for row in connection.execute(query)]


def end(connection: Connection, session_id: bytes, now: int) -> None:
    """From now on the session is read only."""
    change = update(session).where(session.c.id == session_id)
    connection.execute(change.values(ended=True, last_activity_at=now))


def erase(connection: Connection, session_id: bytes) -> None:
    """Remove the session and all that belongs to it; its objects are left to the caller."""
    connection.execute(delete(session).where(session.c.id == session_id))


def last_activity(connection: Connection) -> int | None:
    """When something last happened in any session, in ms."""
    return connection.execute(select(func.max(session.c.last_activity_at))).scalar()


def stored_bytes(connection: Connection) -> int:
    """Of all sessions together."""
    return int(connection.execute(select(func.sum(session.c.stored_bytes))).scalar() or 0)


def expired(connection: Connection, now: int) -> list[bytes]:
    """Ids of the sessions whose time has come."""
    query = select(session.c.id).where(session.c.expires_at <= now)
    return list(connection.execute(query).scalars())


def all_ids(connection: Connection) -> set[bytes]:
    return set(connection.execute(select(session.c.id)).scalars())
