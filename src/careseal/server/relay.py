"""What the routes share: one value in the application's state."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from careseal.server.blobs import Blobs
from careseal.server.direct import Direct
from careseal.server.fanout import REVOKED, Fanout
from careseal.server.room import Room
from careseal.server.settings import Settings
from careseal.server.shared_limits import Limiter
from careseal.server.store.databases import Databases, OfSession
from careseal.server.tokens import ServerSecrets
from careseal.server.workers import Workers

if TYPE_CHECKING:
    from careseal.server.authority import Writer


@dataclass(frozen=True, slots=True)
class Relay:
    settings: Settings
    secrets: ServerSecrets
    databases: Databases
    blobs: Blobs
    fanout: Fanout
    limiter: Limiter
    room: Room
    direct: Direct | None = None  # where clients may reach the bucket themselves
    workers: Workers | None = None  # this one among them, where there can be others
    writers: dict[tuple[str, bytes], Writer] = field(default_factory=dict)  # of authority.writer

    def now(self) -> int:
        """ms since 1970."""
        return time.time_ns() // 1_000_000

    def rows_of(self, session_id: bytes) -> OfSession:
        """The database of a session, for reading and writing what belongs to it."""
        return self.databases.of(session_id)

    def cut_off(self, session_id: bytes, members: list[bytes]) -> None:
        """Close the sockets of members whose tokens were revoked."""
        self.fanout.close_members(session_id, members, REVOKED)


def relay_of(connection: HTTPConnection) -> Relay:
    relay: Relay = connection.app.state.relay
    return relay
