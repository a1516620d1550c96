"""One statement for many rows.

A database hands the interpreter on whenever it runs a statement, and waits to get it back. So with
many at a time it matters how many statements there are, and how little is made of each. SQLite
hands it on for every row that it finds, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, CursorResult, LargeBinary


def run(
    connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]], *more: Any
) -> CursorResult[Any]:
    """Run ``statement``, with ``rows`` for its ``{rows}`` and ``more`` for each ``{}`` behind.

    What it returns are plain values of the driver; those that are asked for become ``(?, ?), …``.
    """
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    row = f"({', '.join([mark] * len(rows[0]))})"
    text = statement.format(*[mark] * len(more), rows=", ".join([row] * len(rows)))
    return connection.exec_driver_sql(text, (*chain.from_iterable(rows), *more))


def select_at_once(
    connection: Connection,
    columns: Sequence[Column[Any]],
    rest: str,
    rows: Sequence[tuple[Any, ...]],
    *more: Any,
) -> Sequence[Sequence[Any]]:
    """The rows of ``SELECT columns`` and ``rest``, which is filled in as by ``run``.

    Of SQLite as one row with all of them: else most of the time of many goes into waiting for the
    interpreter.
    """
    if connection.dialect.name != "sqlite":
        return run(connection, f"SELECT {', '.join(map(str, columns))} {rest}", rows, *more).all()
    octets = [isinstance(column.type, LargeBinary) for column in columns]
    told = [
        f"hex({c})" if is_octets else str(c) for c, is_octets in zip(columns, octets, strict=True)
    ]
    text = f"SELECT json_group_array(json_array({', '.join(told)})) {rest}"
    found = msgspec.json.decode(run(connection, text, rows, *more).scalar_one())
    return [
        [bytes.fromhex(v) if is_octets else v for v, is_octets in zip(row, octets, strict=True)]
        for row in found
    ]
