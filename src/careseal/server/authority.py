"""Who is asking: a member, an invite's holder, or an account (docs/protocol.md §8)."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from careseal.server.problems import Problem, forbidden, not_authorised
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import path_id
from careseal.server.store import credentials, members
from careseal.server.store.credentials import Account
from careseal.server.store.members import Bearer
from careseal.server.tokens import hash_octets, hash_of

SAFE = frozenset({"GET", "HEAD"})
MOST_KNOWN = 10_000


async def bearer(request: Request, session: str) -> Bearer:
    """A member or an invite's holder. Raises ``not-authorised``.

    A link's token is as hard to guess as its passcode for whoever has the link. So after some
    wrong ones a session takes no link's token for a while, right or not; members go on.
    """
    relay, session_id = relay_of(request), path_id(session)
    hashed = hash_of(_bearer_token(request) or "")
    if hashed is None:
        raise not_authorised()
    query = partial(members.bearer, session_id=session_id, token_hash=hashed, now=relay.now())
    try:
        found = await relay.rows_of(session_id).read(query)
    except Problem as problem:
        if problem.status == 401:  # nobody guesses while the database is away
            await relay.limiter.take("refusalsPerMinute", (session_id, b""))
        raise
    if found.member_id is None:
        await relay.limiter.check("refusalsPerMinute", (session_id, b""))
    return found


async def member(request: Request, session: str) -> tuple[Bearer, bytes]:
    """A member and its id. Raises ``not-authorised``, ``forbidden`` for an invite's holder."""
    found = await bearer(request, session)
    if found.member_id is None:
        raise forbidden("Only members may do this.")
    return found, found.member_id


class Writer(NamedTuple):
    """A member by its token as this worker knows it."""

    session_id: bytes  # 16
    token_hash: bytes  # 32
    member_id: bytes  # 16


async def writer(request: Request, session: str) -> Writer:
    """As ``member``, from memory where the token was good before.

    Only for what looks at the token in its transaction, and calls ``look_again`` before whatever
    it refuses.
    """
    known, asking = relay_of(request).writers, _text_of(request, session)
    if (writer := known.get(asking)) is None:
        found, member_id = await member(request, session)
        writer = Writer(path_id(session), found.token_hash, member_id)
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[asking] = writer
    return writer


async def look_again(request: Request, session: str) -> None:
    """Of a token from memory that may be revoked: raises as ``writer`` does without a memory."""
    relay_of(request).writers.pop(_text_of(request, session), None)
    await writer(request, session)


def _text_of(request: Request, session: str) -> tuple[str, bytes]:
    """The session as the path has it, and the hash (32) of the token as the header has it."""
    token = _bearer_token(request) or ""
    return session, hash_octets(token.encode("latin-1"))


async def host(request: Request, session: str) -> Bearer:
    """A member who came by a host invite."""
    found, _ = await member(request, session)
    if not found.is_host:
        raise forbidden("Only hosts may do this.")
    return found


async def account(request: Request) -> Account:
    """The account behind an API token or a cookie. Raises ``not-authorised``, ``forbidden``."""
    relay = relay_of(request)
    if token := _bearer_token(request):
        return await _account(relay, token, "api")
    token = request.cookies.get(cookie_name(request))
    if token is None:
        raise not_authorised()
    if request.method not in SAFE and not is_same_origin(request):
        raise forbidden("A cookie counts only in requests of this server's own pages.")
    return await _account(relay, token, "cookie")


def has_bearer(request: Request) -> bool:
    """Whether the request brings a token rather than a cookie."""
    return _bearer_token(request) is not None


def is_same_origin(request: Request) -> bool:
    """Whether the browser says that the request comes from this server's own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is not None:
        try:
            return urlsplit(origin).netloc == request.headers.get("host")
        except ValueError:  # no origin that a browser sends
            return False
    return site is not None


def is_secure(request: Request) -> bool:
    """Whether the browser talks TLS, to this process or to the proxy before it."""
    return relay_of(request).settings.tls or request.url.scheme in ("https", "wss")


def cookie_name(request: Request) -> str:
    return "__Host-careseal" if is_secure(request) else "careseal"


def set_cookie(response: Response, request: Request, token: str, lifetime: int) -> None:
    """Hand the browser a token that scripts cannot read; ``lifetime`` in seconds, 0 removes it."""
    options: dict[str, Any] = {"httponly": True, "samesite": "strict", "path": "/"}
    options["secure"] = is_secure(request)
    response.set_cookie(cookie_name(request), token, max_age=lifetime, **options)


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


async def _account(relay: Relay, token: str, kind: credentials.Kind) -> Account:
    hashed = relay.secrets.hash_of(token)

    def find(connection: Connection) -> Account | None:
        return credentials.find(connection, hashed, kind, relay.now()) if hashed else None

    found = await relay.databases.main.read(find)
    if found is None:
        raise not_authorised()
    return found
