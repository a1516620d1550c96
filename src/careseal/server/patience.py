"""How long a connection may take to say what it wants, so that slow ones hold nothing for long.

And bodies are handed on as they were read, for large ones are half of the work.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN = 20.0  # s from the first byte that is awaited to the end of the head
MOST_HEAD = 64 * 1024  # bytes


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers take too long, or have no end.

    And one on which something else than a further request comes when all are answered, such as the
    rest of a body that nobody reads: after as long as it may be idle, however much comes meanwhile.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head = True
        self._due: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_head()
        self._has_rest()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._has_rest()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._has_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._due is not None:
            if self._head > MOST_HEAD:
                self.transport.close()
                return
            self._head += len(data)
        super().data_received(data)
        if self._in_head:
            if self._due is None:  # of a further request, which did not come whole
                self._await_head()
        elif self._rest is None and self._is_answered():
            self._rest = self.loop.call_later(self.timeout_keep_alive, self.transport.close)

    def _is_answered(self) -> bool:
        """Whether nothing is asked for on a connection that is to go on, and not as a WebSocket."""
        goes_on = self in self.connections and not self.transport.is_closing()
        return goes_on and self.cycle.response_complete

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if not cycle.body:  # else it would be copied twice, into a bytearray and out of it
            cycle.body, body = body, b""  # type: ignore[assignment]
        super().on_body(body)

    def _await_head(self) -> None:
        self._head = 0
        self._due = self.loop.call_later(HEAD_WITHIN, self.transport.close)

    def _has_rest(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _has_head(self) -> None:
        self._in_head = False
        if self._due is not None:
            self._due.cancel()
            self._due = None
