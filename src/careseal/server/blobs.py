"""Sealed parts as objects in a local folder.

An object gets a new random name when it is written and is never written again; which object is
which part is a row in the database, so a part is created once. obstore's local store does not
sync, so that is done here before anything is acknowledged.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from careseal.server.durable import sync_file, sync_folder
from careseal.server.problems import Problem

BUFFER = 256 * 1024
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    name: str
    size: int  # bytes
    digest: bytes  # 32, SHA-256


class Blobs:
    """The objects in ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(folder.parent)
        self._folder = folder
        self._store = LocalStore(folder)

    async def write(self, session_id: bytes, chunks: AsyncIterable[bytes]) -> Stored:
        """Stream an object to disk; when this returns it outlives a power cut.

        Raises ``storage-full``.
        """
        name = f"{session_id.hex()}/{secrets.token_hex(16)}"
        try:
            return await self._write(name, chunks)
        except (OSError, BaseError) as failure:
            if "No space left" in str(failure) or "quota" in str(failure):
                raise Problem("storage-full", "The server's disk is full.") from failure
            raise

    async def _write(self, name: str, chunks: AsyncIterable[bytes]) -> Stored:
        digest, size = hashlib.sha256(), 0
        writer = obstore.open_writer_async(self._store, name, buffer_size=BUFFER)
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            await writer.write(chunk)
        await writer.close()
        await asyncio.to_thread(self._sync, name)
        return Stored(name, size, digest.digest())

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes ``start`` to ``end`` (exclusive) in chunks. Raises ``FileNotFoundError``."""
        if start == end:
            return
        got = await obstore.get_async(self._store, name, options={"range": (start, end)})
        async for chunk in got.stream(min_chunk_size=CHUNK):
            yield bytes(chunk)

    async def delete(self, names: list[str]) -> None:
        """Remove objects that are there."""
        for name in names:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._store, name)

    async def delete_session(self, session_id: bytes) -> None:
        """Remove all objects of a session."""
        await asyncio.to_thread(self._remove_folder, self._folder / session_id.hex())

    async def check(self) -> None:
        """Write and remove an object. Raises when that does not work."""
        name = f"ready/{secrets.token_hex(8)}"
        await obstore.put_async(self._store, name, b"ready", mode="create")
        await obstore.delete_async(self._store, name)

    async def older_than(self, age: float) -> list[str]:
        """Names of the files that nobody touched for ``age`` seconds, half-written ones too."""
        return await asyncio.to_thread(lambda: list(self._older_than(time.time() - age)))

    async def delete_files(self, names: list[str]) -> None:
        """Remove files as ``older_than`` names them."""
        await asyncio.to_thread(self._remove_files, names)

    def _sync(self, name: str) -> None:
        path = self._folder / name
        sync_file(path)
        sync_folder(path.parent)
        sync_folder(self._folder)

    def _older_than(self, moment: float) -> Iterator[str]:
        for path in self._folder.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_mtime < moment:
                    yield path.relative_to(self._folder).as_posix()

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
