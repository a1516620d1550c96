"""What messages say: each type's shape, and who may send it (docs/protocol.md §5.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias, get_args

from . import base64url, compact
from .compact import Json, Members
from .epoch import Member
from .errors import Malformed, NotAllowed
from .identifiers import CallId, FileId, MemberId, MessageId
from .policy import Role
from .secret import FileKey

MAX_SIZE = 48 * 1024
MAX_THUMBNAIL = 24 * 1024

CallEvent: TypeAlias = Literal["started", "ended", "missed", "declined"]


@dataclass(frozen=True, slots=True)
class Text:
    type: ClassVar = "text"
    message: MessageId
    text: str
    reply: MessageId | None = None

    def json(self) -> dict[str, Json]:
        reply = {} if self.reply is None else {"reply": str(self.reply)}
        return {"message": str(self.message), "text": self.text, **reply}

    @classmethod
    def read(cls, value: Json) -> Text:
        members = Members(value, cls.type, "type message text", "reply")
        return cls(
            MessageId(members.bytes("message", 16)),
            members.text("text", 16384, least=1),
            MessageId(members.bytes("reply", 16)) if "reply" in members else None,
        )


@dataclass(frozen=True, slots=True)
class File:
    """A file at the server, with the key that opens it (docs/protocol.md §6)."""

    type: ClassVar = "file"
    message: MessageId
    file: FileId
    key: FileKey
    size: int  # bytes, before padding
    parts: int
    name: str
    mime: str
    thumb: bytes | None = field(default=None, repr=False)
    voice: int | None = None  # seconds, of a message that was spoken

    def json(self) -> dict[str, Json]:
        thumb = {} if self.thumb is None else {"thumb": base64url.encode(self.thumb)}
        return {
            "message": str(self.message),
            "file": str(self.file),
            "key": base64url.encode(self.key),
            "size": self.size,
            "parts": self.parts,
            "name": self.name,
            "mime": self.mime,
            **thumb,
            **({} if self.voice is None else {"voice": self.voice}),
        }

    @classmethod
    def read(cls, value: Json) -> File:
        names = "type message file key size parts name mime"
        members = Members(value, cls.type, names, "thumb voice")
        return cls(
            MessageId(members.bytes("message", 16)),
            FileId(members.bytes("file", 16)),
            FileKey(members.bytes("key", 32)),
            members.integer("size"),
            members.integer("parts", 1, 65536),
            members.text("name", 255),
            members.text("mime", 127),
            members.bytes("thumb", most=MAX_THUMBNAIL) if "thumb" in members else None,
            members.integer("voice", 1, 3600) if "voice" in members else None,
        )


@dataclass(frozen=True, slots=True)
class HistoryGrant:
    """What came before, boxed for one member (docs/protocol.md §5.4)."""

    type: ClassVar = "history"
    to: MemberId
    box: bytes = field(repr=False)

    def json(self) -> dict[str, Json]:
        return {"to": str(self.to), "box": base64url.encode(self.box)}

    @classmethod
    def read(cls, value: Json) -> HistoryGrant:
        members = Members(value, cls.type, "type to box")
        return cls(MemberId(members.bytes("to", 16)), members.bytes("box"))


@dataclass(frozen=True, slots=True)
class Call:
    type: ClassVar = "call"
    call: CallId
    event: CallEvent
    seconds: int | None = None

    def json(self) -> dict[str, Json]:
        seconds = {} if self.seconds is None else {"seconds": self.seconds}
        return {"call": str(self.call), "event": self.event, **seconds}

    @classmethod
    def read(cls, value: Json) -> Call:
        members = Members(value, cls.type, "type call event", "seconds")
        event = members.one_of("event", "started", "ended", "missed", "declined")
        return cls(
            CallId(members.bytes("call", 16)),
            event,  # type: ignore[arg-type]
            members.integer("seconds") if "seconds" in members else None,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """Up to which entries everything was delivered, and was seen."""

    type: ClassVar = "receipt"
    delivered: int
    seen: int

    def json(self) -> dict[str, Json]:
        return {"delivered": self.delivered, "seen": self.seen}

    @classmethod
    def read(cls, value: Json) -> Receipt:
        members = Members(value, cls.type, "type delivered seen")
        return cls(members.integer("delivered"), members.integer("seen"))


@dataclass(frozen=True, slots=True)
class Admit:
    type: ClassVar = "admit"
    member: MemberId

    def json(self) -> dict[str, Json]:
        return {"member": str(self.member)}

    @classmethod
    def read(cls, value: Json) -> Admit:
        return cls(MemberId(Members(value, cls.type, "type member").bytes("member", 16)))


@dataclass(frozen=True, slots=True)
class Late:
    """A host will come so many minutes after it says so."""

    type: ClassVar = "late"
    minutes: int

    def json(self) -> dict[str, Json]:
        return {"minutes": self.minutes}

    @classmethod
    def read(cls, value: Json) -> Late:
        return cls(Members(value, cls.type, "type minutes").integer("minutes", 1, 240))


@dataclass(frozen=True, slots=True)
class Leave:
    type: ClassVar = "leave"

    def json(self) -> dict[str, Json]:
        return {}

    @classmethod
    def read(cls, value: Json) -> Leave:
        Members(value, cls.type, "type")
        return cls()


@dataclass(frozen=True, slots=True)
class Note:
    type: ClassVar = "note"
    message: MessageId
    text: str

    def json(self) -> dict[str, Json]:
        return {"message": str(self.message), "text": self.text}

    @classmethod
    def read(cls, value: Json) -> Note:
        members = Members(value, cls.type, "type message text")
        return cls(MessageId(members.bytes("message", 16)), members.text("text", 1024))


@dataclass(frozen=True, slots=True)
class End:
    type: ClassVar = "end"

    def json(self) -> dict[str, Json]:
        return {}

    @classmethod
    def read(cls, value: Json) -> End:
        Members(value, cls.type, "type")
        return cls()


@dataclass(frozen=True, slots=True)
class Edit:
    """Another text in the place of the sender's own."""

    type: ClassVar = "edit"
    message: MessageId
    text: str

    def json(self) -> dict[str, Json]:
        return {"message": str(self.message), "text": self.text}

    @classmethod
    def read(cls, value: Json) -> Edit:
        members = Members(value, cls.type, "type message text")
        return cls(MessageId(members.bytes("message", 16)), members.text("text", 16384, least=1))


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The sender takes its own text or file back."""

    type: ClassVar = "withdraw"
    message: MessageId

    def json(self) -> dict[str, Json]:
        return {"message": str(self.message)}

    @classmethod
    def read(cls, value: Json) -> Withdraw:
        members = Members(value, cls.type, "type message")
        return cls(MessageId(members.bytes("message", 16)))


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the sender feels about the message of (`author`, `message`); empty takes it back."""

    type: ClassVar = "reaction"
    author: MemberId
    message: MessageId
    emoji: str

    def json(self) -> dict[str, Json]:
        return {"author": str(self.author), "message": str(self.message), "emoji": self.emoji}

    @classmethod
    def read(cls, value: Json) -> Reaction:
        members = Members(value, cls.type, "type author message emoji")
        return cls(
            MemberId(members.bytes("author", 16)),
            MessageId(members.bytes("message", 16)),
            members.text("emoji", 64),
        )


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A type that this version does not know; kept, and shown as such."""

    type: str
    text: bytes = field(repr=False)


Payload: TypeAlias = (
    Text
    | File
    | HistoryGrant
    | Call
    | Receipt
    | Admit
    | Late
    | Leave
    | Note
    | End
    | Edit
    | Withdraw
    | Reaction
)

_READERS: dict[str, Callable[[Json], Payload]] = {
    kind.type: kind.read for kind in get_args(Payload)
}
_HOSTS_ONLY = (Admit, Late, Note, End)


def encode(payload: Payload) -> bytes:
    """Raises `Malformed` for a payload out of shape."""
    text = compact.encode({"type": payload.type, **payload.json()})
    if len(text) > MAX_SIZE:
        raise Malformed(f"a message has at most {MAX_SIZE} bytes")
    decode(text)
    return text


def decode(text: bytes) -> Payload | Unsupported:
    """Raises `Malformed` for a known type that does not fit its shape."""
    if len(text) > MAX_SIZE:
        raise Malformed(f"a message has at most {MAX_SIZE} bytes")
    value = compact.decode(text)
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise Malformed("a message without a type")
    reader = _READERS.get(kind)
    return Unsupported(kind, text) if reader is None else reader(value)


def check_sender(
    payload: Payload | Unsupported, sender: Member, others: tuple[Member, ...]
) -> None:
    """Raises `NotAllowed` for what the sender's role does not permit."""
    if sender.role is Role.HOST:
        return
    if isinstance(payload, _HOSTS_ONLY):
        raise NotAllowed(f"only a host may send {payload.type!r}")
    if isinstance(payload, HistoryGrant):
        recipient = next((each for each in others if each.id == payload.to), None)
        if recipient is None or recipient.invite != sender.invite:
            raise NotAllowed("a guest gives history to its own devices only")
