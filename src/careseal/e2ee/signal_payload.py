"""What signals say: each type's shape (docs/protocol.md §7.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from . import base64url, compact
from .compact import Json, Members
from .errors import Malformed
from .identifiers import CallId

FOR_EVERYBODY = frozenset({"hello", "typing", "bye"})
CONTEXT_SIZE = 5

PlainType: TypeAlias = Literal["bye", "typing"]
CallType: TypeAlias = Literal["restart", "accept", "decline", "hangup", "busy", "unsealed"]
SdpType: TypeAlias = Literal["offer", "answer"]


@dataclass(frozen=True, slots=True)
class Hello:
    """I am here; `reply` asks those who hear it for one of their own."""

    type: ClassVar = "hello"
    reply: bool

    def json(self) -> dict[str, Json]:
        return {"reply": self.reply}


@dataclass(frozen=True, slots=True)
class Plain:
    """A signal without members."""

    type: PlainType

    def json(self) -> dict[str, Json]:
        return {}


@dataclass(frozen=True, slots=True)
class Description:
    """A session description; `round` counts ICE restarts."""

    type: SdpType
    call: CallId
    sdp: str = field(repr=False)
    round: int

    def json(self) -> dict[str, Json]:
        return {"call": str(self.call), "sdp": self.sdp, "round": self.round}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate, or None for the last one's end."""

    type: ClassVar = "candidate"
    call: CallId
    round: int
    candidate: str | None = field(repr=False)
    mid: str
    line: int

    def json(self) -> dict[str, Json]:
        return {
            "call": str(self.call),
            "round": self.round,
            "candidate": self.candidate,
            "mid": self.mid,
            "line": self.line,
        }


@dataclass(frozen=True, slots=True)
class CallSignal:
    """A signal that says nothing but its type and call."""

    type: CallType
    call: CallId

    def json(self) -> dict[str, Json]:
        return {"call": str(self.call)}


@dataclass(frozen=True, slots=True)
class Media:
    """What is being sent, and the SFrame contexts (5 bytes) of microphone, camera, screen.

    `paused`: pictures are on, and held back because the line does not carry them.
    """

    type: ClassVar = "media"
    call: CallId
    audio: bool
    video: bool
    screen: bool
    context: tuple[bytes, bytes, bytes]
    paused: bool = False

    def json(self) -> dict[str, Json]:
        return {
            "call": str(self.call),
            "audio": self.audio,
            "video": self.video,
            "screen": self.screen,
            "context": [base64url.encode(each) for each in self.context],
            **({"paused": True} if self.paused else {}),
        }


@dataclass(frozen=True, slots=True)
class UnsupportedSignal:
    """A type that this version does not know."""

    type: str


SignalPayload: TypeAlias = Hello | Plain | Description | Candidate | CallSignal | Media


def encode(payload: SignalPayload) -> bytes:
    """Raises `Malformed` for a payload out of shape."""
    text = compact.encode({"type": payload.type, **payload.json()})
    decode(text)
    return text


def decode(text: bytes) -> SignalPayload | UnsupportedSignal:
    """Raises `Malformed` for a known type that does not fit its shape."""
    value = compact.decode(text)
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise Malformed("a signal without a type")
    reader = _READERS.get(kind)
    return UnsupportedSignal(kind) if reader is None else reader(value)


def _hello(value: Json) -> Hello:
    return Hello(Members(value, "hello", "type reply").boolean("reply"))


def _plain(value: Json) -> Plain:
    members = Members(value, "signal", "type")
    return Plain(members.one_of("type", "bye", "typing"))  # type: ignore[arg-type]


def _description(value: Json) -> Description:
    members = Members(value, "description", "type call sdp round")
    return Description(
        members.one_of("type", "offer", "answer"),  # type: ignore[arg-type]
        CallId(members.bytes("call", 16)),
        members.text("sdp", 32768),
        members.integer("round"),
    )


def _candidate(value: Json) -> Candidate:
    members = Members(value, "candidate", "type call round candidate mid line")
    gone = members.value("candidate") is None
    return Candidate(
        CallId(members.bytes("call", 16)),
        members.integer("round"),
        None if gone else members.text("candidate", 1024),
        members.text("mid", 16),
        members.integer("line", 0, 255),
    )


def _call(value: Json) -> CallSignal:
    members = Members(value, "signal", "type call")
    kind = members.one_of("type", *_CALL_TYPES)
    return CallSignal(kind, CallId(members.bytes("call", 16)))  # type: ignore[arg-type]


def _media(value: Json) -> Media:
    members = Members(value, "media", "type call audio video screen context", "paused")
    items = members.items("context", 3, 3)
    if not all(isinstance(item, str) for item in items):
        raise Malformed("media: context does not fit its shape")
    microphone, camera, screen = (base64url.decode(str(item), CONTEXT_SIZE) for item in items)
    return Media(
        CallId(members.bytes("call", 16)),
        members.boolean("audio"),
        members.boolean("video"),
        members.boolean("screen"),
        (microphone, camera, screen),
        members.boolean("paused") if "paused" in members else False,
    )


_CALL_TYPES = ("restart", "accept", "decline", "hangup", "busy", "unsealed")
_READERS: dict[str, Callable[[Json], SignalPayload]] = {
    "hello": _hello,
    "bye": _plain,
    "typing": _plain,
    "offer": _description,
    "answer": _description,
    "candidate": _candidate,
    "media": _media,
    **dict.fromkeys(_CALL_TYPES, _call),
}
