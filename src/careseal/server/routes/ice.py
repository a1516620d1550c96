"""Servers that help a call to connect (docs/protocol.md §8)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority
from careseal.server.relay import relay_of
from careseal.server.requests import answer, query_of
from careseal.server.routing import Routes
from careseal.server.turn import ice_servers

routes = Routes("/api/telemedicine")


@routes.get("/sessions/{session}/ice")
async def show(request: Request, session: str) -> Response:
    relay = relay_of(request)
    await authority.member(request, session)
    query_of(request)
    settings = relay.settings
    secret = settings.turn_secret or relay.secrets.turn_secret
    servers = ice_servers(settings, secret, relay.now())
    return answer({"iceServers": servers, "ttl": settings.turn_lifetime})
