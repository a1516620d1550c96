"""Sealed parts as objects, in a local folder or in a bucket.

An object gets a new random name when it is written and is never written again; which object is
which part is a row in the database, so a part is created once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from careseal.server import metrics, traces
from careseal.server.durable import sync_file, sync_folder
from careseal.server.problems import Problem, not_authorised

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK: Final = 256 * 1024  # bytes of a bucket's answer that go on together
PIECE: Final = 2 * 1024 * 1024  # bytes of a file that a thread reads or writes at a time
MARKS: Final = "installation"  # the folder of marks
FULL: Final = ("No space left", "quota", "InsufficientStorage")
PATIENCE: Final = timedelta(seconds=20)
T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    name: str
    size: int  # bytes
    digest: bytes  # 32, SHA-256


class Unlisted(Exception):
    """What is in a store cannot be listed."""


def new_name(session_id: bytes) -> str:
    """Of an object that is not there yet."""
    return f"{session_id.hex()}/{secrets.token_hex(16)}"


class Blobs:
    """The objects in a store."""

    buffer = 5 * 1024 * 1024  # more than a sealed part: one request for each

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def write(self, session_id: bytes, chunks: AsyncIterable[bytes]) -> Stored:
        """Stream an object to the store; when this returns it outlives a power cut.

        Raises ``storage-full``, ``unavailable``, and may raise ``not-authorised`` when the session
        is deleted meanwhile.
        """
        return await self.write_as(new_name(session_id), chunks)

    async def write_as(self, name: str, chunks: AsyncIterable[bytes]) -> Stored:
        """As ``write``, under a name that has no object yet, or this one.

        Passes on a ``FileNotFoundError`` of what is read for it.
        """
        try:
            with traces.step("object write"):
                return await self._write(name, chunks)
        except (OSError, BaseError) as failure:
            raise _as_problem(failure) from failure

    async def _write(self, name: str, chunks: AsyncIterable[bytes]) -> Stored:
        digest, size = hashlib.sha256(), 0
        writer = obstore.open_writer_async(self._store, name, buffer_size=self.buffer)
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            await writer.write(chunk)
        try:
            await writer.close()
        except FileNotFoundError as failure:  # nothing else can be
            raise OSError("The bucket is gone.") from failure
        metrics.object_bytes("in", size)
        return Stored(name, size, digest.digest())

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes ``start`` to ``end`` (exclusive) in chunks.

        Raises ``FileNotFoundError``, ``unavailable``.
        """
        if start == end:
            return
        try:
            got = await obstore.get_async(self._store, name, options={"range": (start, end)})
            async for chunk in got.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)
            metrics.object_bytes("out", end - start)
        except BaseError as failure:
            raise _as_problem(failure) from failure

    async def size(self, name: str) -> int:
        """Bytes of an object. Raises ``FileNotFoundError``, ``unavailable``."""
        try:
            return (await obstore.head_async(self._store, name))["size"]
        except (OSError, BaseError) as failure:
            raise _as_problem(failure) from failure

    async def delete(self, names: list[str]) -> None:
        """Remove objects that are there."""
        for name in names:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._store, name)

    async def discard(self, names: list[str]) -> None:
        """As ``delete``, of what nothing needs: what cannot be removed is left to the sweep."""
        with _left_to_the_sweep():
            await self.delete(names)

    async def discard_session(self, session_id: bytes) -> None:
        """As ``delete_session``, of a session that is gone: what cannot be removed is left so."""
        with _left_to_the_sweep():
            await self.delete_session(session_id)

    async def check(self) -> None:
        """Write and remove an object. Raises when that does not work."""
        name = f"ready/{secrets.token_hex(8)}"
        await obstore.put_async(self._store, name, b"ready", mode="create")
        await obstore.delete_async(self._store, name)

    async def check_promises(self, content: bytes) -> bool:
        """As ``check``, reading it and listing it too; whether a second of its name is refused.

        Raises ``Unlisted``.
        """
        # Not by obstore's coroutines: their threads may hold Python's objects a moment longer than
        # they run, and a process that ends in that moment is aborted.
        return await asyncio.to_thread(self._keeps_promises, content)

    def _keeps_promises(self, content: bytes) -> bool:
        name = f"ready/{secrets.token_hex(8)}"
        obstore.put(self._store, name, content, mode="create")
        try:
            if bytes(obstore.get(self._store, name).bytes()) != content:
                raise OSError("What is read is other than what was written.")
            self._require_listed(name)
            try:
                obstore.put(self._store, name, b"other", mode="create")
            except AlreadyExistsError:
                return True
            return False
        finally:
            obstore.delete(self._store, name)

    def _require_listed(self, name: str) -> None:
        try:
            pages = list(obstore.list(self._store, "ready"))
        except BaseError as failure:
            raise Unlisted from failure
        if name not in {one["path"] for page in pages for one in page}:
            raise Unlisted

    def marks(self) -> set[str]:
        """Those of the installations whose objects are here. It blocks, as the next two do."""
        return {Path(one["path"]).name for page in obstore.list(self._store, MARKS) for one in page}

    def put_mark(self, mark: str) -> None:
        """Once more is no harm."""
        obstore.put(self._store, f"{MARKS}/{mark}", b"careseal")

    def remove_mark(self, mark: str) -> None:
        """It is there."""
        obstore.delete(self._store, f"{MARKS}/{mark}")

    async def delete_session(self, session_id: bytes) -> None:
        """Remove all objects of a session."""
        raise NotImplementedError

    async def older_than(self, age: float) -> list[str]:
        """Names of the objects that nobody touched for ``age`` seconds, half-written ones too.

        Marks are not among them.
        """
        raise NotImplementedError

    async def delete_files(self, names: list[str]) -> None:
        """Remove what ``older_than`` names."""
        raise NotImplementedError


