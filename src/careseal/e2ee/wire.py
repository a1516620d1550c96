"""Integers and length-prefixed bytes (docs/protocol.md §1.1)."""

from __future__ import annotations

from careseal.mls.codec import u8, u16, u32, u64

from .compact import MAX_INTEGER
from .errors import Malformed

__all__ = ["Fields", "u8", "u16", "u32", "u64", "vec16", "vec32"]


def vec16(data: bytes) -> bytes:
    return u16(len(data)) + data


def vec32(data: bytes) -> bytes:
    return u32(len(data)) + data


class Fields:
    """Takes fields off the front of bytes; raises `Malformed` where they end too early."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._data):
            raise Malformed("the bytes end too early")
        return self._data[start : self._at]

    def integer(self, size: int) -> int:
        """An unsigned big-endian integer of `size` bytes; none in this protocol is above 2^53-1."""
        value = int.from_bytes(self.take(size), "big")
        if value > MAX_INTEGER:
            raise Malformed("a number out of range")
        return value

    def vec32(self) -> bytes:
        return self.take(self.integer(4))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def taken(self) -> bytes:
        """Everything taken so far."""
        return self._data[: self._at]

    def finish(self) -> None:
        if self._at != len(self._data):
            raise Malformed("bytes behind the end")
