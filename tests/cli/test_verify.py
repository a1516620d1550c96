"""``careseal verify`` against the real server, and against one that altered what it serves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from careseal import release
from tests.cli.conftest import Shell
from tests.serving import ServerProcess

Alter = Callable[[str, httpx.Response], tuple[int, bytes, dict[str, str]]]
KEPT = ("content-type", "content-security-policy")


@pytest.fixture
def altering(server: ServerProcess) -> Iterator[Callable[[Alter], str]]:
    """Starts a server in front of the real one that alters answers; gives its address."""
    running: list[ThreadingHTTPServer] = []

    def start(alter: Alter) -> str:
        class Front(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = httpx.get(f"{server.base_url}{self.path}")
                status, body, headers = alter(self.path, answer)
                self.send_response(status)
                kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
                for name, value in (kept | headers | {"content-length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        front = ThreadingHTTPServer(("127.0.0.1", 0), Front)
        running.append(front)
        Thread(target=front.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{front.server_port}"

    yield start
    for front in running:
        front.shutdown()
        front.server_close()


def as_is(_path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, {}


def test_an_honest_server_serves_the_release(
    person: Callable[[str], Shell], server: ServerProcess, altering: Callable[[Alter], str]
) -> None:
    (told,) = person("Eve").json("verify", server.base_url)
    assert told["files"] == len(release.web_files())
    assert told["fingerprint"] == release.fingerprint(release.web_files())
    assert b"serves careseal" in person("Eve").run("verify", altering(as_is))


def test_the_listing_is_what_sha256sum_checks(
    person: Callable[[str], Shell], tmp_path: Path
) -> None:
    lines = person("Eve").run("verify", "--list").decode().splitlines()
    assert [line.split("  ")[1] for line in lines] == list(release.web_files())


def one_byte(path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    body = bytearray(answer.content)
    if path.startswith("/assets/sealing-"):
        body[1000] ^= 1
    return answer.status_code, bytes(body), {}


def page_for_one_session(path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    more = b'<script src="/x.js"></script>' if path.startswith("/telemedicine/") else b""
    return answer.status_code, answer.content + more, {}


def file_gone(path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return (404, b"", {}) if path == "/favicon.svg" else as_is(path, answer)


def stylesheet_by_header(path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, {"Link": "</x.css>; rel=stylesheet"}


def lax_policy(path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    lax = {"content-security-policy": "script-src 'self' 'unsafe-inline'"}
    return answer.status_code, answer.content, lax if path == "/" else {}


def other_version(path: str, answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    if path == "/api/server":
        return 200, json.dumps({"version": "9.9.9"}).encode(), {}
    return as_is(path, answer)


@pytest.mark.parametrize(
    ("alter", "what", "where"),
    [
        (one_byte, "different", "/assets/sealing-"),
        (page_for_one_session, "different", "/telemedicine/"),
        (file_gone, "missing", "/favicon.svg"),
        (stylesheet_by_header, "header", "/"),
        (lax_policy, "header", "/"),
        (other_version, "version", "/api/server"),
    ],
)
def test_what_was_altered_is_said_exactly(
    alter: Alter,
    what: str,
    where: str,
    person: Callable[[str], Shell],
    altering: Callable[[Alter], str],
) -> None:
    process = person("Eve").start("verify", altering(alter), "--json")
    out, err = process.communicate(timeout=60)
    told = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 7
    assert {each["what"] for each in told} == {what}
    assert all(each["path"].startswith(where) for each in told)
    assert b"differs from careseal" in err


def test_a_server_that_is_away_is_no_alarm(person: Callable[[str], Shell]) -> None:
    assert b"does not answer" in person("Eve").run("verify", "http://127.0.0.1:9", code=5)
