"""Compact JSON: exactly one text for each value (docs/protocol.md §1.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from . import base64url
from .errors import Malformed

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_INTEGER = (1 << 53) - 1
MAX_DEPTH = 16

_NAME = re.compile(r"[a-z][A-Za-z0-9]*", re.ASCII)
T = TypeVar("T")


def encode(value: Json) -> bytes:
    """The one text of `value`. Raises `Malformed` for a value that has none."""
    _check(value, 0)
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, msgspec.MsgspecError) as error:
        raise Malformed("the text holds a lone surrogate") from error


def decode(data: bytes) -> Json:
    """The value that `data` is the one text of. Raises `Malformed`."""
    try:
        value: Json = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if encode(value) != data:
        raise Malformed("JSON that is not compact")
    return value


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if not 0 <= value <= MAX_INTEGER:
            raise Malformed("a number out of range")
    elif depth == MAX_DEPTH:
        raise Malformed("JSON nested too deeply")
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise Malformed("a member name out of shape")
            _check(item, depth + 1)
    else:
        raise Malformed("a value that this JSON does not have")


class Members:
    """The members of one JSON object, taken out by name and shape.

    Every method raises `Malformed` naming the object and the member.
    """

    __slots__ = ("_members", "_what")

    def __init__(self, value: Json, what: str, required: str, optional: str = "") -> None:
        """`required` and `optional` list the member names, with spaces between them."""
        if not isinstance(value, dict):
            raise Malformed(f"{what}: not a JSON object")
        must, may = set(required.split()), set(optional.split())
        if missing := must - value.keys():
            raise Malformed(f"{what}: without {', '.join(sorted(missing))}")
        if value.keys() - must - may:
            raise Malformed(f"{what}: with members that do not belong there")
        self._members: dict[str, Json] = value
        self._what = what

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def value(self, name: str) -> Json:
        return self._members[name]

    def bytes(self, name: str, size: int | None = None, most: int | None = None) -> bytes:
        """`b(size)`, or `b(..most)`."""
        text = self._of(name, str)
        if most is not None and len(text) > (most * 4 + 2) // 3:
            raise self._wrong(name)
        try:
            return base64url.decode(text, size)
        except Malformed as error:
            raise self._wrong(name) from error

    def text(self, name: str, most: int, least: int = 0) -> str:
        """`text(most)`: lengths are bytes of UTF-8."""
        text = self._of(name, str)
        if not least <= len(text.encode()) <= most:
            raise self._wrong(name)
        return text

    def integer(self, name: str, least: int = 0, most: int = MAX_INTEGER) -> int:
        value = self._members[name]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name)
        return value

    def boolean(self, name: str) -> bool:
        return self._of(name, bool)

    def one_of(self, name: str, *choices: str) -> str:
        text = self._of(name, str)
        if text not in choices:
            raise self._wrong(name)
        return text

    def items(self, name: str, least: int = 0, most: int = MAX_INTEGER) -> Sequence[Json]:
        value = self._members[name]
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self._wrong(name)
        return value

    def _of(self, name: str, kind: type[T]) -> T:
        value = self._members[name]
        if not isinstance(value, kind):
            raise self._wrong(name)
        return value

    def _wrong(self, name: str) -> Malformed:
        return Malformed(f"{self._what}: {name} does not fit its shape")
