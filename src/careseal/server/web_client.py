"""The built web client, served from the package."""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from hashlib import sha256
from os.path import isfile
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from careseal.release import BROTLI, WEB_CLIENT
from careseal.server.problems import Problem
from careseal.server.routing import Routes

PACKED: Final = frozenset(
    {".css", ".html", ".js", ".json", ".map", ".svg", ".txt", ".wasm", ".webmanifest"}
)
TYPES: Final = {
    ".js": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
READ: Final = "GET HEAD"
routes = Routes()


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]  # modification time in ns, size
    body: bytes
    packed: dict[str, bytes]  # by content coding, the best first
    media_type: str
    tag: str


class WebClient:
    """Files of ``folder``, kept in memory as long as they do not change on disk."""

    def __init__(self, folder: Path = WEB_CLIENT) -> None:
        self._folder = folder.resolve()
        self._files: dict[Path, _File] = {}

    def answer(self, name: str, request: Request, caching: str) -> Response:
        """The file ``name``. Raises ``not-found``."""
        file = self._file(name)
        headers = {"Cache-Control": caching, "Vary": "Accept-Encoding", "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        accepted = request.headers.get("accept-encoding", "")
        for coding, body in file.packed.items():
            if coding in accepted:
                headers["Content-Encoding"] = coding
                return Response(body, 200, headers, file.media_type)
        return Response(file.body, 200, headers, file.media_type)

    def _file(self, name: str) -> _File:
        path = (self._folder / name).resolve() if name.isprintable() else self._folder
        if not path.is_relative_to(self._folder) or not isfile(path):  # too long a name is none
            raise Problem("not-found", "There is no such page or file.")
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._files.get(path)
        if known is None or known.stamp != stamp:
            known = self._files[path] = _read(path, stamp)
        return known


def _read(path: Path, stamp: tuple[int, int]) -> _File:
    body, beside = path.read_bytes(), path.with_name(path.name + BROTLI)
    packed = {"br": beside.read_bytes()} if beside.is_file() else {}
    if path.suffix in PACKED:
        packed["gzip"] = gzip.compress(body, 9, mtime=0)
    guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return _File(
        stamp,
        body,
        packed,
        guessed or "application/octet-stream",
        f'"{sha256(body).hexdigest()[:32]}"',
    )


def _client(request: Request) -> WebClient:
    client: WebClient = request.app.state.web_client
    return client


@routes.on(READ, "/")
@routes.on(READ, "/sign-in")
@routes.on(READ, "/telemedicine/{session}")
async def page(request: Request, session: str = "") -> Response:
    """The page finds out for itself which one it is."""
    try:
        return _client(request).answer("index.html", request, "no-store")
    except Problem:
        raise Problem("unavailable", "The web client is not built; run make web.") from None


@routes.on(READ, "/assets/{name:path}")
async def asset(request: Request, name: str) -> Response:
    """A file whose name holds its hash."""
    return _client(request).answer(f"assets/{name}", request, "public, max-age=31536000, immutable")


@routes.on(READ, "/{name}")
async def other(request: Request, name: str) -> Response:
    """What the browser looks for by name: icons, manifest, robots."""
    return _client(request).answer(name, request, "no-cache")
