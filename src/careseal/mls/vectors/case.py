"""What all kinds of vectors need: a case's fields, and the way to say that one does not hold."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from ..kem import Rng
from ..suite import CipherSuite, cipher_suite

Case: TypeAlias = dict[str, Any]
"""One entry of a vector file, as JSON has it."""

fresh: Rng = os.urandom


class Mismatch(Exception):
    """A vector does not hold; the message names the part."""


def same(what: str, found: object, expected: object) -> None:
    """Raises `Mismatch` unless both are equal."""
    if found != expected:
        raise Mismatch(what)


def raw(value: str) -> bytes:
    return bytes.fromhex(value)


def suite_of(case: Case) -> CipherSuite:
    return cipher_suite(case["cipher_suite"])
