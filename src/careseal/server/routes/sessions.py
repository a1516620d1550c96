"""Sessions (docs/protocol.md §8)."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority, base64url, wire
from careseal.server.fanout import OVER
from careseal.server.problems import forbidden, malformed, not_authorised, too_large
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import answer, done, path_id, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.sizes import check_doorway, check_invites, doorway_size
from careseal.server.store import founding, members, sessions

routes = Routes("/api/telemedicine")


@routes.post("/sessions")
async def create(request: Request) -> Response:
    relay = relay_of(request)
    owner = await authority.account(request)
    query_of(request)
    asked = await read_json(request, wire.CreateSession, doorway_size(relay.settings.limits))
    lifetime = _check(asked, relay)
    now = relay.now()
    session, new = await relay.rows_of(asked.id).write(
        partial(
            founding.create,
            asked=asked,
            account_id=owner.id,
            founding=hashlib.sha256(wire.encode(wire.plain(asked))).digest(),
            now=now,
            expires_at=now + lifetime * 1000,
        )
    )
    return answer(_shown(session, relay), 201 if new else 200)


@routes.get("/sessions")
async def list_of_account(request: Request) -> Response:
    relay = relay_of(request)
    owner = await authority.account(request)
    query_of(request)
    query = partial(sessions.of_account, account_id=owner.id, now=relay.now())
    found = [
        one
        for of_database in await asyncio.gather(
            *(database.read(query) for database in relay.databases.every)
        )
        for one in of_database
    ]
    return answer({"sessions": [_listed(one, relay) for one in found]})


@routes.get("/sessions/{session}")
async def show(request: Request, session: str) -> Response:
    found = await authority.bearer(request, session)
    query_of(request)
    return answer(_shown(found.session, relay_of(request)))


@routes.delete("/sessions/{session}")
async def erase(request: Request, session: str) -> Response:
    relay, session_id = relay_of(request), path_id(session)
    query_of(request)
    if authority.has_bearer(request):
        await authority.host(request, session)
    else:
        await _require_maker(request, session_id)
    await erase_session(relay, session_id)
    return done()


@routes.post("/sessions/{session}/end")
async def end(request: Request, session: str) -> Response:
    relay = relay_of(request)
    host = await authority.host(request, session)
    query_of(request)
    session_id, now = host.session.id, relay.now()

    def end_it(connection: Connection) -> None:
        members.require_host(connection, session_id, host.token_hash, now)
        sessions.end(connection, session_id, now)

    await relay.rows_of(session_id).write(
        end_it,
        then=lambda _: relay.fanout.close_session(session_id, OVER),
    )
    return done()


async def erase_session(relay: Relay, session_id: bytes) -> None:
    """Rows first, then objects: what is left of these, the sweep finds."""
    await relay.rows_of(session_id).write(
        partial(sessions.erase, session_id=session_id),
        then=lambda _: relay.fanout.close_session(session_id, OVER),
    )
    await relay.blobs.discard_session(session_id)


async def _require_maker(request: Request, session_id: bytes) -> None:
    relay = relay_of(request)
    owner = await authority.account(request)

    def find(connection: Connection) -> sessions.Session | None:
        return sessions.find(connection, session_id, relay.now())

    found = await relay.rows_of(session_id).read(find)
    if found is None or found.account_id != owner.id:
        raise not_authorised()


def _check(asked: wire.CreateSession, relay: Relay) -> int:
    """Refuse what does not fit together; the session's lifetime in seconds."""
    limits = relay.settings.limits
    check_invites(asked.invites, limits)
    check_doorway(asked.door, asked.key_boxes, [], limits)
    roles = {invite.id: invite.role for invite in asked.invites}
    if asked.member.invite not in roles:
        raise malformed("The founder's invite is not among the invites.")
    if roles[asked.member.invite] != "host":
        raise forbidden("The founder comes by a host invite.")
    if asked.lifetime is UNSET:
        return min(relay.settings.session_lifetime, limits.lifetime)
    if asked.lifetime > limits.lifetime:
        raise too_large("lifetime", limits.lifetime)
    return asked.lifetime


def _listed(session: sessions.Session, relay: Relay) -> dict[str, Any]:
    """As its maker's list has it: who is there is told without a socket for each session."""
    present = [base64url.encode(member) for member in relay.fanout.present(session.id)]
    return _facts(session) | {"lastActivityAt": session.last_activity_at, "present": present}


def _shown(session: sessions.Session, relay: Relay) -> dict[str, Any]:
    limits = relay.settings.limits.published()
    return _facts(session) | {"lastCommit": session.last_commit, "limits": limits}


def _facts(session: sessions.Session) -> dict[str, Any]:
    return {
        "id": base64url.encode(session.id),
        "head": session.head,
        "createdAt": session.created_at,
        "expiresAt": session.expires_at,
        "ended": session.ended,
    }
