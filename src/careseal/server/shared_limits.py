"""The same token buckets for all workers: in Redis, else in the session's database.

Where they cannot be reached, each worker counts for itself for a while. Signals are always counted
so: they come by a socket, which one worker has.
"""

from __future__ import annotations

import hashlib
import math
import time
from functools import partial
from typing import Final, NamedTuple, Protocol

from sqlalchemy import Connection, text

from careseal.server.limits import RateLimiter
from careseal.server.problems import too_many
from careseal.server.store.databases import Databases

ALONE: Final = 5.0  # s that a worker counts for itself before it asks again who did not answer
# KEYS[1]; rate, burst, how many to take. 0 when one was there, else the ms until the next.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local since = math.max(0, now - (tonumber(kept[2]) or now))
local tokens = math.min(burst, (tonumber(kept[1]) or burst) + since * rate)
local refused = tokens < 1
redis.call('HSET', KEYS[1], 'tokens', refused and tokens or tokens - ARGV[3], 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return refused and math.ceil((1 - tokens) / rate * 1000) or 0
"""

# By the database's clock, which all machines have in common; it may be set back, as Redis's may.
_SEEN: Final = "LEAST(:burst, bucket.tokens + GREATEST(0, excluded.at - bucket.at) * :rate)"
_UPSERT: Final = text(
    f"""
    INSERT INTO bucket (key, tokens, at)
    VALUES (:key, :burst - :taken, extract(epoch FROM clock_timestamp()))
    ON CONFLICT (key) DO UPDATE SET
      tokens = {_SEEN} - CASE WHEN {_SEEN} >= 1 THEN :taken ELSE 0 END, at = excluded.at,
      refused = {_SEEN} < 1
    RETURNING bucket.tokens, bucket.refused
    """  # noqa: S608 - both parts stand above
)
_REMOVE: Final = text(
    "DELETE FROM bucket WHERE at < extract(epoch FROM clock_timestamp() - interval '1 hour')"
)


class Asked(NamedTuple):
    rate: float  # a second
    burst: float
    taken: int


class Buckets(Protocol):
    """Where all workers count."""

    async def wait(self, session_id: bytes, key: bytes, asked: Asked) -> float:
        """Take ``taken``; seconds until there is one, 0 when there was."""

    async def close(self) -> None: ...


class Limiter:
    """``here`` counts in this worker; ``buckets``, if there are others, for all of them."""

    def __init__(self, here: RateLimiter, buckets: Buckets | None = None) -> None:
        self.here = here
        self._buckets = buckets
        self._alone_until: float | None = None  # by the steady clock; None while all is well

    async def take(self, limit: str, who: tuple[bytes, bytes]) -> None:
        """Count one of a session's member or invite. Raises ``too-many``."""
        await self._ask(limit, who, 1)

    async def check(self, limit: str, who: tuple[bytes, bytes]) -> None:
        """As ``take``, without counting."""
        await self._ask(limit, who, 0)

    async def _ask(self, limit: str, who: tuple[bytes, bytes], count: int) -> None:
        take_here = self.here.take if count else self.here.check
        if self._buckets is None or self._is_alone():
            take_here(limit, who)
            return
        rate, burst = self.here.rate(limit)
        rate = rate or 1 / 3600
        key = hashlib.sha256(b"|".join([limit.encode(), *who])).digest()[:16]
        try:
            wait = await self._buckets.wait(who[0], key, Asked(rate, burst, count))
        except Exception:
            self._alone_until = time.monotonic() + ALONE
            take_here(limit, who)
            return
        self._alone_until = None
        if wait > 0:
            raise too_many(limit, math.ceil(wait))

    def _is_alone(self) -> bool:
        """When the time is over one asks again, and the others go on alone until that one knows."""
        if self._alone_until is None:
            return False
        now = time.monotonic()
        if now < self._alone_until:
            return True
        self._alone_until = now + ALONE
        return False

    async def close(self) -> None:
        if self._buckets is not None:
            await self._buckets.close()


class RedisBuckets:
    """One round trip for each."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis

        self._redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
        self._take = self._redis.register_script(_TAKE)

    async def wait(self, session_id: bytes, key: bytes, asked: Asked) -> float:
        name = f"careseal:bucket:{key.hex()}"
        return int(await self._take(keys=[name], args=list(asked))) / 1000

    async def close(self) -> None:
        await self._redis.aclose()


class DatabaseBuckets:
    """A row for each, in an unlogged table: a crash of the database forgets them."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def wait(self, session_id: bytes, key: bytes, asked: Asked) -> float:
        take = partial(_take_row, key=key, asked=asked)
        return await self._databases.of(session_id).write(take)

    async def close(self) -> None:
        """The databases are closed by who opened them."""


def _take_row(connection: Connection, key: bytes, asked: Asked) -> float:
    row = connection.execute(_UPSERT, {"key": key, **asked._asdict()}).one()
    return max(0.001, (1 - row.tokens) / asked.rate) if row.refused else 0


def remove_full(connection: Connection) -> None:
    """Forget the buckets that nobody has taken from for an hour; SQLite has none."""
    if connection.dialect.name == "postgresql":
        connection.execute(_REMOVE)
