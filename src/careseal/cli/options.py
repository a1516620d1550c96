"""Options that many commands share, and what they lead to."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit, fail

if TYPE_CHECKING:
    from careseal.client import Session, Store
    from careseal.e2ee.identifiers import SessionId

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]
Which = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        envvar="CARESEAL_SESSION",
        help="Beginning of the session's id, or its title; else the one used last.",
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", envvar="CARESEAL_STORE", help="Folder of what this device keeps."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Knock = Annotated[
    bool, typer.Option("--knock", help="Whoever has the link must be admitted each time.")
]
Name = Annotated[str | None, typer.Option(envvar="CARESEAL_NAME", help="What the others call you.")]


def moment(text: str | None) -> int | None:
    """A time as ISO 8601 has it, in ms since 1970; without a zone it is this machine's."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
        milliseconds = int(given.timestamp() * 1000)
    except (ValueError, OverflowError):
        milliseconds = -1
    if milliseconds < 0:
        raise fail(f"“{text}” is no time; write it as 2026-11-27T14:30.", Exit.USAGE)
    return milliseconds


def open_store(folder: Path | None) -> Store:
    """The store; its passphrase, if it has one, comes from the environment or is asked for."""
    from careseal.client import StorageError, Store

    passphrase = os.environ.get("CARESEAL_PASSPHRASE") or None
    try:
        return Store.open(folder, passphrase)
    except StorageError as error:
        if "needs a passphrase" not in str(error) or not sys.stdin.isatty():
            raise fail(str(error)) from None
        asked = typer.prompt("Passphrase of the store", hide_input=True, err=True)
        try:
            return Store.open(folder, asked)
        except StorageError as refused:
            raise fail(str(refused)) from None


@asynccontextmanager
async def opened(folder: Path | None, which: str | None) -> AsyncIterator[Session]:
    """The session that is meant, read to the log's end."""
    from careseal.client import Session

    with open_store(folder) as store:
        session_id = find(store, which)
        async with await Session.open(store, session_id) as session:
            store.put(None, "last", bytes(session_id))
            yield session


def find(store: Store, which: str | None) -> SessionId:
    """The id of the session that is meant. Exits with a sentence if there is none, or several."""
    from careseal.client.keeper import Keeper
    from careseal.e2ee.identifiers import SessionId

    known = [each for each in store.sessions() if not store.version(each, "founding")]
    if which is None:
        last = store.get(None, "last")
        if last is not None and SessionId(last) in known:
            return SessionId(last)
        if len(known) == 1:
            return known[0]
        what = "which of your sessions is meant" if known else "no session yet"
        raise fail(f"Say {what}: use --session, or join one.", Exit.NOT_IN_SESSION)

    def title(session: SessionId) -> str:
        epoch = Keeper(store, session).state.epoch
        return "" if epoch is None else epoch.policy.settings.title

    fitting = [each for each in known if str(each).startswith(which) or title(each) == which]
    if len(fitting) != 1:
        how = "No session" if not fitting else "More than one session"
        raise fail(f"{how} fits “{which}”.", Exit.NOT_IN_SESSION)
    return fitting[0]


def secret_text(given: str | None, file: Path | None, question: str, variable: str) -> str:
    """A secret from a file (`-` is stdin), an argument, the environment, or a prompt."""
    if file is not None:
        return (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
    if given == "-":
        return sys.stdin.readline().strip()
    if given:
        return given
    if found := os.environ.get(variable):
        return found
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt(question, hide_input=True, err=True)).strip()
