"""Signing in: links that work once, and cookies that can be taken back."""

from __future__ import annotations

from sqlalchemy import Connection

from careseal.server import base64url
from careseal.server.relay import Relay
from careseal.server.store import credentials
from careseal.server.tokens import new_token


async def new_credential(relay: Relay, kind: credentials.Kind, lifetime: int | None) -> str:
    """A new token for the only account; ``lifetime`` in seconds, None for ever."""
    token, now = new_token(), relay.now()
    hashed = relay.secrets.hash_octets(token)
    expires_at = credentials.NEVER if lifetime is None else now + lifetime * 1000

    def keep(connection: Connection) -> None:
        owner = credentials.only_account(connection, now)
        credentials.keep(connection, hashed, kind, owner, now, expires_at)

    await relay.databases.main.write(keep)
    return base64url.encode(token)


async def sign_in(relay: Relay, code: bytes) -> str | None:
    """A cookie's token for a code that was not used before."""
    token, now = new_token(), relay.now()
    used, hashed = relay.secrets.hash_octets(code), relay.secrets.hash_octets(token)
    expires_at = now + relay.settings.account_lifetime * 1000

    def exchange(connection: Connection) -> bool:
        owner = credentials.use_up(connection, used, "code", now)
        if owner is None:
            return False
        credentials.keep(connection, hashed, "cookie", owner, now, expires_at)
        return True

    return base64url.encode(token) if await relay.databases.main.write(exchange) else None


async def sign_out(relay: Relay, token: str) -> None:
    """Forget a cookie's token."""
    hashed, now = relay.secrets.hash_of(token), relay.now()
    if hashed is not None:
        await relay.databases.main.write(lambda to: credentials.use_up(to, hashed, "cookie", now))
