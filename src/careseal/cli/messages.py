"""``send``, ``watch``, ``log``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .exits import Exit, fail, run
from .options import AsJson, StoreFolder, Which, opened
from .telling import hint, say, tell


def send(
    text: Annotated[
        list[str] | None,
        typer.Argument(help="The message; without it, or with -, it is read from stdin."),
    ] = None,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Send a message; returns when the server has it."""
    message = " ".join(text or [])
    if message in ("", "-"):
        message = sys.stdin.read().rstrip("\n")
    if not message:
        raise fail("There is nothing to send.", Exit.USAGE)

    async def work() -> None:
        async with opened(store, which) as session:
            sent = await session.send(message)
            told = {
                "session": str(session.id),
                "message": str(sent.message),
                "seq": sent.seq,
            }
            say(as_json, told, "Sent.")

    run(work())


def watch(
    which: Which = None,
    after: Annotated[
        int | None, typer.Option(help="Show first what came after this number in the log.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Stop after so many messages of others.")
    ] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what happens until Ctrl-C; a host's device admits and tidies meanwhile."""

    async def work() -> None:
        from careseal.client import MessageReceived

        left = count
        async with opened(store, which) as session:
            if after is not None:
                async for past in session.history(after):
                    tell(past, session, as_json)
            if not as_json:
                hint(f"Watching “{session.title or session.id}”. Ctrl-C to stop.")
            async for event in session.follow():
                tell(event, session, as_json)
                if left is not None and isinstance(event, MessageReceived) and not event.own:
                    left -= 1
                    if left <= 0:
                        return

    run(work())


def log(
    which: Which = None,
    after: Annotated[int, typer.Option(help="Only what came after this number.")] = 0,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show all messages that this device can read."""

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            async for event in session.history(after):
                tell(event, session, as_json)

    run(work())
