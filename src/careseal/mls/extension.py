"""Extensions, and the ones that RFC 9420 itself defines (§13.4, §17.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from .codec import Reader, decode, opaque, u16, vector
from .credential import Credential
from .errors import DecodeError

APPLICATION_ID = 0x0001
RATCHET_TREE = 0x0002
REQUIRED_CAPABILITIES = 0x0003
EXTERNAL_PUB = 0x0004
EXTERNAL_SENDERS = 0x0005

DEFAULT_EXTENSIONS = frozenset(range(APPLICATION_ID, EXTERNAL_SENDERS + 1))
"""Types that every implementation supports without listing them (§7.2)."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: its type and its data, which other types than ours leave opaque."""

    type: int
    data: bytes

    def encode(self) -> bytes:
        return u16(self.type) + opaque(self.data)

    @classmethod
    def read(cls, reader: Reader) -> Extension:
        return cls(reader.u16(), reader.opaque())


Extensions: TypeAlias = tuple[Extension, ...]


def encode_extensions(extensions: Extensions) -> bytes:
    return vector(extension.encode() for extension in extensions)


def read_extensions(reader: Reader) -> Extensions:
    """A list of extensions, no type of which appears twice (§13.4)."""
    extensions = reader.vector(Extension.read)
    if len({extension.type for extension in extensions}) < len(extensions):
        raise DecodeError("an extension type appears twice in one list")
    return extensions


def find_extension(extensions: Iterable[Extension], type_: int) -> bytes | None:
    """Data of the extension with that type, if there is one."""
    return next((each.data for each in extensions if each.type == type_), None)


@dataclass(frozen=True, slots=True)
class RequiredCapabilities:
    """What every member must support (§11.1)."""

    extensions: tuple[int, ...] = ()
    proposals: tuple[int, ...] = ()
    credentials: tuple[int, ...] = ()

    def encode(self) -> bytes:
        lists = (self.extensions, self.proposals, self.credentials)
        return b"".join(vector(map(u16, each)) for each in lists)

    @classmethod
    def read(cls, reader: Reader) -> RequiredCapabilities:
        return cls(*(reader.vector(Reader.u16) for _ in range(3)))

    @classmethod
    def of(cls, extensions: Extensions) -> RequiredCapabilities:
        """The requirements among a group's extensions; none if there is no such extension."""
        data = find_extension(extensions, REQUIRED_CAPABILITIES)
        return cls() if data is None else decode(cls.read, data)

    def extension(self) -> Extension:
        return Extension(REQUIRED_CAPABILITIES, self.encode())


@dataclass(frozen=True, slots=True)
class ExternalSender:
    """Somebody outside the group who may send proposals (§12.1.8.1)."""

    signature_key: bytes
    credential: Credential

    def encode(self) -> bytes:
        return opaque(self.signature_key) + self.credential.encode()

    @classmethod
    def read(cls, reader: Reader) -> ExternalSender:
        return cls(reader.opaque(), Credential.read(reader))

    @classmethod
    def all_of(cls, extensions: Extensions) -> tuple[ExternalSender, ...]:
        data = find_extension(extensions, EXTERNAL_SENDERS)
        return () if data is None else decode(lambda reader: reader.vector(cls.read), data)

    @staticmethod
    def extension(senders: Iterable[ExternalSender]) -> Extension:
        return Extension(EXTERNAL_SENDERS, vector(sender.encode() for sender in senders))


def external_pub_extension(public: bytes) -> Extension:
    """`external_pub` for a GroupInfo (§12.4.3.2)."""
    return Extension(EXTERNAL_PUB, opaque(public))


def external_pub(extensions: Extensions) -> bytes | None:
    """The key to encapsulate an external init to, if the GroupInfo has one."""
    data = find_extension(extensions, EXTERNAL_PUB)
    return None if data is None else decode(Reader.opaque, data)


def check_known(extensions: Extensions) -> None:
    """Raises `DecodeError` if a group's extension of a type defined by RFC 9420 is malformed."""
    RequiredCapabilities.of(extensions)
    ExternalSender.all_of(extensions)
