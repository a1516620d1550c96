"""Copies of a data folder that can be taken while the server runs, and the way back.

A backup is itself a data folder: the database as of one instant, and every object that it names.
Objects never change, so only new ones are copied. A backup that is interrupted leaves the earlier
one whole: objects come first, the database takes its place in one step, what nothing needs goes
last.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from careseal.server.durable import sync_file, sync_folder
from careseal.server.single import only_server_of
from careseal.server.tokens import write_private

DATABASE: Final = "careseal.sqlite3"
SECRETS: Final = "secrets.json"
OBJECTS: Final = "objects"
SNAPSHOTS: Final = 5  # sessions can be deleted while their objects are copied
CHUNK: Final = 1 << 20
TELL_EVERY: Final = 1000  # objects

Tell = Callable[[str], None]


class BackupError(Exception):
    """A sentence about what cannot be copied, or does not hold together."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a data folder holds."""

    sessions: int
    entries: int
    objects: int
    bytes: int  # of the objects
    copied: int  # objects that were new


@dataclass(frozen=True, slots=True)
class _Object:
    name: str
    size: int
    digest: bytes  # 32, SHA-256


def back_up(data: Path, target: Path, tell: Tell) -> Extent:
    """Copy ``data`` to ``target``, which may hold an earlier backup.

    Raises ``BackupError``, and ``InUse`` for a server's folder or that of a backup under way.
    """
    if not (data / DATABASE).is_file():
        raise BackupError(f"{data} holds no data of a careseal server.")
    if target.resolve() == data.resolve():
        raise BackupError("A backup goes to another folder than the data are in.")
    with only_server_of(target):
        return _copy(data, target, tell)


def _copy(data: Path, target: Path, tell: Tell) -> Extent:
    """``target`` is held."""
    (target / OBJECTS).mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(target, 0o700)
    fresh = target / f".{DATABASE}.new"
    copied = 0
    for _ in range(SNAPSHOTS):
        _snapshot(data / DATABASE, fresh)
        _require_sound(fresh)
        missing = 0
        for each in _objects(fresh):
            try:
                if not _copy_object(data / OBJECTS, target / OBJECTS, each):
                    continue
            except FileNotFoundError:
                missing += 1
                continue
            copied += 1
            if copied % TELL_EVERY == 0:
                tell(f"{copied} objects copied")
        if not missing:
            break
    else:
        raise BackupError(f"{missing} objects that the database names are not in {data / OBJECTS}.")
    write_private(target / SECRETS, (data / SECRETS).read_bytes())
    _settle(target / DATABASE)
    fresh.replace(target / DATABASE)
    sync_folder(target)
    _remove_unneeded(target)
    return _extent(target, copied)


def check(folder: Path) -> Iterator[str]:
    """What does not hold together in a backup, as sentences; none when it can be restored."""
    path = folder / DATABASE
    if not path.is_file():
        yield f"{folder} holds no backup."
        return
    if not (folder / SECRETS).is_file():
        yield f"{SECRETS} is missing: nobody could stay signed in."
    try:
        with closing(_open(path)) as database:
            yield from _check_database(database)
    except sqlite3.DatabaseError as failure:
        yield f"The database cannot be read: {failure}."
        return
    for each in _objects(path):
        wrong = _check_object(folder / OBJECTS / each.name, each)
        if wrong:
            yield wrong


def restore(source: Path, data: Path, tell: Tell) -> Extent:
    """Copy a backup to ``data``, where nothing is yet. Raises ``BackupError``, ``InUse``."""
    with only_server_of(data):
        if (data / DATABASE).exists():
            raise BackupError(f"{data} holds data already; restore to another folder.")
        if left := [each.name for each in _beside(data / DATABASE) if each.exists()]:
            raise BackupError(
                f"{data} holds {left[0]} of a database that is gone, with what was written last; "
                "move it away, or restore to another folder."
            )
        for wrong in check(source):
            raise BackupError(f"The backup is damaged and nothing was restored. {wrong}")
        return _copy(source, data, tell)


