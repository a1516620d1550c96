"""The routes of a resource: functions of a request and of what its path names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
Socket = TypeVar("Socket", bound=Callable[..., Awaitable[None]])


class Routes(list[BaseRoute]):
    """Those that are registered by decorators, under ``prefix``; the first that fits answers."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self._prefix = prefix

    def on(self, methods: str, path: str) -> Callable[[Endpoint], Endpoint]:
        """For ``methods`` (as "GET HEAD") of ``path``; ``{names}`` in it reach the function."""

        def register(endpoint: Endpoint) -> Endpoint:
            route = Route(self._prefix + path, _Answering(endpoint))
            route.methods = set(methods.split())  # HEAD only where it is named
            self.append(route)
            return endpoint

        return register

    def get(self, path: str) -> Callable[[Endpoint], Endpoint]:
        return self.on("GET", path)

    def post(self, path: str) -> Callable[[Endpoint], Endpoint]:
        return self.on("POST", path)

    def put(self, path: str) -> Callable[[Endpoint], Endpoint]:
        return self.on("PUT", path)

    def delete(self, path: str) -> Callable[[Endpoint], Endpoint]:
        return self.on("DELETE", path)

    def websocket(self, path: str) -> Callable[[Socket], Socket]:
        def register(endpoint: Socket) -> Socket:
            self.append(WebSocketRoute(self._prefix + path, _Holding(endpoint)))
            return endpoint

        return register


class _Answering:
    """A function of a request as an ASGI application. What it raises is for the middleware."""

    def __init__(self, endpoint: Callable[..., Awaitable[Response]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self._endpoint(request, **scope["path_params"])
        await response(scope, receive, send)


class _Holding:
    """A function of a WebSocket as an ASGI application."""

    def __init__(self, endpoint: Callable[..., Awaitable[None]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint(WebSocket(scope, receive, send), **scope["path_params"])
