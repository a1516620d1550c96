"""Logs as JSON lines: what was asked and how it went, never by whom or with what.

A request is logged by its route's template, so no id, token, query or body gets into a log.
Exceptions are logged by type and place, without their texts.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
import traceback
from typing import Any, TextIO

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from careseal.server import wire

log = logging.getLogger("careseal.request")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {"time": f"{at}.{int(record.msecs):03}Z"}
        line |= {"level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage()
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _described(record.exc_info[1])
        return wire.encode(line).decode()


def set_up(stream: TextIO = sys.stderr) -> None:
    """Send all logs to ``stream``; libraries speak up only to warn."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("careseal").setLevel(logging.INFO)


def event(logger: logging.Logger, name: str, **fields: Any) -> None:
    """Log ``name`` with plain values."""
    logger.info(name, extra={"fields": fields})


class RequestLog:
    """Logs each request and WebSocket when it is over, and names it in ``X-Request-Id``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id, begun = secrets.token_hex(8), time.perf_counter()
        status = 500 if scope["type"] == "http" else 1006

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            fields = {"method": scope.get("method", "WEBSOCKET"), "route": _template(scope)}
            spent = round((time.perf_counter() - begun) * 1000, 1)
            event(log, "request", **fields, status=status, ms=spent, request=request_id)


def _template(scope: Scope) -> str:
    template: str | None = scope.get("careseal.route")
    if template is None:
        template = getattr(scope.get("route"), "path", None)
    return template or "none"


def _described(failure: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(failure.__traceback__)[-8:]
    return {
        "type": type(failure).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