class FolderBlobs(Blobs):
    """Objects as files.

    obstore's local store does not sync what it writes and reads 8 KiB at a time, so both are done
    here: in pieces of 2 MiB, in threads.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(folder.parent)
        self._folder = folder
        super().__init__(LocalStore(folder))

    async def delete_session(self, session_id: bytes) -> None:
        await asyncio.to_thread(self._remove_folder, self._folder / session_id.hex())

    async def older_than(self, age: float) -> list[str]:
        return await asyncio.to_thread(lambda: list(self._older_than(time.time() - age)))

    async def delete_files(self, names: list[str]) -> None:
        await asyncio.to_thread(self._remove_files, names)

    async def _write(self, name: str, chunks: AsyncIterable[bytes]) -> Stored:
        writing = _Writing(self._folder, name)
        try:
            piece, size = list[bytes](), 0
            async for chunk in chunks:
                piece.append(chunk)
                size += len(chunk)
                if size >= PIECE:
                    await _in_folder(writing.add, piece)
                    piece, size = [], 0
            stored = await _in_folder(writing.finish, piece)
        finally:
            writing.discard()
        metrics.object_bytes("in", stored.size)
        return stored

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start == end:
            return
        try:
            file = await asyncio.to_thread(_open_at, self._folder / name, start)
            with file:  # closing waits for a read that is under way
                for at in range(start, end, PIECE):
                    length = min(PIECE, end - at)
                    piece = await asyncio.to_thread(file.read, length)
                    if len(piece) != length:
                        raise OSError("The object is shorter than what was written.")
                    yield piece
        except OSError as failure:
            raise _as_problem(failure) from failure
        metrics.object_bytes("out", end - start)

    def _older_than(self, moment: float) -> Iterator[str]:
        for path in self._folder.rglob("*"):
            with suppress(FileNotFoundError):
                name = path.relative_to(self._folder).as_posix()
                if _is_object(name) and path.is_file() and path.stat().st_mtime < moment:
                    yield name

    def _remove_files(self, names: list[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def _remove_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            return
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        with suppress(OSError):  # an upload is under way; the sweep finds what it leaves
            folder.rmdir()


class _Writing:
    """A file that is not there under its name until it is whole and on disk."""

    def __init__(self, folder: Path, name: str) -> None:
        self._root, self._name = folder, name
        self._path = folder / name
        self._staged = self._path.with_name(f"{self._path.name}#{secrets.token_hex(4)}")
        self._file: BufferedWriter | None = None
        self._digest, self._size = hashlib.sha256(), 0

    def add(self, piece: list[bytes]) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._staged.open("xb")
        joined = b"".join(piece)  # one turn of the interpreter's lock instead of many
        self._digest.update(joined)
        self._size += len(joined)
        self._file.write(joined)

    def finish(self, piece: list[bytes]) -> Stored:
        """With the last piece, in the same thread's turn."""
        self.add(piece)
        if self._file is not None:
            self._file.close()
        sync_file(self._staged)
        self._staged.replace(self._path)
        sync_folder(self._path.parent)
        sync_folder(self._root)
        return Stored(self._name, self._size, self._digest.digest())

    def discard(self) -> None:
        """After ``finish`` nothing is left to do."""
        if self._file is None:
            return
        with suppress(OSError):  # a full disk has told already
            self._file.close()  # which waits for a write that is under way
        self._staged.unlink(missing_ok=True)


