"""Sending and receiving files: in parts, in parallel, resumable (docs/protocol.md §6)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from careseal.e2ee.file import (
    MAX_PARTS,
    OVERHEAD,
    PART_SIZE,
    FileSeal,
    filled_length,
    part_count,
    part_length,
    sealed_size,
)
from careseal.e2ee.identifiers import FileId, MessageId, SessionId
from careseal.e2ee.payload import File
from careseal.e2ee.secret import FileKey, MemberToken

from .direct import Direct
from .errors import ClientError, FileUnavailable, ServerRefused
from .spool import is_lost, private_file
from .storage import Store
from .transport import Transport

AT_ONCE = 3
"""Parts on their way at the same time; each is 8 MiB in memory, plain and sealed."""

CLEARING = 3.0
"""Seconds that are spent on deleting at the server what a failed upload left there."""

_UPLOAD, _GIVEN_UP = "upload/", "given up/"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is: plain bytes done of all, and seconds since it began."""

    done: int
    size: int
    seconds: float
    resumed: int = 0  # bytes that an earlier attempt had done

    @property
    def rate(self) -> float:
        """Bytes a second in this attempt."""
        return (self.done - self.resumed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds left; None while nothing is known."""
        return (self.size - self.done) / self.rate if self.rate > 0 else None


OnProgress = Callable[[Progress], None]


class _Upload(msgspec.Struct, forbid_unknown_fields=True):
    """An upload that a crash may interrupt: it goes on only if the file is still the same."""

    path: str
    size: int
    modified: int
    file: bytes
    key: bytes
    message: bytes
    name: str
    mime: str


class Meter:
    """Counts what is done and tells it."""

    def __init__(self, size: int, tell: OnProgress | None) -> None:
        self._size, self._tell = size, tell
        self._done = self._resumed = 0
        self._began = time.monotonic()

    def add(self, count: int, *, resumed: bool = False) -> None:
        self._done += count
        self._resumed += count if resumed else 0
        if self._tell is not None:
            seconds = time.monotonic() - self._began
            self._tell(Progress(self._done, self._size, seconds, self._resumed))


async def upload(
    store: Store,
    transport: Transport,
    session: SessionId,
    token: MemberToken,
    source: Path,
    name: str,
    mime: str,
    tell: OnProgress | None,
    *,
    lasting: bool = True,
) -> File:
    """Stores a file sealed; the message to send of it, with which `finish` is to be called.

    An upload of the same file that a crash interrupted goes on where it was; one of a file that
    is not `lasting` never does, and neither does one of a file that changed. What such a one left
    at the server is deleted there.
    """
    record, seal = _begin(store, session, source, name, mime)
    try:
        await _clear(store, transport, session, token)
        await _send(transport, session, token, source, record, seal, tell)
    except BaseException as failure:
        if isinstance(failure, FileUnavailable) or not lasting:
            _give_up(store, session, seal.file)
            with suppress(ClientError, TimeoutError):  # the next upload tries again
                async with asyncio.timeout(CLEARING):
                    await _clear(store, transport, session, token)
        raise
    message = MessageId(record.message)
    return File(message, seal.file, seal.key, seal.size, seal.parts, record.name, record.mime)


def finish(store: Store, session: SessionId, file: File) -> None:
    """To be called in the transaction that keeps the message. Raises `FileUnavailable`."""
    if store.version(session, f"{_GIVEN_UP}{file.file}"):
        raise FileUnavailable("Another process sends this file anew.")
    store.delete(session, f"{_UPLOAD}{file.file}")


async def _send(
    transport: Transport,
    session: SessionId,
    token: MemberToken,
    source: Path,
    record: _Upload,
    seal: FileSeal,
    tell: OnProgress | None,
) -> None:
    await transport.create_file(session, token, seal.file, seal.parts, sealed_size(seal.size))
    there = await transport.file(session, token, seal.file)
    present = there.present
    meter = Meter(seal.size, tell)
    for number in sorted(present):
        meter.add(part_length(seal.size, number), resumed=True)
    missing = (number for number in range(seal.parts) if number not in present)
    offered = there.direct and seal.parts > 1  # for one part it would be the longer way
    direct = Direct(transport, session, token, seal.file, offered=offered)

    async def send() -> None:
        memory = Memory(seal)
        for number in missing:
            part = await asyncio.to_thread(memory.seal, source, number, record.modified)
            try:
                if not await direct.put(number, part):
                    await transport.put_part(session, token, seal.file, number, part)
            except ServerRefused as refused:
                if refused.problem != "part-exists":  # an earlier attempt stored it
                    raise
            meter.add(part_length(seal.size, number))

    await _all([send() for _ in range(min(AT_ONCE, seal.parts))])


def _give_up(store: Store, session: SessionId, file: FileId) -> None:
    """Nobody goes on with this upload: what is of it at the server is to be deleted there."""
    with store.transaction():
        if store.version(session, f"{_UPLOAD}{file}"):  # else its message is on its way
            store.delete(session, f"{_UPLOAD}{file}")
            store.put(session, f"{_GIVEN_UP}{file}", b"")


async def _clear(
    store: Store, transport: Transport, session: SessionId, token: MemberToken
) -> None:
    """Deletes at the server what was given up; it would take up room, and one of `openUploads`."""
    for given_up in store.names(session, _GIVEN_UP):
        try:
            file = FileId.parse(given_up.removeprefix(_GIVEN_UP))
            await transport.delete_file(session, token, file)
        except ServerRefused as refused:
            if refused.problem != "not-found":
                continue
        store.delete(session, given_up)


def _begin(
    store: Store, session: SessionId, source: Path, name: str, mime: str
) -> tuple[_Upload, FileSeal]:
    stat = source.stat()
    path = str(source.resolve())
    same: tuple[_Upload, FileSeal] | None = None
    with store.transaction():
        for record_name in store.names(session, _UPLOAD):
            stored = store.get(session, record_name)
            if stored is None:
                continue
            record = msgspec.msgpack.decode(stored, type=_Upload)
            now = (path, stat.st_size, stat.st_mtime_ns, name)
            if (record.path, record.size, record.modified, record.name) == now:
                seal = FileSeal(FileId(record.file), FileKey(record.key), record.size)
                same = record, seal
            elif record.path == path or is_lost(Path(record.path)):
                _give_up(store, session, FileId(record.file))
        if same is not None:
            return same
        seal = FileSeal(FileId(os.urandom(16)), FileKey(os.urandom(32)), stat.st_size)
        part_count(seal.size)
        record = _Upload(
            path,
            seal.size,
            stat.st_mtime_ns,
            bytes(seal.file),
            bytes(seal.key),
            os.urandom(16),
            name,
            mime,
        )
        store.put(session, f"{_UPLOAD}{seal.file}", msgspec.msgpack.encode(record))
    return record, seal


class Memory:
    """Room for one part, plain and sealed, which part after part uses.

    Fresh memory costs as much as sealing does: the system hands it out page by page.
    """

    def __init__(self, seal: FileSeal) -> None:
        self._seal = seal
        largest = filled_length(min(seal.size, PART_SIZE))
        self._plain = memoryview(bytearray(largest))
        self.sealed = memoryview(bytearray(largest + OVERHEAD + 1))  # one more shows what is longer

    def seal(self, source: Path, number: int, modified: int) -> memoryview:
        """A part of the file as it is stored; good until the next."""
        seal = self._seal
        plain = self._plain[: part_length(seal.size, number)]
        with source.open("rb", buffering=0) as file:
            stat = os.fstat(file.fileno())
            if (stat.st_size, stat.st_mtime_ns) != (seal.size, modified):
                raise FileUnavailable(f"{source.name} changed while it was sent; send it again.")
            file.seek(number * PART_SIZE)
            if file.readinto(plain) != len(plain):
                raise FileUnavailable(f"{source.name} changed while it was sent; send it again.")
        return seal.seal_into(number, plain, os.urandom, self.sealed)

    def open(self, number: int, size: int) -> memoryview:
        """The plain bytes of the part of `size` that `sealed` begins with; good until the next."""
        return self._seal.open_into(number, self.sealed[:size], self._plain)


async def download(
    transport: Transport,
    session: SessionId,
    token: MemberToken,
    file: File,
    first: int,
    tell: OnProgress | None,
) -> AsyncIterator[memoryview]:
    """The plain bytes from part `first` on, in order, each part checked before it is given.

    They are good until the next are asked for. Raises `FileUnavailable`, or `Tampered` when the
    server changed something.
    """
    seal = _seal_of(file)
    meter = Meter(file.size, tell)
    for number in range(first):
        meter.add(part_length(file.size, number), resumed=True)

    async def fetch(number: int, memory: Memory) -> tuple[Memory, memoryview]:
        with _told_where_missing():
            size = seal.stored_length(number)
            if not await direct.get(number, size, memory.sealed):
                size = await transport.part(session, token, file.file, number, memory.sealed)
        return memory, await asyncio.to_thread(memory.open, number, size)

    with _told_where_missing():
        offered = file.parts > 1 and (await transport.file(session, token, file.file)).direct
    direct = Direct(transport, session, token, file.file, offered=offered)
    free = [Memory(seal) for _ in range(min(AT_ONCE, seal.parts - first))]
    ahead: list[asyncio.Task[tuple[Memory, memoryview]]] = []
    try:
        numbers = iter(range(first, seal.parts))
        while True:
            while free and (wanted := next(numbers, None)) is not None:
                ahead.append(asyncio.create_task(fetch(wanted, free.pop())))
            if not ahead:
                return
            memory, plain = await ahead[0]
            ahead.pop(0)
            meter.add(len(plain))
            yield plain
            free.append(memory)
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


@contextmanager
def _told_where_missing() -> Iterator[None]:
    """Raises `FileUnavailable` where the server has no such file or part."""
    try:
        yield
    except ServerRefused as refused:
        if refused.problem == "not-found":
            raise FileUnavailable("The file is not, or not wholly, at the server.") from None
        raise


async def save(parts: Callable[[int], AsyncIterator[memoryview]], file: File, target: Path) -> None:
    """Writes a file to `target`, which is there whole or not at all.

    What a crash leaves unfinished beside it goes on where it was; `parts` gives the plain
    bytes from a part on.
    """
    _seal_of(file)
    unfinished = target.with_name(f".{target.name}.{file.file}.part")
    have = unfinished.stat().st_size // PART_SIZE if unfinished.exists() else 0
    first = min(have, file.parts - 1)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.truncate(first * PART_SIZE)
        out.seek(first * PART_SIZE)
        async for plain in parts(first):
            await asyncio.to_thread(out.write, plain)
        out.flush()
        await asyncio.to_thread(os.fsync, out.fileno())
    unfinished.replace(target)


def _seal_of(file: File) -> FileSeal:
    """Raises `FileUnavailable` for what no file can be."""
    seal = FileSeal(file.file, file.key, file.size)
    if file.size > MAX_PARTS * PART_SIZE or seal.parts != file.parts:
        raise FileUnavailable("The message about this file contradicts itself.")
    return seal


@asynccontextmanager
async def spooled(source: BinaryIO, folder: Path) -> AsyncIterator[Path]:
    """A stream of unknown length as a private file, for sealing needs to know the length. It is
    gone afterwards, whatever happens."""
    with private_file(folder) as (path, out):
        await asyncio.to_thread(shutil.copyfileobj, source, out, 1 << 20)
        out.flush()
        yield path


def free_path(target: Path, name: str) -> Path:
    """`target`, or if that is a folder a path in it that nothing has yet."""
    if not target.is_dir():
        return target
    path, number = target / name, 1
    while path.exists():
        number += 1
        path = target / f"{Path(name).stem} ({number}){Path(name).suffix}"
    return path


def safe_name(name: str) -> str:
    """A file name from somebody else, made safe to use in any folder."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    clean = "".join(each for each in last if each.isprintable() and each not in '<>:"|?*')
    clean = clean.strip().strip(".")
    while len(clean.encode()) > 200:
        stem, dot, end = clean.rpartition(".")
        clean = f"{stem[:-1]}{dot}{end}" if len(stem) > 1 else clean[:-1]
    return clean or "file"


async def _all(works: Iterable[Coroutine[None, None, None]]) -> None:
    """All at once; the first failure stops the rest."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
