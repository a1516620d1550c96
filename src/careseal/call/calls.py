"""The state machine of calls: idle → ringing → connecting → active → idle (docs/protocol.md §7).

The caller writes the durable call entry and offers to all who are here; it rings there, and the
connection is made while it rings.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Literal

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
from careseal.client.errors import ClientError
from careseal.e2ee.epoch import Member
from careseal.e2ee.errors import SealError
from careseal.e2ee.identifiers import CallId, MemberId
from careseal.e2ee.payload import Call as CallEntry
from careseal.e2ee.payload import CallEvent
from careseal.e2ee.signal import GRACE_MS, Peer
from careseal.e2ee.signal_payload import CallSignal, Candidate, Description, Media, SignalPayload

from .conversation import Conversation, Starter
from .errors import Busy, NobodyHere, NoCall
from .events import (
    Alarm,
    AlarmKind,
    CallsEvent,
    Connected,
    Ended,
    EndReason,
    GoesOn,
    Joined,
    Left,
    LineFailed,
    Rings,
    Sends,
)
from .frames import Keys
from .line import CallLine, SessionLine
from .link import NO_CONTEXT, Link, LinkState, Sent, Slot

RINGS = 45.0  # s
ALONE = 30.0
"""Seconds after which a call that was accepted, and reaches nobody, is over."""
GONE = 8.0
"""Seconds after which who is gone from the server and from the connection does not come back."""

SETTLING = 0.5
"""Seconds after which an entry rings that no offer came for."""

_InCall = Description | Candidate | Media | CallSignal


class State(StrEnum):
    IDLE = "idle"
    RINGING_OUT = "ringing-out"
    RINGING_IN = "ringing-in"
    CONNECTING = "connecting"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent from the start; None sends nothing."""

    microphone: MediaStreamTrack | None = None
    camera: MediaStreamTrack | None = None
    screen: MediaStreamTrack | None = None


