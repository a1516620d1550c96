"""Parts that go between clients and the bucket without passing this server (§6.1, §8)."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority, wire
from careseal.server.blobs import new_name
from careseal.server.direct import CONFIRM_WITHIN, LASTS, Direct
from careseal.server.problems import Problem, malformed
from careseal.server.relay import relay_of
from careseal.server.requests import answer, path_id, path_number, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.settings import KIB
from careseal.server.store import addressed, files

routes = Routes("/api/telemedicine")
PART = "/sessions/{session}/files/{file}/parts/{number}/direct"


@routes.post(PART)
async def ask_to_put(request: Request, session: str, file: str, number: str) -> Response:
    """Hands out an address for a part, or says that the part is there."""
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    session_id, file_id, which = asking.session.id, path_id(file), path_number(number)
    look = partial(files.part_to_send, bearer=asking, file_id=file_id, number=which)
    found, _ = await relay.rows_of(session_id).read(look)
    asked = await read_json(request, wire.DirectPart, KIB)
    if found.part_size(which) != asked.size:
        raise malformed(f"This part has {found.part_size(which)} bytes.")
    direct = _offered(relay.direct)
    await direct.require_checking_store()
    now = relay.now()
    change = partial(
        addressed.hand_out,
        session_id=session_id,
        token_hash=asking.token_hash,
        file_id=file_id,
        number=which,
        digest=bytes(asked.sha256),
        name=new_name(session_id),
        most=relay.settings.limits.open_uploads,
        until=now + CONFIRM_WITHIN * 1000,
        now=now,
    )
    name = await relay.rows_of(session_id).write(change)
    if name is None:
        return answer({})
    url = direct.to_put(name, asked.size, bytes(asked.sha256))
    return answer({"url": url, "lasts": LASTS}, 201)


@routes.put(PART)
async def confirm(request: Request, session: str, file: str, number: str) -> Response:
    """Makes what was put the part."""
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    session_id, file_id, which = asking.session.id, path_id(file), path_number(number)
    look = partial(files.part_to_send, bearer=asking, file_id=file_id, number=which)
    found, there = await relay.rows_of(session_id).read(look)
    asked = await read_json(request, wire.DirectPart, KIB)
    digest = bytes(asked.sha256)
    if there is not None:
        files.require_same(there, digest)
        return answer({})
    _offered(relay.direct)

    def known(connection: Connection) -> str | None:
        now = relay.now()
        return addressed.find(connection, session_id, file_id, which, digest, now=now)

    name = await relay.rows_of(session_id).read(known)
    if name is None:
        raise addressed.not_put()
    try:
        size = await relay.blobs.size(name)
    except FileNotFoundError:
        raise addressed.not_put() from None
    if not size == asked.size == found.part_size(which):
        raise malformed(f"This part has {found.part_size(which)} bytes, and {size} were put.")
    change = partial(
        addressed.confirm,
        session_id=session_id,
        token_hash=asking.token_hash,
        file_id=file_id,
        number=which,
        stored=files.Part(size, digest, name),
        now=relay.now(),
    )
    new = await relay.rows_of(session_id).write(change)
    return answer({}, 201 if new else 200)


@routes.get(PART)
async def ask_to_get(request: Request, session: str, file: str, number: str) -> Response:
    """Hands out the address of a part."""
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
    url = _offered(relay.direct).to_get(part.object)
    return answer({"url": url, "lasts": LASTS, "size": part.size})


def _offered(direct: Direct | None) -> Direct:
    if direct is None:
        raise Problem("not-found", "This server offers no direct transfer.")
    return direct
