"""QR codes and progress bars at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from careseal.client import Progress
    from careseal.client.carrying import OnPutBack
    from careseal.client.transfers import OnProgress


def print_qr(text: str, wanted: bool) -> None:
    """On stderr, and only at a terminal: stdout is for what a program may read."""
    if wanted and sys.stderr.isatty():
        import segno

        segno.make(text, error="l").terminal(out=sys.stderr, compact=True)


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[OnProgress | None]:
    """A bar with rate and time left on stderr; nothing where nobody looks at it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=None)

        def tell(progress: Progress) -> None:
            bars.update(task, total=progress.size, completed=progress.done)

        yield tell


@contextmanager
def count_bar(title: str, quiet: bool) -> Iterator[OnPutBack | None]:
    """A bar with how many of how many on stderr; nothing where nobody looks at it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, of: bars.update(task, total=of, completed=done)
