"""Members: taking their tokens back (docs/protocol.md §8)."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority
from careseal.server.problems import Problem, forbidden
from careseal.server.relay import relay_of
from careseal.server.requests import done, path_id, query_of
from careseal.server.store import members

router = APIRouter()


@router.delete("/sessions/{session}/members/{member}")
async def revoke(request: Request, session: str, member: str) -> Response:
    relay = relay_of(request)
    asking, own_id = await authority.member(request, session)
    query_of(request)
    session_id, member_id = asking.session.id, path_id(member)
    if member_id != own_id and not asking.is_host:
        raise forbidden("Only the member itself and hosts may do this.")

    def cut_off(revoked: int) -> None:
        if revoked:
            relay.cut_off(session_id, [member_id])

    change = partial(members.revoke, session_id=session_id, ids=[member_id])
    if not await relay.database.write(change, then=cut_off):
        raise Problem("not-found", "The session has no such member.")
    return done()
