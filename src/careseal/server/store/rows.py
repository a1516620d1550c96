"""One statement for many rows.

A database hands the interpreter on whenever it runs a statement, and waits to get it back. So with
many at a time it matters how many statements there are, and how little is made of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, CursorResult


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
