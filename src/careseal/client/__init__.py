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
from careseal.e2ee.payload import Call, Edit, End, File, Leave, Note, Reaction, Text, Withdraw
from careseal.e2ee.policy import Role

from .account import ApiToken, Cookie
from .conversation import Conversation, Said
from .errors import (
    CarryOnWaits,
    ClientError,
    DoorNotReady,
    FileUnavailable,
    LinkRefused,
    LinkUsedUp,
    NotAdmitted,
    NotAuthorised,
    NotInSession,
    PasscodeNeeded,
    SendingStopped,
    ServerContradicts,
    ServerRefused,
    ServerRestored,
    ServerUnreachable,
    SessionEnded,
    StorageError,
    StorageFull,
    TooMany,
)
from .events import (
    CarriedOn,
    Connected,
    Disconnected,
    Event,
    HistoryReceived,
    KnocksChanged,
    LinkOpened,
    Over,
    Present,
    SignalReceived,
)
from .founding import InviteOptions
from .knocking import Knocking
from .session import Participant, Sent, Session
from .storage import Store
from .transfers import Progress

__all__ = [
    "ApiToken",
    "Call",
    "CarriedOn",
    "CarryOnWaits",
    "ClientError",
    "CommitVoid",
    "Connected",
    "Conversation",
    "Cookie",
    "Disconnected",
    "DoorNotReady",
    "Edit",
    "End",
    "Event",
    "File",
    "FileUnavailable",
    "Forked",
    "GroupChanged",
    "HistoryReceived",
    "InviteOptions",
    "Knocking",
    "KnocksChanged",
    "Leave",
    "Link",
    "LinkOpened",
    "LinkRefused",
    "LinkUsedUp",
    "MessageReceived",
    "MessageRefused",
    "MessageUnreadable",
    "MessageUnsupported",
    "NotAdmitted",
    "NotAuthorised",
    "NotInSession",
    "Note",
    "Over",
    "Participant",
    "PasscodeNeeded",
    "Present",
    "Progress",
    "Reaction",
    "Role",
    "Said",
    "SelfRemoved",
    "SendingStopped",
    "Sent",
    "ServerContradicts",
    "ServerRefused",
    "ServerRestored",
    "ServerUnreachable",
    "Session",
    "SessionEnded",
    "SignalReceived",
    "StorageError",
    "StorageFull",
    "Store",
    "Text",
    "TooMany",
    "Withdraw",
    "WrongParent",
]
