"""Requests with bodies of megabytes: blocking sockets, in threads.

A body goes from the caller's memory to the socket, or from the socket into it, and is copied
nowhere in between. httpx's way through the event loop copies each byte five times.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import cached_property
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

AT_ONCE = 8
"""Requests on their way at the same time; others wait."""

PIECE = 512 * 1024
"""Bytes that are read before the time is looked at."""

DRAIN = 40.0
"""Seconds for what a socket holds back to leave on a slow line, and to be answered."""

SLOWEST = 4096
"""Bytes a second, beside the first seconds: what comes slower does not come."""

MOST_REFUSAL = 64 * 1024
"""Bytes of an answer that is no content."""

OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")
"""Headers that say how an answer travelled."""

UNANSWERED = (OSError, HTTPException)
"""What is raised when there is no answer, or not the whole of one."""


def proxied(url: str) -> bool:
    """Whether the environment puts a proxy in between, which `Bulk` cannot talk to."""
    place, proxies = urlsplit(url), getproxies()
    named = proxies.get(place.scheme) or proxies.get("all")
    return bool(named) and not proxy_bypass(place.hostname or "")


class Bulk:
    """Connections to servers, which are kept between requests."""

    def __init__(self, silence: float) -> None:
        """`silence`: seconds without a byte after which a request counts as not answered."""
        self.silence = silence
        self._idle: dict[tuple[str, str], list[HTTPConnection]] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, "bulk")

    async def put(self, url: str, headers: Mapping[str, str], body: memoryview) -> httpx.Response:
        """The answer. `body` must stay as it is until then. Raises `UNANSWERED`."""
        answer, _ = await self._run(_Request(self, "PUT", url, headers, body=body))
        return answer

    async def get(
        self, url: str, headers: Mapping[str, str], into: memoryview
    ) -> tuple[httpx.Response, int]:
        """The answer without its content, and how many bytes of that are now in `into`.

        What does not fit is left out. Raises `UNANSWERED`.
        """
        return await self._run(_Request(self, "GET", url, headers, into=into))

    def close(self) -> None:
        """To be called when no request is under way."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._threads.shutdown(wait=False)

    async def _run(self, request: _Request) -> tuple[httpx.Response, int]:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, request.run)
        except asyncio.CancelledError:
            request.cut()
            raise

    def connection(self, scheme: str, place: str) -> HTTPConnection:
        """One that is idle, or a new one, which is not open yet."""
        idle = self._idle.setdefault((scheme, place), [])
        while idle:
            with suppress(IndexError):  # another thread took it
                connection = idle.pop()
                if not _has_ended(connection):
                    return connection
                connection.close()
        if scheme == "https":
            return HTTPSConnection(place, timeout=self.silence, context=self._trusted)
        return HTTPConnection(place, timeout=self.silence)

    def keep(self, scheme: str, place: str, connection: HTTPConnection) -> None:
        self._idle[scheme, place].append(connection)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


class _Request:
    """One request, which runs in a thread and may be cut off from another."""

    def __init__(
        self,
        bulk: Bulk,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: memoryview | None = None,
        into: memoryview | None = None,
    ) -> None:
        self._bulk, self._method, self._headers = bulk, method, headers
        self._url = urlsplit(url)
        self._body, self._into = body, into
        self._connection: HTTPConnection | None = None
        self._is_cut = False

    def run(self) -> tuple[httpx.Response, int]:
        """In the thread. Raises `UNANSWERED`."""
        scheme, place = self._url.scheme, self._url.netloc
        self._connection = connection = self._bulk.connection(scheme, place)
        try:
            sent = self._send(connection)
            with closing(connection.getresponse()) as answer:
                told = self._read(answer)
                whole = answer.isclosed()
        except BaseException:
            connection.close()
            raise
        if sent and whole and not self._is_cut:
            self._bulk.keep(scheme, place, connection)
        else:
            connection.close()
        return told

    def cut(self) -> None:
        """Lets the thread find the end of its connection."""
        self._is_cut = True
        if self._connection is not None and (sock := self._connection.sock) is not None:
            with suppress(OSError):  # of TLS only the line: the thread is at work in the rest
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _send(self, connection: HTTPConnection) -> bool:
        """Whether all went; where not, the server may have answered before."""
        is_new = connection.sock is None
        if is_new:
            connection.connect()
        sock: socket.socket = connection.sock
        if is_new:
            _notice_silence(sock, self._bulk.silence)
        if self._is_cut:
            raise ConnectionAbortedError
        sock.settimeout(self._bulk.silence if self._body is None else DRAIN)
        connection.putrequest(self._method, self._url._replace(scheme="", netloc="").geturl())
        for name, value in self._headers.items():
            connection.putheader(name, value)
        if self._body is None:
            connection.endheaders()
            return True
        connection.putheader("Content-Length", str(len(self._body)))
        connection.endheaders()
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < len(self._body):
                sent += sock.send(self._body[sent:])
        return sent == len(self._body)

    def _read(self, answer: HTTPResponse) -> tuple[httpx.Response, int]:
        content, size = b"", 0
        if self._into is not None and answer.status in (200, 206):
            size = self._fill(answer, self._into)
        else:
            content = answer.read(MOST_REFUSAL)
        headers = [each for each in answer.getheaders() if each[0].lower() not in OF_THE_WIRE]
        return httpx.Response(answer.status, headers=headers, content=content), size

    def _fill(self, answer: HTTPResponse, into: memoryview) -> int:
        """How many bytes came."""
        size, began = 0, time.monotonic()
        while size < len(into) and (came := answer.readinto(into[size : size + PIECE])):
            size += came
            if time.monotonic() - began > self._bulk.silence + size / SLOWEST:
                raise TimeoutError("The answer comes too slowly.")
        if answer.length and size < len(into):
            raise IncompleteRead(b"", answer.length)
        return size


def _notice_silence(sock: socket.socket, silence: float) -> None:
    """Also while sending: what nobody confirms that long is not on its way."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence * 1000))


def _has_ended(connection: HTTPConnection) -> bool:
    """Of one that is idle, on which nothing can come but its end."""
    with selectors.DefaultSelector() as ready:
        ready.register(connection.sock, selectors.EVENT_READ)
        return bool(ready.select(0))
