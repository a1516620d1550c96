"""A server whose POST does next to nothing, on the stack of careseal's own, as a floor.

It takes a small body of JSON and answers with JSON. ``/nothing`` writes nothing. ``/synced`` first
writes a line to a file and syncs it, once for all the lines that wait, as careseal's writer does.

    python -m bench.peers.bare_posts FOLDER PORT
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.bare import serve


class _File(threading.Thread):
    """Writes and syncs in groups."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(daemon=True)
        self._file = path.open("ab", buffering=0)
        self._loop = loop
        self._lines: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self.start()

    async def write(self, line: bytes) -> None:
        written: asyncio.Future[None] = self._loop.create_future()
        self._lines.put((line, written))
        await written

    def run(self) -> None:
        while True:
            group = [self._lines.get()]
            while not self._lines.empty():
                group.append(self._lines.get())
            self._file.write(b"".join(line + b"\n" for line, _ in group))
            os.fdatasync(self._file.fileno())
            self._loop.call_soon_threadsafe(_written, [written for _, written in group])


def _written(group: list[asyncio.Future[None]]) -> None:
    for each in group:
        each.set_result(None)


def application(folder: Path) -> Starlette:
    files: list[_File] = []

    async def nothing(request: Request) -> Response:
        sent = msgspec.json.decode(await request.body())
        return _answer(len(sent["id"]))

    async def synced(request: Request) -> Response:
        body = await request.body()
        sent = msgspec.json.decode(body)
        if not files:
            files.append(_File(folder / "lines", asyncio.get_running_loop()))
        await files[0].write(body)
        return _answer(len(sent["id"]))

    return Starlette(
        routes=[
            Route("/nothing", nothing, methods=["POST"]),
            Route("/synced", synced, methods=["POST"]),
        ]
    )


def _answer(number: int) -> Response:
    return Response(msgspec.json.encode({"seq": number}), 201, None, "application/json")


def main(folder: Path, port: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    serve(application(folder), port)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
