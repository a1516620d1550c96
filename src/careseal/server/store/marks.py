"""Marks of a move: no server starts on data that are elsewhere, or not all here yet."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import Column, Connection, LargeBinary, MetaData, String, Table, inspect

State = Literal["left", "moved", "arriving"]

# A table of its own, which is there only while there is a mark.
_mark = Table(
    "move_mark",
    MetaData(),
    Column("installation", LargeBinary(32)),
    Column("state", String),
    Column("move", LargeBinary(16)),
)


class Mark(NamedTuple):
    installation: bytes  # 32, says which, and nothing else
    state: State
    move: bytes  # 16, the same at its source and its target


def find(connection: Connection) -> Mark | None:
    """The mark, if there is one."""
    if not inspect(connection).has_table(_mark.name):
        return None
    row = connection.execute(_mark.select()).first()
    return None if row is None else Mark(bytes(row.installation), row.state, bytes(row.move))


def put(connection: Connection, mark: Mark | None) -> None:
    """In the place of the mark that is there; None removes it."""
    _mark.drop(connection, checkfirst=True)
    if mark is not None:
        _mark.create(connection)
        connection.execute(_mark.insert(), mark._asdict())
