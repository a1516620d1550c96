"""The course of a call: idle → ringing → connecting → active → idle (docs/protocol.md §7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum

from careseal.e2ee.identifiers import CallId
from careseal.e2ee.payload import CallEvent
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal, SignalPayload

from .conversation import Conversation, Starter
from .events import Alarm, AlarmKind, Connected, Ended, EndReason, Joined, Left, LineFailed, Sends
from .group_keys import GroupKeys
from .line import CallLine
from .link import Sent
from .notices import Notices
from .ongoing import Ongoing
from .people import People
from .tasks import Tasks

RINGS = 45.0  # s


class State(StrEnum):
    IDLE = "idle"
    RINGING_OUT = "ringing-out"
    RINGING_IN = "ringing-in"
    CONNECTING = "connecting"
    ACTIVE = "active"


class Course:
    """The call of the moment, and what is remembered from one call to the next."""

    def __init__(self, line: CallLine, keys: GroupKeys) -> None:
        self.line = line
        self.keys = keys
        self.people = People(line)
        self.notices = Notices(line, self.people)
        self.ongoing = Ongoing()
        self.tasks = Tasks()
        self.state = State.IDLE
        self.current: Conversation | None = None
        self.began: float | None = None
        self.finished: set[CallId] = set()
        self.informed: set[Peer] = set()  # who came late and knows that the call goes on
        self.gone: dict[Peer, float] = {}
        self.refusal: EndReason | None = None
        self.closed = False
        self._ringing: asyncio.TimerHandle | None = None

    def is_current(self, which: Conversation) -> bool:
        return self.current is which

    def begin(
        self, call: CallId, starter: Starter | None, state: State, *, started_here: bool = False
    ) -> Conversation:
        self.keys.refresh()
        begun = Conversation(
            call,
            starter,
            self.line,
            self.keys,
            _Listener(self, call),
            started_here=started_here,
        )
        self.current, self.state, self.began = begun, state, None
        self.ongoing.forget(call)
        return begun

    def ring(self, give_up: Callable[[], None]) -> None:
        """Rings until it is silenced, or nobody answered in time."""
        self.silence()
        self._ringing = asyncio.get_running_loop().call_later(RINGS, give_up)

    def silence(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None

    def progress(self, current: Conversation) -> None:
        """From ringing out to connecting, from connecting to active and back."""
        if not self.is_current(current) or not current.accepted:
            return
        if self.state is State.RINGING_IN:
            return
        if current.started_here and not current.present and self.began is None:
            return
        self.state = State.ACTIVE if current.connected else State.CONNECTING
        if current.connected and self.began is None:
            self.began = time.monotonic()

    def end(self, reason: EndReason) -> None:
        """Ends the call here, and tells nobody."""
        current = self.current
        if current is None:
            return
        self.silence()
        seconds = self._seconds()
        self.finished.add(current.id)
        self.current, self.state, self.began = None, State.IDLE, None
        self.informed.clear()
        self.gone.clear()
        self.refusal = None
        self.tasks.close(current.close())
        self.notices.tell(Ended(current.id, reason, seconds))

    def finish(self, reason: EndReason, event: CallEvent) -> None:
        """Ends the call, and writes so where this side is the one to do it."""
        current = self.current
        if current is None:
            return
        seconds = self._seconds() if event == "ended" else None
        self.end(reason)
        self.tasks.close(self.notices.write(current.id, event, seconds))

    def line_failed(self) -> None:
        """A signal could not be sent."""
        if self.current is not None:
            self.notices.tell(LineFailed(self.current.id))

    def _seconds(self) -> int:
        return 0 if self.began is None else round(time.monotonic() - self.began)


class _Listener:
    """What a conversation tells, for the course that holds it."""

    def __init__(self, course: Course, call: CallId) -> None:
        self._course = course
        self._call = call

    def say(self, to: Peer, payload: SignalPayload) -> None:
        self._course.notices.say(to, payload)

    def joined(self, peer: Peer) -> None:
        member = self._course.people.member(peer)
        if member is not None:
            self._course.notices.tell(Joined(self._call, peer, member))

    def left(self, peer: Peer) -> None:
        self._course.notices.tell(Left(self._call, peer))

    def connected(self, peer: Peer) -> None:
        member = self._course.people.member(peer)
        if member is not None:
            self._course.notices.tell(Connected(self._call, peer, member))

    def sends(self, peer: Peer, sent: Sent) -> None:
        self._course.notices.tell(Sends(self._call, peer, sent.audio, sent.video, sent.screen))

    def alarmed(self, peer: Peer, alarm: AlarmKind) -> None:
        notices = self._course.notices
        notices.tell(Alarm(self._call, peer, alarm))
        notices.say(peer, CallSignal("hangup", self._call))
        current = self._course.current
        if current is not None and current.id == self._call and not current.present:
            self._course.end(EndReason.ALARM)

    def changed(self) -> None:
        current = self._course.current
        if current is not None and current.id == self._call:
            self._course.progress(current)
