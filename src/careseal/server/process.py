"""The server as a process: binds, announces its sign-in link, serves, and goes in peace."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

import uvicorn
from starlette.applications import Starlette

from careseal.server import accounts, metrics, traces
from careseal.server.app import create_app, open_relay, upgraded
from careseal.server.patience import ImpatientProtocol
from careseal.server.relay import Relay
from careseal.server.request_log import event, set_up
from careseal.server.settings import Settings
from careseal.server.single import only_server_of
from careseal.server.supervisor import Supervisor, say_ready
from careseal.server.tokens import write_private
from careseal.server.unclean import noticed

BACKLOG = 2048
MOST_FRAME = 128 * 1024  # §8.1
UNREAD_AFTER = 60_000  # ms that a peer may leave what was sent to it, then TCP gives up
KEEP_ALIVE = 130  # s, longer than proxies keep their idle connections
GOODBYE = 3  # s for followers to take their leave
COLLECT_AFTER = 50_000  # new objects; after 700, as is usual, takes a sixth of the processor
TURN = 0.001  # s that a thread keeps the interpreter while another waits; the writer waits often
log = logging.getLogger(__name__)


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` gets lines for the person at the terminal.

    Raises ``InUse`` when another server has the data, ``OSError`` when the address is taken, and
    what ``upgraded`` raises.
    """
    traces.check(settings.traces)
    set_up()
    os.umask(0o077)
    with (
        only_server_of(settings.data),
        _bind(settings) as listening,
        noticed(settings, partial(upgraded, settings)),
        metrics.served(settings.metrics),
    ):
        _run(settings, listening, announce)


def _run(settings: Settings, listening: socket.socket, announce: Callable[[str], None]) -> None:
    port = listening.getsockname()[1]

    def started() -> None:
        link = asyncio.run(make_sign_in_link(replace(settings, port=port)))
        if settings.sign_in_link_file:
            write_private(settings.sign_in_link_file, link.encode() + b"\n")
        announce(f"careseal is ready on {_origin(settings, port)}")
        announce(f"Sign in once, within a day: {link}")
        event(log, "started", port=port, workers=settings.workers)

    if settings.workers > 1:
        Supervisor(partial(_work, settings), listening, settings.workers).run(started)
    else:
        signal.signal(signal.SIGHUP, _not_replaced)
        _serve(settings, listening, started)


def _work(settings: Settings, listening: socket.socket, parent: Connection) -> None:
    """One of several workers, in its own process."""
    set_up()
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _serve(settings, listening, partial(say_ready, parent))


def _serve(settings: Settings, listening: socket.socket, started: Callable[[], None]) -> None:
    metrics.set_up()
    with traces.told_to(settings.traces):
        _server(settings, started).run(sockets=[listening])


def _server(settings: Settings, started: Callable[[], None]) -> _Process:
    sys.setswitchinterval(TURN)
    app = create_app(settings)
    gc.set_threshold(COLLECT_AFTER)
    gc.freeze()  # what is there by now stays
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=ImpatientProtocol,
        ws="websockets-sansio",
        ws_max_size=MOST_FRAME,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=settings.grace,
        lifespan="on",
    )
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _ignore)  # uvicorn raises it once more after a clean end
    return _Process(config, app, started)


def _not_replaced(_number: int, _frame: object) -> None:
    event(log, "one worker is not replaced while it serves: restart it, or serve with more")


def _ignore(_number: int, _frame: object) -> None:
    """The process ends by itself, with exit code 0."""


async def make_api_token(settings: Settings) -> str:
    """A new API token, which is shown this once."""
    async with open_relay(settings, alone=True) as relay:
        return await accounts.new_credential(relay, "api", None)


async def make_sign_in_link(settings: Settings) -> str:
    """A new link that signs one browser in."""
    async with open_relay(settings, alone=True) as relay:
        return await _sign_in_link(relay, settings.port)


class _Process(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: Starlette, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self._tell_started)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        event(log, "stopping")
        for server in self.servers:
            server.close()
        if self.started:
            await self._app.state.relay.fanout.close(GOODBYE)
        await super().shutdown(sockets)
        event(log, "stopped")


async def _sign_in_link(relay: Relay, port: int) -> str:
    code = await accounts.new_credential(relay, "code", relay.settings.sign_in_lifetime)
    return f"{_origin(relay.settings, port)}/sign-in#{code}"


def _origin(settings: Settings, port: int) -> str:
    return (settings.public_url or f"http://localhost:{port}").rstrip("/")


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_AFTER)
    listening.bind((settings.host, settings.port))
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening
