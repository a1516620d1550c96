"""What the routes share: one value in the application's state."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from careseal.server.blobs import Blobs
from careseal.server.fanout import REVOKED, Fanout
from careseal.server.limits import RateLimiter
from careseal.server.settings import Settings
from careseal.server.store.database import Database
from careseal.server.tokens import ServerSecrets


@dataclass(frozen=True, slots=True)
class Relay:
    settings: Settings
    secrets: ServerSecrets
    database: Database
    blobs: Blobs
    fanout: Fanout
    limiter: RateLimiter

    def now(self) -> int:
        """ms since 1970."""
        return time.time_ns() // 1_000_000

    def cut_off(self, session_id: bytes, members: list[bytes]) -> None:
        """Close the sockets of members whose tokens were revoked."""
        self.fanout.close_members(session_id, members, REVOKED)


def relay_of(connection: HTTPConnection) -> Relay:
    relay: Relay = connection.app.state.relay
    return relay
