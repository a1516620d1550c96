"""How much all sessions together may store (the limit ``allStoredBytes``)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from careseal.server.store import sessions
from careseal.server.store.databases import Databases

LOOK_AGAIN = 5.0  # s; what other workers let in meanwhile is seen then


class Room:
    """``most`` bytes are shared by all sessions; ``clock`` is in seconds and monotonic."""

    def __init__(
        self, databases: Databases, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._databases = databases
        self._most = most
        self._clock = clock
        self._held = 0
        self._looked = -math.inf

    async def left(self) -> int:
        """Bytes; known a few seconds long, so that nobody counts them for every file."""
        if self._clock() - self._looked > LOOK_AGAIN:
            held = [await each.read(sessions.stored_bytes) for each in self._databases.every]
            self._held, self._looked = sum(held), self._clock()
        return self._most - self._held

    def take(self, size: int) -> None:
        """So many bytes were let in here."""
        self._held += size
