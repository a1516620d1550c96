"""What is written in one turn of the event loop leaves in one piece.

uvicorn writes an answer's head and then its body, which are two calls of the system and mostly two
packets, for a body of a few bytes.
"""

from __future__ import annotations

import asyncio
from typing import Any

AT_ONCE = 64 * 1024  # bytes, from which on nothing is gained by waiting


class Joined:
    """A transport that joins what is written to ``transport``; all else is its."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._size = 0
        self._most = AT_ONCE

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= self._most:
            self._flush()
        elif len(self._waiting) == 1:
            self._loop.call_soon(self._flush)

    def release(self) -> asyncio.Transport:
        """The transport, for whoever writes to it from now on; nothing waits any more."""
        self._most = 0
        self._flush()
        return self.transport

    def close(self) -> None:
        self._flush()
        self.transport.close()

    def _flush(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting and not self.transport.is_closing():
            self.transport.writelines(waiting)
