"""What goes out of calls: signals to others, entries in the log, events to who holds the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from careseal.client.errors import ClientError
from careseal.e2ee.errors import SealError
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.payload import CallEvent
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal, SignalPayload

from .events import CallsEvent, LineFailed
from .line import CallLine
from .people import People


class Notices:
    """Nobody waits for what is said and told here; it leaves in that order."""

    def __init__(self, line: CallLine, people: People) -> None:
        self._line = line
        self._people = people
        self._told: asyncio.Queue[CallsEvent] = asyncio.Queue()
        self._outgoing: asyncio.Queue[tuple[Peer, SignalPayload]] = asyncio.Queue()

    def tell(self, event: CallsEvent) -> None:
        self._told.put_nowait(event)

    async def next_told(self) -> CallsEvent:
        return await self._told.get()

    def say(self, to: Peer, payload: SignalPayload) -> None:
        self._outgoing.put_nowait((to, payload))

    def say_to_all(self, kind: Literal["accept", "decline", "hangup"], call: CallId) -> None:
        for peer in self._people.here:
            self.say(peer, CallSignal(kind, call))

    async def send_all(self, failed: Callable[[], None]) -> None:
        """Sends what is said, for ever; `failed` is for each signal that could not be sent."""
        while True:
            to, payload = await self._outgoing.get()
            try:
                await self._line.send(to, payload)
            except (ClientError, SealError):
                failed()
            finally:
                self._outgoing.task_done()

    async def all_sent(self) -> None:
        await self._outgoing.join()

    async def write(self, call: CallId, event: CallEvent, seconds: int | None) -> None:
        """Writes an entry in the log."""
        try:
            await self._line.announce(call, event, seconds)
        except (ClientError, SealError):
            self.tell(LineFailed(call))
