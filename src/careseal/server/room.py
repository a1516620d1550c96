"""How much all sessions together may store (the limit ``allStoredBytes``)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from careseal.server.store import sessions
from careseal.server.store.databases import Databases

LOOK_AGAIN = 5.0  # s; what other workers let in meanwhile is seen then


@dataclass(slots=True)
class Taken:
    kept: bool = False


class Room:
    """``most`` bytes are shared by all sessions; ``clock`` is in seconds and monotonic."""

    def __init__(
        self, databases: Databases, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._databases = databases
        self._most = most
        self._clock = clock
        self._held = 0
        self._coming = 0  # of what is being let in just now
        self._looked = -math.inf
        self._looking = asyncio.Lock()

    async def left(self) -> int:
        """Bytes; known a few seconds long, so that nobody counts them for every file."""
        async with self._looking:
            if self._clock() - self._looked > LOOK_AGAIN:
                held = [await each.read(sessions.stored_bytes) for each in self._databases.every]
                self._held, self._looked = sum(held), self._clock()
        return self._most - self._held - self._coming

    @contextmanager
    def taken(self, size: int) -> Iterator[Taken]:
        """So many bytes are let in here, and given back unless they are ``kept``.

        Others who ask meanwhile have less left.
        """
        taken = Taken()
        self._coming += size
        try:
            yield taken
        finally:
            self._coming -= size
            self._held += size if taken.kept else 0
