"""A call peer: WebRTC media sealed for the participants of a session (docs/protocol.md §7).

    async with session.following() as events, Calls.of(session) as calls:
        await calls.ring(play("greeting.mp4"))
        async for event in calls.events():
            ...

Needs the extra `call`. What is raised is a `CallError`, and what the session raises.
"""

from __future__ import annotations

from .calls import Calls
from .course import State
from .errors import Busy, CallError, DescriptionRefused, MediaRefused, NobodyHere, NoCall
from .events import (
    Alarm,
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
from .link import Link, Slot
from .pattern import Pattern, Tone
from .playing import play
from .recording import Recorder
from .sending import Sending

__all__ = [
    "Alarm",
    "Busy",
    "CallError",
    "Calls",
    "CallsEvent",
    "Connected",
    "DescriptionRefused",
    "EndReason",
    "Ended",
    "GoesOn",
    "Joined",
    "Left",
    "LineFailed",
    "Link",
    "MediaRefused",
    "NoCall",
    "NobodyHere",
    "Pattern",
    "Recorder",
    "Rings",
    "Sending",
    "Sends",
    "Slot",
    "State",
    "Tone",
    "play",
]
