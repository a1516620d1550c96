"""``call``."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .entering import PasscodeFile
from .exits import Exit, fail, run
from .options import AsJson, Name, StoreFolder, Which, open_store, opened, secret_text
from .telling import hint, named, say, who

if TYPE_CHECKING:
    from careseal.call import Calls, CallsEvent, Ended, Recorder, Sending
    from careseal.client import Event, Link, Session
    from careseal.e2ee.signal import Peer

ANSWERED_WITHIN = 10.0
"""Seconds for which `--ring` looks for somebody to be called."""


def call(
    link: Annotated[
        str | None,
        typer.Argument(
            help="Joins by this link first. Better not here, where others see it: use "
            "CARESEAL_LINK, --link-file, or - for stdin. Without one, the session is meant "
            "that this device is in.",
            show_default=False,
        ),
    ] = None,
    play: Annotated[
        str | None,
        typer.Option(help="Media file to send, or: pattern, a moving picture and a tone."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Writes what the other sends to a new media file.")
    ] = None,
    ring: Annotated[
        bool, typer.Option("--ring", help="Place a call; else one is awaited.")
    ] = False,
    repeat: Annotated[bool, typer.Option("--repeat", help="Play the file over and over.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Hang up after so many seconds of call.")
    ] = None,
    name: Name = None,
    link_file: Annotated[
        Path | None, typer.Option(help="Reads the link from a file; - is stdin.")
    ] = None,
    passcode_file: PasscodeFile = None,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Answer or place a call, without a desktop: media files instead of camera and screen."""
    if record is not None and record.exists():
        raise fail(f"{record} is there already.", Exit.USAGE)

    async def work() -> None:
        from careseal.call import CallError, Calls, Sending
        from careseal.call import play as played

        try:
            sending = Sending() if play is None else played(play, loop=repeat)
            async with (
                _session(link, link_file, passcode_file, name, which, store) as session,
                session.following() as events,
                Calls.of(session) as calls,
            ):
                shown = _Shown(session, calls, record, as_json)
                try:
                    await _until_over(shown, sending, ring, seconds, events)
                finally:
                    await shown.close()
        except CallError as error:
            raise fail(str(error)) from None

    try:
        run(work())
    except ModuleNotFoundError as error:
        if error.name not in ("aiortc", "av"):
            raise
        raise fail("Calls need more packages: pip install 'careseal[call]'.") from None


@asynccontextmanager
async def _session(
    link: str | None,
    link_file: Path | None,
    passcode_file: Path | None,
    name: str | None,
    which: str | None,
    folder: Path | None,
) -> AsyncIterator[Session]:
    if link is None and link_file is None and "CARESEAL_LINK" not in os.environ:
        async with opened(folder, which) as session:
            yield session
        return
    from careseal.client import Link, Session

    parsed: Link = Link.parse(secret_text(link, link_file, "Link", "CARESEAL_LINK"))
    passcode = None
    if parsed.needs_passcode:
        passcode = secret_text(None, passcode_file, "Passcode", "CARESEAL_PASSCODE")
    with open_store(folder) as kept:
        async with await Session.join(
            kept,
            parsed,
            name=name or getpass.getuser(),
            passcode=passcode,
            patience=60,
            waiting=lambda: hint("Waiting for a host to come online…"),
        ) as session:
            kept.put(None, "last", bytes(session.id))
            yield session


