"""Which databases they are: the place of their objects is marked for them (``sweep``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection, select

from careseal.server.store.schema import installation


def find(connection: Connection) -> bytes:
    """What tells this database from any other: made with its tables, it goes with its copies."""
    rows = connection.execute(select(installation.c.id).order_by(installation.c.id))
    return b"".join(bytes(each) for each in rows.scalars())


def mark(databases: Iterable[bytes]) -> str:
    """The mark of all databases of an installation, in their order."""
    return hashlib.sha256(b"".join(databases)).hexdigest()[:32]
