"""Reading requests strictly, and answering them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from careseal.server import base64url, wire
from careseal.server.problems import Problem, malformed, too_large

T = TypeVar("T")


async def read_json(request: Request, shape: type[T], most: int) -> T:
    """The body as ``shape``, of at most ``most`` bytes."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported-media-type", "The body must be application/json.")
    if content_length(request) > most:
        raise too_large("body", most)
    return wire.decode(await _body(request, most), shape)


async def _body(request: Request, most: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise too_large("body", most)
    return bytes(body)


def content_length(request: Request) -> int:
    """The announced length in bytes, 0 without one."""
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def path_id(text: str) -> bytes:
    """An id (16) in the path. Raises ``malformed``."""
    try:
        octets = base64url.decode(text)
    except ValueError as refused:
        raise malformed(f"An id in the path is {refused}.") from None
    if len(octets) != 16:
        raise malformed("An id in the path must be 16 bytes.")
    return octets


def path_number(text: str) -> int:
    """A number in the path, as short as it can be written. Raises ``malformed``."""
    if not (text.isascii() and text.isdigit() and len(text) < 16 and str(int(text)) == text):
        raise malformed("A number in the path must be plain decimal.")
    return int(text)


def query_of(request: Request, *known: str) -> dict[str, str]:
    """The query's parameters. Raises ``malformed`` for unknown or repeated ones."""
    if not request.scope["query_string"]:
        return {}
    items = request.query_params.multi_items()
    query = dict(items)
    if len(query) < len(items) or not set(query) <= set(known):
        raise malformed(f"The query may have, once each: {', '.join(known) or 'nothing'}.")
    return query


def query_number(query: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    """A number in the query, ``least`` to ``most``. Raises ``malformed``."""
    text = query.get(name)
    if text is None:
        return default
    number = path_number(text)
    if not least <= number <= most:
        raise malformed(f"{name} must be {least} to {most}.")
    return number


def answer(value: Any, status: int = 200) -> Response:
    """``value`` as JSON that nobody caches."""
    return _Json(wire.encode(value), status)


class _Json(Response):
    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]


def done() -> Response:
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
