"""Mutations of inputs: of bytes, of JSON and its text, and of structures. The seed decides all."""

from __future__ import annotations

import dataclasses
import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from tests.fuzz.target import Form, Target

NUMBERS: tuple[int, ...] = (
    0,
    1,
    2,
    3,
    7,
    15,
    16,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    256,
    1023,
    1024,
    4095,
    16383,
)
NUMBERS += (16384, 32767, 32768, 65535, 65536, (1 << 30) - 1, 1 << 30, (1 << 31) - 1, 1 << 31)
NUMBERS += ((1 << 32) - 2, (1 << 32) - 1, 1 << 32, (1 << 53) - 1, 1 << 53, (1 << 63) - 1, 1 << 63)
NUMBERS += ((1 << 64) - 1, 1 << 64)

STRINGS: tuple[str, ...] = (
    "",
    "a",
    "A",
    "=",
    "-_",
    "\0",
    "\x1f",
    "\x7f",
    "é",
    "\u2028",
    "\ufeff",
    "😀",
    "\ud800",
)
STRINGS += ("\udfff", "x" * 127, "x" * 255, "é" * 64, "host", "guest", "null", "__proto__", "1e9")

RAW: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"-0",
    b"-1",
    b"1.0",
    b"1e3",
    b"1E400",
    b"NaN",
    b"Infinity",
    b'"\\ud800"',
)
RAW += (b'"\\u0041"', b'"\\/"', b"9007199254740992", b"9" * 400, b"0" * 50, b"01", b"[]", b"{}")
RAW += (b'"\xff"', b'"\xed\xa0\x80"', b'"\\u00e9"', b"\xef\xbb\xbf", b'{"a":1,"a":2}', b" ", b"\0")

Pairs = list[tuple[str, Any]]


class Mutator:
    """Makes new inputs of one target out of old ones; `pool` is what it splices with."""

    def __init__(self, target: Target, pool: Sequence[bytes]) -> None:
        self._target = target
        self._pool = pool

    def mutate(self, data: bytes, rng: random.Random) -> bytes:
        """One to four changes."""
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
            data = self._once(data, rng)
        return data

    def _once(self, data: bytes, rng: random.Random) -> bytes:
        fine = rng.random()
        if self._target.structure is not None and fine < 0.6:
            changed = self._structured(data, rng)
            if changed is not None:
                return changed
        if self._target.form is Form.JSON and fine < 0.75:
            changed = mutate_json(data, rng, self._pool)
            if changed is not None:
                return changed
        if self._target.words and fine < 0.5:
            return put_in(data, rng.choice(self._target.words), rng)
        return mutate_bytes(data, rng, self._pool)

    def _structured(self, data: bytes, rng: random.Random) -> bytes | None:
        structure = self._target.structure
        assert structure is not None
        try:
            value = structure.parse(data)
            other = structure.parse(rng.choice(self._pool))
            return structure.build(mutate_value(value, other, rng))
        except Exception:  # not a structure any more, or one that has no bytes
            return None


# Bytes -------------------------------------------------------------------------------------


def mutate_bytes(data: bytes, rng: random.Random, pool: Sequence[bytes]) -> bytes:
    return rng.choice(_BYTES)(data, rng, pool)


def put_in(data: bytes, piece: bytes, rng: random.Random) -> bytes:
    """`piece` before, or over, what is at some place."""
    start = rng.randint(0, len(data))
    over = rng.choice((0, len(piece), rng.randint(0, 8)))
    return data[:start] + piece + data[start + over :]


