"""What Mozilla's Observatory looks for, on every kind of answer; nothing may cost a point."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest

from careseal.release import BROTLI, WEB_CLIENT
from tests.server.visits import Token, Visit, new_id
from tests.serving import ServerProcess, serving

HALF_A_YEAR = 15_768_000  # s
NO_REFERRER = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("tls"), "--tls") as running:
        yield running


def kinds(server: ServerProcess) -> dict[str, httpx.Response]:
    """One answer of each kind."""
    with server.client() as client:
        page = client.get("/")
        asset = re.search(r'src="(/assets/[^"]+\.js)"', page.text)
        assert asset is not None, "the web client is not built"
        return {
            "page": page,
            "visit": client.get(f"/telemedicine/{new_id()}"),
            "script": client.get(asset[1]),
            "icon": client.get("/favicon.svg"),
            "api": client.get("/api/server"),
            "health": client.get("/healthz"),
            "not authorised": client.get(Visit().path, headers=Token().header),
            "not found": client.get("/none/none"),
            "malformed": client.get("/api/telemedicine/sessions/x", headers=Token().header),
            "method": client.request("TRACE", "/"),
            "sign-in": client.post("/api/accounts/sign-in", json={"code": server.sign_in_code}),
        }


def test_no_answer_loses_a_point(behind_tls: ServerProcess) -> None:
    for kind, answer in kinds(behind_tls).items():
        headers = answer.headers
        hsts = re.fullmatch(r"max-age=(\d+)", headers["strict-transport-security"])
        assert hsts is not None, kind
        assert int(hsts[1]) >= HALF_A_YEAR
        _grade_policy(headers["content-security-policy"])
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in NO_REFERRER
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert not {"server", "x-powered-by", "via"} & set(headers), kind
        assert headers.get("content-type", "x/y") != "", kind
        for cookie in headers.get_list("set-cookie"):
            _grade_cookie(cookie)


def _grade_policy(text: str) -> None:
    """Bonus for `default-src 'none'` and framing denied; nothing unsafe, no scheme, no star."""
    policy = {name: values for name, *values in (each.split(" ") for each in text.split("; "))}
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'none'"]
    for name, values in policy.items():
        for value in values:
            assert "unsafe" not in value, (name, value)
            assert value not in ("*", "http:", "https:", "ws:", "wss:"), (name, value)
        if name in ("script-src", "style-src", "worker-src", "object-src"):
            assert set(values) <= {"'self'", "'none'"}, (name, values)


def _grade_cookie(cookie: str) -> None:
    name, *flags = (part.strip().lower() for part in cookie.split(";"))
    assert name.startswith("__host-"), cookie
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(flags), cookie
    assert not [flag for flag in flags if flag.startswith("domain")]


class _Sources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "action") and re.match(r"(?i)([a-z]+:|//)", value or ""):
                self.foreign.append(f"{tag} {name}={value}")
            if name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")
        if tag == "style" or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)


def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline() -> None:
    """So there is nothing whose integrity would have to be named."""
    for path in WEB_CLIENT.rglob("*.html"):
        found = _Sources()
        found.feed(path.read_text())
        assert (found.foreign, found.inline) == ([], []), path


def test_files_are_what_their_type_says(behind_tls: ServerProcess) -> None:
    with behind_tls.client() as client:
        for path in sorted(WEB_CLIENT.rglob("*")):
            if not path.is_file() or path.suffix == BROTLI:
                continue
            answer = client.get("/" + path.relative_to(WEB_CLIENT).as_posix())
            if path.name == "index.html" or not answer.is_success:
                continue
            kind = answer.headers["content-type"].partition(";")[0]
            expected = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
            assert kind == expected.get(path.suffix, kind), path
            assert kind != "text/html", path
