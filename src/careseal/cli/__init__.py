"""The ``careseal`` command."""

from __future__ import annotations

from typing import Annotated

import typer

from careseal import __version__
from careseal.cli import (
    admitting,
    backups,
    call,
    doctor,
    entering,
    exits,
    files,
    messages,
    moving,
    people,
    serve,
    verify,
)

app = typer.Typer(
    name="careseal",
    no_args_is_help=True,
    help="End-to-end-encrypted telemedicine.",
    epilog=exits.HELP,
    pretty_exceptions_enable=False,
)
for command in (
    entering.new,
    entering.join,
    messages.send,
    files.send_file,
    files.receive,
    messages.watch,
    messages.log,
    messages.carry_on,
    people.members,
    people.invite,
    people.remove,
    admitting.waiting,
    admitting.admit,
    admitting.refuse,
    admitting.late,
    people.code,
    call.call,
    entering.sessions,
    entering.leave,
    entering.end,
    verify.verify,
    backups.backup,
    backups.restore,
    moving.move,
    doctor.doctor,
):
    app.command()(command)
serve.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"careseal {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options that stand before any command."""


def main() -> None:
    """Entry point of the console script."""
    app()
