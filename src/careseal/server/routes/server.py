"""What the server says of itself."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, insert
from starlette.requests import Request
from starlette.responses import Response

from careseal import __version__
from careseal.server import openapi
from careseal.server.problems import Problem
from careseal.server.relay import relay_of
from careseal.server.requests import answer
from careseal.server.routing import Routes
from careseal.server.store.schema import pulse

routes = Routes()


@routes.get("/api/server")
async def show(request: Request) -> Response:
    settings = relay_of(request).settings
    limits = settings.limits.published()
    return answer({"name": settings.name, "version": __version__, "limits": limits})


@routes.get("/api/openapi.json")
async def describe(_request: Request) -> Response:
    return answer(openapi.document())


@routes.get("/healthz")
async def is_alive(_request: Request) -> Response:
    return answer({"status": "ok"})


@routes.get("/readyz")
async def is_ready(request: Request) -> Response:
    """Whether database and objects can be written."""
    relay = relay_of(request)
    try:
        for database in relay.databases.every:
            await database.write(_beat)
        await relay.blobs.check()
    except Exception as failure:
        raise Problem("unavailable", "The server cannot write.") from failure
    return answer({"status": "ready"})


def _beat(connection: Connection) -> None:
    connection.execute(delete(pulse))
    connection.execute(insert(pulse).values(id=1, at=time.time_ns() // 1_000_000))
