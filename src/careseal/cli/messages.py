"""``send``, ``watch``, ``log``, ``carry-on``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit, fail, run
from .options import AsJson, StoreFolder, Which, opened
from .showing import count_bar
from .telling import hint, say, tell, tell_said

if TYPE_CHECKING:
    from careseal.client import Event, Said


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
    """Show all messages that this device can read, as they stand: edited ones anew, withdrawn
    ones without what they said."""

    async def work() -> None:
        from careseal.client import Conversation, Said

        async with opened(store, which) as session:
            await session.catch_up()
            conversation = Conversation()
            found: list[Said | Event] = []
            async for event in session.history():
                said = conversation.take(event)
                if event.seq <= after or is_settled(event, said, after):
                    continue
                found.append(said if said is not None and said.seq == event.seq else event)
            for each in found:
                if not isinstance(each, Said):
                    tell(each, session, as_json)
                elif (now := conversation.find(each.sender.id, each.message)) is not None:
                    tell_said(now, session, as_json)

    run(work())


def carry_on(
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Put back what a server lost that was restored from a backup.

    What this device has goes back sealed as it was, to the same place; until all is there nothing
    new is sent. Where another device has the rest, exit code 8 says so.
    """

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            posted = 0
            if session.restored:
                with count_bar("Putting back", as_json) as bar:
                    posted = await session.carry_on(progress=bar)
            told = {"event": "carried-on", "session": str(session.id), "entries": posted}
            what = "1 entry was" if posted == 1 else f"{posted} entries were"
            say(
                as_json,
                told,
                f"{what} put back; the session goes on."
                if posted
                else "Nothing is missing at the server; the session goes on.",
            )

    run(work())


def is_settled(event: Event, said: Said | None, after: int) -> bool:
    """Whether a change is told already by the message that it changed, or changed none."""
    from careseal.client import Edit, MessageReceived, Reaction, Withdraw

    match event:
        case MessageReceived(payload=Edit() | Withdraw() | Reaction()):
            return said is None or said.seq > after
    return False
