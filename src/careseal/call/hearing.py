"""Signals of others, each to what it is about (docs/protocol.md §7.1)."""

from __future__ import annotations

from typing import TypeAlias

from careseal.e2ee.epoch import Member
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal, Candidate, Description, Media

from .calling import refused
from .conversation import Conversation
from .course import Course
from .events import GoesOn
from .ringing import incoming
from .taking_part import accepted, hung_up

Said: TypeAlias = Description | Candidate | Media | CallSignal


def heard(course: Course, peer: Peer, sender: Member, said: Said) -> None:
    current = course.current
    if current is not None and current.id == said.call:
        _heard_in_call(course, current, peer, sender, said)
    else:
        _heard_of_another(course, peer, sender, said)


def _heard_in_call(
    course: Course, current: Conversation, peer: Peer, sender: Member, said: Said
) -> None:
    match said:
        case CallSignal(type="accept"):
            accepted(course, current, peer, sender)
        case CallSignal(type="decline"):
            refused(course, current, peer, sender, "decline")
        case CallSignal(type="busy"):
            refused(course, current, peer, sender, "busy")
        case CallSignal(type="hangup"):
            hung_up(course, current, peer, sender)
        case _:
            current.take(peer, said, course.line.leaf)


def _heard_of_another(course: Course, peer: Peer, sender: Member, said: Said) -> None:
    """A call that this process is not in, or not any more."""
    match said:
        case Description(type="offer"):
            incoming(course, peer, sender, said)
        case Media():
            _goes_on(course, peer, sender, said.call)
        case CallSignal(type="hangup"):
            course.ongoing.left(peer)
        case CallSignal(type="accept"):
            if said.call in course.finished and not course.people.is_own(sender.id):
                course.notices.say(peer, CallSignal("hangup", said.call))


def _goes_on(course: Course, peer: Peer, sender: Member, call: CallId) -> None:
    if call in course.finished or course.current is not None or course.people.is_own(sender.id):
        return
    if course.ongoing.note(peer, call):
        course.notices.tell(GoesOn(call, sender))
