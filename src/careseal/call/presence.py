"""Peers and members that come and go while a call goes on (docs/protocol.md §7.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import Media

from .conversation import Conversation
from .course import Course, State
from .events import EndReason
from .link import NO_CONTEXT, LinkState

ALONE = 30.0
"""Seconds after which a call that was accepted, and reaches nobody, is over."""
GONE = 8.0
"""Seconds after which who is gone from the server and from the connection does not come back."""


def peers_changed(course: Course) -> None:
    if not course.people.look():
        return
    here = course.people.here
    course.ongoing.keep_only(here)
    current = course.current
    if current is None:
        return
    _note_gone(course, current, here)
    if not current.accepted:
        return
    for peer in course.people.others:
        if peer in current.links:
            continue
        if course.state is State.RINGING_OUT:
            if _offered(current):
                current.ring(peer)
        else:
            _tell_ongoing(course, current, peer)


def _offered(current: Conversation) -> bool:
    """Before the call is in the log and under new keys, nobody is rung."""
    return bool(current.links)


def _note_gone(course: Course, current: Conversation, here: Iterable[Peer]) -> None:
    """A page that was loaded again is another instance of the same leaf."""
    present = set(here)
    for peer in list(current.links):
        if peer in present:
            course.gone.pop(peer, None)
        elif any(other.leaf == peer.leaf for other in present):
            current.drop(peer)
        else:
            course.gone.setdefault(peer, time.monotonic())


def _tell_ongoing(course: Course, current: Conversation, peer: Peer) -> None:
    """Who comes while a call goes on is told, and may join."""
    if peer in course.informed:
        return
    course.informed.add(peer)
    sent = current.sent
    nothing = NO_CONTEXT, NO_CONTEXT, NO_CONTEXT
    media = Media(current.id, sent.audio, sent.video, sent.screen, nothing)
    course.notices.say(peer, media)


def members_changed(course: Course) -> None:
    """Those who are members no more are out of the call."""
    current = course.current
    if current is None:
        return
    for peer in list(current.links):
        if course.people.is_removed(peer):
            current.drop(peer)
            if not current.present and not current.links and course.is_current(current):
                course.finish(EndReason.REMOVED, "ended")


async def every_second(course: Course) -> None:
    """Looks for ever whether somebody is gone for good, or this side is alone."""
    while True:
        await asyncio.sleep(1)
        current = course.current
        if current is None or not current.accepted:
            continue
        now = time.monotonic()
        for peer, link in list(current.links.items()):
            away = now - course.gone.get(peer, now)
            if away > GONE and link.state is not LinkState.CONNECTED:
                current.drop(peer)
        course.progress(current)
        if current.connected:
            current.alone_since = None
        elif current.alone_since is None:
            current.alone_since = now
        elif course.state is State.CONNECTING and now - current.alone_since > ALONE:
            course.notices.say_to_all("hangup", current.id)
            course.finish(EndReason.LOST, "ended")
