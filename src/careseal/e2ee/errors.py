"""What this package raises."""

from __future__ import annotations


class SealError(Exception):
    """Base of everything this package raises. Nothing has changed when one is raised.

    SealError
     ├─ Malformed        the bytes are not the shape they should be
     ├─ Tampered         authentication failed: somebody changed or forged the bytes
     ├─ NotOurs          made for another session, epoch, invite or member
     ├─ NotAllowed       its maker may not do this, or the caller may not
     ├─ DoorDoesNotFit   the door is not of the log's present epoch; it waits to be healed
     ├─ ForkDetected     the server shows another log than somebody has verified
     ├─ OutOfOrder       an entry of the log came before the one that it follows
     └─ VoidCommit       a commit that changes nothing, with its cause (docs/protocol.md §3.4)
    """


class Malformed(SealError):
    """The bytes are not the shape they should be; the message says which rule they break."""


class Tampered(SealError):
    """A seal, a signature or padding does not verify."""


class NotOurs(SealError):
    """Well made, but for another session, epoch, invite or member than this one."""


class NotAllowed(SealError):
    """The role or the state of whoever asks does not permit this."""


class DoorDoesNotFit(SealError):
    """The door leads into an epoch that the log does not stand in (docs/protocol.md §3.5)."""


class ForkDetected(SealError):
    """The log contradicts a position that was verified before (docs/protocol.md §4.1)."""

    def __init__(self, seq: int, message: str) -> None:
        super().__init__(message)
        self.seq = seq


class OutOfOrder(SealError):
    """An entry that does not follow the last one; those between must come first."""


class VoidCommit(SealError):
    """A commit entry that is void (docs/protocol.md §3.4).

    `cause` is the stable name of the rule that it breaks. `leaf` is the member, or `invite` the
    invite, that sent it, where that can be told.
    """

    def __init__(
        self, cause: str, message: str, *, leaf: int | None = None, invite: bytes | None = None
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.leaf = leaf
        self.invite = invite
