"""TLS through Caddy with the example of deploy/Caddyfile: a real handshake, a real redirect."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from tests.server.caddy import Front, caddy
from tests.server.visits import Visit, new_id

pytestmark = pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with caddy(tmp_path_factory.mktemp("caddy")) as running:
        yield running


def test_plain_http_is_sent_to_tls(front: Front) -> None:
    answer = httpx.get(f"http://localhost:{front.http}/telemedicine/{new_id()}", timeout=30)
    assert answer.status_code == 308
    assert answer.headers["location"].startswith("https://localhost")
    assert answer.text == ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_only_modern_tls_is_spoken(front: Front) -> None:
    assert _speaks(front, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert _speaks(front, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert _speaks(front, old) is None
    for weak in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256"):
        assert _speaks(front, ssl.TLSVersion.TLSv1_2, f"{weak}:@SECLEVEL=0") is None, weak


def _speaks(front: Front, version: ssl.TLSVersion, ciphers: str | None = None) -> str | None:
    context = front.context()
    context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("localhost", front.https), 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as line:
                return line.version()
        except (ssl.SSLError, ConnectionError):
            return None


def test_a_whole_visit_goes_through(front: Front) -> None:
    with front.client() as client:
        answer = client.post("/api/accounts/sign-in", json={"code": front.server.sign_in_code})
        assert answer.status_code == 204
        assert answer.headers["set-cookie"].startswith("__Host-careseal=")
        assert answer.headers["strict-transport-security"] == "max-age=63072000"
        assert "server" not in answer.headers or answer.headers["server"] == "Caddy"
        client.headers["Origin"] = front.url
        visit = Visit().create(client)
        host = visit.host.token.header
        file = {"id": new_id(), "parts": 1, "size": 4 * 1024 * 1024 + 32}
        assert client.post(f"{visit.path}/files", json=file, headers=host).status_code == 201
        part = f"{visit.path}/files/{file['id']}/parts/0"
        sealed = bytes(4 * 1024 * 1024 + 32)
        assert client.put(part, content=sealed, headers=host).status_code == 201
        assert client.get(part, headers=host).content == sealed
        page = client.get("/")
        assert f"wss://localhost:{front.https}" in page.headers["content-security-policy"]
        too_large = client.post(f"{visit.path}/chat", json="x" * 17_000_000, headers=host)
        assert too_large.status_code == 413
    url = f"wss://localhost:{front.https}{visit.path}/follow"
    with connect(url, ssl=front.context()) as socket_:
        socket_.send('{"type":"auth","token":"' + visit.host.token.text + '"}')
        assert '"ready"' in str(socket_.recv(10))
