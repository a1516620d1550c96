"""Streams that wait in the store's folder for being sealed: plain, so for no longer than that."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

_PREFIX = ".stream-"


@contextmanager
def private_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file of one process, which holds its lock for as long as it uses it."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as out:
                _lock(out)
                if path.exists():  # else another process took it for a lost one before that
                    yield path, out
                    return
        finally:
            path.unlink(missing_ok=True)


def remove_lost(folder: Path) -> None:
    """Removes what processes left that were killed: their locks went with them."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError), path.open("r+b") as file:  # one that is locked is in use
            _lock(file, wait=False)
            path.unlink(missing_ok=True)


def is_lost(path: Path) -> bool:
    """Whether this was a stream, and no process has it any more."""
    return path.name.startswith(_PREFIX) and not path.exists()


def _lock(file: BinaryIO, *, wait: bool = True) -> None:
    """Raises `OSError` where another process has it."""
    if sys.platform != "win32":  # there a file that is open cannot be removed anyway
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
