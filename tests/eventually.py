"""Waiting for what happens behind other doors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(what: Callable[[], Any], within: float = 30) -> None:
    """Return when ``what`` is true; it is asked again and again for ``within`` seconds."""
    deadline = time.monotonic() + within
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
