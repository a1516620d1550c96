"""A store that fails at will: a small proxy before the real one, at an address of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from tests.seaweed import BUCKET, Seaweed

Spoil = Callable[[str, bytes], bytes | int | None]
OF_THE_LINE = ("connection", "transfer-encoding")


@dataclass
class Front:
    """``spoils`` is asked with each method and what the store would answer, for objects of files:
    with a status to answer instead, or other bytes; None lets it be."""

    address: str
    bucket: Seaweed
    spoils: Spoil = lambda _method, _body: None
    hides: tuple[str, ...] = ()  # headers of answers, in lower case
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # method, headers

    def heal(self) -> None:
        """As at the beginning."""
        self.asked.clear()
        self.spoils, self.hides = lambda _method, _body: None, ()


@contextmanager
def store_front(bucket: Seaweed) -> Iterator[Front]:
    """Signatures hold: the store sees the host that the client names."""
    behind = urlsplit(bucket.address).netloc

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            trial = "/ready/" in self.path
            preflight = self.command == "OPTIONS"
            if not trial and not preflight:
                front.asked.append((self.command, {k.lower(): v for k, v in self.headers.items()}))
            line = HTTPConnection(behind, timeout=30)
            try:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in OF_THE_LINE}
                line.request(self.command, self.path, body or None, headers)
                answer = line.getresponse()
                status, content = answer.status, answer.read()
                told = answer.getheaders()
            finally:
                line.close()
            spoilt = None if trial or preflight else front.spoils(self.command, content)
            if isinstance(spoilt, int):
                status, content = spoilt, b""
            elif spoilt is not None:
                content = spoilt
            self.send_response(status)
            for name, value in told:
                if name.lower() not in (*OF_THE_LINE, *front.hides, "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_OPTIONS = _pass

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    front = Front(f"http://127.0.0.1:{server.server_port}/{BUCKET}", bucket)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
