"""What workers count together, when a clock goes back and when nobody answers."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple

import pytest
from redis.asyncio import Redis
from sqlalchemy import Connection, text

from careseal.server import shared_limits
from careseal.server.limits import RateLimiter
from careseal.server.settings import Limits
from careseal.server.shared_limits import (
    Asked,
    Buckets,
    DatabaseBuckets,
    Limiter,
    RedisBuckets,
    remove_full,
)
from careseal.server.store.databases import Databases
from careseal.server.store.engines import parse
from careseal.server.store.migration import upgrade
from tests.postgresql import postgresql
from tests.redis_server import RedisServer, redis_server

SESSION, KEY = b"s" * 16, b"k" * 16
ASKED = Asked(rate=0.5, burst=20, taken=1)
HOUR = 3600.0  # s


class Counting(NamedTuple):
    buckets: Buckets
    change: Callable[[float, float], Awaitable[None]]  # the tokens of a bucket, and their time
    tokens: Callable[[], Awaitable[float]]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgresql() as running:
        url = running.new_database()
        upgrade(parse(url))
        yield url


@pytest.fixture(params=["in_redis", "in_database"])
async def counting(
    request: pytest.FixtureRequest, redis: RedisServer, database: str
) -> AsyncIterator[Counting]:
    opened = in_redis(redis.url) if request.param == "in_redis" else in_database(database)
    async for each in opened:
        yield each


async def in_redis(url: str) -> AsyncIterator[Counting]:
    buckets, name = RedisBuckets(url), f"careseal:bucket:{KEY.hex()}"
    async with Redis.from_url(url) as client:

        async def change(tokens: float, at: float) -> None:
            await client.hset(name, mapping={"tokens": tokens, "at": at})

        async def tokens() -> float:
            return float(await client.hget(name, "tokens") or "nan")

        yield Counting(buckets, change, tokens)
    await buckets.close()


async def in_database(url: str) -> AsyncIterator[Counting]:
    databases = Databases([parse(url)])

    async def change(tokens: float, at: float) -> None:
        def run(connection: Connection) -> None:
            values = {"tokens": tokens, "at": at}
            connection.execute(text("UPDATE bucket SET tokens = :tokens, at = :at"), values)

        await databases.main.write(run)

    async def tokens() -> float:
        found = text("SELECT tokens FROM bucket")
        return await databases.main.read(lambda connection: float(connection.scalar(found) or 0))

    yield Counting(DatabaseBuckets(databases), change, tokens)
    await databases.close()


async def test_a_clock_that_is_set_back_by_an_hour_lets_nobody_wait(counting: Counting) -> None:
    """What was counted before is of the future then."""

    def ask() -> Awaitable[float]:
        return counting.buckets.wait(SESSION, KEY, ASKED)

    assert await ask() == 0
    await counting.change(5, time.time() + HOUR)
    assert await ask() == 0
    assert 4 <= await counting.tokens() < 5
    await counting.change(0, time.time() + HOUR)
    assert 0 < await ask() <= 1 / ASKED.rate


async def test_who_is_refused_after_it_is_let_in_again_as_time_goes_on(counting: Counting) -> None:
    await counting.buckets.wait(SESSION, KEY, ASKED)  # so that there is a bucket
    await counting.change(0, time.time() + HOUR)
    asked, deadline = ASKED._replace(rate=10.0), time.monotonic() + 10
    assert await counting.buckets.wait(SESSION, KEY, asked) > 0
    while await counting.buckets.wait(SESSION, KEY, asked):
        assert time.monotonic() < deadline, "it goes on being refused"


async def test_what_nobody_took_from_for_an_hour_is_forgotten(database: str) -> None:
    async for counting in in_database(database):
        databases = Databases([parse(database)])
        await counting.buckets.wait(SESSION, KEY, ASKED)
        kept = await counting.tokens()
        await databases.main.write(remove_full)
        assert await counting.tokens() == kept
        await counting.change(1, time.time() - HOUR - 1)
        await databases.main.write(remove_full)
        assert await counting.tokens() == 0
        await databases.close()


async def test_a_silent_redis_is_not_waited_for_at_each_request(redis: RedisServer) -> None:
    who, name = (SESSION, b"m" * 16), "entriesPerSecond"
    limits = Limits(entries_per_second=1000, entries_burst=1000)
    limiter = Limiter(RateLimiter(limits), RedisBuckets(redis.url))
    await limiter.take(name, who)
    redis.signal(signal.SIGSTOP)
    try:
        await limiter.take(name, who)  # finds out
        async with asyncio.timeout(0.5):
            for _ in range(20):
                await limiter.take(name, who)
    finally:
        redis.signal(signal.SIGCONT)
    async with Redis.from_url(redis.url) as client, asyncio.timeout(30):
        await client.flushdb()
        while not await client.keys("careseal:bucket:*"):
            await limiter.check(name, who)
    await limiter.close()


async def test_of_many_one_asks_whether_redis_answers_again(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_limits, "ALONE", 0.0)
    who, name = (SESSION, b"m" * 16), "entriesPerSecond"
    limits = Limits(entries_per_second=1000, entries_burst=1000)
    limiter = Limiter(RateLimiter(limits), RedisBuckets(redis.url))
    redis.signal(signal.SIGSTOP)
    try:
        await limiter.take(name, who)
        monkeypatch.setattr(shared_limits, "ALONE", 60.0)
        asking = asyncio.create_task(limiter.take(name, who))
        await asyncio.sleep(0)
        async with asyncio.timeout(0.5):
            await asyncio.gather(*(limiter.take(name, who) for _ in range(20)))
        assert not asking.done()
        await asking
    finally:
        redis.signal(signal.SIGCONT)
    await limiter.close()
