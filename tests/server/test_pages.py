"""The web client's files, and the headers that hold the page to its own code."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from httpx import ASGITransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from careseal.server.app import create_app
from careseal.server.headers import content_security_policy
from careseal.server.settings import Settings
from careseal.server.web_client import WebClient
from tests.server.visits import problem_of
from tests.serving import ServerProcess

PAGE = b"<!doctype html><title>careseal</title>"
SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A build of the web client, as small as can be."""
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "assets/app-1a2b3c.js").write_bytes(SCRIPT)
    (folder / "assets/font-1a2b3c.woff2").write_bytes(b"wOF2")
    (folder / "favicon.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.txt").write_text("not to be served")
    return folder


@pytest.fixture
def app(built: Path, tmp_path: Path) -> Starlette:
    application = create_app(Settings(data=tmp_path / "data"))
    application.state.web_client = WebClient(built)
    return application


async def get(app: Starlette, path: str, **headers: str) -> httpx.Response:
    asked = {"Accept-Encoding": "identity"} | headers
    async with httpx.AsyncClient(
        transport=ASGITransport(app), base_url="http://localhost"
    ) as client:
        return await client.get(path, headers=asked)


async def test_a_file_asked_for_in_many_ways_is_kept_once(app: Starlette) -> None:
    for number in range(5):
        answer = await get(app, f"/assets/x{number}/%2e%2e/app-1a2b3c.js")
        assert (answer.status_code, answer.content) == (200, SCRIPT)
    assert len(app.state.web_client._files) == 1


@pytest.mark.parametrize("path", ["/", "/sign-in", "/telemedicine/AAAAAAAAAAAAAAAAAAAAAA"])
async def test_each_page_is_the_one_page(app: Starlette, path: str) -> None:
    answer = await get(app, path)
    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


async def test_files_named_by_hash_are_kept_for_ever(app: Starlette) -> None:
    answer = await get(app, "/assets/app-1a2b3c.js")
    assert (answer.status_code, answer.content) == (200, SCRIPT)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    packed = await get(app, "/assets/app-1a2b3c.js", **{"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT) / 10
    assert packed.content == SCRIPT
    font = await get(app, "/assets/font-1a2b3c.woff2", **{"Accept-Encoding": "gzip"})
    assert (font.headers["content-type"], font.content) == ("font/woff2", b"wOF2")


async def test_a_file_that_the_build_packed_is_sent_as_it_is(app: Starlette, built: Path) -> None:
    packed = b"what only a browser unpacks"
    (built / "assets/app-1a2b3c.js.br").write_bytes(packed)
    answer = await get(app, "/assets/app-1a2b3c.js", **{"Accept-Encoding": "gzip, br"})
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers["content-length"] == str(len(packed))
    other = await get(app, "/assets/app-1a2b3c.js", **{"Accept-Encoding": "gzip"})
    assert (other.headers["content-encoding"], other.content) == ("gzip", SCRIPT)


async def test_other_files_are_asked_for_again_but_not_sent_again(app: Starlette) -> None:
    first = await get(app, "/favicon.svg")
    assert first.headers["content-type"].startswith("image/svg+xml")
    assert first.headers["cache-control"] == "no-cache"
    again = await get(app, "/favicon.svg", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_new_build_shows_without_a_restart(app: Starlette, built: Path) -> None:
    await get(app, "/")
    (built / "index.html").write_bytes(PAGE + b"<p>new</p>")
    assert (await get(app, "/")).content.endswith(b"<p>new</p>")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%00",
        "/assets/",
        "/assets",
    ],
)
async def test_nothing_outside_of_the_build_is_served(app: Starlette, path: str) -> None:
    answer = await get(app, path)
    assert (answer.status_code, problem_of(answer)) == (404, "not-found")


async def test_without_a_build_the_page_says_so(app: Starlette, built: Path) -> None:
    (built / "index.html").unlink()
    answer = await get(app, "/")
    assert (answer.status_code, problem_of(answer)) == (503, "unavailable")
    assert "make web" in answer.json()["detail"]


async def test_a_mistake_of_the_server_is_answered_with_the_headers_too(app: Starlette) -> None:
    async def breaks(_request: Request) -> Response:
        raise RuntimeError("what nobody is told")

    app.router.routes.insert(0, Route("/breaks", breaks))
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/breaks")
    assert (answer.status_code, problem_of(answer)) == (500, "internal")
    assert "nobody" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/api/server", "/api/none"])
def test_data_may_do_nothing(server: ServerProcess, path: str) -> None:
    headers = server.client().get(path).headers
    nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert headers["content-security-policy"] == nothing
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert re.fullmatch("[0-9a-f]{16}", headers["x-request-id"])
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/healthz", "/none/none"])
def test_all_else_carries_the_headers_of_a_page(server: ServerProcess, path: str) -> None:
    headers = server.client().get(path).headers
    policy = dict(
        directive.split(" ", 1) for directive in headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["worker-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {server.websocket_url}"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert {
        "camera=(self)",
        "microphone=(self)",
        "display-capture=(self)",
        "geolocation=()",
    } <= set(headers["permissions-policy"].split(", "))
    assert re.fullmatch("[0-9a-f]{16}", headers["x-request-id"])
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_a_host_header_cannot_widen_the_policy() -> None:
    for host in ("evil.example; script-src *", "a b", "'unsafe-inline'", "x/*", ""):
        assert "connect-src 'self';" in content_security_policy(host, True) + ";"
    assert "connect-src 'self' wss://clinic.example" in content_security_policy(
        "clinic.example", True
    )
