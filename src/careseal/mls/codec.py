"""The TLS presentation language with the variable-size vector headers of RFC 9420 §2.1.

Encoding is concatenation of `bytes`; decoding goes through a `Reader`, which only ever raises
`DecodeError` and never believes a length before it has seen the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TypeVar

from .errors import DecodeError, UsageError

T = TypeVar("T")

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")

MAX_LENGTH = (1 << 30) - 1
"""Longest vector that a header can announce, in bytes (RFC 9420 §2.1.2)."""


def u8(value: int) -> bytes:
    return bytes((value,))


u16: Callable[[int], bytes] = _U16.pack
u32: Callable[[int], bytes] = _U32.pack
u64: Callable[[int], bytes] = _U64.pack


def length_header(length: int) -> bytes:
    """Shortest header for a vector of `length` bytes: 1, 2 or 4 bytes (RFC 9420 §2.1.2)."""
    if length < 0x40:
        return bytes((length,))
    if length < 0x4000:
        return _U16.pack(0x4000 | length)
    if length <= MAX_LENGTH:
        return _U32.pack(0x8000_0000 | length)
    raise UsageError(f"a vector holds at most {MAX_LENGTH} bytes")


def opaque(data: bytes) -> bytes:
    """`opaque data<V>`."""
    return length_header(len(data)) + data


def vector(items: Iterable[bytes]) -> bytes:
    """`T items<V>` from items that are encoded already."""
    return opaque(b"".join(items))


def optional(encoded: bytes | None) -> bytes:
    """`optional<T>` from a value that is encoded already (RFC 9420 §2.1.1)."""
    return b"\x00" if encoded is None else b"\x01" + encoded


class Reader:
    """Walks over bytes and takes values from the front.

    Every method raises `DecodeError` where the bytes do not hold what was asked for.
    """

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._at = 0
        self._end = len(self._data)

    @property
    def position(self) -> int:
        return self._at

    def since(self, position: int) -> bytes:
        """The bytes read since `position`, as they were on the wire."""
        return self._data[position : self._at]

    def take(self, count: int) -> bytes:
        start, end = self._at, self._at + count
        if end > self._end:
            raise DecodeError("the bytes end too early")
        self._at = end
        return self._data[start:end]

    def rest(self) -> bytes:
        return self.take(self._end - self._at)

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int(_U16.unpack(self.take(2))[0])

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def length(self) -> int:
        """A vector's header; only the shortest form of a length is accepted (§2.1.2)."""
        first = self.u8()
        kind, value = first >> 6, first & 0x3F
        if kind == 3:
            raise DecodeError("vector header with an invalid prefix")
        for byte in self.take((1 << kind) - 1):
            value = value << 8 | byte
        if kind and value < 1 << (8 * (1 << kind >> 1) - 2):
            raise DecodeError("vector header longer than needed")
        return value

    def opaque(self) -> bytes:
        return self.take(self.length())

    def vector(self, item: Callable[[Reader], T]) -> tuple[T, ...]:
        """`T items<V>`; each item must lie wholly within the vector."""
        length = self.length()
        outer_end, end = self._end, self._at + length
        if end > outer_end:
            raise DecodeError("the bytes end too early")
        self._end = end
        items = []
        while self._at < end:
            items.append(item(self))
        self._end = outer_end
        return tuple(items)

    def optional(self, item: Callable[[Reader], T]) -> T | None:
        match self.u8():
            case 0:
                return None
            case 1:
                return item(self)
        raise DecodeError("an optional value is marked by neither 0 nor 1")

    def finish(self) -> None:
        if self._at != self._end:
            raise DecodeError(f"{self._end - self._at} bytes too many")


def decode(item: Callable[[Reader], T], data: bytes) -> T:
    """Exactly one `T`, with nothing after it. Raises `DecodeError`."""
    reader = Reader(data)
    value = item(reader)
    reader.finish()
    return value
