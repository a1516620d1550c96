"""What is the same for every request, in one layer, because each is paid for by every request.

It names the request, makes an answer of what a route raises, puts the security headers on every
answer, and logs and counts the request when it is over.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from careseal.server import metrics, request_log, traces
from careseal.server.headers import headers_for
from careseal.server.problems import Problem


class Middleware:
    """Around ``app``; ``tls`` if a TLS proxy is always in front, ``bucket`` as in the headers."""

    def __init__(self, app: ASGIApp, *, tls: bool, bucket: str | None) -> None:
        self._app = app
        self._tls = tls
        self._bucket = bucket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._hold(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, request_id = time.perf_counter(), _new_id()
        status = 0  # until an answer begins

        def send_with_headers(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *headers_for(scope, tls=self._tls, bucket=self._bucket),
                    (b"x-request-id", request_id.encode()),
                ]
            return send(message)

        def described() -> traces.Described:
            return scope["method"], _template(scope), status or 500

        try:
            with traces.request(described):
                try:
                    await self._app(scope, receive, send_with_headers)
                except Exception as failure:
                    if status:
                        raise  # in the middle of an answer, which the connection cannot outlive
                    problem = _as_problem(failure)
                    await problem.response()(scope, receive, send_with_headers)
                    if problem.kind == "internal":
                        raise  # for the log
        finally:
            _over(*described(), begun, request_id)

    async def _hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, request_id = time.perf_counter(), _new_id()
        code = 1006

        def send_noting_the_code(message: Message) -> Awaitable[None]:
            nonlocal code
            if message["type"] == "websocket.close":
                code = message.get("code", 1000)
            return send(message)

        def described() -> traces.Described:
            return "WEBSOCKET", _template(scope), code

        try:
            with traces.request(described):
                await self._app(scope, receive, send_noting_the_code)
        finally:
            _over(*described(), begun, request_id)


def _new_id() -> str:
    """It tells requests apart and opens nothing, so that guessing it is of no use."""
    return f"{random.getrandbits(64):016x}"


def _template(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "none")


def _as_problem(failure: Exception) -> Problem:
    if isinstance(failure, Problem):
        return failure
    if isinstance(failure, HTTPException):  # of the router
        if failure.status_code == 405:
            return Problem("method-not-allowed", "This resource has other methods.")
        return Problem("not-found", "There is no such resource.")
    if isinstance(failure, ClientDisconnect):
        return Problem("malformed", "The request ended before its body.")
    return Problem("internal", "The request was not carried out.")


def _over(method: str, route: str, status: int, begun: float, request_id: str) -> None:
    seconds = time.perf_counter() - begun
    request_log.request(method, route, status, seconds, request_id)
    metrics.request(method, route, status, seconds)
