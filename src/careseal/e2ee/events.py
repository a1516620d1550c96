"""What a log entry turned out to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .epoch import Member
from .identifiers import EntryId, InviteId
from .payload import Payload
from .policy import Policy


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message whose sender may send it. `time` is the sender's clock, ms since 1970."""

    seq: int
    id: EntryId
    sender: Member
    time: int
    payload: Payload
    own: bool


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """Of a known type, but out of shape or not for this sender to send."""

    seq: int
    sender: Member
    time: int
    cause: str


@dataclass(frozen=True, slots=True)
class MessageUnsupported:
    """Of a type that this version does not know."""

    seq: int
    sender: Member
    time: int
    type: str


@dataclass(frozen=True, slots=True)
class MessageUnreadable:
    """`not-ours`: of an epoch that this device has no keys of, or, once it was removed, a commit.
    `tampered`: it does not open."""

    seq: int
    cause: Literal["not-ours", "tampered"]


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """A valid commit. `joined` is somebody new, or with `resync` a device that came back."""

    seq: int
    sender: Member  # as of the new epoch
    own: bool
    joined: Member | None
    resync: bool
    removed: tuple[Member, ...]
    policy_before: Policy
    policy_after: Policy


@dataclass(frozen=True, slots=True)
class SelfRemoved:
    """A valid commit removed this device; with `resync`, another copy of it came back."""

    seq: int
    sender: Member | None
    resync: bool


@dataclass(frozen=True, slots=True)
class CommitVoid:
    """A commit that changed nothing, and who sent it where that can be told."""

    seq: int
    cause: str
    sender: Member | None
    invite: InviteId | None


@dataclass(frozen=True, slots=True)
class WrongParent:
    """An entry that the server should not have taken: void, and an alarm."""

    seq: int


@dataclass(frozen=True, slots=True)
class JoinLost:
    """Another commit came before this device's join; start again from the door."""

    seq: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An entry that was applied before, with the same content."""

    seq: int


@dataclass(frozen=True, slots=True)
class Forked:
    """An alarm: the server contradicts at `seq` what was verified here, and nothing is sent any
    more. Or `by` was shown another log, or says so: nothing is sent while it is in the group.

    `restored`: the log ends at `seq`, and up to there it is what was verified. A backup was
    brought back, or the server takes the rest away; which of them nobody can tell.
    """

    seq: int
    by: Member | None = None
    restored: bool = False


EntryEvent: TypeAlias = (
    MessageReceived
    | MessageRefused
    | MessageUnsupported
    | MessageUnreadable
    | GroupChanged
    | SelfRemoved
    | CommitVoid
    | WrongParent
    | JoinLost
    | Duplicate
    | Forked
)