def _beside(database: Path) -> list[Path]:
    """What SQLite may keep beside a database, and would take for that of any other in its place."""
    return [database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm", "-journal")]


def _settle(database: Path) -> None:
    """Leave nothing beside a database that another takes the place of.

    What is there belongs to it: a server that ran on it was killed. It is written into it, so that
    it can be opened still if the other does not come.
    """
    if database.exists():
        try:
            with closing(sqlite3.connect(database)) as earlier:
                earlier.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            raise  # a full disk, or somebody has it open
        except sqlite3.DatabaseError:
            pass  # nothing can be read of it
    for each in _beside(database):
        each.unlink(missing_ok=True)
    sync_folder(database.parent)


def _snapshot(source: Path, target: Path) -> None:
    for each in (target, *_beside(target)):
        each.unlink(missing_ok=True)
    with closing(_open(source)) as reading, closing(sqlite3.connect(target)) as writing:
        os.chmod(target, 0o600)
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")
    sync_file(target)


def _require_sound(path: Path) -> None:
    with closing(_open(path)) as database:
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise BackupError(f"The database is damaged: {found}.")


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _objects(path: Path) -> list[_Object]:
    with closing(_open(path)) as database:
        rows = database.execute("SELECT object, size, digest FROM part ORDER BY object")
        return [_Object(*row) for row in rows]


def _copy_object(source: Path, target: Path, wanted: _Object) -> bool:
    """False when it is there already. Raises ``FileNotFoundError``, ``BackupError``."""
    there = target / wanted.name
    if there.is_file() and there.stat().st_size == wanted.size:
        return False
    there.parent.mkdir(exist_ok=True, mode=0o700)
    half = there.with_name(f"{there.name}#{secrets.token_hex(4)}")
    try:
        shutil.copyfile(source / wanted.name, half)
        if wrong := _check_object(half, wanted):
            raise BackupError(wrong)
        sync_file(half)
        half.replace(there)
    finally:
        half.unlink(missing_ok=True)
    sync_folder(there.parent)
    sync_folder(target)
    return True


def _check_object(path: Path, wanted: _Object) -> str | None:
    if not path.is_file():
        return f"The object {wanted.name} is missing."
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if path.stat().st_size != wanted.size or digest.digest() != wanted.digest:
        return f"The object {wanted.name} has other bytes than were stored."
    return None


def _remove_unneeded(target: Path) -> None:
    needed = {each.name for each in _objects(target / DATABASE)}
    for path in (target / OBJECTS).rglob("*"):
        if path.is_file() and path.relative_to(target / OBJECTS).as_posix() not in needed:
            path.unlink()
    for folder in (target / OBJECTS).iterdir():
        if not any(folder.iterdir()):
            folder.rmdir()


def _check_database(database: sqlite3.Connection) -> Iterator[str]:
    for (found,) in database.execute("PRAGMA integrity_check"):
        if found != "ok":
            yield f"The database is damaged: {found}."
    if database.execute("PRAGMA foreign_key_check").fetchone():
        yield "The database has rows that belong to nothing."
    logs = """
        SELECT count(*) FROM session WHERE head != (
          SELECT count(*) FROM entry WHERE session_id = session.id AND seq BETWEEN 1 AND head
        ) OR last_commit != (
          SELECT coalesce(max(seq), 0) FROM entry WHERE session_id = session.id AND kind = 1
        ) OR NOT EXISTS (SELECT 1 FROM door WHERE session_id = session.id)
    """
    if broken := database.execute(logs).fetchone()[0]:
        yield f"The logs of {broken} sessions have gaps."
    for seq, body, digest in database.execute("SELECT seq, body, digest FROM entry"):
        if hashlib.sha512(body).digest() != digest:
            yield f"An entry (number {seq} of its session) has other bytes than were stored."


def _extent(folder: Path, copied: int) -> Extent:
    with closing(_open(folder / DATABASE)) as database:
        row = database.execute(
            "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM entry),"
            " count(*), coalesce(sum(size), 0) FROM part"
        ).fetchone()
    sessions, entries, objects, octets = row
    return Extent(sessions, entries, objects, octets, copied)
