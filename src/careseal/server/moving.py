"""Carries a whole installation from one place to another: rows, objects and secrets.

A first time can be while the server runs at the source. The last time no server may: then the
source is marked as left and the target as arriving, so that a server starts on neither. Once both
are the same the source is marked as moved, and only then the target is free. Objects are there,
with the right bytes, before the rows that name them; so whatever breaks it off, the next time goes
on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select, text

from careseal.server.blobs import Blobs, folder_at, open_blobs
from careseal.server.problems import Problem
from careseal.server.settings import Settings
from careseal.server.single import only_server_of
from careseal.server.store import identity, marks, migration, reconcile
from careseal.server.store.databases import shard_of
from careseal.server.store.engines import Engines, open_engines
from careseal.server.store.marks import Mark
from careseal.server.tokens import server_secrets, write_private

BATCH: Final = 50  # sessions
AT_ONCE: Final = 8  # objects
TELL_EVERY: Final = 2.0  # s

Tell = Callable[[str], None]


class MoveError(Exception):
    """A sentence about why it does not go on, and what to do."""


@dataclass(slots=True)
class Carried:
    """What one time did."""

    sessions: int = 0  # that are at the source
    rows: int = 0  # written or removed
    objects: int = 0  # copied
    bytes: int = 0  # of them


@dataclass(frozen=True, slots=True)
class _Place:
    settings: Settings
    engines: list[Engines]
    blobs: Blobs

    @contextmanager
    def reading(self) -> Iterator[list[Connection]]:
        """One snapshot of each database."""
        with ExitStack() as opened:
            yield [opened.enter_context(each.reading.connect()) for each in self.engines]

    def mark(self, mark: Mark | None) -> None:
        """The first database, at which a server looks first, is the last."""
        for each in reversed(self.engines):
            with each.writing.begin() as connection:
                marks.put(connection, mark)

    def objects_mark(self) -> str:
        """That of the place where its objects are."""
        with self.reading() as connections:
            return identity.mark(map(identity.find, connections))

    def marks(self) -> list[Mark | None]:
        found = []
        for each in self.engines:
            with each.writing.begin() as connection:
                found.append(marks.find(connection))
        return found


def move(source: Settings, target: Settings, tell: Tell, *, running: bool) -> Carried:
    """Carry what the target does not have yet; all of it unless the server is ``running``.

    Raises ``MoveError``, ``InUse``.
    """
    installation = _installation(source)
    _require_objects_apart(source, target)
    with ExitStack() as opened:
        opened.enter_context(only_server_of(target.data))
        if not running:
            opened.enter_context(only_server_of(source.data))
        here = opened.enter_context(_opened(source))
        there = opened.enter_context(_opened(target, new=True))
        _require_release(here)
        if any(mark and mark.state == "arriving" for mark in here.marks()):
            raise MoveError("The source itself is not complete: finish the move that leads to it.")
        which = _move_to(there, installation)
        if _was_moved(here, which, running) and not all(there.marks()):
            return _open(here, there)
        _require_place_for(there, installation)
        _carry_secrets(source, target)
        there.mark(Mark(installation, "arriving", which))
        if not running:
            _leave(here, Mark(installation, "left", which))
        carried = _Work(here, there, tell, running=running).carry()
        if not running:
            _compare_counts(here, there)
            _hand_over_objects(here, there)
            here.mark(Mark(installation, "moved", which))
            there.mark(None)
        return carried


def _open(here: _Place, there: _Place) -> Carried:
    """The rest of a complete target, some of whose databases are free already."""
    _compare_counts(here, there)
    there.mark(None)
    with here.reading() as connections:
        return Carried(sum(len(reconcile.session_ids(each)) for each in connections))


def give_up(source: Settings, target: Settings) -> None:
    """Let servers start at the source again, before the target is complete.

    Raises ``MoveError``, ``InUse``.
    """
    installation = _installation(source)
    with only_server_of(target.data), _opened(source) as here, _opened(target) as there:
        which = _move_to(there, installation)
        if there.marks() != [Mark(installation, "arriving", which)] * len(there.engines):
            raise MoveError(
                "The target is complete, or of another installation; the data may have gone on "
                "there. Move them back: --from the target, --to the source."
            )
        if any(mark and mark.move != which for mark in here.marks()):
            raise MoveError(
                "The source is of another move, and its data may have gone on there. Give that one "
                "up, or move them back from its target."
            )
        here.mark(None)


class _Work:
    def __init__(self, here: _Place, there: _Place, tell: Tell, *, running: bool) -> None:
        self._here = here
        self._there = there
        self._tell = tell
        self._running = running
        self._carried = Carried()
        self._told = 0.0
        self._same_objects = _objects_of(here.settings) == _objects_of(there.settings)

    def carry(self) -> Carried:
        with self._here.reading() as connections:
            by_shard = [reconcile.session_ids(connection) for connection in connections]
        self._carried.sessions = sum(map(len, by_shard))
        with asyncio.Runner() as runner:
            self._objects = runner
            self._reconcile(0, 0, None)
            done = 0
            for ours, theirs, batch in self._batches(by_shard):
                self._reconcile(ours, theirs, batch)
                done += len(batch)
                self._progress(f"{done} of {self._carried.sessions} sessions")
            self._remove_deleted(set().union(*by_shard))
            self._remove_displaced()
            if not (self._running or self._same_objects):
                self._complete_objects()
        return self._carried

    def _batches(self, by_shard: list[list[bytes]]) -> Iterator[tuple[int, int, list[bytes]]]:
        """Sessions that go from the same database to the same."""
        for ours, ids in enumerate(by_shard):
            groups: dict[int, list[bytes]] = defaultdict(list)
            for session_id in sorted(ids):
                groups[shard_of(session_id, len(self._there.engines))].append(session_id)
            for theirs, group in groups.items():
                for start in range(0, len(group), BATCH):
                    yield ours, theirs, group[start : start + BATCH]

    def _remove_deleted(self, known: set[bytes]) -> None:
        """What was deleted at the source since an earlier time."""
        for shard, engines in enumerate(self._there.engines):
            with engines.reading.connect() as connection:
                deleted = [one for one in reconcile.session_ids(connection) if one not in known]
            self._remove(shard, deleted)
            if not self._same_objects:
                for session_id in deleted:
                    self._objects.run(self._there.blobs.delete_session(session_id))

    def _remove_displaced(self) -> None:
        """What came at an earlier time, when the target had other databases."""
        count = len(self._there.engines)
        for shard, engines in enumerate(self._there.engines):
            with engines.reading.connect() as connection:
                found = reconcile.session_ids(connection)
            self._remove(shard, [one for one in found if shard_of(one, count) != shard])
            if shard:
                with self._reconciliation(0, shard) as work:
                    work.remove_others()

    def _remove(self, shard: int, ids: list[bytes]) -> None:
        with self._reconciliation(0, shard) as work:
            for start in range(0, len(ids), BATCH):
                work.remove_sessions(ids[start : start + BATCH])

    def _reconcile(self, ours: int, theirs: int, batch: list[bytes] | None) -> None:
        with self._reconciliation(ours, theirs) as work:
            if batch is None:
                work.others()
            else:
                work.sessions(batch)

    @contextmanager
    def _reconciliation(self, ours: int, theirs: int) -> Iterator[reconcile.Reconciliation]:
        here, there = self._here.engines[ours], self._there.engines[theirs]
        with (
            here.reading.connect() as source,
            there.reading.connect() as looking,
            there.writing.connect() as target,
        ):
            work = reconcile.Reconciliation(source, looking, target, self._with_objects)
            try:
                yield work
            except reconcile.Damaged as failure:
                raise MoveError(f"{failure} Check the source, or restore a backup.") from None
            self._carried.rows += work.changed

    def _with_objects(self, table: Table, rows: list[Row[Any]]) -> list[Row[Any]]:
        """The rows whose objects are at the target now."""
        if "object" not in table.info or self._same_objects:
            return rows
        return self._objects.run(self._copy_all(table, rows))

    def _complete_objects(self) -> None:
        """Also those whose rows came at an earlier time."""
        named = [table for table in reconcile.tables_of_sessions() if "object" in table.info]
        with self._here.reading() as connections:
            for connection, table in product(connections, named):
                query = select(table).execution_options(yield_per=reconcile.READ)
                for rows in connection.execute(query).partitions():
                    lacking = self._objects.run(self._lacking(table, rows))
                    self._objects.run(self._copy_all(table, lacking))

    async def _lacking(self, table: Table, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        gate = asyncio.Semaphore(AT_ONCE)
        column = table.c[table.info["object"]]

        async def is_there(row: Row[Any]) -> bool:
            async with gate:
                try:
                    size = await self._there.blobs.size(row._mapping[column])
                except FileNotFoundError:
                    return False
                return size == int(row.size)

        with _reached():
            found = await asyncio.gather(*map(is_there, rows))
        return [row for row, whole in zip(rows, found, strict=True) if not whole]

    async def _copy_all(self, table: Table, rows: list[Row[Any]]) -> list[Row[Any]]:
        gate = asyncio.Semaphore(AT_ONCE)
        column = table.c[table.info["object"]]

        async def copy(row: Row[Any]) -> bool:
            async with gate:
                try:
                    await self._copy(row._mapping[column], row.size, row.digest)
                except FileNotFoundError:
                    if self._running:  # deleted just now
                        return False
                    raise MoveError(
                        f"The object {row._mapping[column]} is not at the source."
                    ) from None
                return True

        copied = await asyncio.gather(*map(copy, rows))
        return [row for row, is_there in zip(rows, copied, strict=True) if is_there]

    async def _copy(self, name: str, size: int, digest: bytes) -> None:
        with _reached():
            body = self._here.blobs.read(name, 0, size)
            written = await self._there.blobs.write_as(name, body)
            if (written.size, written.digest) != (size, digest):
                raise MoveError(f"The object {name} at the source is not what was stored.")
            if await _digest(self._there.blobs.read(name, 0, size)) != digest:
                raise MoveError(f"The object {name} came out other than it went in.")
        self._carried.objects += 1
        self._carried.bytes += size
        self._progress(f"{self._carried.objects} objects copied")

    def _progress(self, what: str) -> None:
        if time.monotonic() - self._told > TELL_EVERY:
            self._told = time.monotonic()
            self._tell(what)


@contextmanager
def _opened(settings: Settings, *, new: bool = False) -> Iterator[_Place]:
    urls = settings.databases()
    for url in urls:
        if new:
            migration.upgrade(url, moving=True)
        elif url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
            raise MoveError(f"{settings.data} holds no data of a careseal server.")
    engines = [open_engines(url) for url in urls]
    try:
        blobs = open_blobs(settings.objects_url, settings.data / "objects")
        yield _Place(settings, engines, blobs)
    finally:
        for each in engines:
            each.dispose()


def _installation(source: Settings) -> bytes:
    """32 bytes that say which it is, and stay when it moves."""
    if not source.secrets_path.is_file():
        raise MoveError(f"{source.secrets_path} is missing: the source's secrets belong to it.")
    key = server_secrets(source.secrets_path).credential_key
    return hashlib.sha256(b"installation" + key).digest()


def _require_release(here: _Place) -> None:
    for each in here.engines:
        with each.reading.connect() as connection:
            found = migration.revision(connection)
        if found != migration.LATEST:
            raise MoveError(
                f"The source's tables are of another release (revision {found}; this one knows "
                f"{migration.LATEST}). Start this release on the source once, then move."
            )


def _move_to(there: _Place, installation: bytes) -> bytes:
    """16 bytes that say which move it is: the one that was begun, or a new one."""
    for mark in there.marks():
        if mark and (mark.installation, mark.state) == (installation, "arriving"):
            return mark.move
    return secrets.token_bytes(16)


def _was_moved(here: _Place, which: bytes, running: bool) -> bool:
    """Whether by this very move, which did not come to its end. Raises ``MoveError``."""
    moved = [mark for mark in here.marks() if mark and mark.state == "moved"]
    if any(running or mark.move != which for mark in moved):
        raise MoveError(
            "The source was moved, and may have gone on at its new place: move from there. If that "
            "move was interrupted, run it again, to the same target, without --while-running."
        )
    return bool(moved)


def _require_place_for(there: _Place, installation: bytes) -> None:
    for each, mark in zip(there.engines, there.marks(), strict=True):
        if mark is not None and mark.installation == installation:
            continue
        with each.reading.connect() as connection:
            tables = [*reconcile.other_tables(), *reconcile.tables_of_sessions()]
            if mark is not None or any(reconcile.count(connection, table) for table in tables):
                raise MoveError("The target holds other data. Move to where there are none.")


def _carry_secrets(source: Settings, target: Settings) -> None:
    content, path = source.secrets_path.read_bytes(), target.secrets_path
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, content)
    elif server_secrets(path) != server_secrets(source.secrets_path):
        raise MoveError(f"{path} has secrets of another installation. Move it away.")


def _leave(here: _Place, mark: Mark) -> None:
    """From now on no server starts at the source. Raises ``MoveError`` when one runs there."""
    before = here.marks()
    here.mark(mark)
    if others := sum(map(_others_at, here.engines)):
        if not all(before):
            here.mark(None)
        raise MoveError(
            f"A careseal server still runs at the source ({others} connections). Stop all of them "
            "and run this again, or use --while-running for a first time."
        )


def _others_at(engines: Engines) -> int:
    """Connections of careseal servers; a data folder has its lock instead."""
    engines.dispose()  # none of ours is left
    with engines.writing.connect() as connection:
        if connection.dialect.name != "postgresql":
            return 0
        return int(
            connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND application_name = 'careseal' AND pid != pg_backend_pid()"
                )
            )
            or 0
        )


def _compare_counts(here: _Place, there: _Place) -> None:
    for table in [*reconcile.other_tables(), *reconcile.tables_of_sessions()]:
        counts = []
        for place in (here, there):
            with place.reading() as connections:
                counts.append(sum(reconcile.count(each, table) for each in connections))
        if counts[0] != counts[1]:
            raise MoveError(
                f"{table.name} has {counts[0]} rows at the source and {counts[1]} at the target. "
                "Run this again."
            )


def _hand_over_objects(here: _Place, there: _Place) -> None:
    """Where both have the same, they are those of the target's databases from now on."""
    before = here.objects_mark()
    if before in there.blobs.marks():
        there.blobs.put_mark(there.objects_mark())
        there.blobs.remove_mark(before)


def _require_objects_apart(source: Settings, target: Settings) -> None:
    here, there = _objects_of(source), _objects_of(target)
    if here != there and (here.is_relative_to(there) or there.is_relative_to(here)):
        raise MoveError(
            f"{here} and {there} lie one within the other: a sweep of objects at one would remove "
            "the other's. Choose a place for the target's objects beside the source's."
        )


def _objects_of(settings: Settings) -> PurePath:
    """The same for the same place; a bucket's begins with ``s3:``."""
    folder = folder_at(settings.objects_url, settings.data / "objects")
    return PurePosixPath(str(settings.objects_url)) if folder is None else folder.resolve()


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except Problem as failure:
        raise MoveError(f"{failure.detail} Run it again when that is mended.") from failure


async def _digest(chunks: AsyncIterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    async for chunk in chunks:
        digest.update(chunk)
    return digest.digest()
