"""The ASGI application."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import URL
from starlette.applications import Starlette

from careseal.server import metrics, web_client
from careseal.server.blobs import open_blobs
from careseal.server.bus import Line, PostgresLine, RedisLine
from careseal.server.direct import open_direct
from careseal.server.fanout import Fanout
from careseal.server.limits import RateLimiter
from careseal.server.middleware import Middleware
from careseal.server.relay import Relay
from careseal.server.request_log import event
from careseal.server.room import Room
from careseal.server.routes import (
    accounts,
    chat,
    commits,
    direct,
    door,
    files,
    follow,
    ice,
    knocks,
    members,
    server,
    sessions,
)
from careseal.server.settings import Settings
from careseal.server.shared_limits import Buckets, DatabaseBuckets, Limiter, RedisBuckets
from careseal.server.store.databases import Databases
from careseal.server.store.migration import LATEST, upgrade
from careseal.server.sweep import sweep_for_ever
from careseal.server.tokens import server_secrets
from careseal.server.workers import Workers

RESOURCES = (  # the first has what is asked for most
    chat,
    door,
    commits,
    follow,
    files,
    direct,
    sessions,
    members,
    knocks,
    ice,
    accounts,
    server,
    web_client,
)
log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Starlette:
    """The application for these settings; it opens its data when it starts."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_relay(settings) as relay:
            app.state.relay = relay
            sweeping = asyncio.create_task(sweep_for_ever(relay))
            async with metrics.watching(relay):
                yield
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping

    app = Starlette(
        routes=[route for resource in RESOURCES for route in resource.routes], lifespan=lifespan
    )
    app.middleware_stack = Middleware(  # instead of Starlette's layers
        app.router, tls=settings.tls, bucket=settings.direct_origin
    )
    app.router.redirect_slashes = False
    app.state.web_client = web_client.WebClient()
    return app


@asynccontextmanager
async def open_relay(settings: Settings, *, alone: bool = False) -> AsyncIterator[Relay]:
    """What the routes share, closed with all that waits written.

    ``alone`` it neither tells other workers anything nor hears them.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(settings.data, 0o700)
    blobs = open_blobs(settings.objects_url, settings.data / "objects")
    databases = Databases(await asyncio.to_thread(upgraded, settings))
    limiter = Limiter(RateLimiter(settings.limits), _buckets(settings, databases))
    try:
        async with _fanout(None if alone else _line(settings), databases) as (fanout, workers):
            yield Relay(
                settings=settings,
                secrets=server_secrets(settings.secrets_path),
                databases=databases,
                blobs=blobs,
                fanout=fanout,
                limiter=limiter,
                room=Room(databases, settings.limits.all_stored_bytes),
                direct=open_direct(settings, blobs),
                workers=workers,
            )
    finally:
        await limiter.close()
        await databases.close()


@asynccontextmanager
async def _fanout(
    line: Line | None, databases: Databases
) -> AsyncIterator[tuple[Fanout, Workers | None]]:
    if line is None:
        yield Fanout(), None
        return
    workers = Workers(line)
    async with workers.working(databases):
        yield workers.fanout, workers


def _line(settings: Settings) -> Line | None:
    """To the other workers, where there can be some."""
    main = settings.databases()[0]
    if settings.redis_url is not None:
        return RedisLine(settings.redis_url)
    return PostgresLine(main) if main.get_backend_name() == "postgresql" else None


def _buckets(settings: Settings, databases: Databases) -> Buckets | None:
    if settings.redis_url is not None:
        return RedisBuckets(settings.redis_url)
    if settings.databases()[0].get_backend_name() == "postgresql":
        return DatabaseBuckets(databases)
    return None


def upgraded(settings: Settings) -> list[URL]:
    """The databases, with tables of this release. Raises as ``upgrade`` does."""
    urls = settings.databases()
    for url in urls:
        there = upgrade(url)
        if there not in (None, LATEST):
            event(log, "tables upgraded", of=there, to=LATEST)
    return urls