async def _until_over(
    shown: _Shown,
    sending: Sending,
    ring: bool,
    seconds: float | None,
    events: AsyncIterator[Event],
) -> None:
    """Exits with the code that the call's end means."""
    calling = asyncio.create_task(_call(shown, sending, ring, seconds))
    following = asyncio.create_task(_ignore(events))
    try:
        await asyncio.wait({calling, following}, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            following.result()  # raises why the session is over for this device
            raise fail("The session is over.", Exit.NOT_IN_SESSION)
        code = _code(calling.result())
    finally:
        for task in (calling, following):
            task.cancel()
        await asyncio.gather(calling, following, return_exceptions=True)
    if code is not Exit.DONE:
        raise SystemExit(code)


async def _call(shown: _Shown, sending: Sending, ring: bool, seconds: float | None) -> Ended:
    from careseal.call import Connected, Ended, GoesOn, Rings, State

    calls, meant = shown.calls, None
    if ring:
        await _somebody_here(shown.session)
        meant = await calls.ring(sending)
    elif not shown.as_json:
        hint("Waiting for a call. Ctrl-C to stop.")
    limit: asyncio.Task[None] | None = None
    async for event in calls.events():
        shown.show(event)
        match event:
            case Rings(call=call) if not ring and calls.state == State.RINGING_IN:
                meant = call
                await calls.answer(sending)
            case GoesOn(call=call) if not ring and calls.call is None:
                meant = call
                await calls.join(sending)
            case Connected() if limit is None and seconds is not None:
                limit = asyncio.create_task(_hang_up_after(seconds, calls))
            case Ended(call=call) if call == meant:
                if limit is not None:
                    limit.cancel()
                return event
    raise AssertionError("the events of calls do not end")


async def _somebody_here(session: Session) -> None:
    """Those who are here say so when they hear of this process."""
    event = asyncio.Event()
    unlisten = session.listen(lambda _: event.set() if session.peers else None)
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            while not session.peers:
                await event.wait()
    except TimeoutError:
        raise fail("Nobody is here to be called.") from None
    finally:
        unlisten()


async def _hang_up_after(seconds: float, calls: Calls) -> None:
    await asyncio.sleep(seconds)
    await calls.hang_up()


async def _ignore(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass


def _code(ended: Ended) -> Exit:
    from careseal.call import EndReason

    return {
        EndReason.HUNG_UP: Exit.DONE,
        EndReason.HUNG_UP_BY_OTHER: Exit.DONE,
        EndReason.ALARM: Exit.ALARM,
        EndReason.REMOVED: Exit.NOT_IN_SESSION,
    }.get(ended.reason, Exit.FAILED)


class _Shown:
    """Tells what happens in the call, and records whom it first reaches."""

    def __init__(self, session: Session, calls: Calls, record: Path | None, as_json: bool) -> None:
        self.session = session
        self.calls = calls
        self.as_json = as_json
        self._path = record
        self._recorder: Recorder | None = None

    def show(self, event: CallsEvent) -> None:
        from careseal.call import Connected

        told, text = _told(event)
        if self.as_json:
            say(True, {"session": str(self.session.id), **told}, text)
        elif text:
            hint(text)
        if isinstance(event, Connected):
            self._record(event.peer)

    def _record(self, peer: Peer) -> None:
        from careseal.call import Recorder

        if self._path is not None and self._recorder is None:
            self._recorder = Recorder(self._path)
            self._recorder.record(self.calls.link(peer))

    async def close(self) -> None:
        if self._recorder is None:
            return
        await asyncio.to_thread(self._recorder.close)
        told = {"session": str(self.session.id), "event": "recorded", "path": str(self._path)}
        say(self.as_json, told, f"Recorded {self._path}.")


def _told(event: CallsEvent) -> tuple[dict[str, Any], str]:
    from careseal import call as calls

    front: dict[str, Any] = {"call": str(event.call)}
    match event:
        case calls.Rings(by=by):
            return front | {"event": "rings", "from": who(by)}, f"{named(by)} calls"
        case calls.GoesOn(by=by):
            return front | {"event": "goes-on", "from": who(by)}, f"{named(by)} is in a call"
        case calls.Joined(member=member):
            return front | {"event": "joined", "who": who(member)}, ""
        case calls.Connected(member=member):
            told = front | {"event": "connected", "who": who(member)}
            return told, f"In a call with {named(member)}"
        case calls.Sends():
            sent = {"audio": event.audio, "video": event.video, "screen": event.screen}
            return front | {"event": "sends", **sent}, ""
        case calls.Left():
            return front | {"event": "left"}, ""
        case calls.Alarm(kind=kind):
            text = "! ALARM: somebody on the way is not who was signed for. Ring the other."
            if kind == "unsealed-media":
                text = "! ALARM: media came that was not sealed. Ring the other."
            return front | {"event": "alarm", "kind": kind}, text
        case calls.LineFailed():
            return front | {"event": "line-failed"}, "— The line failed; the call may suffer"
        case calls.Ended(reason=reason, seconds=seconds):
            told = front | {"event": "ended", "reason": reason.value, "seconds": seconds}
            return told, f"The call is over ({reason.value}, {seconds} s)"
