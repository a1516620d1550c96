"""Calling others (docs/protocol.md §7.1, §7.2).

The caller writes the durable call entry and offers to all who are here; it rings there, and the
connection is made while it rings, until they answer, refuse, or 45 s are over.
"""

from __future__ import annotations

import os
from typing import Literal

from careseal.e2ee.epoch import Member
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal

from .conversation import Conversation
from .course import Course, State
from .errors import Busy, NobodyHere
from .events import EndReason
from .sending import Sending
from .taking_part import answer


async def ring(course: Course, sending: Sending) -> CallId:
    """Calls all who are here; to call who calls is to answer."""
    if course.current is not None:
        if course.state is not State.RINGING_IN:
            raise Busy("A call is going on already.")
        answer(course, sending)
        return course.current.id
    if not course.people.others:
        raise NobodyHere("Nobody is here to be called.")
    call = CallId(os.urandom(16))
    begun = course.begin(call, None, State.RINGING_OUT, started_here=True)
    begun.accept()
    sending.put_on(begun)
    course.ring(lambda: _stop_ringing(course, begun))
    await _announce(course, begun)
    if course.is_current(begun):
        for peer in course.people.others:
            begun.ring(peer)
    return call


async def _announce(course: Course, begun: Conversation) -> None:
    """A new epoch (docs/protocol.md §3.7), and then the entry that rings at the others."""
    try:
        await course.line.renew()
        course.keys.refresh()
        if course.is_current(begun):
            await course.line.announce(begun.id, "started", None)
    except BaseException:
        if course.is_current(begun):
            course.end(EndReason.FAILED)
        raise


def _stop_ringing(course: Course, current: Conversation) -> None:
    if not course.is_current(current):
        return
    unanswered = [peer for peer in current.links if peer not in current.present]
    for peer in unanswered:
        course.notices.say(peer, CallSignal("hangup", current.id))
    if not current.present:
        course.finish(EndReason.MISSED, "missed")
        return
    for peer in unanswered:
        current.drop(peer)


def refused(
    course: Course,
    current: Conversation,
    peer: Peer,
    sender: Member,
    how: Literal["decline", "busy"],
) -> None:
    """Declined on one device is declined on all of that person's; busy is one device only."""
    people = course.people
    if people.is_own(sender.id):
        if how == "decline" and course.state is State.RINGING_IN:
            course.end(EndReason.DECLINED)
        return
    if peer not in current.links:
        return
    if how == "decline" or course.refusal is None:
        declined = how == "decline"
        course.refusal = EndReason.DECLINED_BY_OTHER if declined else EndReason.BUSY
    for other in list(current.links):
        if other != peer and (how == "busy" or not people.is_device_of(other, sender.id)):
            continue
        if other != peer:
            course.notices.say(other, CallSignal("hangup", current.id))
        current.drop(other)
    if current.links or course.state is State.RINGING_IN:
        return
    declined = course.refusal is EndReason.DECLINED_BY_OTHER
    course.finish(course.refusal, "declined" if declined else "missed")
