"""Programs that run beside a bench, and packages that only a bench needs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_WITHIN = 60  # s


class Missing(Exception):
    """A peer cannot be had here, and why."""


def packages(name: str, *wanted: str) -> Path:
    """The programs of an environment of its own with these packages, made when first asked for.

    Raises `Missing`.
    """
    folder = ROOT / "build/bench" / name
    made = folder / "complete"
    if not made.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(folder / "bin/pip"), "install", "--disable-pip-version-check", "--quiet"]
        done = subprocess.run([*command, *wanted], check=False, capture_output=True, text=True)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:]
            raise Missing(f"{name} cannot be installed ({''.join(reason)[:200]})")
        made.touch()
    return folder / "bin"


@contextmanager
def running(*command: str | Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on ``port`` of the loopback, ended at the end."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(each) for each in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        await_port(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Missing(f"it did not start: {log.read_text()[-300:]}") from None
            time.sleep(0.05)


@contextmanager
def bare_server(folder: Path, port: int) -> Iterator[str]:
    """Its origin."""
    command = [sys.executable, "-m", "bench.peers.bare_server", str(folder / "bare"), str(port)]
    with running(*command, port=port, log=folder / "bare.log"):
        yield f"http://localhost:{port}"
