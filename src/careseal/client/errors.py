"""What this package raises, beside `careseal.e2ee.errors.SealError`."""

from __future__ import annotations


class ClientError(Exception):
    """Base of everything this package raises. The message is a sentence for the user.

    ClientError
     ├─ ServerUnreachable    no answer; nothing is known of what was asked
     ├─ ServerContradicts    its answers fit neither each other nor the protocol
     ├─ ServerRefused        a problem document, with its stable name (docs/protocol.md §8.2)
     │   ├─ NotAuthorised    wrong, expired or closed: the server tells no difference
     │   ├─ StaleParent      another commit came first
     │   ├─ WrongPlace       the log goes on at another place than asked for
     │   ├─ SessionEnded     it can only be read
     │   ├─ TooMany          a rate or a count is reached
     │   └─ StorageFull      no room is left: in the session, or at the whole server
     ├─ LinkRefused          wrong, expired or closed link
     │   ├─ PasscodeNeeded   the link needs a passcode too
     │   └─ LinkUsedUp       as many devices as the link lets in are in
     ├─ NotAdmitted          a host did not let this device in
     ├─ DoorNotReady         a host must come online before anybody can join
     ├─ NotInSession         this device is not in the session (any more)
     ├─ SendingStopped       different logs were shown: nothing is sent
     │   └─ ServerRestored   the log ends earlier than it did: `Session.carry_on`
     ├─ CarryOnWaits         another device has what a restored log misses
     ├─ FileUnavailable      the file is not at the server, or not complete
     └─ StorageError         the store on this device does not open, or fails
    """


class ServerUnreachable(ClientError):
    """No answer from the server, after retries."""


class ServerContradicts(ClientError):
    """What the server answers fits neither what it said before nor the protocol."""


UNKNOWN = "unknown"
"""The name of what is no problem of careseal's: whoever sits before the server answered."""


class ServerRefused(ClientError):
    """The server answered with a problem; `problem` is its stable name, or `UNKNOWN`."""

    def __init__(
        self,
        problem: str,
        status: int,
        detail: str,
        *,
        limit: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or problem)
        self.problem = problem
        self.status = status
        self.limit = limit
        self.retry_after = retry_after

    @property
    def final(self) -> bool:
        """Whether the server itself said it, and will say it again."""
        passes = self.status >= 500 or isinstance(self, TooMany)  # its disk is full, say
        return self.problem != UNKNOWN and not passes


class NotAuthorised(ServerRefused):
    """Wrong token, closed invite, or no such session: the server tells no difference."""


class StaleParent(ServerRefused):
    """Another commit came first; catch up, and try again if there is still a reason."""


class WrongPlace(ServerRefused):
    """The log goes on at another place than the one that was asked for."""


class SessionEnded(ServerRefused):
    """A host ended the session; what is in it can still be read."""


class TooMany(ServerRefused):
    """A limit on rate or count is reached; `limit` names it."""


class StorageFull(ServerRefused):
    """No room is left. `limit` is `storedBytes` or `entries` where this session is full; with any
    other the whole server is, and with None its disk."""

    def __init__(
        self,
        problem: str,
        status: int,
        _detail: str,
        *,
        limit: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        sentence = (
            "This session has no room left. Go on in a new one."
            if limit in ("storedBytes", "entries")
            else "The server has no room left for any session. Ask whoever runs it to make room."
        )
        super().__init__(problem, status, sentence, limit=limit, retry_after=retry_after)


class LinkRefused(ClientError):
    """The link is wrong, expired or closed."""


class PasscodeNeeded(LinkRefused):
    """The link needs a passcode too."""


class LinkUsedUp(LinkRefused):
    """As many devices as the link lets in are in already."""


class NotAdmitted(ClientError):
    """The link needs admitting, and a host refused (docs/protocol.md §3.8)."""


class DoorNotReady(ClientError):
    """A host must come online before anybody can join (docs/protocol.md §3.7)."""


class NotInSession(ClientError):
    """This device is not in the session, or not any more."""


class SendingStopped(ClientError):
    """The server showed different logs to different people, or a member says so: nothing is sent
    any more, or until that member is removed."""


class ServerRestored(SendingStopped):
    """The server was restored to an earlier state, or takes back what it had confirmed, which
    looks the same: nothing is sent until somebody chooses to carry on."""


class CarryOnWaits(ClientError):
    """What the log misses is on another device; `name` is what its owner is called, if known."""

    def __init__(self, name: str | None) -> None:
        whose = "Another device" if name is None else f"{name}'s device"
        who = "somebody opens the session there" if name is None else f"{name} opens the session"
        super().__init__(f"{whose} has what is missing; it carries on when {who}.")
        self.name = name


class FileUnavailable(ClientError):
    """The file is not at the server, or its upload was never finished."""


class StorageError(ClientError):
    """The store on this device does not open, or fails: its disk is full, say."""
