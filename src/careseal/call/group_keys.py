"""The frame keys of the group as its epochs go by (docs/protocol.md §7.3)."""

from __future__ import annotations

import asyncio

from .frames import Keys
from .line import CallLine


class GroupKeys(Keys):
    """Keys of the present epoch and, for `grace` seconds after a change, of the one before."""

    def __init__(self, line: CallLine, grace: float) -> None:
        super().__init__(line.keys)
        self._line = line
        self._grace = grace
        self._forgetting: asyncio.TimerHandle | None = None

    def refresh(self) -> None:
        """Takes what the line has now."""
        before, ring = self.ring, self._line.keys
        self.ring = ring
        if before is None or ring is None or before.epochs[0] == ring.epochs[0]:
            return
        self.stop_waiting()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(self._grace, self._forget_past)

    def stop_waiting(self) -> None:
        """The keys of the epoch before are not dropped by themselves any more."""
        if self._forgetting is not None:
            self._forgetting.cancel()

    def _forget_past(self) -> None:
        if self.ring is not None:
            self.ring = self.ring.without_past()
