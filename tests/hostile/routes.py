"""A liar between one browser page and the server, by Playwright's routes."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Route, WebSocketRoute

from .liar import Answer, Asked, Fate, Liar

_HOP = {"content-length", "content-encoding", "transfer-encoding"}


def lying_to(context: BrowserContext, liar: Liar) -> None:
    """From now on all that this context asks the server for goes through the liar."""
    context.route(re.compile("/api/telemedicine/"), lambda route: _answer(route, liar))
    context.route_web_socket(re.compile("/follow"), lambda line: _follow(line, liar))


def _answer(route: Route, liar: Liar) -> None:
    request, parts = route.request, urlsplit(route.request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    body = request.post_data_buffer or b""
    asked = Asked(request.method, target, body, request.headers)
    now = liar.before(asked)
    if isinstance(now, Asked):
        url = f"{parts.scheme}://{parts.netloc}{now.target}"
        body_now = now.body if now.body else None
        got = route.fetch(url=url, headers=now.headers, post_data=body_now, max_redirects=0)
        headers = {name: value for name, value in got.headers.items() if name not in _HOP}
        now = liar.after(asked, Answer(got.status, got.body(), headers))
    if isinstance(now, Answer):
        route.fulfill(status=now.status, headers=now.headers, body=now.body)
    elif now is Fate.CUT:
        route.abort()


def _follow(line: WebSocketRoute, liar: Liar) -> None:
    server = line.connect_to_server()

    def down(message: str | bytes) -> None:
        for each in liar.down(str(message)):
            line.send(each)

    def up(message: str | bytes) -> None:
        for each in liar.up(str(message)):
            server.send(each)

    server.on_message(down)
    line.on_message(up)
