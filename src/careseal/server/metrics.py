"""Counts for Prometheus: how much and how fast, never who or what.

Labels are routes' templates, methods, statuses and kinds, all from fixed sets. All workers count in
files of one folder; the first process adds them up and serves them on an address of its own.
Without ``--metrics`` nothing is counted.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from careseal.server.relay import Relay

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus-client, in workers too
LOOK_EVERY: Final = 2.0  # s
SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "WEBSOCKET"})


class _Counts:
    """What one worker counts."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        here = CollectorRegistry()
        by_route = ["method", "route"]
        self.requests = Counter(
            "careseal_requests",
            "Requests and WebSockets that are over",
            [*by_route, "status"],
            registry=here,
        )
        self.seconds = Histogram(
            "careseal_request_seconds",
            "Until an answer was sent; long polls wait on purpose",
            by_route,
            buckets=SECONDS,
            registry=here,
        )
        self.entries = Counter("careseal_entries", "New entries of logs", ["kind"], registry=here)
        self.groups = Histogram(
            "careseal_write_group",
            "Changes that were committed together",
            buckets=SIZES,
            registry=here,
        )
        self.commits = Histogram(
            "careseal_write_seconds", "Of a commit", buckets=SECONDS, registry=here
        )
        self.bytes = Counter(
            "careseal_object_bytes", "Of parts of files", ["direction"], registry=here
        )

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, multiprocess_mode="livesum", registry=here)

        self.workers = gauge("careseal_workers", "Processes that serve")
        self.followers = gauge("careseal_followers", "Open WebSockets that follow a session")
        self.followed = gauge("careseal_followed", "Sessions followed, counted by each worker")
        self.waiting = gauge("careseal_changes_waiting", "Changes that wait for a writer")
        self.lines = gauge("careseal_lines_up", "Workers whose line to the others stands")
        self.unsaid = gauge("careseal_messages_waiting", "Messages to other workers")
        self.workers.set(1)


_counts: _Counts | None = None


def set_up() -> None:
    """Count in this process, if the folder is there."""
    global _counts  # noqa: PLW0603 - as with loggers, there is one for the process
    if os.environ.get(FOLDER):
        _counts = _Counts()


def request(method: str, route: str, status: int, seconds: float) -> None:
    """A request, or a WebSocket with its close code, is over."""
    if _counts is not None:
        method = method if method in METHODS else "other"
        _counts.requests.labels(method, route, str(status)).inc()
        if method != "WEBSOCKET":
            _counts.seconds.labels(method, route).observe(seconds)


def entry(kind: str) -> None:
    """A new one is durable."""
    if _counts is not None:
        _counts.entries.labels(kind).inc()


def commit(changes: int, seconds: float) -> None:
    """A group of changes is durable."""
    if _counts is not None:
        _counts.groups.observe(changes)
        _counts.commits.observe(seconds)


def object_bytes(direction: str, size: int) -> None:
    """``in`` or ``out``."""
    if _counts is not None:
        _counts.bytes.labels(direction).inc(size)


@asynccontextmanager
async def watching(relay: Relay) -> AsyncIterator[None]:
    """Look now and then at what is not counted but is so."""
    if _counts is None:
        yield
        return
    looking = asyncio.create_task(_look(_counts, relay))
    try:
        yield
    finally:
        looking.cancel()


async def _look(counts: _Counts, relay: Relay) -> None:
    while True:
        followed = relay.fanout.followed()
        counts.followed.set(len(followed))
        counts.followers.set(sum(map(len, followed.values())))
        counts.waiting.set(sum(each.waiting for each in relay.databases.every))
        if relay.workers is not None:
            counts.lines.set(relay.workers.up)
            counts.unsaid.set(relay.workers.unsaid)
        await asyncio.sleep(LOOK_EVERY)


@contextmanager
def served(address: str | None) -> Iterator[None]:
    """Serve what all workers count at ``HOST:PORT``. To be entered before any of them starts.

    Raises ``ValueError`` with a sentence, ``OSError`` when the address is taken.
    """
    if address is None:
        yield
        return
    if find_spec("prometheus_client") is None:
        raise ValueError("Metrics need another package: pip install 'careseal[metrics]'")
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("--metrics is HOST:PORT, as 127.0.0.1:9464.")
    folder = tempfile.mkdtemp(prefix="careseal-metrics-")
    os.environ[FOLDER] = folder
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    server, thread = start_http_server(int(port), host.strip("[]"), registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


def worker_gone(process_id: int) -> None:
    """What it counted stays; what it was, is not any more."""
    if os.environ.get(FOLDER):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(process_id)  # type: ignore[no-untyped-call]
