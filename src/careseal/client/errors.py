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
     │   ├─ SessionEnded     it can only be read
     │   └─ TooMany          a rate or a count is reached
     ├─ LinkRefused          wrong, expired or closed link
     │   ├─ PasscodeNeeded   the link needs a passcode too
     │   └─ LinkUsedUp       as many devices as the link lets in are in
     ├─ DoorNotReady         a host must come online before anybody can join
     ├─ NotInSession         this device is not in the session (any more)
     ├─ SendingStopped       the server showed different logs: nothing is sent any more
     ├─ FileUnavailable      the file is not at the server, or not complete
     └─ StorageError         the store on this device does not open
    """


class ServerUnreachable(ClientError):
    """No answer from the server, after retries."""


class ServerContradicts(ClientError):
    """What the server answers fits neither what it said before nor the protocol."""


class ServerRefused(ClientError):
    """The server answered with a problem; `problem` is its stable name."""

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


class NotAuthorised(ServerRefused):
    """Wrong token, closed invite, or no such session: the server tells no difference."""


class StaleParent(ServerRefused):
    """Another commit came first; catch up, and try again if there is still a reason."""


class SessionEnded(ServerRefused):
    """A host ended the session; what is in it can still be read."""


class TooMany(ServerRefused):
    """A limit on rate or count is reached; `limit` names it."""


class LinkRefused(ClientError):
    """The link is wrong, expired or closed."""


class PasscodeNeeded(LinkRefused):
    """The link needs a passcode too."""


class LinkUsedUp(LinkRefused):
    """As many devices as the link lets in are in already."""


class DoorNotReady(ClientError):
    """A host must come online before anybody can join (docs/protocol.md §3.7)."""


class NotInSession(ClientError):
    """This device is not in the session, or not any more."""


class SendingStopped(ClientError):
    """The server showed different logs to different people; nothing is sent any more."""


class FileUnavailable(ClientError):
    """The file is not at the server, or its upload was never finished."""


class StorageError(ClientError):
    """The store on this device does not open."""
