"""A call of others rings here, by their offer or their entry (docs/protocol.md §7.1, §7.2)."""

from __future__ import annotations

import asyncio
import time

from careseal.e2ee.epoch import Member
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.payload import Call as CallEntry
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal, Description

from .conversation import Conversation, Starter
from .course import RINGS, Course, State
from .events import EndReason, Rings
from .sending import Sending

SETTLING = 0.5
"""Seconds after which an entry rings that no offer came for."""


def incoming(course: Course, peer: Peer, sender: Member, offer: Description) -> None:
    """An offer of a call that this process is not in."""
    current = course.current
    if course.people.is_own(sender.id) or offer.round != 0:
        return
    if offer.call in course.finished:
        course.notices.say(peer, CallSignal("hangup", offer.call))
        return
    if current is not None and course.state is State.RINGING_OUT and not current.present:
        # Both started at once: the call of the lower leaf stands.
        if peer.leaf < course.line.leaf:
            _adopt(course, current, peer, sender, offer)
        return
    if current is not None and _gives_way(course, current, peer):
        for other in list(current.links):
            course.notices.say(other, CallSignal("busy", current.id))
        course.tasks.close(current.close())
    elif current is not None:
        course.notices.say(peer, CallSignal("busy", offer.call))
        return
    begun = _ring(course, offer.call, sender)
    begun.take(peer, offer, course.line.leaf)


def _gives_way(course: Course, current: Conversation, peer: Peer) -> bool:
    starter = current.starter
    return course.state is State.RINGING_IN and starter is not None and peer.leaf < starter.leaf


def _ring(course: Course, call: CallId, sender: Member) -> Conversation:
    begun = course.begin(call, Starter(sender.id, sender.leaf), State.RINGING_IN)
    course.ring(lambda: course.end(EndReason.MISSED) if course.is_current(begun) else None)
    course.notices.tell(Rings(call, sender))
    return begun


def _adopt(
    course: Course, own: Conversation, peer: Peer, sender: Member, offer: Description
) -> None:
    """Gives up the own call for the one that stands; what is sent goes on in it."""
    course.silence()
    for other in list(own.links):
        course.notices.say(other, CallSignal("hangup", own.id))
    course.finished.add(own.id)
    sending = Sending(*(outlet.take() for outlet in own.outlets))
    course.tasks.close(own.close())
    begun = course.begin(offer.call, Starter(sender.id, sender.leaf), State.CONNECTING)
    sending.put_on(begun)
    begun.take(peer, offer, course.line.leaf)
    course.notices.say_to_all("accept", offer.call)
    begun.admit(peer, offering=False)
    begun.accept()


def entry_came(course: Course, sender: Member, entry: CallEntry, at: int) -> None:
    """An entry of another in the log, written at `at` (ms)."""
    call = None if course.current is None else course.current.id
    if entry.event != "started":
        if call == entry.call and course.state is State.RINGING_IN:
            course.end(EndReason.CANCELLED)
        elif call != entry.call:
            course.finished.add(entry.call)
        course.ongoing.forget(entry.call)
    elif abs(time.time() * 1000 - at) < RINGS * 1000:
        # Who reads the log after a while finds the end of old calls right behind them.
        loop = asyncio.get_running_loop()
        loop.call_later(SETTLING, _ring_by_entry, course, sender, entry.call)


def _ring_by_entry(course: Course, sender: Member, call: CallId) -> None:
    if course.current is not None or call in course.finished or course.closed:
        return
    if not course.people.is_own(sender.id):
        _ring(course, call, sender)
