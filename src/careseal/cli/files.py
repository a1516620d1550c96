"""``send-file``, ``receive``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit, fail, run
from .options import AsJson, StoreFolder, Which, opened
from .showing import progress_bar
from .telling import hint, say, size

if TYPE_CHECKING:
    from careseal.client import File, MessageReceived, Session


def send_file(
    path: Annotated[Path, typer.Argument(help="The file; - is stdin.", show_default=False)],
    name: Annotated[str | None, typer.Option(help="What the others see.")] = None,
    mime: Annotated[str | None, typer.Option(help="Its media type.")] = None,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Send a file. An upload that was interrupted goes on when the same is sent again."""
    stream = str(path) == "-"
    if not stream and not path.is_file():
        raise fail(f"{path} is not a file.", Exit.USAGE)

    async def work() -> None:
        async with opened(store, which) as session:
            with progress_bar(name or path.name, as_json) as bar:
                sent = await session.send_file(
                    sys.stdin.buffer if stream else path, name=name, mime=mime, progress=bar
                )
            told = {
                "session": str(session.id),
                "message": str(sent.message),
                "seq": sent.seq,
            }
            say(as_json, told, "Sent.")

    run(work())


def receive(
    into: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder, or path for one file; - writes one to stdout."
        ),
    ] = Path(),
    message: Annotated[str | None, typer.Option(help="The file of this message only.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for a file if there is no new one.")] = False,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Receive the files of others that this device has not received yet."""

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            found = await _unreceived(session, message)
            if not found and wait:
                found = [await _next_file(session)]
            if not found:
                raise fail("There is no new file.")
            if not into.is_dir():  # one place, one file
                found = found[:1]
            for event in found:
                await _receive(session, event, into, as_json)

    run(work())


async def _unreceived(session: Session, message: str | None) -> list[MessageReceived]:
    from careseal.client import Conversation, File, MessageReceived

    conversation, found = Conversation(), []
    async for event in session.history(0 if message is not None else session.received):
        conversation.take(event)
        match event:
            case MessageReceived(payload=File(message=name)) if (
                str(name) == message if message else not event.own
            ):
                found.append((event, name))
    there = {(each.sender.id, each.message) for each in conversation.messages if each.payload}
    return [event for event, name in found if (event.sender.id, name) in there]


async def _next_file(session: Session) -> MessageReceived:
    from careseal.client import File, MessageReceived

    hint("Waiting for a file…")
    async for event in session.follow():
        match event:
            case MessageReceived(payload=File(), own=False):
                return event
    raise fail("The session is over.", Exit.NOT_IN_SESSION)


async def _receive(session: Session, event: MessageReceived, into: Path, as_json: bool) -> None:
    file: File = event.payload  # type: ignore[assignment]
    to_stdout = str(into) == "-"
    with progress_bar(file.name, as_json or to_stdout) as bar:
        path = await session.receive_file(
            file, sys.stdout.buffer if to_stdout else into, progress=bar
        )
    session.mark_received(event.seq)
    if to_stdout:
        sys.stdout.buffer.flush()
        return
    told = {
        "session": str(session.id),
        "message": str(file.message),
        "name": file.name,
        "size": file.size,
        "path": str(path),
        "from": str(event.sender.id),
    }
    say(as_json, told, f"Received {path} ({size(file.size)}).")
