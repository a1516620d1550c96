"""A coturn on loopback, as a deployment would have it beside the server."""

from __future__ import annotations

import base64
import contextlib
import hmac
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Turn:
    """Where it listens, and the secret that its time-limited credentials are made with."""

    url: str
    secret: str

    def ice_server(self) -> dict[str, str]:
        """What ``RTCIceServer`` wants, good for ten minutes."""
        username = str(int(time.time()) + 600)
        mac = hmac.digest(self.secret.encode(), username.encode(), "sha1")
        credential = base64.b64encode(mac).decode()
        return {"urls": self.url, "username": username, "credential": credential}


@pytest.fixture
def turn() -> Iterator[Turn]:
    if shutil.which("turnserver") is None:
        pytest.skip("coturn is not installed")
    with coturn() as running:
        yield running


OPTIONS = (
    "--log-file=stdout", "--use-auth-secret", "--static-auth-secret=quiet", "--realm=careseal",
    "--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli",
)  # fmt: skip


@contextmanager
def coturn(options: Sequence[str] = OPTIONS) -> Iterator[Turn]:
    """A running one at the loopback, whose secret is "quiet"; ended at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = ["-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(port), "--pidfile="]
    command = ["turnserver", "-n", *options, *here]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            until_listening(port, running)
            yield Turn(f"turn:127.0.0.1:{port}", "quiet")
        finally:
            running.terminate()


def until_listening(port: int, running: subprocess.Popen[bytes]) -> None:
    while running.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("coturn ended at once")
