"""Randomness that repeats, for tests."""

from __future__ import annotations

import hashlib

from careseal.mls.kem import Rng


def seeded(seed: str) -> Rng:
    """A source of random-looking bytes, the same for the same seed."""
    count = 0

    def take(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed} {count}".encode()).digest(size)

    return take
