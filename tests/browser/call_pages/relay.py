"""Serves the call pages and carries their signals, so that calls are tested without a session.

A test may look at, change or swallow every signal on its way (``Relay.on_the_way``).
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass(eq=False)
class Listener:
    """One page that is connected."""

    peer: Json
    room: str
    events: queue.Queue[Json] = field(default_factory=queue.Queue)


class Relay:
    """A static server with an event stream to each page. Use as a context manager."""

    def __init__(self, pages: Path) -> None:
        self.on_the_way: Callable[[Json, Json], Json | None] = lambda _sender, signal: signal
        self.signals: list[tuple[str, Json]] = []
        self._held: list[tuple[str, Json, str | None]] | None = None
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        relay = self

        class Handler(SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(pages))

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def do_GET(self) -> None:
                if urlsplit(self.path).path == "/events":
                    relay._follow(self, dict(parse_qsl(urlsplit(self.path).query)))
                else:
                    super().do_GET()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                relay._take(self.path, body)
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a page that was closed in the middle of a request

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hold(self) -> None:
        """Takes what pages say, and tells nobody until ``let_go``."""
        self._held = []

    def let_go(self) -> None:
        with self._lock:
            held, self._held = self._held or [], None
        for room, event, to in held:
            self._tell(room, event, to)

    def said(self, kind: str) -> list[Json]:
        """The signals of a type that passed, in order."""
        return [signal for _, signal in self.signals if signal["type"] == kind]

    def _follow(self, handler: SimpleHTTPRequestHandler, query: dict[str, str]) -> None:
        listener = Listener(peer_of(query), query["room"])
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        with self._lock:
            self._listeners.append(listener)
        self._tell_who_is_here(listener.room)
        try:
            while True:
                try:
                    event = f"data: {json.dumps(listener.events.get(timeout=0.5))}\n\n"
                except queue.Empty:
                    event = ": still here\n\n"
                handler.wfile.write(event.encode())
                handler.wfile.flush()
        except OSError:
            pass
        finally:
            handler.close_connection = True
            with self._lock:
                self._listeners.remove(listener)
            self._tell_who_is_here(listener.room)

    def _take(self, path: str, body: Json) -> None:
        sender = peer_of(body)
        if path == "/signal":
            signal = self.on_the_way(sender, body["signal"])
            self.signals.append((sender["name"], body["signal"]))
            if signal is not None:
                told = {"kind": "signal", "from": sender, "signal": signal}
                self._tell(body["room"], told, to=body["to"])
        else:
            entry = {key: body[key] for key in ("call", "event", "seconds")}
            at = int(time.time() * 1000)
            self._tell(body["room"], {"kind": "entry", "from": sender, "at": at} | entry)

    def _tell(self, room: str, event: Json, to: str | None = None) -> None:
        with self._lock:
            if self._held is not None:
                self._held.append((room, event, to))
                return
            for listener in self._listeners:
                if listener.room == room and to in {None, listener.peer["instance"]}:
                    listener.events.put(event)

    def _tell_who_is_here(self, room: str) -> None:
        with self._lock:
            here = [each.peer for each in self._listeners if each.room == room]
        self._tell(room, {"kind": "peers", "peers": here})


def peer_of(query: Json) -> Json:
    return {
        "memberId": query["memberId"],
        "leaf": int(query["leaf"]),
        "instance": query["instance"],
        "name": query["name"],
    }
