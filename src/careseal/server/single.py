"""One server for one data folder: followers of two would not hear each other."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careseal.server.durable import sync_folder


class InUse(Exception):
    """Another server runs on this data folder."""


@contextmanager
def only_server_of(data: Path) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process, however that ends. Raises ``InUse``."""
    if not data.exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(data.parent)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"Another careseal server runs on {data}.") from None
        yield
