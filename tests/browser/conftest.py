"""A server, browsers, and a visit in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.call_pages.fixtures import (  # noqa: F401
    call_browser,
    call_pages,
    make_caller,
    relay,
)
from tests.browser.call_pages.turn import turn  # noqa: F401
from tests.browser.chromium import options_of_chromium
from tests.browser.people import Person, browsing, clinician, new_session, patient
from tests.serving import ServerProcess, serving


@pytest.fixture(scope="session")
def chromium_options() -> dict[str, Any]:
    return options_of_chromium()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def first_browser(playwright: Playwright, chromium_options: dict[str, Any]) -> Iterator[Browser]:
    with browsing(playwright, chromium_options) as browser:
        yield browser


@pytest.fixture(scope="module")
def second_browser(playwright: Playwright, chromium_options: dict[str, Any]) -> Iterator[Browser]:
    with browsing(playwright, chromium_options) as browser:
        yield browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def visit(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> Iterator[tuple[Person, Person]]:
    """A clinician and Ann, who has joined; an error in either page fails the test."""
    doctor = clinician(first_browser, server.sign_in_link)
    ann = patient(second_browser, new_session(doctor))
    yield doctor, ann
    complaints = doctor.complaints + ann.complaints
    doctor.context.close()
    ann.context.close()
    assert complaints == []
