"""What a device keeps of its sessions, sealed at rest, durable before it counts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import platformdirs

from careseal.e2ee.errors import SealError
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.sealing import SALT_SIZE, seal, unseal

from .errors import StorageError
from .spool import remove_lost
from .vault import StoreKey, open_key

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sealed (
  session BLOB NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (session, name)
) WITHOUT ROWID
"""
_NOWHERE = bytes(16)  # what belongs to no session


def default_folder() -> Path:
    """Where the store is when nobody says otherwise."""
    return Path(platformdirs.user_data_dir("careseal"))


class Store:
    """Named values of sessions in one SQLite file.

    Every value is sealed under the store's key and bound to its session and name. A change is
    one transaction, on disk when it returns; several processes may use one store. What reads or
    changes it raises `StorageError`.
    """

    def __init__(self, folder: Path, key: StoreKey) -> None:
        self.folder = folder
        self._key = key
        try:
            self._database = sqlite3.connect(
                folder / "sessions.sqlite3", timeout=30, isolation_level=None
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA secure_delete = ON")
            self._database.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise StorageError(f"The store in {folder} does not open: {error}.") from error
        self._inside = False

    @classmethod
    def open(cls, folder: Path | None = None, passphrase: str | None = None) -> Store:
        """The store in `folder`, made if there is none. Raises `StorageError`."""
        place = folder or default_folder()
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(place, 0o700)
        except OSError as error:
            raise StorageError(f"The folder {place} cannot be used: {error.strerror}.") from error
        remove_lost(place)
        return cls(place, open_key(place / "key", passphrase))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within are made together, or none; other processes wait."""
        if self._inside:
            yield
            return
        self._do("BEGIN IMMEDIATE")
        self._inside = True
        try:
            yield
            self._do("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # a full disk may have ended it already
                self._do("ROLLBACK")
            raise
        finally:
            self._inside = False

    def get(self, session: SessionId | None, name: str) -> bytes | None:
        found = self._row(session, name)
        return None if found is None else self._open(session, name, found[1])

    def version(self, session: SessionId | None, name: str) -> int:
        """Grows with every change of the value; 0 if there is none."""
        query = "SELECT version FROM sealed WHERE session = ? AND name = ?"
        found = self._do(query, session or _NOWHERE, name)
        return int(found[0][0]) if found else 0

    def put(self, session: SessionId | None, name: str, value: bytes) -> int:
        """The value's new version."""
        salt = os.urandom(SALT_SIZE)
        sealed = salt + seal(self._key, "storage", salt, _aad(session, name), value)
        query = (
            "INSERT INTO sealed VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE "
            "SET value = excluded.value, version = version + 1 RETURNING version"
        )
        return int(self._do(query, session or _NOWHERE, name, sealed)[0][0])

    def delete(self, session: SessionId | None, name: str) -> None:
        query = "DELETE FROM sealed WHERE session = ? AND name = ?"
        self._do(query, session or _NOWHERE, name)

    def names(self, session: SessionId | None, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""
        query = "SELECT name FROM sealed WHERE session = ? AND substr(name, 1, ?) = ? ORDER BY name"
        rows = self._do(query, session or _NOWHERE, len(prefix), prefix)
        return [str(row[0]) for row in rows]

    def sessions(self) -> list[SessionId]:
        rows = self._do("SELECT DISTINCT session FROM sealed")
        return [SessionId(row[0]) for row in rows if row[0] != _NOWHERE]

    def forget(self, session: SessionId) -> None:
        """Deletes everything of a session: the crypto-erase on this device."""
        self._do("DELETE FROM sealed WHERE session = ?", session)
        self._do("PRAGMA wal_checkpoint(TRUNCATE)")

    def _row(self, session: SessionId | None, name: str) -> tuple[int, bytes] | None:
        query = "SELECT version, value FROM sealed WHERE session = ? AND name = ?"
        found = self._do(query, session or _NOWHERE, name)
        return (int(found[0][0]), bytes(found[0][1])) if found else None

    def _do(self, statement: str, *values: bytes | str | int) -> list[tuple[Any, ...]]:
        """The rows. Raises `StorageError`: the disk is full, say, or held by another process."""
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"The store in {self.folder} fails: {error}.") from error

    def _open(self, session: SessionId | None, name: str, sealed: bytes) -> bytes:
        salt, rest = sealed[:SALT_SIZE], sealed[SALT_SIZE:]
        try:
            return unseal(self._key, "storage", salt, _aad(session, name), rest)
        except SealError as error:
            raise StorageError("The store was sealed by another key, or is damaged.") from error


def _aad(session: SessionId | None, name: str) -> bytes:
    return (session or _NOWHERE) + name.encode()
