"""MLSMessage: everything that travels, in one envelope (RFC 9420 §6)."""

from __future__ import annotations

from typing import TypeAlias

from .codec import Reader, decode, u16
from .errors import DecodeError
from .framing import WireFormat
from .group_info import GroupInfo
from .key_package import KeyPackage
from .leaf_node import MLS10
from .private_message import PrivateMessage
from .public_message import PublicMessage
from .welcome import Welcome

Message: TypeAlias = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage

_FORMATS: dict[type[Message], WireFormat] = {
    PublicMessage: WireFormat.PUBLIC_MESSAGE,
    PrivateMessage: WireFormat.PRIVATE_MESSAGE,
    Welcome: WireFormat.WELCOME,
    GroupInfo: WireFormat.GROUP_INFO,
    KeyPackage: WireFormat.KEY_PACKAGE,
}


def encode_message(message: Message) -> bytes:
    """The bytes of an MLSMessage around `message`."""
    return u16(MLS10) + u16(_FORMATS[type(message)]) + message.encode()


def decode_message(data: bytes) -> Message:
    """What an MLSMessage holds, not verified in any way. Raises `DecodeError`."""
    return decode(_read, data)


def _read(reader: Reader) -> Message:
    if reader.u16() != MLS10:
        raise DecodeError("unknown protocol version")
    match reader.u16():
        case WireFormat.PUBLIC_MESSAGE:
            return PublicMessage.read(reader)
        case WireFormat.PRIVATE_MESSAGE:
            return PrivateMessage.read(reader)
        case WireFormat.WELCOME:
            return Welcome.read(reader)
        case WireFormat.GROUP_INFO:
            return GroupInfo.read(reader)
        case WireFormat.KEY_PACKAGE:
            return KeyPackage.read(reader)
    raise DecodeError("unknown wire format")
