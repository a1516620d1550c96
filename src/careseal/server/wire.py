"""What comes in, as strict shapes, in the order of docs/protocol.md §8.

Unknown members, wrong types, wrong sizes and text that is not canonical base64url are refused. A
sealed text is refused unless it has a length that sealing makes (§1.4, §1.5): what was sent
unsealed by mistake is not stored.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from careseal.server import base64url
from careseal.server.problems import malformed

TAG = 16
SALT = 16
ENCAPSULATION = 1120  # X-Wing (§2)
PART_PLAIN = 4_194_304
PART_SEALED = PART_PLAIN + SALT + TAG  # §6

Role = Literal["host", "guest"]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
T = TypeVar("T")


def is_padded(size: int) -> bool:
    """Whether padding makes texts of this length (§1.4)."""
    if size <= 256:
        return size == 256
    exponent = size.bit_length() - 1
    mantissa = exponent.bit_length()
    return size & ((1 << (exponent - mantissa)) - 1) == 0


class Octets(bytes):
    """Bytes that JSON carries as base64url text."""

    @classmethod
    def check(cls, size: int) -> None:
        """Raise ``ValueError`` when no such value has ``size`` bytes."""
        raise NotImplementedError


class Fixed(Octets):
    size: ClassVar[int]

    @classmethod
    def check(cls, size: int) -> None:
        if size != cls.size:
            raise ValueError(f"must be {cls.size} bytes, not {size}")


class Id(Fixed):
    size = 16


class Hash(Fixed):
    size = 32


class Token(Fixed):
    size = 32


class KeyBoxText(Fixed):
    """``u64(n) || enc || ct`` (§3.6)."""

    size = 8 + ENCAPSULATION + 32 + TAG


class KnockText(Fixed):
    """``public key || sealed name || signature`` (§3.8)."""

    size = 1216 + SALT + 256 + TAG + 64


class Sealed(Octets):
    """A text sealed as §1.5 says, with ``overhead`` bytes around the padded text."""

    overhead: ClassVar[int] = TAG

    @classmethod
    def check(cls, size: int) -> None:
        if not is_padded(size - cls.overhead):
            raise ValueError(f"is not sealed: sealing makes no text of {size} bytes")


class SealedDoor(Sealed):
    overhead = SALT + TAG


class SealedLetter(Sealed):
    overhead = ENCAPSULATION + TAG


class SealedSignal(Sealed):
    overhead = 8 + SALT + TAG


class Shape(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Base of all bodies."""


class KeyBox(Shape):
    invite: Id
    box: KeyBoxText


class Letter(Shape):
    invite: Id
    letter: SealedLetter


class NewInvite(Shape):
    id: Id
    role: Role
    access_token_hash: Hash


class Founder(Shape):
    id: Id
    invite: Id
    token_hash: Hash


class NewMember(Shape):
    id: Id
    token_hash: Hash


class CreateSession(Shape):
    id: Id
    door: SealedDoor
    key_boxes: list[KeyBox]
    invites: list[NewInvite]
    member: Founder
    lifetime: Positive | UnsetType = UNSET


class PutDoor(Shape):
    parent: Count
    door: SealedDoor
    key_boxes: list[KeyBox]
    letters: list[Letter] = []


class AppendCommit(Shape):
    id: Id
    parent: Count
    commit: Sealed
    door: SealedDoor
    key_boxes: list[KeyBox]
    member: NewMember | UnsetType = UNSET
    letters: list[Letter] = []
    open: list[NewInvite] = []
    close: list[Id] = []
    revoke: list[Id] = []
    seq: Positive | UnsetType = UNSET
    after: Count | UnsetType = UNSET


class AppendChat(Shape):
    id: Id
    parent: Count
    encrypted_message: Sealed
    seq: Positive | UnsetType = UNSET
    after: Count | UnsetType = UNSET


class NewKnock(Shape):
    id: Id
    knock: KnockText


class AdmitKnock(Shape):
    parent: Count
    key_box: KeyBoxText


class CreateFile(Shape):
    id: Id
    parts: Positive
    size: Positive


class DirectPart(Shape):
    size: Positive
    sha256: Hash


class SignIn(Shape):
    code: Token


class AuthFrame(Shape, tag="auth"):
    token: Token


class SignalFrame(Shape, tag="signal"):
    to: list[Id] | None
    signal: SealedSignal


class BeatFrame(Shape, tag="beat"):
    pass


ClientFrame = SignalFrame | BeatFrame


def _octets(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("expected base64url text")
    octets = base64url.decode(value)
    kind.check(len(octets))
    return kind(octets)


def client_frame(text: str) -> ClientFrame:
    """What a follower says after it is authenticated (§8.1). Raises ``malformed``."""
    return _decode(text, ClientFrame)  # type: ignore[no-any-return]


def decode(text: bytes | str, shape: type[T]) -> T:
    """``text`` as ``shape``. Raises ``malformed``."""
    return _decode(text, shape)  # type: ignore[no-any-return]


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape, dec_hook=_octets)


def _decode(text: bytes | str, shape: Any) -> Any:
    try:
        return _decoder(shape).decode(text)
    except msgspec.DecodeError as refused:
        raise malformed(f"{refused}.") from None
    except (ValueError, RecursionError):
        raise malformed("Not JSON.") from None


def encode(value: Any) -> bytes:
    """Compact JSON of plain values."""
    return msgspec.json.encode(value)


def plain(shape: Shape) -> Any:
    """A body as plain values again, in one form for the same content."""
    return msgspec.to_builtins(shape, builtin_types=(), enc_hook=base64url.encode)
