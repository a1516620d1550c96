"""How long a connection may take to say what it wants, so that slow ones hold nothing for long.

And bodies are handed on as they were read, for large ones are half of the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from careseal.server.joined import Joined

HEAD_WITHIN = 20.0  # s from the first byte that is awaited to the end of the head
MOST_HEAD = 64 * 1024  # bytes
BODY_TURN = 60.0  # s
LEAST_IN_TURN = 16 * 1024  # bytes of a body, some 2 kbit/s


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers take too long, or have no end.

    One whose body comes too slowly. And one on which something else than a further request comes
    when all are answered, such as the rest of a body that nobody reads: after as long as it may be
    idle, however much comes meanwhile.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Joined(transport)  # type: ignore[assignment]
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._wait(HEAD_WITHIN, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._need_not_wait()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        joined: Joined = self.transport  # type: ignore[assignment]
        self.transport = transport = joined.release()
        super().handle_websocket_upgrade()
        websocket: Any = transport.get_protocol()
        if websocket.conn.handshake_exc is not None:  # of some, uvicorn tells nobody
            transport.close()

    def on_message_begin(self) -> None:
        self._in_head = True
        self._need_not_wait()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else behind a body, where nobody reads it and there may be no end
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._need_not_wait()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._need_not_wait()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.cycle.response_complete:  # and it is not that of another request, sent at once
            self._need_not_wait()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        if self._timer is not None:
            if self._in_head and self._came > MOST_HEAD:
                self.transport.close()
                return
            self._came += len(data)
        super().data_received(data)
        if self._timer is not None or self not in self.connections:  # which a WebSocket is not
            return
        if self._in_head:  # of a further request, which did not come whole
            self._wait(HEAD_WITHIN, self.transport.close)
        elif self.cycle.response_complete:
            if not self.transport.is_closing():
                self._wait(self.timeout_keep_alive, self.transport.close)
        elif self.cycle.more_body:
            self._wait(BODY_TURN, self._judge_body)

    def _judge_body(self) -> None:
        if self._came >= LEAST_IN_TURN or self.flow.read_paused:
            self._wait(BODY_TURN, self._judge_body)
        else:
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if not cycle.body:  # else it would be copied twice, into a bytearray and out of it
            cycle.body, body = body, b""  # type: ignore[assignment]
        super().on_body(body)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._came = 0
        self._timer = self.loop.call_later(seconds, then)

    def _need_not_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
