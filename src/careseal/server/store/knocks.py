"""Knocks: who stands before the door and asks to be admitted (docs/protocol.md §3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from careseal.server.problems import Problem, malformed, too_many
from careseal.server.store.schema import knock

LASTS = 60_000  # ms after it was last asked about
SEEN_EVERY = 10_000  # ms


@dataclass(frozen=True, slots=True)
class Knock:
    """Times in ms."""

    session_id: bytes  # 16
    id: bytes  # 16
    invite_id: bytes  # 16
    knock: bytes
    key_box: bytes | None
    refused: bool
    at: int
    seen_at: int

    @property
    def waits(self) -> bool:
        return self.key_box is None and not self.refused


def put(
    connection: Connection,
    session_id: bytes,
    invite_id: bytes,
    knock_id: bytes,
    sealed: bytes,
    most: int,
    now: int,
) -> tuple[Knock, bool]:
    """The knock, and whether it is new; at most ``most`` of an invite are kept."""
    remove_old(connection, now)
    there = connection.execute(select(knock).where(*_one(session_id, knock_id))).first()
    if there is not None:
        kept = _of_row(there)
        if (kept.invite_id, kept.knock) != (invite_id, sealed):
            raise malformed("A knock with this id is there already.")
        see(connection, kept, now)
        return kept, False
    ours = select(func.count()).where(
        knock.c.session_id == session_id, knock.c.invite_id == invite_id
    )
    if connection.execute(ours).scalar_one() >= most:
        raise too_many("knocks", LASTS // 1000)
    made = Knock(session_id, knock_id, invite_id, sealed, None, False, now, now)
    values = {name: getattr(made, name) for name in Knock.__slots__}
    connection.execute(insert(knock).values(values))
    return made, True


def waiting(connection: Connection, session_id: bytes, now: int) -> list[Knock]:
    """Those that were not refused, longest first."""
    query = (
        select(knock)
        .where(
            knock.c.session_id == session_id,
            knock.c.seen_at > now - LASTS,
            knock.c.refused.is_(False),
        )
        .order_by(knock.c.at, knock.c.id)
    )
    return [_of_row(row) for row in connection.execute(query)]


def find(connection: Connection, session_id: bytes, knock_id: bytes, now: int) -> Knock:
    """Raises ``not-found``, also for one that has expired."""
    query = select(knock).where(*_one(session_id, knock_id), knock.c.seen_at > now - LASTS)
    row = connection.execute(query).first()
    if row is None:
        raise Problem("not-found", "This knock is not there, or not any more.")
    return _of_row(row)


def see(connection: Connection, known: Knock, now: int) -> None:
    """Its joiner is still there."""
    change = update(knock).where(*_one(known.session_id, known.id))
    connection.execute(change.values(seen_at=now))


def admit(connection: Connection, session_id: bytes, knock_id: bytes, box: bytes, now: int) -> None:
    """Keep a key box for a joiner. Raises ``not-found``, also for a refused one."""
    if find(connection, session_id, knock_id, now).refused:
        raise Problem("not-found", "This knock was refused.")
    change = update(knock).where(*_one(session_id, knock_id))
    connection.execute(change.values(key_box=bytes(box)))


def refuse(connection: Connection, session_id: bytes, knock_id: bytes, now: int) -> None:
    """Its joiner is told. Raises ``not-found``."""
    find(connection, session_id, knock_id, now)
    change = update(knock).where(*_one(session_id, knock_id))
    connection.execute(change.values(refused=True, key_box=None))


def withdraw(connection: Connection, session_id: bytes, invite_id: bytes, knock_id: bytes) -> None:
    """Nothing is left of it."""
    connection.execute(
        delete(knock).where(*_one(session_id, knock_id), knock.c.invite_id == invite_id)
    )


def forget_boxes(connection: Connection, session_id: bytes) -> None:
    """A new epoch has begun: key boxes of the one before open nothing."""
    change = update(knock).where(knock.c.session_id == session_id, knock.c.key_box.is_not(None))
    connection.execute(change.values(key_box=None))


def close(connection: Connection, session_id: bytes, invites: Sequence[bytes]) -> None:
    """Nobody comes by these invites any more."""
    if invites:
        these = (knock.c.session_id == session_id) & knock.c.invite_id.in_(invites)
        connection.execute(delete(knock).where(these))


def remove_old(connection: Connection, now: int) -> None:
    """Remove those that nobody has asked about for some time."""
    connection.execute(delete(knock).where(knock.c.seen_at <= now - LASTS))


def _one(session_id: bytes, knock_id: bytes) -> tuple[Any, Any]:
    return knock.c.session_id == session_id, knock.c.id == knock_id


def _of_row(row: Row[Any]) -> Knock:
    return Knock(*tuple(row))