class Calls:
    """Calls of one session, one at a time, while the block lasts.

        async with session.following(), Calls.of(session) as calls:
            await calls.ring(Sending(microphone, camera))
            async for event in calls.events(): ...

    What others show and say is in `calls.link(peer).inlets`.
    """

    def __init__(self, line: CallLine) -> None:
        self._line = line
        self._keys = Keys(line.keys)
        self._told: asyncio.Queue[CallsEvent] = asyncio.Queue()
        self._outgoing: asyncio.Queue[tuple[Peer, SignalPayload]] = asyncio.Queue()
        self._conversation: Conversation | None = None
        self._state = State.IDLE
        self._began: float | None = None
        self._finished: set[CallId] = set()
        self._ongoing: dict[CallId, set[Peer]] = {}
        self._informed: set[Peer] = set()
        self._known: set[Peer] = set()
        self._online: frozenset[MemberId] | None = None
        self._gone: dict[Peer, float] = {}
        self._refusal: EndReason | None = None
        self._ringing: asyncio.TimerHandle | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._unlisten: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, session: Session) -> Calls:
        """Calls of a session that is being followed."""
        return cls(SessionLine(session))

    async def __aenter__(self) -> Calls:
        self._unlisten = self._line.listen(self._heard)
        self._known = set(self._here())
        self._start(self._send_all())
        self._start(self._every_second())
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
        self._closed = True
        if self._conversation is not None:
            await self.hang_up()
        self._unlisten()
        self._unlisten = lambda: None
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._outgoing.join()
        for timer in (self._ringing, self._forgetting):
            if timer is not None:
                timer.cancel()
        closing = [task for task in self._tasks if task.get_name() == "closing"]
        await asyncio.gather(*closing, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What there is to see ------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._state

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
        return next(iter(self._ongoing), None)

    def link(self, peer: Peer) -> Link:
        """The connection with a peer; its `inlets` are what the peer sends. Raises `NoCall`."""
        link = None if self._conversation is None else self._conversation.links.get(peer)
        if link is None:
            raise NoCall("There is no connection with that peer.")
        return link

    async def events(self) -> AsyncIterator[CallsEvent]:
        """What happens, from the beginning of the block on."""
        while True:
            yield await self._told.get()

    # Verbs ---------------------------------------------------------------------------------

    async def ring(self, sending: Sending) -> CallId:
        """Calls all who are here, or answers who was quicker; the call that it is then.

        Raises `Busy` or `NobodyHere`, and what the session raises.
        """
        if self._conversation is not None:
            if self._state is not State.RINGING_IN:
                raise Busy("A call is going on already.")
            await self.answer(sending)
            return self._conversation.id
        if not self._others():
            raise NobodyHere("Nobody is here to be called.")
        call = CallId(os.urandom(16))
        begun = self._begin(call, None, State.RINGING_OUT, started_here=True)
        begun.accept()
        self._put(begun, sending)
        self._ring_for(lambda: self._stop_ringing(begun))
        try:
            await self._line.renew()
            self._refresh_keys()
            if self._is_current(begun):
                await self._line.announce(call, "started", None)
        except BaseException:
            if self._is_current(begun):
                self._end(EndReason.FAILED)
            raise
        if self._is_current(begun):
            for peer in self._others():
                begun.ring(peer)
        return call

    async def answer(self, sending: Sending) -> None:
        """Answers the call that rings. Raises `NoCall`."""
        current = self._conversation
        if current is None or self._state is not State.RINGING_IN:
            raise NoCall("Nothing rings.")
        self._cancel_ringing()
        self._put(current, sending)
        self._take_part(current)

    async def join(self, sending: Sending) -> None:
        """Joins the call that goes on. Raises `Busy` or `NoCall`."""
        if self._conversation is not None:
            raise Busy("A call is going on already.")
        call = self.ongoing
        if call is None:
            raise NoCall("No call goes on.")
        peers = self._ongoing.pop(call)
        begun = self._begin(call, None, State.CONNECTING)
        begun.present.update(peers)
        self._put(begun, sending)
        self._take_part(begun)

    async def decline(self) -> None:
        """Raises `NoCall` if nothing rings."""
        current = self._conversation
        if current is None or self._state is not State.RINGING_IN:
            raise NoCall("Nothing rings.")
        self._say_to_all("decline", current.id)
        self._end(EndReason.DECLINED)

    async def hang_up(self) -> None:
        """Raises `NoCall`."""
        current = self._conversation
        if current is None:
            raise NoCall("There is no call.")
        if self._state is State.RINGING_IN:
            await self.decline()
            return
        self._say_to_all("hangup", current.id)
        if not current.present and self._began is None:
            self._finish(EndReason.HUNG_UP, "missed")
        elif len(current.present) <= 1:  # who leaves the last one alone writes the end
            self._finish(EndReason.HUNG_UP, "ended")
        else:
            self._end(EndReason.HUNG_UP)

    def put(self, slot: Slot, source: MediaStreamTrack | None) -> None:
        """Sends a track on a slot of the call; None stops at once. Raises `NoCall`."""
        if self._conversation is None:
            raise NoCall("There is no call.")
        self._conversation.put(slot, source)

    # Beginning and end ---------------------------------------------------------------------

    def _begin(
        self, call: CallId, starter: Starter | None, state: State, *, started_here: bool = False
    ) -> Conversation:
        self._refresh_keys()
        begun = Conversation(
            call,
            starter,
            self._line,
            self._keys,
            _Listener(self, call),
            started_here=started_here,
        )
        self._conversation, self._state, self._began = begun, state, None
        self._ongoing.pop(call, None)
        return begun

    def _take_part(self, current: Conversation) -> None:
        self._state = State.CONNECTING
        self._say_to_all("accept", current.id)
        for peer in list(current.links):
            if self._is_starter(current, peer):
                current.admit(peer, offering=False)
        current.accept()
        # Those who took part before this side did: the lower leaf offers (docs/protocol.md §7.2).
        for peer in list(current.present):
            known = peer in current.links or self._is_starter(current, peer)
            if not known and self._line.leaf < peer.leaf:
                current.ring(peer)
        self._progress(current)

    def _put(self, current: Conversation, sending: Sending) -> None:
        sources = (sending.microphone, sending.camera, sending.screen)
        for slot, source in zip(Slot, sources, strict=True):
            current.put(slot, source)

    def _progress(self, current: Conversation) -> None:
        """From ringing out to connecting, from connecting to active and back."""
        if not self._is_current(current) or not current.accepted:
            return
        if self._state is State.RINGING_IN:
            return
        if current.started_here and not current.present and self._began is None:
            return
        self._state = State.ACTIVE if current.connected else State.CONNECTING
        if current.connected and self._began is None:
            self._began = time.monotonic()

    def _end(self, reason: EndReason) -> None:
        """Ends the call here, and tells nobody."""
        current = self._conversation
        if current is None:
            return
        self._cancel_ringing()
        seconds = 0 if self._began is None else round(time.monotonic() - self._began)
        self._finished.add(current.id)
        self._conversation, self._state, self._began = None, State.IDLE, None
        self._informed.clear()
        self._gone.clear()
        self._refusal = None
        self._start(current.close(), "closing")
        self._tell(Ended(current.id, reason, seconds))

    def _finish(self, reason: EndReason, event: CallEvent) -> None:
        """Ends the call, and writes so where this side is the one to do it."""
        current = self._conversation
        if current is None:
            return
        seconds = None
        if event == "ended":
            seconds = 0 if self._began is None else round(time.monotonic() - self._began)
        self._end(reason)
        self._start(self._announce(current.id, event, seconds), "closing")

    async def _announce(self, call: CallId, event: CallEvent, seconds: int | None) -> None:
        try:
            await self._line.announce(call, event, seconds)
        except (ClientError, SealError):
            self._tell(LineFailed(call))

    def _ring_for(self, give_up: Callable[[], None]) -> None:
        self._cancel_ringing()
        self._ringing = asyncio.get_running_loop().call_later(RINGS, give_up)

    def _cancel_ringing(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None

    def _stop_ringing(self, current: Conversation) -> None:
        if not self._is_current(current):
            return
        unanswered = [peer for peer in current.links if peer not in current.present]
        for peer in unanswered:
            self._say(peer, CallSignal("hangup", current.id))
        if not current.present:
            self._finish(EndReason.MISSED, "missed")
            return
        for peer in unanswered:
            current.drop(peer)

    # What others do ------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        match event:
            case SignalReceived(
                payload=Description() | Candidate() | Media() | CallSignal() as payload
            ):
                self._peers_changed()
                self._signalled(event.peer, event.sender, payload)
            case SignalReceived():
                self._peers_changed()
            case LineConnected(members=members) | Present(members=members):
                self._online = members
                self._peers_changed()
            case Disconnected():
                self._peers_changed()
            case GroupChanged():
                self._refresh_keys()
                self._members_changed()
            case MessageReceived(payload=CallEntry() as entry) if not event.own:
                self._entry_came(event.sender, entry, event.time)
            case SelfRemoved() | Over():
                self._refresh_keys()
                self._end(EndReason.REMOVED)

    def _signalled(self, peer: Peer, sender: Member, payload: _InCall) -> None:
        current = self._conversation
        if current is not None and current.id == payload.call:
            self._in_call(current, peer, sender, payload)
            return
        match payload:
            case Description(type="offer"):
                self._incoming(peer, sender, payload)
            case Media():
                self._note_ongoing(peer, sender, payload.call)
            case CallSignal(type="hangup"):
                self._left_ongoing(peer)
            case CallSignal(type="accept"):
                if payload.call in self._finished and not self._line.is_own(sender.id):
                    self._say(peer, CallSignal("hangup", payload.call))

    def _in_call(self, current: Conversation, peer: Peer, sender: Member, payload: _InCall) -> None:
        match payload:
            case CallSignal(type="accept"):
                self._accepted(current, peer, sender)
            case CallSignal(type="decline"):
                self._refused(current, peer, sender, "decline")
            case CallSignal(type="busy"):
                self._refused(current, peer, sender, "busy")
            case CallSignal(type="hangup"):
                self._hung_up(current, peer, sender)
            case _:
                current.take(peer, payload, self._line.leaf)

    def _incoming(self, peer: Peer, sender: Member, offer: Description) -> None:
        current = self._conversation
        if self._line.is_own(sender.id) or offer.round != 0:
            return
        if offer.call in self._finished:
            self._say(peer, CallSignal("hangup", offer.call))
            return
        if current is not None and self._state is State.RINGING_OUT and not current.present:
            # Both started at once: the call of the lower leaf stands.
            if peer.leaf < self._line.leaf:
                self._adopt(current, peer, sender, offer)
            return
        if current is not None and self._gives_way(current, peer):
            for other in list(current.links):
                self._say(other, CallSignal("busy", current.id))
            self._start(current.close(), "closing")
        elif current is not None:
            self._say(peer, CallSignal("busy", offer.call))
            return
        begun = self._ring_in(offer.call, sender)
        begun.take(peer, offer, self._line.leaf)

    def _gives_way(self, current: Conversation, peer: Peer) -> bool:
        starter = current.starter
        return self._state is State.RINGING_IN and starter is not None and peer.leaf < starter.leaf

    def _ring_in(self, call: CallId, sender: Member) -> Conversation:
        begun = self._begin(call, Starter(sender.id, sender.leaf), State.RINGING_IN)
        self._ring_for(lambda: self._end(EndReason.MISSED) if self._is_current(begun) else None)
        self._tell(Rings(call, sender))
        return begun

    def _adopt(self, own: Conversation, peer: Peer, sender: Member, offer: Description) -> None:
        """Gives up the own call for the one that stands; what is sent goes on in it."""
        self._cancel_ringing()
        for other in list(own.links):
            self._say(other, CallSignal("hangup", own.id))
        self._finished.add(own.id)
        sources = [outlet.take() for outlet in own.outlets]
        self._start(own.close(), "closing")
        begun = self._begin(offer.call, Starter(sender.id, sender.leaf), State.CONNECTING)
        for slot, source in zip(Slot, sources, strict=True):
            begun.put(slot, source)
        begun.take(peer, offer, self._line.leaf)
        self._say_to_all("accept", offer.call)
        begun.admit(peer, offering=False)
        begun.accept()

    def _accepted(self, current: Conversation, peer: Peer, sender: Member) -> None:
        if self._line.is_own(sender.id):
            if self._state is State.RINGING_IN:
                self._end(EndReason.ANSWERED_ELSEWHERE)
            return
        if not current.accepted:
            current.present.add(peer)
            return
        offering = current.started_here or self._line.leaf < peer.leaf
        if not current.admit(peer, offering=offering and not self._is_starter(current, peer)):
            self._say(peer, CallSignal("busy", current.id))
            return
        # Answered on one device: the others of the same person need not ring any more.
        for other in list(current.links):
            if other not in current.present and self._same_person(other, sender.id):
                current.drop(other)
        self._progress(current)

    def _refused(
        self,
        current: Conversation,
        peer: Peer,
        sender: Member,
        how: Literal["decline", "busy"],
    ) -> None:
        if self._line.is_own(sender.id):
            if how == "decline" and self._state is State.RINGING_IN:
                self._end(EndReason.DECLINED)
            return
        if peer not in current.links:
            return
        if how == "decline" or self._refusal is None:
            declined = how == "decline"
            self._refusal = EndReason.DECLINED_BY_OTHER if declined else EndReason.BUSY
        for other in list(current.links):
            if other != peer and (how == "busy" or not self._same_person(other, sender.id)):
                continue
            if other != peer:
                self._say(other, CallSignal("hangup", current.id))
            current.drop(other)
        if current.links or self._state is State.RINGING_IN:
            return
        declined = self._refusal is EndReason.DECLINED_BY_OTHER
        self._finish(self._refusal, "declined" if declined else "missed")

    def _hung_up(self, current: Conversation, peer: Peer, sender: Member) -> None:
        # Its connection may have been closed before this was heard.
        took_part = peer in current.present or peer in current.met
        current.drop(peer)
        if self._state is State.RINGING_IN:
            if current.is_starter(sender.id) and not current.present:
                self._end(EndReason.CANCELLED)
            return
        if took_part and not current.links and not current.present:
            self._end(EndReason.HUNG_UP_BY_OTHER)

    # Calls that go on without this process -------------------------------------------------

    def _note_ongoing(self, peer: Peer, sender: Member, call: CallId) -> None:
        if call in self._finished or self._conversation or self._line.is_own(sender.id):
            return
        if call not in self._ongoing:
            self._ongoing = {call: {peer}}
            self._tell(GoesOn(call, sender))
        self._ongoing[call].add(peer)

    def _left_ongoing(self, peer: Peer) -> None:
        for call, peers in list(self._ongoing.items()):
            peers.discard(peer)
            if not peers:
                del self._ongoing[call]

    def _entry_came(self, sender: Member, entry: CallEntry, at: int) -> None:
        if entry.event != "started":
            if self.call == entry.call and self._state is State.RINGING_IN:
                self._end(EndReason.CANCELLED)
            if self.call != entry.call:
                self._finished.add(entry.call)
            self._ongoing.pop(entry.call, None)
        elif abs(time.time() * 1000 - at) < RINGS * 1000:
            # Who reads the log after a while finds the end of old calls right behind them.
            loop = asyncio.get_running_loop()
            loop.call_later(SETTLING, self._ring_by_entry, sender, entry.call)

    def _ring_by_entry(self, sender: Member, call: CallId) -> None:
        if self._conversation is not None or call in self._finished or self._closed:
            return
        if not self._line.is_own(sender.id):
            self._ring_in(call, sender)

    # Comings and goings --------------------------------------------------------------------

    def _here(self) -> dict[Peer, MemberId]:
        online = self._online
        return {
            peer: member
            for peer, member in self._line.peers.items()
            if online is None or member in online
        }

    def _others(self) -> list[Peer]:
        return [peer for peer, member in self._here().items() if not self._line.is_own(member)]

    def _peers_changed(self) -> None:
        here = self._here()
        if set(here) == self._known:
            return
        self._known = set(here)
        for peer in {each for peers in self._ongoing.values() for each in peers}:
            if peer not in here:
                self._left_ongoing(peer)
        current = self._conversation
        if current is None:
            return
        self._note_gone(current, here)
        if not current.accepted:
            return
        for peer in self._others():
            if peer in current.links:
                continue
            if self._state is State.RINGING_OUT:
                if self._offered(current):
                    current.ring(peer)
            else:
                self._tell_ongoing(current, peer)

    def _offered(self, current: Conversation) -> bool:
        """Before the call is in the log and under new keys, nobody is rung."""
        return bool(current.links)

    def _note_gone(self, current: Conversation, here: Iterable[Peer]) -> None:
        """A page that was loaded again is another instance of the same leaf."""
        present = set(here)
        for peer in list(current.links):
            if peer in present:
                self._gone.pop(peer, None)
            elif any(other.leaf == peer.leaf for other in present):
                current.drop(peer)
            else:
                self._gone.setdefault(peer, time.monotonic())

    def _tell_ongoing(self, current: Conversation, peer: Peer) -> None:
        """Who comes while a call goes on is told, and may join."""
        if peer in self._informed:
            return
        self._informed.add(peer)
        sent = current.sent
        nothing = NO_CONTEXT, NO_CONTEXT, NO_CONTEXT
        self._say(peer, Media(current.id, sent.audio, sent.video, sent.screen, nothing))

    def _members_changed(self) -> None:
        current = self._conversation
        if current is None:
            return
        for peer in list(current.links):
            member = self._line.peers.get(peer)
            if member is not None and self._line.member(member) is None:
                current.drop(peer)
                if not current.present and not current.links and self._is_current(current):
                    self._finish(EndReason.REMOVED, "ended")

    def _refresh_keys(self) -> None:
        """Keys of the epoch before are dropped 10 s after the change (docs/protocol.md §7.3)."""
        before, ring = self._keys.ring, self._line.keys
        self._keys.ring = ring
        if before is None or ring is None or before.epochs[0] == ring.epochs[0]:
            return
        if self._forgetting is not None:
            self._forgetting.cancel()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(GRACE_MS / 1000, self._forget_past)

    def _forget_past(self) -> None:
        if self._keys.ring is not None:
            self._keys.ring = self._keys.ring.without_past()

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            current = self._conversation
            if current is None or not current.accepted:
                continue
            now = time.monotonic()
            for peer, link in list(current.links.items()):
                away = now - self._gone.get(peer, now)
                if away > GONE and link.state is not LinkState.CONNECTED:
                    current.drop(peer)
            self._progress(current)
            if current.connected:
                current.alone_since = None
            elif current.alone_since is None:
                current.alone_since = now
            elif self._state is State.CONNECTING and now - current.alone_since > ALONE:
                self._say_to_all("hangup", current.id)
                self._finish(EndReason.LOST, "ended")

    # Small things --------------------------------------------------------------------------

    def _is_current(self, which: Conversation) -> bool:
        return self._conversation is which

    def _is_starter(self, current: Conversation, peer: Peer) -> bool:
        member = self._line.peers.get(peer)
        return member is not None and current.is_starter(member)

    def _same_person(self, peer: Peer, member: MemberId) -> bool:
        return self._line.peers.get(peer) in self._line.siblings(member)

    def _tell(self, event: CallsEvent) -> None:
        self._told.put_nowait(event)

    def _say(self, to: Peer, payload: SignalPayload) -> None:
        self._outgoing.put_nowait((to, payload))

    def _say_to_all(self, kind: Literal["accept", "decline", "hangup"], call: CallId) -> None:
        for peer in self._here():
            self._say(peer, CallSignal(kind, call))

    async def _send_all(self) -> None:
        """Signals leave in the order they were said."""
        while True:
            to, payload = await self._outgoing.get()
            try:
                await self._line.send(to, payload)
            except (ClientError, SealError):
                if self.call is not None:
                    self._tell(LineFailed(self.call))
            finally:
                self._outgoing.task_done()

    def _start(self, work: Coroutine[None, None, None], name: str = "running") -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Listener:
    """What a conversation tells, for the state machine that holds it."""

    def __init__(self, calls: Calls, call: CallId) -> None:
        self._calls = calls
        self._call = call

    def say(self, to: Peer, payload: SignalPayload) -> None:
        self._calls._say(to, payload)

    def joined(self, peer: Peer) -> None:
        member = self._member(peer)
        if member is not None:
            self._calls._tell(Joined(self._call, peer, member))

    def left(self, peer: Peer) -> None:
        self._calls._tell(Left(self._call, peer))

    def connected(self, peer: Peer) -> None:
        member = self._member(peer)
        if member is not None:
            self._calls._tell(Connected(self._call, peer, member))

    def sends(self, peer: Peer, sent: Sent) -> None:
        self._calls._tell(Sends(self._call, peer, sent.audio, sent.video, sent.screen))

    def alarmed(self, peer: Peer, alarm: AlarmKind) -> None:
        calls = self._calls
        calls._tell(Alarm(self._call, peer, alarm))
        calls._say(peer, CallSignal("hangup", self._call))
        current = calls._conversation
        if current is not None and current.id == self._call and not current.present:
            calls._end(EndReason.ALARM)

    def changed(self) -> None:
        current = self._calls._conversation
        if current is not None and current.id == self._call:
            self._calls._progress(current)

    def _member(self, peer: Peer) -> Member | None:
        member = self._calls._line.peers.get(peer)
        return None if member is None else self._calls._line.member(member)
