"""A follower's socket for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.server.visits import Member, Visit
from tests.serving import ServerProcess

PATIENCE = 30  # s


class Following:
    """Frames as dictionaries; beats are left out unless asked for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def next(self, kind: str | None = None) -> dict[str, Any]:
        """The next frame, of ``kind`` where one is wanted."""
        while True:
            frame = json.loads(self.socket.recv(PATIENCE))
            if kind == frame["type"] or (kind is None and frame["type"] != "beat"):
                return dict(frame)

    def entries(self, count: int) -> list[dict[str, Any]]:
        return [self.next("entry") for _ in range(count)]

    def rest(self) -> list[dict[str, Any]]:
        """All frames that still come before the server closes."""
        frames: list[dict[str, Any]] = []
        with suppress(ConnectionClosed):
            while True:
                frames.append(json.loads(self.socket.recv(PATIENCE)))
        return frames

    def closed(self) -> tuple[int | None, str | None]:
        """Code and reason, after all frames that still come; 1006 without a close frame."""
        self.rest()
        return self.socket.close_code, self.socket.close_reason


@contextmanager
def unauthenticated(
    server: ServerProcess, path: str, query: str = "", **options: Any
) -> Iterator[Following]:
    with connect(f"{server.websocket_url}{path}/follow{query}", **options) as socket:
        yield Following(socket)


@contextmanager
def following(
    server: ServerProcess, visit: Visit, member: Member, after: int = 0, **options: Any
) -> Iterator[Following]:
    """A follower that has heard ``ready``."""
    with unauthenticated(server, visit.path, f"?after={after}", **options) as follower:
        follower.send(type="auth", token=member.token.text)
        follower.next("ready")
        yield follower
