"""Knocking, and being admitted or refused (docs/protocol.md §3.8)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority, base64url, wire
from careseal.server.problems import Problem, forbidden
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import answer, done, path_id, query_number, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.settings import KIB
from careseal.server.store import knocks, log, members
from careseal.server.store.members import Bearer

routes = Routes("/api/telemedicine")
BODY = 8 * KIB


@routes.post("/sessions/{session}/knocks")
async def ask(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking = await _joiner(request, session, relay)
    query_of(request)
    sent = await read_json(request, wire.NewKnock, BODY)
    session_id = asking.session.id

    def change(connection: Connection) -> tuple[knocks.Knock, bool]:
        now = relay.now()
        bearer = members.bearer(connection, session_id, asking.token_hash, now, hold=True)
        if bearer.session.ended:
            raise Problem("session-ended", "The session has ended; it can only be read.")
        most = relay.settings.limits.knocks
        return knocks.put(connection, session_id, bearer.invite_id, sent.id, sent.knock, most, now)

    kept, new = await relay.rows_of(session_id).write(
        change, then=lambda _: relay.fanout.knocks_changed(session_id)
    )
    return answer({"at": kept.at}, 201 if new else 200)


@routes.get("/sessions/{session}/knocks")
async def show_all(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking = await authority.host(request, session)
    query_of(request)
    session_id = asking.session.id
    query = partial(knocks.waiting, session_id=session_id, now=relay.now())
    found = await relay.rows_of(session_id).read(query)
    return answer({"knocks": [_shown(each) for each in found]})


@routes.get("/sessions/{session}/knocks/{knock}")
async def show(request: Request, session: str, knock: str) -> Response:
    relay = relay_of(request)
    asking = await _joiner(request, session, relay)
    wait = query_number(query_of(request, "wait"), "wait", 0, 0, relay.settings.longest_wait)
    session_id, knock_id = asking.session.id, path_id(knock)
    rows = relay.rows_of(session_id)

    def read(connection: Connection) -> knocks.Knock:
        now = relay.now()
        bearer = members.bearer(connection, session_id, asking.token_hash, now)
        if bearer.session.ended:
            raise Problem("session-ended", "The session has ended; it can only be read.")
        return _own(knocks.find(connection, session_id, knock_id, now), asking)

    found = await rows.read(read)
    if relay.now() - found.seen_at > knocks.SEEN_EVERY:
        await rows.write(partial(knocks.see, known=found, now=relay.now()))
    ends = asyncio.get_running_loop().time() + wait
    while found.waits:
        left = ends - asyncio.get_running_loop().time()
        if left <= 0:
            break
        with relay.fanout.waiting(session_id) as landed:
            found = await rows.read(read)
            if found.waits:
                await asyncio.wait([landed], timeout=left)
        found = await rows.read(read)
    state = "refused" if found.refused else "waiting" if found.key_box is None else "admitted"
    return answer({"state": state, "keyBox": found.key_box and base64url.encode(found.key_box)})


@routes.put("/sessions/{session}/knocks/{knock}")
async def admit(request: Request, session: str, knock: str) -> Response:
    relay = relay_of(request)
    asking = await authority.host(request, session)
    query_of(request)
    session_id, knock_id = asking.session.id, path_id(knock)
    await relay.limiter.take("entriesPerSecond", (session_id, asking.member_id or b""))
    sent = await read_json(request, wire.AdmitKnock, BODY)

    def change(connection: Connection) -> None:
        now = relay.now()
        bearer = members.require_host(connection, session_id, asking.token_hash, now)
        log.require_parent(bearer.session, sent.parent)
        knocks.admit(connection, session_id, knock_id, sent.key_box, now)

    await relay.rows_of(session_id).write(
        change, then=lambda _: relay.fanout.knocks_changed(session_id)
    )
    return done()


@routes.delete("/sessions/{session}/knocks/{knock}")
async def end(request: Request, session: str, knock: str) -> Response:
    """A host refuses; the joiner takes it back."""
    relay = relay_of(request)
    asking = await authority.bearer(request, session)
    query_of(request)
    session_id, knock_id = asking.session.id, path_id(knock)
    if asking.member_id is not None and not asking.is_host:
        raise forbidden("Only hosts refuse a knock.")

    def change(connection: Connection) -> None:
        now = relay.now()
        bearer = members.bearer(connection, session_id, asking.token_hash, now, hold=True)
        if bearer.is_host:
            knocks.refuse(connection, session_id, knock_id, now)
        else:
            knocks.withdraw(connection, session_id, bearer.invite_id, knock_id)

    await relay.rows_of(session_id).write(
        change, then=lambda _: relay.fanout.knocks_changed(session_id)
    )
    return done()


async def _joiner(request: Request, session: str, relay: Relay) -> Bearer:
    asking = await authority.bearer(request, session)
    if asking.member_id is not None:
        raise forbidden("Members are in, and do not knock.")
    await relay.limiter.take("doorsPerSecond", (asking.session.id, asking.invite_id))
    return asking


def _own(found: knocks.Knock, asking: Bearer) -> knocks.Knock:
    if found.invite_id != asking.invite_id:
        raise Problem("not-found", "This knock is not there, or not any more.")
    return found


def _shown(each: knocks.Knock) -> dict[str, Any]:
    return {
        "id": base64url.encode(each.id),
        "invite": base64url.encode(each.invite_id),
        "knock": base64url.encode(each.knock),
        "at": each.at,
        "admitted": each.key_box is not None,
    }
