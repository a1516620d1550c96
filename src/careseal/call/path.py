"""The path under a connection, and ICE restarts: another path under the same DTLS.

aiortc has no ICE restart, so it is made here from aioice's connections (docs/protocol.md §7.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aioice import Connection, ConnectionClosed, TransportPolicy
from aiortc import RTCIceServer
from aiortc.rtcicetransport import (
    candidate_from_aioice,
    candidate_to_aioice,
    connection_kwargs,
)
from aiortc.sdp import SessionDescription, candidate_to_sdp

from .description import with_path


class Path:
    """Carries the datagrams of one RTCIceTransport, and can be replaced under it."""

    def __init__(self, transport: Any, changed: Callable[[bool], None]) -> None:
        """`changed` is told when a path has replaced another, and when that one is gone too."""
        self._transport = transport
        self._changed = changed
        self._current: Connection = transport._connection
        self._next: Connection | None = None
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pumped: Connection | None = None
        self.replaced = False
        transport._recv, transport._send = self.recv, self.send

    async def recv(self) -> bytes:
        """The next datagram; a path that is gone is waited for. As aiortc calls it."""
        if self._pumped is not self._current:
            self._pump(self._current)
        datagram = await self._incoming.get()
        if datagram is None:
            raise ConnectionError("the connection was closed")
        return datagram

    async def send(self, datagram: bytes) -> None:
        """Into nothing while the path is gone, for a sender that fails never sends again."""
        try:
            await self._current.send(datagram)
        except ConnectionError:
            if not self._is_up:
                raise

    @property
    def _is_up(self) -> bool:
        """Whether datagrams have flowed: before that, a failure is one."""
        return self._pumped is not None

    async def prepare(self, servers: list[RTCIceServer], *, relay_only: bool, sdp: str) -> str:
        """Gathers for a new path; the description `sdp` of this side with it."""
        await self._drop_next()
        self._next = Connection(
            ice_controlling=self._current.ice_controlling,
            transport_policy=TransportPolicy.RELAY if relay_only else TransportPolicy.ALL,
            **connection_kwargs(servers),
        )
        await self._next.gather_candidates()
        candidates = [
            candidate_to_sdp(candidate_from_aioice(each)) for each in self._next.local_candidates
        ]
        return with_path(sdp, self._next.local_username, self._next.local_password, candidates)

    async def take(self, sdp: str) -> None:
        """The other side's description of the new path; it is tried from now on."""
        media = SessionDescription.parse(sdp).media[0]
        path = self._next
        if path is None or media.ice is None:
            return
        path.remote_username = media.ice.usernameFragment
        path.remote_password = media.ice.password
        for candidate in media.ice_candidates:
            await path.add_remote_candidate(candidate_to_aioice(candidate))
        self._start(self._connect(path))

    async def add(self, candidate: Any) -> None:
        """A candidate of the new path, or None behind the last."""
        if self._next is not None:
            known = None if candidate is None else candidate_to_aioice(candidate)
            await self._next.add_remote_candidate(known)

    async def close(self) -> None:
        """After the connection above it, which says goodbye on it."""
        self._incoming.put_nowait(None)
        await self._drop_next()
        for task in list(self._tasks):
            task.cancel()

    async def _connect(self, path: Connection) -> None:
        try:
            await path.connect()
        except ConnectionError:
            return  # the next restart tries again
        if self._next is not path:
            return
        before, self._current, self._next = self._current, path, None
        self._transport._connection = path
        self.replaced = True
        self._pump(path)
        self._start(self._watch(path))
        self._changed(True)
        await before.close()

    async def _drop_next(self) -> None:
        dropped, self._next = self._next, None
        if dropped is not None:
            await dropped.close()

    async def _watch(self, path: Connection) -> None:
        while not isinstance(await path.get_event(), ConnectionClosed):
            pass
        if self._current is path:
            self._changed(False)

    def _pump(self, path: Connection) -> None:
        self._pumped = path

        async def pump() -> None:
            try:
                while True:
                    self._incoming.put_nowait(await path.recv())
            except ConnectionError:
                pass  # another path may come

        self._start(pump())

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
