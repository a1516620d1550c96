"""Caddy before a server, as deploy/Caddyfile has it."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.ports import free_ports
from tests.serving import ServerProcess, serving

EXAMPLE = Path(__file__).parents[2] / "deploy" / "Caddyfile"
GLOBAL = """{{
	admin off
	http_port {http}
	https_port {https}
	skip_install_trust
	storage file_system {folder}
}}
"""


@dataclass
class Front:
    """Caddy before a server; `certificate` is of the authority that it made for itself."""

    server: ServerProcess
    http: int
    https: int
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https}"

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.context(), timeout=30, **options)  # type: ignore[arg-type]


@contextmanager
def caddy(folder: Path) -> Iterator[Front]:
    """A running one, with the example of deploy/Caddyfile."""
    with serving(folder / "server", "--tls") as server:
        site = EXAMPLE.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        local = site.replace("visits.example.org {", "localhost {")
        with before(server, local, folder, *free_ports(2)) as front:
            yield front


@contextmanager
def before(
    server: ServerProcess, site: str, folder: Path, http: int, https: int
) -> Iterator[Front]:
    """A running one with this `site`, which is for localhost."""
    own = site.replace("localhost {", "localhost {\n\ttls internal", 1)
    text = GLOBAL.format(http=http, https=https, folder=folder / "caddy") + own
    (folder / "Caddyfile").write_text(text)
    command = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    made = Front(server, http, https, folder / "caddy/pki/authorities/local/root.crt")
    try:
        _await(made, process, folder / "caddy.log")
        yield made
    finally:
        process.terminate()
        process.wait(20)


def _await(front: Front, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.TransportError, OSError), front.client() as client:
            if client.get("/healthz").is_success:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text())
