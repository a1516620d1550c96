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

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from careseal.server import metrics, traces, wire

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
    if logger.isEnabledFor(logging.INFO):
        extra = {"fields": fields}  # without the place in the code, which takes long to find
        made = logger.makeRecord(logger.name, logging.INFO, "", 0, name, (), None, extra=extra)
        logger.handle(made)


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
                named = (b"x-request-id", request_id.encode())
                message["headers"] = [*message["headers"], named]
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        def described() -> traces.Described:
            return scope.get("method", "WEBSOCKET"), _template(scope), status

        try:
            with traces.request(described):
                await self._app(scope, receive, note)
        finally:
            method, route, _ = described()
            fields = {"method": method, "route": route}
            spent = time.perf_counter() - begun
            milliseconds = round(spent * 1000, 1)
            event(log, "request", **fields, status=status, ms=milliseconds, request=request_id)
            metrics.request(**fields, status=status, seconds=spent)


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
