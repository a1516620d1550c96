"""What `Session.follow` tells, beside what `careseal.e2ee.events` has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from careseal.e2ee.epoch import Member
from careseal.e2ee.events import EntryEvent
from careseal.e2ee.identifiers import InviteId, MemberId
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import SignalPayload


@dataclass(frozen=True, slots=True)
class Connected:
    """The line to the server is up; `members` are those connected at the moment."""

    members: frozenset[MemberId]


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The line is down; it is tried again in `retry_in` seconds."""

    retry_in: float


@dataclass(frozen=True, slots=True)
class Present:
    """Who is connected has changed. The server's word, advisory."""

    members: frozenset[MemberId]


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """Somebody looked behind a link. The server's word, advisory."""

    invite: InviteId


@dataclass(frozen=True, slots=True)
class KnocksChanged:
    """Somebody asks to come in, or does no more: see `Session.knocks`. Hosts are told."""


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A verified signal for this process."""

    peer: Peer
    sender: Member
    payload: SignalPayload = field(repr=False)


@dataclass(frozen=True, slots=True)
class HistoryReceived:
    """What came before can be read now, from that seq on: see `Session.history`."""

    since: int


@dataclass(frozen=True, slots=True)
class CarriedOn:
    """A restored log is again what it was: see `Session.carry_on`."""


@dataclass(frozen=True, slots=True)
class Over:
    """A host ended the session, or it expired; what is here can still be read."""


Event: TypeAlias = (
    EntryEvent
    | Connected
    | Disconnected
    | Present
    | LinkOpened
    | KnocksChanged
    | SignalReceived
    | HistoryReceived
    | CarriedOn
    | Over
)
