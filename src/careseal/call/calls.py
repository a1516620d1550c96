"""Calls of one session, as who makes and takes them sees them (docs/protocol.md §7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType

from aiortc.mediastreams import MediaStreamTrack

from careseal.client import Connected as LineConnected
from careseal.client import (
    Disconnected,
    Event,
    GroupChanged,
    MessageReceived,
    Over,
    Present,
    SelfRemoved,
    Session,
    SignalReceived,
)
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.payload import Call as CallEntry
from careseal.e2ee.signal import GRACE_MS, Peer
from careseal.e2ee.signal_payload import CallSignal, Candidate, Description, Media

from . import calling, taking_part
from .conversation import Conversation
from .course import Course, State
from .errors import NoCall
from .events import CallsEvent, EndReason
from .group_keys import GroupKeys
from .hearing import heard
from .line import CallLine, SessionLine
from .link import Link, Slot
from .presence import every_second, members_changed, peers_changed
from .ringing import entry_came
from .sending import Sending


class Calls:
    """Calls of one session, one at a time, while the block lasts.

        async with session.following(), Calls.of(session) as calls:
            await calls.ring(Sending(microphone, camera))
            async for event in calls.events(): ...

    What others show and say is in `calls.link(peer).inlets`.
    """

    def __init__(self, line: CallLine) -> None:
        self._line = line
        self._keys = GroupKeys(line, GRACE_MS / 1000)
        self._course = Course(line, self._keys)
        self._unlisten: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, session: Session) -> Calls:
        """Calls of a session that is being followed."""
        return cls(SessionLine(session))

    async def __aenter__(self) -> Calls:
        course = self._course
        self._unlisten = self._line.listen(self._heard)
        course.people.look()
        course.tasks.run(course.notices.send_all(course.line_failed))
        course.tasks.run(every_second(course))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hangs up, and listens no more."""
        course = self._course
        course.closed = True
        if self._conversation is not None:
            await self.hang_up()
        self._unlisten()
        self._unlisten = lambda: None
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await course.notices.all_sent()
        course.silence()
        self._keys.stop_waiting()
        await course.tasks.end()

    # What there is to see ------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._course.state

    @property
    def call(self) -> CallId | None:
        """The call that rings or goes on here."""
        return None if self._conversation is None else self._conversation.id

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Others who take part."""
        return () if self._conversation is None else tuple(self._conversation.present)

    @property
    def ongoing(self) -> CallId | None:
        """A call that goes on without this process."""
        return self._course.ongoing.call

    def link(self, peer: Peer) -> Link:
        """The connection with a peer; its `inlets` are what the peer sends. Raises `NoCall`."""
        link = None if self._conversation is None else self._conversation.links.get(peer)
        if link is None:
            raise NoCall("There is no connection with that peer.")
        return link

    async def events(self) -> AsyncIterator[CallsEvent]:
        """What happens, from the beginning of the block on."""
        while True:
            yield await self._course.notices.next_told()

    # Verbs ---------------------------------------------------------------------------------

    async def ring(self, sending: Sending) -> CallId:
        """Calls all who are here, or answers who was quicker; the call that it is then.

        Raises `Busy` or `NobodyHere`, and what the session raises.
        """
        return await calling.ring(self._course, sending)

    async def answer(self, sending: Sending) -> None:
        """Answers the call that rings. Raises `NoCall`."""
        taking_part.answer(self._course, sending)

    async def join(self, sending: Sending) -> None:
        """Joins the call that goes on. Raises `Busy` or `NoCall`."""
        taking_part.join(self._course, sending)

    async def decline(self) -> None:
        """Raises `NoCall` if nothing rings."""
        taking_part.decline(self._course)

    async def hang_up(self) -> None:
        """Raises `NoCall`."""
        taking_part.hang_up(self._course)

    def put(self, slot: Slot, source: MediaStreamTrack | None) -> None:
        """Sends a track on a slot of the call; None stops at once. Raises `NoCall`."""
        if self._conversation is None:
            raise NoCall("There is no call.")
        self._conversation.put(slot, source)

    # What moves a call from outside --------------------------------------------------------

    def _heard(self, event: Event) -> None:
        course = self._course
        match event:
            case SignalReceived(
                payload=Description() | Candidate() | Media() | CallSignal() as payload
            ):
                peers_changed(course)
                heard(course, event.peer, event.sender, payload)
            case SignalReceived():
                peers_changed(course)
            case LineConnected(members=members) | Present(members=members):
                course.people.online = members
                peers_changed(course)
            case Disconnected():
                peers_changed(course)
            case GroupChanged():
                self._refresh_keys()
                members_changed(course)
            case MessageReceived(payload=CallEntry() as entry) if not event.own:
                entry_came(course, event.sender, entry, event.time)
            case SelfRemoved() | Over():
                self._refresh_keys()
                course.end(EndReason.REMOVED)

    def _refresh_keys(self) -> None:
        self._keys.refresh()

    @property
    def _conversation(self) -> Conversation | None:
        return self._course.current
