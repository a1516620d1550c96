"""Telling a start after a crash from one after a clean end, and what was set right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from careseal.server.durable import sync_folder
from careseal.server.request_log import event
from careseal.server.settings import Settings

RUNNING: Final = "running"  # a file that is there while the server is
HALF_WRITTEN: Final = "*/*#*"  # how an object is called until it is whole
log = logging.getLogger(__name__)


@contextmanager
def noticed(settings: Settings, prepare: Callable[[], object]) -> Iterator[None]:
    """Set right and say what an unclean end left, ``prepare``, then remember that the server runs.

    Only for whoever holds the data folder's lock.
    """
    mark = settings.data / RUNNING
    if mark.exists():
        fields = {"halfWrittenObjectsRemoved": _remove_half_written(settings)}
        fields |= {"databaseBytesRecovered": _journalled(settings)}
        event(log, "started after an unclean end", **fields)
    prepare()
    mark.touch(mode=0o600)
    sync_folder(settings.data)
    yield
    mark.unlink(missing_ok=True)


def _remove_half_written(settings: Settings) -> int:
    """Of a folder that is this server's alone; in a bucket the sweep finds them in time."""
    half = list(settings.objects_folder.glob(HALF_WRITTEN)) if settings.objects_folder else []
    for path in half:
        path.unlink()
    return len(half)


def _journalled(settings: Settings) -> int:
    """Bytes in SQLite's write-ahead logs, which are taken up when the databases are opened."""
    files = [url.database for url in settings.databases() if url.get_backend_name() == "sqlite"]
    logs = [Path(f"{file}-wal") for file in files]
    return sum(each.stat().st_size for each in logs if each.exists())
