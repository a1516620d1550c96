"""Fixtures of the call tests: pages built from the real modules, a browser, a relay."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.call_pages.caller import Caller
from tests.browser.call_pages.relay import Relay
from tests.browser.chromium import options_of_chromium

HERE = Path(__file__).parent
WEB = HERE.parents[2] / "web"

CALLS = [
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream=device-count=3",
    "--auto-select-desktop-capture-source=Entire screen",
    "--mute-audio",
]


@pytest.fixture(scope="session")
def call_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages."""
    built = tmp_path_factory.mktemp("call_pages")
    vite = ["npx", "--no", "vite", "build", "--config", str(HERE / "vite.config.mjs")]
    subprocess.run([*vite, "--outDir", str(built)], cwd=WEB, check=True)
    return built


@pytest.fixture(scope="module")
def call_browser(playwright: Playwright) -> Iterator[Browser]:
    options = options_of_chromium("WebRtcHideLocalIpsWithMdns")
    options["args"] += CALLS
    browser = playwright.chromium.launch(**options)
    yield browser
    browser.close()


@pytest.fixture
def relay(call_pages: Path) -> Iterator[Relay]:
    with Relay(call_pages) as relay:
        yield relay


@pytest.fixture
def make_caller(call_browser: Browser, relay: Relay) -> Iterator[Callable[..., Caller]]:
    """Makes pages with ``Caller``'s arguments after the relay; an error in one fails the test."""
    made: list[Caller] = []

    def make(name: str, leaf: int, **options: Any) -> Caller:
        made.append(Caller(call_browser, relay, name, leaf, **options))
        return made[-1]

    yield make
    for caller in made:
        caller.close()
    assert [error for caller in made for error in caller.errors] == []