class BucketBlobs(Blobs):
    """Objects in a bucket of S3 or what speaks like it, which acknowledges what is durable.

    Keys, region and endpoint come from the environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT``, ``AWS_ALLOW_HTTP``).
    """

    def __init__(self, url: str) -> None:
        store = S3Store.from_url(
            url,
            client_options={
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true",
                "connect_timeout": PATIENCE / 4,
                "timeout": PATIENCE,
            },
            retry_config={"max_retries": 5, "retry_timeout": PATIENCE},
        )
        super().__init__(store)

    async def delete_session(self, session_id: bytes) -> None:
        await self.delete([name async for name, _ in self._every(session_id.hex())])

    async def older_than(self, age: float) -> list[str]:
        moment = datetime.now(UTC) - timedelta(seconds=age)
        every = self._every(None)
        return [name async for name, touched in every if _is_object(name) and touched < moment]

    async def delete_files(self, names: list[str]) -> None:
        await self.delete(names)

    async def _every(self, folder: str | None) -> AsyncIterator[tuple[str, datetime]]:
        async for page in obstore.list(self._store, folder):
            for one in page:
                yield one["path"], one["last_modified"]


def open_blobs(url: str | None, folder: Path) -> Blobs:
    """The objects at ``url`` (``s3://bucket/prefix``, ``file:///folder``), else in ``folder``.

    Raises ``ValueError`` with a sentence.
    """
    local = folder_at(url, folder)
    return BucketBlobs(str(url)) if local is None else FolderBlobs(local)


def folder_at(url: str | None, folder: Path) -> Path | None:
    """Where ``open_blobs`` keeps its objects on this machine; None for a bucket.

    Raises ``ValueError`` with a sentence.
    """
    if url is None:
        return folder
    scheme, _, place = url.partition("://")
    if scheme == "file" and place.startswith("/"):
        return Path(place)
    if scheme == "s3" and place:
        return None
    raise ValueError("Objects are in s3://bucket/prefix or in file:///a/folder.")


def _is_object(name: str) -> bool:
    return not name.startswith(f"{MARKS}/")


@contextmanager
def _left_to_the_sweep() -> Iterator[None]:
    try:
        yield
    except (OSError, BaseError) as failure:
        log.error("objects that nothing needs could not be removed", exc_info=failure)


async def _in_folder(step: Callable[[list[bytes]], T], piece: list[bytes]) -> T:
    """In a thread. Raises ``not-authorised`` when a session's folder went, with the session."""
    try:
        return await asyncio.to_thread(step, piece)
    except FileNotFoundError:
        raise not_authorised() from None


def _open_at(path: Path, start: int) -> BufferedReader:
    file = path.open("rb")
    file.seek(start)
    return file


def _as_problem(failure: Exception) -> Problem | Exception:
    if any(sign in str(failure) for sign in FULL):
        return Problem("storage-full", "The server's disk is full.")
    if isinstance(failure, FileNotFoundError):
        return failure
    log.error("the objects' store failed", exc_info=failure)
    return Problem("unavailable", "The objects cannot be reached.", headers={"Retry-After": "2"})
