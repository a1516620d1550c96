"""``careseal backup`` and ``careseal restore``."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import fail
from .serve import DEFAULT_DATA, Data, require_server
from .telling import hint, size

if TYPE_CHECKING:
    from careseal.server.backup import Extent

ELSEWHERE = ("CARESEAL_DATABASE_URLS", "CARESEAL_OBJECTS_URL")
Source = Annotated[Path, typer.Argument(help="Folder of the backup.")]


def backup(
    target: Annotated[
        Path, typer.Argument(help="Folder for the backup; an earlier one is renewed.")
    ],
    data: Data = DEFAULT_DATA,
) -> None:
    """Copy a server's data while it runs: the database as of one instant, and what is new."""
    require_server()
    elsewhere = [name for name in ELSEWHERE if os.environ.get(name)]
    if elsewhere:
        sentence = f"{' and '.join(elsewhere)} say that this server's data is not in a folder."
        raise fail(f"No backup was made. {sentence} See docs/operating.md, Backups.")
    from careseal.server.backup import BackupError, back_up
    from careseal.server.single import InUse

    try:
        made = back_up(data, target, hint)
    except InUse:
        sentence = f"A server runs on {target}, or another backup to it is under way."
        raise fail(f"No backup was made. {sentence}") from None
    except (BackupError, OSError) as failure:
        raise fail(f"No backup was made. {failure}") from None
    except sqlite3.Error as failure:
        raise fail(f"No backup was made. The database cannot be copied: {failure}.") from None
    typer.echo(f"Backed up {_told(made)}; {made.copied} objects were new.")


def restore(
    source: Source,
    data: Data = DEFAULT_DATA,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check that the backup is whole.")
    ] = False,
) -> None:
    """Make a server's data folder from a backup, after checking every byte of it."""
    require_server()
    from careseal.server import backup
    from careseal.server.single import InUse

    try:
        if verify:
            _verify(source, list(backup.check(source)))
            return
        made = backup.restore(source, data, hint)
    except (backup.BackupError, InUse, OSError) as failure:
        raise fail(str(failure)) from None
    except sqlite3.Error as failure:
        raise fail(f"The database cannot be read or copied: {failure}.") from None
    typer.echo(f"Restored {_told(made)} to {data}.")


def _verify(source: Path, found: list[str]) -> None:
    for wrong in found:
        typer.echo(wrong)
    if found:
        raise fail(f"The backup in {source} cannot be restored.")
    typer.echo(f"The backup in {source} is whole.")


def _told(extent: Extent) -> str:
    return (
        f"{extent.sessions} sessions with {extent.entries} entries and "
        f"{extent.objects} objects ({size(extent.bytes)})"
    )
