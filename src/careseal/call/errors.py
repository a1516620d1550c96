"""What this package raises."""

from __future__ import annotations


class CallError(Exception):
    """Base of everything this package raises. The message is a sentence for the user.

    CallError
     ├─ NobodyHere          nobody is here to be called
     ├─ Busy                a call is going on already
     ├─ NoCall              there is no call to answer, to join or to end
     ├─ MediaRefused        a file that cannot be played or written
     └─ DescriptionRefused  the other side described something else than a careseal call
    """


class NobodyHere(CallError):
    """Nobody else follows the session at the moment."""


class Busy(CallError):
    """One call at a time."""


class NoCall(CallError):
    """Nothing rings and nothing goes on."""


class MediaRefused(CallError):
    """A file that cannot be played, or not be written."""


class DescriptionRefused(CallError):
    """A session description that is not of the one shape a careseal call has."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The other side described no careseal call ({reason}).")
        self.reason = reason
