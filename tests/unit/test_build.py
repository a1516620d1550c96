"""What the build promises: locks that any mirror can serve, a page that a strict CSP lets run."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src/careseal/server/web/index.html"


class Scripts(HTMLParser):
    """Collects what the page would run: script sources, inline script text, on… attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str | None] = []
        self.inline: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        if self._inside:
            self.sources.append(dict(attrs).get("src"))
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("lock", ["requirements/run.txt", "requirements/test.txt"])
def test_a_python_lock_names_no_package_host_and_hashes_every_package(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in requirement


def test_the_web_lock_names_no_package_host() -> None:
    assert '"resolved"' not in (ROOT / "web/package-lock.json").read_text()


def test_the_built_page_runs_only_scripts_of_its_own_origin() -> None:
    if not PAGE.exists():
        pytest.skip("the web client is not built: make web")
    page = Scripts()
    page.feed(PAGE.read_text())
    assert page.inline == []
    assert page.sources
    assert all(source and source.startswith("/assets/") for source in page.sources)
