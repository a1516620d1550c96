"""In which form servers are started: with SQLite and a folder, or with what large providers use.

``pytest --form large`` gives each server that the tests start a PostgreSQL database and a place in
an S3 bucket of its own, one Redis for all, and two workers; all of them real.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import obstore

from careseal.server.blobs import MARKS
from tests.postgresql import PostgreSQL, postgresql
from tests.redis_server import RedisServer, redis_server
from tests.seaweed import Seaweed, seaweed


@dataclass(frozen=True)
class Large:
    """The servers that large providers run beside careseal."""

    chosen: ClassVar[Large | None] = None

    postgresql: PostgreSQL
    seaweed: Seaweed
    redis: RedisServer

    def new_stores(self) -> dict[str, str]:
        """Empty ones, as a server's environment names them."""
        return {
            "CARESEAL_DATABASE_URLS": self.postgresql.new_database(),
            "CARESEAL_OBJECTS_URL": self.seaweed.new_url(),
            "CARESEAL_REDIS_URL": self.redis.url,
            "CARESEAL_WORKERS": "2",
            **self.seaweed.environment,
        }


@contextmanager
def large(folder: Path) -> Iterator[Large]:
    """All of them, running until the end."""
    with ExitStack() as running:
        yield Large(
            running.enter_context(postgresql()),
            running.enter_context(seaweed(folder / "seaweed")),
            running.enter_context(redis_server()),
        )


def new_stores() -> dict[str, str]:
    """What a new server's environment says of its stores, in the form chosen for this run."""
    return {} if Large.chosen is None else Large.chosen.new_stores()


def objects_at(url: str) -> set[str]:
    """The names of the objects at a URL of ``new_stores``."""
    assert Large.chosen is not None
    prefix = url.rpartition("/")[2]
    pages = obstore.list(Large.chosen.seaweed.store(prefix))
    return without_marks(one["path"] for page in pages for one in page)


def without_marks(names: Iterable[str]) -> set[str]:
    """The objects among them, without what says whose they are."""
    return {name for name in names if not name.startswith(f"{MARKS}/")}
