"""A TCP relay that keeps every byte it carries, WebSocket frames unmasked, to be searched."""

from __future__ import annotations

import asyncio
import re
import threading
from types import TracebackType

WEBSOCKET_UPGRADE = re.compile(rb"\r\nupgrade: *websocket\r\n", re.IGNORECASE)
EXTENSIONS = re.compile(rb"\r\nsec-websocket-extensions:[^\r\n]*", re.IGNORECASE)


class Wiretap:
    """Listens on a free loopback port and relays to ``target``.

    ``carried()`` is all that crossed it so far, both directions. The request header that offers
    compression of WebSocket messages is removed, otherwise nothing is changed.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._streams: list[bytearray] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Wiretap:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def carried(self) -> bytes:
        """Every byte so far, one stream after another."""
        return b"\n".join(bytes(stream) for stream in self._streams)

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _hang_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _relay(
        self, browser_in: asyncio.StreamReader, browser_out: asyncio.StreamWriter
    ) -> None:
        server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
        up, down = bytearray(), bytearray()
        self._streams += [up, down]
        upward = asyncio.create_task(self._pump_requests(browser_in, server_out, up))
        downward = asyncio.create_task(self._pump(server_in, browser_out, down))
        await asyncio.wait([upward, downward], return_when=asyncio.FIRST_COMPLETED)
        for task in (upward, downward):
            task.cancel()
        for writer in (server_out, browser_out):
            writer.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        while data := await source.read(65536):
            kept += data
            sink.write(data)
            await sink.drain()

    async def _pump_requests(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        frames: FrameReader | None = None
        while data := await source.read(65536):
            if frames is None and WEBSOCKET_UPGRADE.search(data):
                frames = FrameReader()
                data = EXTENSIONS.sub(b"", data)
                kept += data
            elif frames is None:
                kept += data
            else:
                kept += frames.unmasked(data)
            sink.write(data)
            await sink.drain()


class FrameReader:
    """Takes the bytes of a client's frames (RFC 6455 §5.2), gives their payloads unmasked."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def unmasked(self, data: bytes) -> bytes:
        self._pending += data
        payloads = bytearray()
        while (frame := self._next()) is not None:
            payloads += frame + b"\n"
        return bytes(payloads)

    def _next(self) -> bytes | None:
        if len(self._pending) < 2:
            return None
        length, at = self._pending[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(self._pending) < at + size:
                return None
            length, at = int.from_bytes(self._pending[at : at + size]), at + size
        end = at + 4 + length
        if len(self._pending) < end:
            return None
        mask = bytes(self._pending[at : at + 4])
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._pending[at + 4 : end]))
        del self._pending[:end]
        return payload