def _flip(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    if not data:
        return b"\0"
    at = rng.randrange(len(data))
    changed = rng.choice((data[at] ^ 1 << rng.randrange(8), rng.randrange(256)))
    return data[:at] + bytes((changed,)) + data[at + 1 :]


def _number(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    """A number that is a lie: a length, an index, a count."""
    size = rng.choice((1, 2, 4, 8))
    start = rng.randint(0, len(data))
    old = int.from_bytes(data[start : start + size], "big")
    new = rng.choice((old + 1, old - 1, old * 2, len(data), len(data) - start, rng.choice(NUMBERS)))
    return data[:start] + (new % (1 << 8 * size)).to_bytes(size, "big") + data[start + size :]


def _header(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    """Something that reads as the header of an MLS vector."""
    length = rng.choice((0, 1, 32, 63, 64, len(data), rng.choice(NUMBERS)))
    kind, size = rng.choice(((0, 1), (1, 2), (2, 4), (3, 8)))
    value = (kind << 8 * size - 2) | length % (1 << 8 * size - 2)
    return put_in(data, value.to_bytes(size, "big"), rng)


def _cut(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + data[start + rng.choice((1, 2, 4, 16, rng.randint(0, len(data)))) :]


def _truncate(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def _insert(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    return put_in(data, rng.randbytes(rng.choice((1, 2, 4, 16, 64))), rng)


def _repeat(data: bytes, rng: random.Random, _pool: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice((1, 4, 32, rng.randint(0, 1024)))]
    return data[:start] + piece * rng.choice((1, 2, 3, 17)) + data[start:]


def _splice(data: bytes, rng: random.Random, pool: Sequence[bytes]) -> bytes:
    other = rng.choice(pool) if pool else data
    start, end = rng.randint(0, len(data)), rng.randint(0, len(other))
    return data[:start] + other[end:]


def _graft(data: bytes, rng: random.Random, pool: Sequence[bytes]) -> bytes:
    other = rng.choice(pool) if pool else data
    start = rng.randint(0, len(other))
    return put_in(data, other[start : start + rng.randint(0, 64)], rng)


_BYTES: tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...]
_BYTES = (_flip, _flip, _number, _number, _header, _cut, _truncate, _insert, _repeat, _splice)
_BYTES += (_graft,)


# JSON --------------------------------------------------------------------------------------


def mutate_json(data: bytes, rng: random.Random, pool: Sequence[bytes]) -> bytes | None:
    """Another value or another way to write it; None if `data` is no JSON."""
    if rng.random() < 0.25:
        return _as_text(data, rng)
    try:
        value = json.loads(data, object_pairs_hook=_Object)
        other = json.loads(rng.choice(pool), object_pairs_hook=_Object)
        return _written(_changed(value, other, rng))
    except (ValueError, RecursionError):
        return None


class _Object(list[tuple[str, Any]]):
    """An object's members in their order, names repeated or not."""


def _as_text(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.05:
        depth = rng.choice((15, 16, 17, 500, 2000, 100_000))
        opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
        return put_in(data, opening * depth + b"1" + closing * depth, rng)
    places = [at for at, byte in enumerate(data) if byte in b'{}[]:,"']
    if not places:
        return data + rng.choice(RAW)
    at = rng.choice(places) + rng.randint(0, 1)
    return data[:at] + rng.choice(RAW) + data[at + rng.choice((0, 0, 1)) :]


def _written(value: Any) -> bytes:
    if isinstance(value, _Object):
        members = (_written(name) + b":" + _written(inner) for name, inner in value)
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_written, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _changed(value: Any, other: Any, rng: random.Random) -> Any:
    """`value` with one change, somewhere in it."""
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        if rng.random() < 0.6:
            changed = value.copy()
            inner = _part(other, rng)
            changed[at] = (
                (value[at][0], _changed(value[at][1], inner, rng))
                if isinstance(value, _Object)
                else _changed(value[at], inner, rng)
            )
            return type(value)(changed)
        return _rearranged(value, at, other, rng)
    if isinstance(value, bool):
        return rng.choice((not value, int(value), None, "true"))
    if isinstance(value, int):
        value %= 1 << 66
        return rng.choice((value + 1, value - 1, -value, value / 2, rng.choice(NUMBERS)))
    if isinstance(value, str) and rng.random() < 0.8:
        return _string(value, rng)
    return rng.choice((None, True, 0, "", [], _Object(), _part(other, rng), rng.choice(NUMBERS)))


def _rearranged(value: list[Any], at: int, other: Any, rng: random.Random) -> list[Any]:
    changed = value.copy()
    match rng.randrange(5):
        case 0:
            del changed[at]
        case 1:
            changed.insert(rng.randint(0, len(changed)), changed[at])
        case 2:
            changed += [changed[at]] * rng.choice((1, 2, 16, 33))
        case 3:
            rng.shuffle(changed)
        case _ if isinstance(value, _Object):
            changed[at] = (rng.choice((*STRINGS, "type", "v", "extra")), changed[at][1])
        case _:
            changed[at] = _part(other, rng)
    return type(value)(changed)


def _part(value: Any, rng: random.Random) -> Any:
    """Something within `value`."""
    while isinstance(value, list) and value and rng.random() < 0.7:
        inner = rng.choice(value)
        value = inner[1] if isinstance(value, _Object) else inner
    return value


def _string(text: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        try:
            octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return urlsafe_b64encode(mutate_bytes(octets, rng, [])).rstrip(b"=").decode()
        except ValueError:
            pass
    piece = rng.choice(STRINGS)
    start = rng.randint(0, len(text))
    longer = text * rng.choice((2, 20)) if len(text) < 5000 else text
    return rng.choice((piece, text[:start] + piece + text[start:], text[:start], longer))


# Structures --------------------------------------------------------------------------------


def mutate_value(value: Any, other: Any, rng: random.Random) -> Any:
    """`value` with one part changed; parts of the same kind are taken from `other` at times."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        if not names:
            return value
        name = rng.choice(names)
        inner = getattr(other, name, None) if type(other) is type(value) else None
        mine = getattr(value, name)
        if inner is not None and rng.random() < 0.15:
            return dataclasses.replace(value, **{name: inner})
        return dataclasses.replace(value, **{name: mutate_value(mine, inner, rng)})
    if isinstance(value, tuple):
        return _mutate_items(value, other, rng)
    if isinstance(value, bytes):
        if value[:1] == b"{" and rng.random() < 0.7:
            return mutate_json(value, rng, [value]) or value
        return type(value)(mutate_bytes(value, rng, [other] if isinstance(other, bytes) else []))
    if isinstance(value, IntEnum):
        return rng.choice(list(type(value)))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, max(0, value - 1), value ^ 1, rng.choice(NUMBERS)))
    return other


def _mutate_items(value: tuple[Any, ...], other: Any, rng: random.Random) -> tuple[Any, ...]:
    others = other if isinstance(other, tuple) else ()
    if not value:
        return others or rng.choice(((), (rng.choice(NUMBERS[:20]),)))
    at = rng.randrange(len(value))
    match rng.randrange(8):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return (*value, value[at])
        case 2 if others:
            return (*value[:at], rng.choice(others), *value[at:])
        case 3:
            return (*value[at:], *value[:at])
        case _:
            inner = rng.choice(others) if others else None
            return (*value[:at], mutate_value(value[at], inner, rng), *value[at + 1 :])
