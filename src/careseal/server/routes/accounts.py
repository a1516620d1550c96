"""Signing in and out (docs/protocol.md §8)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from careseal.server import accounts, authority, base64url, wire
from careseal.server.problems import Problem, forbidden
from careseal.server.relay import relay_of
from careseal.server.requests import answer, done, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.settings import KIB

routes = Routes("/api")


@routes.post("/accounts/sign-in")
async def sign_in(request: Request) -> Response:
    relay = relay_of(request)
    query_of(request)
    _refuse_other_sites(request)
    sent = await read_json(request, wire.SignIn, 4 * KIB)
    token = await accounts.sign_in(relay, sent.code)
    if token is None:
        raise Problem("not-authorised", "The link was used already, or is too old.")
    response = done()
    authority.set_cookie(response, request, token, relay.settings.account_lifetime)
    return response


@routes.post("/accounts/sign-out")
async def sign_out(request: Request) -> Response:
    query_of(request)
    _refuse_other_sites(request)
    if token := request.cookies.get(authority.cookie_name(request)):
        await accounts.sign_out(relay_of(request), token)
    response = done()
    authority.set_cookie(response, request, "", 0)
    return response


@routes.get("/accounts/me")
async def me(request: Request) -> Response:
    query_of(request)
    account = await authority.account(request)
    return answer({"id": base64url.encode(account.id), "name": account.name})


def _refuse_other_sites(request: Request) -> None:
    says_where = {"origin", "sec-fetch-site"} & set(request.headers)
    if says_where and not authority.is_same_origin(request):
        raise forbidden("Only this server's own pages may do this.")
