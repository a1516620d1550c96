"""The ASGI application."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from careseal import __version__
from careseal.server import web_client
from careseal.server.blobs import Blobs
from careseal.server.fanout import Fanout
from careseal.server.headers import SecurityHeaders
from careseal.server.limits import RateLimiter
from careseal.server.problems import Problem
from careseal.server.relay import Relay
from careseal.server.request_log import RequestLog
from careseal.server.routes import (
    accounts,
    chat,
    commits,
    door,
    files,
    follow,
    ice,
    members,
    server,
    sessions,
)
from careseal.server.settings import Settings
from careseal.server.store.database import Database
from careseal.server.sweep import sweep_for_ever
from careseal.server.tokens import server_secrets

TELEMEDICINE = (sessions, door, commits, chat, follow, members, files, ice)
log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; it opens its data when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_relay(settings) as relay:
            app.state.relay = relay
            sweeping = asyncio.create_task(sweep_for_ever(relay))
            yield
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping

    app = FastAPI(
        title="careseal",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.web_client = web_client.WebClient()
    for resource in TELEMEDICINE:
        app.include_router(resource.router, prefix="/api/telemedicine")
    app.include_router(accounts.router, prefix="/api")
    app.include_router(server.router)
    app.include_router(web_client.router)
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(HTTPException, _refuse_unrouted)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fail)
    app.add_middleware(RequestLog)
    app.add_middleware(SecurityHeaders, tls=settings.tls)
    return app


@asynccontextmanager
async def open_relay(settings: Settings) -> AsyncIterator[Relay]:
    """What the routes share, closed with all that waits written."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(settings.data, 0o700)
    database = Database(settings.data / "careseal.sqlite3")
    try:
        yield Relay(
            settings=settings,
            secrets=server_secrets(settings.data),
            database=database,
            blobs=Blobs(settings.data / "objects"),
            fanout=Fanout(),
            limiter=RateLimiter(settings.limits),
        )
    finally:
        await database.close()


async def _refuse(_request: Request, problem: Exception) -> Response:
    return problem.response() if isinstance(problem, Problem) else await _fail(_request, problem)


async def _refuse_unrouted(_request: Request, refused: Exception) -> Response:
    if isinstance(refused, HTTPException) and refused.status_code == 405:
        return Problem("method-not-allowed", "This resource has other methods.").response()
    return Problem("not-found", "There is no such resource.").response()


async def _gone(_request: Request, _failure: Exception) -> Response:
    return Problem("malformed", "The request ended before its body.").response()


async def _fail(_request: Request, _failure: Exception) -> Response:
    return Problem("internal", "The request was not carried out.").response()
