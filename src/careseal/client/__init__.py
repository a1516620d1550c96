"""The SDK: a program takes part in a sealed session.

    with Store.open() as store:
        async with await Session.join(store, link, name="Lab") as session:
            await session.send("The result is in.")

See docs/sdk.md. What is raised is a `ClientError` or a `careseal.e2ee.errors.SealError`.
"""

from __future__ import annotations

from careseal.e2ee.events import (
    CommitVoid,
    Forked,
    GroupChanged,
    MessageReceived,
    MessageRefused,
    MessageUnreadable,
    MessageUnsupported,
    SelfRemoved,
    WrongParent,
)
from careseal.e2ee.invite import Link
from careseal.e2ee.payload import Call, End, File, Leave, Note, Text
from careseal.e2ee.policy import Role

from .account import ApiToken, Cookie
from .errors import (
    ClientError,
    DoorNotReady,
    FileUnavailable,
    LinkRefused,
    LinkUsedUp,
    NotAuthorised,
    NotInSession,
    PasscodeNeeded,
    SendingStopped,
    ServerContradicts,
    ServerRefused,
    ServerUnreachable,
    SessionEnded,
    StorageError,
    TooMany,
)
from .events import (
    Connected,
    Disconnected,
    Event,
    HistoryReceived,
    LinkOpened,
    Over,
    Present,
    SignalReceived,
)
from .founding import InviteOptions
from .session import Participant, Sent, Session
from .storage import Store
from .transfers import Progress

__all__ = [
    "ApiToken",
    "Call",
    "ClientError",
    "CommitVoid",
    "Connected",
    "Cookie",
    "Disconnected",
    "DoorNotReady",
    "End",
    "Event",
    "File",
    "FileUnavailable",
    "Forked",
    "GroupChanged",
    "HistoryReceived",
    "InviteOptions",
    "Leave",
    "Link",
    "LinkOpened",
    "LinkRefused",
    "LinkUsedUp",
    "MessageReceived",
    "MessageRefused",
    "MessageUnreadable",
    "MessageUnsupported",
    "NotAuthorised",
    "NotInSession",
    "Note",
    "Over",
    "Participant",
    "PasscodeNeeded",
    "Present",
    "Progress",
    "Role",
    "SelfRemoved",
    "SendingStopped",
    "Sent",
    "ServerContradicts",
    "ServerRefused",
    "ServerUnreachable",
    "Session",
    "SessionEnded",
    "SignalReceived",
    "StorageError",
    "Store",
    "Text",
    "TooMany",
    "WrongParent",
]
