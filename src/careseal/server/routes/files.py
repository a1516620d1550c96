"""Sealed files in parts (docs/protocol.md §6, §8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from careseal.server import authority, base64url, wire
from careseal.server.blobs import Stored
from careseal.server.problems import Problem, malformed, too_large
from careseal.server.ranges import content_range, requested_range
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import (
    answer,
    content_length,
    done,
    path_id,
    path_number,
    query_of,
    read_json,
)
from careseal.server.routing import Routes
from careseal.server.settings import KIB
from careseal.server.sizes import check_size
from careseal.server.store import files
from careseal.server.store.members import Bearer

routes = Routes("/api/telemedicine")
PART = "/sessions/{session}/files/{file}/parts/{number}"


@routes.post("/sessions/{session}/files")
async def create(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    limits = relay.settings.limits
    asked = await read_json(request, wire.CreateFile, 4 * KIB)
    check_size("parts", asked.parts, limits)
    change = partial(
        files.create,
        session_id=asking.session.id,
        token_hash=asking.token_hash,
        asked=asked,
        limits=limits,
        left=await relay.room.left(),
        now=relay.now(),
    )
    with relay.room.taken(asked.size) as taken:
        taken.kept = new = await relay.rows_of(asking.session.id).write(change)
    return answer({}, 201 if new else 200)


@routes.get("/sessions/{session}/files/{file}")
async def show(request: Request, session: str, file: str) -> Response:
    asking, _ = await authority.member(request, session)
    query_of(request)
    query = partial(files.present, session_id=asking.session.id, file_id=path_id(file))
    relay = relay_of(request)
    found, present = await relay.rows_of(asking.session.id).read(query)
    shown = {"id": base64url.encode(found.id), "parts": found.parts, "size": found.size}
    return answer(shown | {"present": present, "direct": relay.direct is not None})


@routes.delete("/sessions/{session}/files/{file}")
async def remove(request: Request, session: str, file: str) -> Response:
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    change = partial(
        files.remove,
        session_id=asking.session.id,
        token_hash=asking.token_hash,
        file_id=path_id(file),
        now=relay.now(),
    )
    await relay.blobs.discard(await relay.rows_of(asking.session.id).write(change))
    return done()


@routes.put(PART)
async def upload_part(request: Request, session: str, file: str, number: str) -> Response:
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    file_id, which = path_id(file), path_number(number)
    look = partial(files.part_to_send, bearer=asking, file_id=file_id, number=which)
    found, there = await relay.rows_of(asking.session.id).read(look)
    _check_upload(request, found.part_size(which))
    stored = await relay.blobs.write(asking.session.id, request.stream())
    if there is not None:
        await relay.blobs.discard([stored.name])
        files.require_same(there, stored.digest)
        return answer({}, 200)
    return await _take(relay, asking, file_id, which, stored)


@routes.get(PART)
async def download_part(request: Request, session: str, file: str, number: str) -> Response:
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    query = partial(
        files.stored_part,
        session_id=asking.session.id,
        file_id=path_id(file),
        number=path_number(number),
    )
    part = await relay.rows_of(asking.session.id).read(query)
    chosen = requested_range(request.headers.get("range"), part.size)
    start, end = chosen or (0, part.size)
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}
    headers |= {"Cache-Control": "no-store"}
    if chosen:
        headers["Content-Range"] = content_range(start, end, part.size)
    body = await _opened(relay.blobs.read(part.object, start, end))
    return StreamingResponse(body, 206 if chosen else 200, headers, "application/octet-stream")


async def _opened(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """``chunks``, after it showed that the object is there."""
    try:
        first = await anext(chunks, b"")
    except FileNotFoundError:
        raise Problem("not-found", "This part was removed.") from None

    async def stream() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return stream()


def _check_upload(request: Request, size: int) -> None:
    media_type = request.headers.get("content-type", "application/octet-stream")
    if media_type.partition(";")[0].strip().lower() != "application/octet-stream":
        raise Problem("unsupported-media-type", "A part is application/octet-stream.")
    if content_length(request) > wire.PART_SEALED:
        raise too_large("part", wire.PART_SEALED)
    if "content-length" not in request.headers or content_length(request) != size:
        raise malformed(f"This part has {size} bytes; Content-Length must say so.")


async def _take(
    relay: Relay, asking: Bearer, file_id: bytes, number: int, stored: Stored
) -> Response:
    change = partial(
        files.create_part,
        session_id=asking.session.id,
        token_hash=asking.token_hash,
        file_id=file_id,
        number=number,
        stored=files.Part(stored.size, stored.digest, stored.name),
        now=relay.now(),
    )
    try:
        new = await relay.rows_of(asking.session.id).write(change)
    except Problem:
        await relay.blobs.discard([stored.name])
        raise
    if not new:
        await relay.blobs.discard([stored.name])
    return answer({}, 201 if new else 200)
