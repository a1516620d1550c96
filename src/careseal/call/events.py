"""What calls tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from careseal.e2ee.epoch import Member
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.signal import Peer


class EndReason(StrEnum):
    HUNG_UP = "hung-up"
    HUNG_UP_BY_OTHER = "hung-up-by-other"
    DECLINED = "declined"
    DECLINED_BY_OTHER = "declined-by-other"
    BUSY = "busy"
    MISSED = "missed"  # nobody answered within 45 s, here or there
    CANCELLED = "cancelled"  # the caller gave up before an answer
    ANSWERED_ELSEWHERE = "answered-elsewhere"
    LOST = "lost"  # the connection did not come back
    REMOVED = "removed"
    ALARM = "alarm"  # another certificate than the signed one, or unsealed media
    FAILED = "failed"


AlarmKind: TypeAlias = Literal["foreign-fingerprint", "unsealed-media"]


@dataclass(frozen=True, slots=True)
class Rings:
    """Somebody calls: answer or decline."""

    call: CallId
    by: Member


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A call goes on without this process; it may join."""

    call: CallId
    by: Member


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody else takes part."""

    call: CallId
    peer: Peer
    member: Member


@dataclass(frozen=True, slots=True)
class Connected:
    """Media can flow to and from that peer."""

    call: CallId
    peer: Peer
    member: Member


@dataclass(frozen=True, slots=True)
class Sends:
    """What a peer says it sends has changed."""

    call: CallId
    peer: Peer
    audio: bool
    video: bool
    screen: bool


@dataclass(frozen=True, slots=True)
class Left:
    """A peer takes part no more."""

    call: CallId
    peer: Peer


@dataclass(frozen=True, slots=True)
class Alarm:
    """Somebody on the way is not who was signed for, or media came unsealed."""

    call: CallId
    peer: Peer
    kind: AlarmKind


@dataclass(frozen=True, slots=True)
class LineFailed:
    """A signal or an entry of the call could not be sent."""

    call: CallId


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over here; `seconds` is 0 when nobody was reached."""

    call: CallId
    reason: EndReason
    seconds: int


CallsEvent: TypeAlias = (
    Rings | GoesOn | Joined | Connected | Sends | Left | Alarm | LineFailed | Ended
)
