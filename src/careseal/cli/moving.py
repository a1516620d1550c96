"""``careseal move``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .exits import fail
from .serve import places_told, require_server
from .telling import hint, size

From = Annotated[
    Path,
    typer.Option("--from", envvar="CARESEAL_FROM_DATA", help="Data folder of the source."),
]
To = Annotated[
    Path, typer.Option("--to", envvar="CARESEAL_TO_DATA", help="Data folder of the target.")
]
FromDatabases = Annotated[
    list[str] | None,
    typer.Option(
        "--from-database-url",
        envvar="CARESEAL_FROM_DATABASE_URLS",
        help="The source's --database-url, if it has one; repeated as there.",
    ),
]
ToDatabases = Annotated[
    list[str] | None,
    typer.Option(
        "--to-database-url",
        envvar="CARESEAL_TO_DATABASE_URLS",
        help="The target's --database-url; their number may be another.",
    ),
]
FromObjects = Annotated[
    str | None,
    typer.Option(
        "--from-objects-url",
        envvar="CARESEAL_FROM_OBJECTS_URL",
        help="The source's --objects-url. Keys of both come from AWS_… variables.",
    ),
]
ToObjects = Annotated[
    str | None,
    typer.Option(
        "--to-objects-url", envvar="CARESEAL_TO_OBJECTS_URL", help="The target's --objects-url."
    ),
]
FromSecrets = Annotated[
    Path | None,
    typer.Option(
        "--from-secrets-file",
        envvar="CARESEAL_FROM_SECRETS_FILE",
        help="The source's --secrets-file.",
    ),
]
ToSecrets = Annotated[
    Path | None,
    typer.Option(
        "--to-secrets-file", envvar="CARESEAL_TO_SECRETS_FILE", help="The target's --secrets-file."
    ),
]


def move(
    source: From,
    target: To,
    from_database_url: FromDatabases = None,
    to_database_url: ToDatabases = None,
    from_objects_url: FromObjects = None,
    to_objects_url: ToObjects = None,
    from_secrets_file: FromSecrets = None,
    to_secrets_file: ToSecrets = None,
    while_running: Annotated[
        bool,
        typer.Option(
            "--while-running", help="A first time, while the server runs; another must follow."
        ),
    ] = False,
    give_up: Annotated[
        bool,
        typer.Option("--give-up", help="Do not go on: let the server start at the source again."),
    ] = False,
) -> None:
    """Carry a whole installation to another place, between SQLite, PostgreSQL, folder and S3.

    Each row and object is compared and checked. Run it again when it was interrupted.
    """
    require_server()
    from careseal.server import moving
    from careseal.server.settings import Settings

    here = Settings(
        data=source,
        database_urls=tuple(from_database_url or ()),
        objects_url=from_objects_url,
        secrets_file=from_secrets_file,
    )
    there = Settings(
        data=target,
        database_urls=tuple(to_database_url or ()),
        objects_url=to_objects_url,
        secrets_file=to_secrets_file,
    )
    try:
        with places_told():
            if give_up:
                moving.give_up(here, there)
                typer.echo("Given up. The server can start at the source again.")
                return
            carried = moving.move(here, there, hint, running=while_running)
    except moving.MoveError as failure:
        raise fail(str(failure)) from None
    told = (
        f"{carried.sessions} sessions are there: {carried.rows} rows and {carried.objects} objects "
        f"({size(carried.bytes)}) were carried this time."
    )
    if while_running:
        typer.echo(f"{told} Stop the server and run this again without --while-running.")
    else:
        typer.echo(f"{told} All is the same at both. Start the server at the new place.")
