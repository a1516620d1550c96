"""What an upload that fails leaves behind: nothing at the server, and nothing plain here."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from careseal.client import ApiToken, FileUnavailable, Progress, Session, Store
from tests.serving import ServerProcess, serving

SIZE = 20_000_000  # five parts, of which three are on their way at once


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that lets each member have one upload open."""
    with serving(tmp_path_factory.mktemp("strict"), "--limit=openUploads=1") as running:
        yield running


@pytest.fixture(scope="module")
def clinician(strict: ServerProcess) -> ApiToken:
    return ApiToken(strict.careseal("api-token"))


@pytest.fixture
async def host(
    strict: ServerProcess, clinician: ApiToken, stores: list[Store]
) -> AsyncIterator[Session]:
    session, _ = await Session.create(stores[0], strict.base_url, clinician, name="Dr Roe")
    async with session:
        yield session


class Broken(Exception):
    """Whatever breaks it."""


def failing(why: BaseException) -> Callable[[Progress], None]:
    """Breaks an upload when a part of it is stored."""

    def tell(progress: Progress) -> None:
        raise why

    return tell


def streams(store: Store) -> list[Path]:
    return list(store.folder.glob(".stream-*"))


@pytest.mark.parametrize("change", ["bytes", "name"])
async def test_an_upload_that_another_takes_the_place_of_is_deleted(
    host: Session, tmp_path: Path, change: str
) -> None:
    source = tmp_path / "scan.bin"
    source.write_bytes(bytes(SIZE))
    with pytest.raises(Broken):
        await host.send_file(source, progress=failing(Broken()))
    if change == "bytes":
        source.write_bytes(bytes(SIZE + 1))
    await host.send_file(source, name="another.bin" if change == "name" else None)


@pytest.mark.parametrize("why", [Broken(), asyncio.CancelledError()], ids=["broken", "cancelled"])
async def test_a_stream_that_cannot_go_on_is_deleted(
    host: Session, stores: list[Store], why: BaseException
) -> None:
    with pytest.raises(type(why)):
        await host.send_file(io.BytesIO(bytes(SIZE)), progress=failing(why))
    assert not streams(stores[0])
    await host.send_file(io.BytesIO(bytes(SIZE)))


async def test_a_file_that_changed_while_it_was_sent_is_deleted(
    host: Session, tmp_path: Path
) -> None:
    source, other = tmp_path / "scan.bin", tmp_path / "other.bin"
    source.write_bytes(bytes(SIZE))

    def change(progress: Progress) -> None:
        source.write_bytes(b"")

    with pytest.raises(FileUnavailable):
        await host.send_file(source, progress=change)
    other.write_bytes(b"short")
    await host.send_file(other)


async def test_what_a_killed_process_left_is_removed(host: Session, stores: list[Store]) -> None:
    program = """
import asyncio, os, signal, sys
from pathlib import Path
from careseal.client import Session, Store
async def main():
    with Store.open(Path(sys.argv[1])) as store:
        async with await Session.open(store, store.sessions()[0]) as session:
            kill = lambda progress: os.kill(os.getpid(), signal.SIGKILL)
            await session.send_file(sys.stdin.buffer, progress=kill)
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(stores[0].folder)]
    killed = await asyncio.to_thread(
        subprocess.run, command, input=bytes(SIZE), timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert streams(stores[0])
    Store.open(stores[0].folder).close()
    assert not streams(stores[0])
    await host.send_file(io.BytesIO(b"the next"))


async def test_a_stream_in_use_is_left_alone(host: Session, stores: list[Store]) -> None:
    seen: list[list[Path]] = []

    def open_again(progress: Progress) -> None:
        Store.open(stores[0].folder).close()
        seen.append(streams(stores[0]))

    await host.send_file(io.BytesIO(bytes(SIZE)), progress=open_again)
    assert [len(each) for each in seen] == [1] * 5
    assert not streams(stores[0])


class Source(io.BytesIO):
    """A stream that gives something, and then waits or breaks."""

    def __init__(self, then: Callable[[], bytes]) -> None:
        super().__init__()
        self._then = then
        self._begun = False

    def read(self, size: int | None = -1) -> bytes:
        if self._begun:
            return self._then()
        self._begun = True
        return b"medical"


async def test_a_stream_that_breaks_leaves_nothing_here(host: Session, stores: list[Store]) -> None:
    def full() -> bytes:
        raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"):
        await host.send_file(Source(full))
    assert not streams(stores[0])


async def test_a_stream_that_is_given_up_waiting_leaves_nothing_here(
    host: Session, stores: list[Store]
) -> None:
    loop, waits, over = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait() -> bytes:
        loop.call_soon_threadsafe(waits.set)
        over.wait()
        return b""

    sending = asyncio.create_task(host.send_file(Source(wait)))
    await waits.wait()
    assert streams(stores[0])
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    left = streams(stores[0])
    over.set()
    assert not left
