"""Members: taking their tokens back (docs/protocol.md §8)."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority
from careseal.server.relay import relay_of
from careseal.server.requests import done, path_id, query_of
from careseal.server.routing import Routes
from careseal.server.store import members

routes = Routes("/api/telemedicine")


@routes.delete("/sessions/{session}/members/{member}")
async def revoke(request: Request, session: str, member: str) -> Response:
    relay = relay_of(request)
    asking, _ = await authority.member(request, session)
    query_of(request)
    session_id, member_id = asking.session.id, path_id(member)
    await relay.rows_of(asking.session.id).write(
        partial(
            members.revoke_one,
            session_id=session_id,
            token_hash=asking.token_hash,
            member_id=member_id,
            now=relay.now(),
        ),
        then=lambda _: relay.cut_off(session_id, [member_id]),
    )
    return done()
