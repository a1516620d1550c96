"""What calls do in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Tasks:
    """Work that goes on until the end, and closing work that the end waits for."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[None, None, None]) -> None:
        self._start(work, self._running)

    def close(self, work: Coroutine[None, None, None]) -> None:
        self._start(work, self._closing)

    async def end(self) -> None:
        await asyncio.gather(*self._closing, return_exceptions=True)
        remaining = self._running | self._closing
        for task in remaining:
            task.cancel()
        await asyncio.gather(*remaining, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
