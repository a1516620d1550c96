"""Makes rows of one database the same as those of another, of whatever kind either is.

Both are read in the order of the primary key and compared row by row; what is missing, other or
too much is mended, and each row that was written is read back. So it can be repeated at any time,
and a time that finds nothing to do has verified everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    delete,
    func,
    insert,
    select,
    true,
    tuple_,
    update,
)

from careseal.server.store.schema import metadata, session

CHUNK: Final = 64  # rows that are written together; the largest have half a megabyte each
READ: Final = 500  # rows at a time

Key = tuple[Any, ...]
Prepare = Callable[[Table, list[Row[Any]]], list[Row[Any]]]


class Damaged(Exception):
    """A row is not what was stored. A sentence."""


def tables_of_sessions() -> list[Table]:
    """Parents first."""
    return [table for table in _carried() if table is session or "session_id" in table.c]


def other_tables() -> list[Table]:
    """What the first of several databases has alone."""
    return [table for table in _carried() if table not in tables_of_sessions()]


def session_ids(connection: Connection) -> list[bytes]:
    """Of all sessions, 16 bytes each."""
    return [bytes(one) for one in connection.execute(select(session.c.id)).scalars()]


def count(connection: Connection, table: Table) -> int:
    """How many rows the table has."""
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


class Reconciliation:
    """From ``source`` to ``target``. ``looking`` reads what ``target``, which writes, has.

    ``prepare`` sees the full rows before they are written and returns those to write.
    """

    def __init__(
        self, source: Connection, looking: Connection, target: Connection, prepare: Prepare
    ) -> None:
        self.changed = 0  # rows
        self._source = source
        self._looking = looking
        self._target = target
        self._prepare = prepare

    def sessions(self, ids: Sequence[bytes]) -> None:
        """All rows of these sessions. Raises ``Damaged``."""
        for table in tables_of_sessions():
            self._table(table, _of_session(table).in_(ids))

    def others(self) -> None:
        """All rows that are of no session. Raises ``Damaged``."""
        for table in other_tables():
            self._table(table, true())

    def remove_sessions(self, ids: Sequence[bytes]) -> None:
        """All rows of these sessions at the target, whatever the source has."""
        for table in reversed(tables_of_sessions()):
            self._remove(table, _of_session(table).in_(ids))

    def remove_others(self) -> None:
        """All rows at the target that are of no session."""
        for table in reversed(other_tables()):
            self._remove(table, true())

    def _remove(self, table: Table, which: ColumnElement[bool]) -> None:
        self.changed += self._target.execute(delete(table).where(which)).rowcount
        self._target.commit()

    def _table(self, table: Table, which: ColumnElement[bool]) -> None:
        compared = [column for column in table.c if "hashed_in" not in column.info]
        query = select(*compared).where(which).order_by(*table.primary_key)
        query = query.execution_options(yield_per=READ)
        differing = _differences(table, self._source.execute(query), self._looking.execute(query))
        while chunk := list(islice(differing, CHUNK)):
            self._mend(table, chunk)

    def _mend(self, table: Table, chunk: list[tuple[Key, bool, bool]]) -> None:
        """``chunk`` has keys, and whether source and target have them."""
        there = {key for key, _, at_target in chunk if at_target}
        wanted = [key for key, at_source, _ in chunk if at_source]
        full = select(table).where(_is_one_of(table, wanted))
        rows = list(self._source.execute(full)) if wanted else []
        for row in rows:
            _check(table, row)
        rows = self._prepare(table, rows)  # may take long, so before the transaction begins
        if gone := [key for key, at_source, _ in chunk if not at_source]:
            self._target.execute(delete(table).where(_is_one_of(table, gone)))
        for row in rows:
            same = _is_one_of(table, [_key(table, row)])
            if _key(table, row) in there:
                self._target.execute(update(table).where(same), row._asdict())
        if new := [row._asdict() for row in rows if _key(table, row) not in there]:
            self._target.execute(insert(table), new)
        self._read_back(table, rows)
        self._target.commit()
        self.changed += len(rows) + len(gone)

    def _read_back(self, table: Table, rows: list[Row[Any]]) -> None:
        if not rows:
            return
        keys = [_key(table, row) for row in rows]
        written = self._target.execute(select(table).where(_is_one_of(table, keys)))
        if {tuple(row) for row in written} != {tuple(row) for row in rows}:
            raise Damaged(f"Rows of {table.name} came out other than they went in.")


def _carried() -> list[Table]:
    return [table for table in metadata.sorted_tables if not table.info.get("passing")]


def _of_session(table: Table) -> Column[Any]:
    return table.c.id if table is session else table.c.session_id


def _key(table: Table, row: Row[Any]) -> Key:
    return tuple(row._mapping[column] for column in table.primary_key)


def _is_one_of(table: Table, keys: Iterable[Key]) -> Any:
    columns = list(table.primary_key)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(list(keys))


def _check(table: Table, row: Row[Any]) -> None:
    hashed = [(column, column.info["hashed_in"]) for column in table.c if column.info]
    for column, by in hashed:
        if hashlib.sha512(row._mapping[column]).digest() != row._mapping[table.c[by]]:
            raise Damaged(f"A row of {table.name} at the source has other bytes than were stored.")


def _differences(
    table: Table, source: Iterable[Row[Any]], target: Iterable[Row[Any]]
) -> Iterator[tuple[Key, bool, bool]]:
    """Keys that are not the same at both, and whether source and target have them."""
    ours, theirs = iter(source), iter(target)
    our, their = next(ours, None), next(theirs, None)
    while our is not None or their is not None:
        if their is None or (our is not None and _key(table, our) < _key(table, their)):
            yield _key(table, our), True, False  # type: ignore[arg-type]
            our = next(ours, None)
        elif our is None or _key(table, their) < _key(table, our):
            yield _key(table, their), False, True
            their = next(theirs, None)
        else:
            if our != their:
                yield _key(table, our), True, True
            our, their = next(ours, None), next(theirs, None)
