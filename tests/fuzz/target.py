"""What a fuzz target is, and one attempt at it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

SLOWEST = 1.0
"""Seconds of processor time that one input may take."""


class Unfit(Exception):
    """Raised by a target whose input cannot be made into what it wants to give the decoder."""


class Form(Enum):
    """What a target's inputs look like; it decides how they are mutated."""

    BINARY = "binary"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Structure:
    """How inputs become a value of frozen dataclasses and bytes again, to mutate in between."""

    parse: Callable[[bytes], Any]
    build: Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder: whatever comes in, only `refusals` come out."""

    name: str
    decode: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: Callable[[], Sequence[bytes]]
    form: Form = Form.BINARY
    structure: Structure | None = None
    words: tuple[bytes, ...] = ()  # pieces that mutations put in
    share: float = 1.0  # of the inputs that a target gets; less where each takes milliseconds

    @property
    def folder(self) -> str:
        return self.name.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that its target should have taken or refused, and did neither."""

    target: str
    data: bytes
    what: str
    where: str  # one name for all findings of one cause
    trace: str

    def __str__(self) -> str:
        return f"{self.target}: {self.what}\n{self.trace}"


def attempt(target: Target, data: bytes) -> Finding | None:
    """Give `data` to the target; what it did wrong, if anything."""
    started = time.process_time()
    try:
        target.decode(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic in native code is no Exception
        if not isinstance(error, (Unfit, *target.refusals)):
            return _finding(target, data, error)
    spent = time.process_time() - started
    if spent > SLOWEST:
        return Finding(target.name, data, f"took {spent:.1f} s", "slow", "")
    return None


def _finding(target: Target, data: bytes, error: BaseException) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "careseal" in frame.filename]
    last = (ours or frames)[-1]
    where = f"{type(error).__name__}-{last.name}-{last.lineno}"
    trace = "".join(traceback.format_exception(error))
    return Finding(target.name, data, f"{type(error).__name__}: {error}", where, trace)
