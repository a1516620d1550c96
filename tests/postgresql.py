"""A real PostgreSQL for tests: a cluster of its own on a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import psycopg

from tests.ports import free_ports

DEBIAN = Path("/usr/lib/postgresql")
START_WITHIN = 60  # s


def program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs; None where it is not installed."""
    newest = sorted(DEBIAN.glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(newest[-1]) if newest else None)


class PostgreSQL:
    """A running cluster."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port

    @property
    def url(self) -> str:
        """Of the cluster's own database."""
        return f"postgresql://careseal@127.0.0.1:{self._port}/postgres"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql://careseal@127.0.0.1:{self._port}/{name}"

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c max_connections=200"
        options += f" -k {self._folder} -c shared_buffers=64MB"
        log = self._folder / "log"
        self._control("start", "-w", "-t", str(START_WITHIN), "-l", str(log), "-o", options)

    def stop(self) -> None:
        self._control("stop", "-w", "-m", "fast")

    def kill(self) -> None:
        """SIGQUIT to the postmaster: no checkpoint, recovery at the next start."""
        self._control("stop", "-w", "-m", "immediate")

    def signal(self, number: signal.Signals) -> None:
        """To the postmaster, which keeps its children."""
        first = (self._folder / "data/postmaster.pid").read_text().split()[0]
        os.kill(int(first), number)

    def _control(self, *arguments: str) -> None:
        data = str(self._folder / "data")
        _run("pg_ctl", "-D", data, *arguments)


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A new cluster, gone at the end."""
    with TemporaryDirectory(prefix="careseal-postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        _run("initdb", "-D", str(folder / "data"), "-U", "careseal", "-A", "trust", "-E", "UTF8")
        cluster = PostgreSQL(folder, free_ports(1)[0])
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill()


def _run(name: str, *arguments: str) -> None:
    found = program(name)
    assert found, "PostgreSQL is not installed: tests/install-system"
    become: Sequence[str] = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*become, found, *arguments],
        cwd="/",
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def somebody_waits_for_a_lock(url: str) -> bool:
    """In this database."""
    query = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone() is not None
