"""Who takes part in a call, from `accept` to `hangup` (docs/protocol.md §7.1, §7.2)."""

from __future__ import annotations

from careseal.e2ee.epoch import Member
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal

from .conversation import Conversation
from .course import Course, State
from .errors import Busy, NoCall
from .events import EndReason
from .sending import Sending


def answer(course: Course, sending: Sending) -> None:
    current = course.current
    if current is None or course.state is not State.RINGING_IN:
        raise NoCall("Nothing rings.")
    course.silence()
    sending.put_on(current)
    _take_part(course, current)


def join(course: Course, sending: Sending) -> None:
    if course.current is not None:
        raise Busy("A call is going on already.")
    call = course.ongoing.call
    if call is None:
        raise NoCall("No call goes on.")
    peers = course.ongoing.forget(call)
    begun = course.begin(call, None, State.CONNECTING)
    begun.present.update(peers)
    sending.put_on(begun)
    _take_part(course, begun)


def _take_part(course: Course, current: Conversation) -> None:
    course.state = State.CONNECTING
    course.notices.say_to_all("accept", current.id)
    for peer in list(current.links):
        if course.people.is_starter(current, peer):
            current.admit(peer, offering=False)
    current.accept()
    # Those who took part before this side did: the lower leaf offers (docs/protocol.md §7.2).
    for peer in list(current.present):
        known = peer in current.links or course.people.is_starter(current, peer)
        if not known and course.line.leaf < peer.leaf:
            current.ring(peer)
    course.progress(current)


def decline(course: Course) -> None:
    current = course.current
    if current is None or course.state is not State.RINGING_IN:
        raise NoCall("Nothing rings.")
    course.notices.say_to_all("decline", current.id)
    course.end(EndReason.DECLINED)


def hang_up(course: Course) -> None:
    current = course.current
    if current is None:
        raise NoCall("There is no call.")
    if course.state is State.RINGING_IN:
        decline(course)
        return
    course.notices.say_to_all("hangup", current.id)
    if not current.present and course.began is None:
        course.finish(EndReason.HUNG_UP, "missed")
    elif len(current.present) <= 1:  # who leaves the last one alone writes the end
        course.finish(EndReason.HUNG_UP, "ended")
    else:
        course.end(EndReason.HUNG_UP)


def accepted(course: Course, current: Conversation, peer: Peer, sender: Member) -> None:
    """Somebody takes part from now on."""
    people = course.people
    if people.is_own(sender.id):
        if course.state is State.RINGING_IN:
            course.end(EndReason.ANSWERED_ELSEWHERE)
        return
    if not current.accepted:
        current.present.add(peer)
        return
    offering = current.started_here or course.line.leaf < peer.leaf
    if not current.admit(peer, offering=offering and not people.is_starter(current, peer)):
        course.notices.say(peer, CallSignal("busy", current.id))
        return
    # Answered on one device: the others of the same person need not ring any more.
    for other in list(current.links):
        if other not in current.present and people.is_device_of(other, sender.id):
            current.drop(other)
    course.progress(current)


def hung_up(course: Course, current: Conversation, peer: Peer, sender: Member) -> None:
    """Somebody takes part no more, or no longer calls."""
    # Its connection may have been closed before this was heard.
    took_part = peer in current.present or peer in current.met
    current.drop(peer)
    if course.state is State.RINGING_IN:
        if current.is_starter(sender.id) and not current.present:
            course.end(EndReason.CANCELLED)
        return
    if took_part and not current.links and not current.present:
        course.end(EndReason.HUNG_UP_BY_OTHER)
