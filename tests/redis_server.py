"""A real Redis for tests, on a free port, with nothing on disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import ConnectionError

from tests.ports import free_ports

START_WITHIN = 30  # s
NOTHING_KEPT = ("--save", "", "--appendonly", "no")


class RedisServer:
    """Keeps its port when it is stopped and started again."""

    def __init__(self, options: Sequence[str] = NOTHING_KEPT) -> None:
        self._options = options
        (self._port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        found = shutil.which("redis-server") or shutil.which("valkey-server")
        assert found, "Redis is not installed: tests/install-system"
        here = ["--bind", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen(
            [found, *self._options, *here], cwd="/tmp", stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_WITHIN
        with Redis(port=self._port) as client:
            while True:
                try:
                    client.ping()
                    return
                except ConnectionError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Stopped, it falls silent: its lines stand, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def redis_server(options: Sequence[str] = NOTHING_KEPT) -> Iterator[RedisServer]:
    server = RedisServer(options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
