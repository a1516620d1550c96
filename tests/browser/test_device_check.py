"""Storyboard row 4: devices are tried before joining, and what to do when they fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tests.browser.devices import (
    ASKED,
    BUSY,
    FAKE,
    Permissions,
    browser_with,
    picture_of,
    silence,
)
from tests.browser.people import Person, browsing, clinician, join, new_session
from tests.browser.test_screens import SCREENS, axe
from tests.serving import ServerProcess, serving

IN_USE = """(id) => {
  const stream = document.querySelector(".check-picture video")?.srcObject
  return stream?.getVideoTracks()[0].getSettings().deviceId === id
}"""
BROWSERS_OWN_PLACE = "icon just before the address"


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    playwright: Playwright,
    chromium_options: dict[str, Any],
) -> Iterator[tuple[ServerProcess, str]]:
    """A server, and a link that is looked at by many and joined by few."""
    with (
        serving(tmp_path_factory.mktemp("devices")) as server,
        browsing(playwright, chromium_options) as browser,
    ):
        yield server, new_session(clinician(browser, server.sign_in_link))


def arrive(browser: Browser, link: str, script: str = "", **options: Any) -> Page:
    page = browser.new_context(**options).new_page()
    page.add_init_script(ASKED + script)
    page.goto(link)
    expect(page.get_by_label("Your name")).to_be_visible()
    return page


def try_devices(page: Page) -> None:
    page.get_by_role("button", name="Try camera and microphone first").click()


def failure(page: Page, error: str) -> Locator:
    return page.locator(f'[data-device-error="{error}"]')


def picture(page: Page) -> Locator:
    return page.locator(".check-picture video")


def asked(page: Page) -> dict[str, int]:
    counted: dict[str, int] = page.evaluate("asked")
    return counted


def show(page: Page, name: str) -> None:
    """A picture for the eye, and nothing for axe to find."""
    folder = SCREENS / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert axe(page) == []


def test_devices_are_asked_for_on_a_click_and_not_again_when_declined(
    place: tuple[ServerProcess, str], playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    server, link = place
    with browser_with(playwright, chromium_options, FAKE) as browser:
        page = arrive(browser, link)
        answers = Permissions(browser, page, server.base_url)
        assert asked(page) == {"audio": 0, "video": 0}

        answers.put("prompt")
        try_devices(page)
        expect(failure(page, "permission-dismissed")).to_have_count(2)
        expect(page.get_by_role("img", name="where the browser asks").first).to_be_visible()
        assert asked(page) == {"audio": 1, "video": 1}
        show(page, "dismissed")

        answers.put("denied", "camera")
        answers.put("granted", "microphone")
        page.get_by_role("button", name="Try again").first.click()
        denied = failure(page, "permission-denied")
        expect(denied).to_have_count(1)
        expect(denied).to_contain_text("The camera is blocked for this page.")
        expect(denied).to_contain_text(BROWSERS_OWN_PLACE)
        expect(page.get_by_text("You are heard.")).to_be_visible()
        show(page, "denied")

        page.get_by_role("button", name="Use these").click()
        before = asked(page)
        ann = Person("Ann", page.context, page)
        join(ann)
        ann.button("Camera and microphone").click()
        expect(ann.button("Check camera")).to_be_visible()
        assert asked(page) == before


def test_what_is_allowed_later_is_no_complaint_and_what_is_taken_away_is_told(
    place: tuple[ServerProcess, str], playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    server, link = place
    with browser_with(playwright, chromium_options, FAKE) as browser:
        page = arrive(browser, link)
        answers = Permissions(browser, page, server.base_url)
        answers.put("denied")
        try_devices(page)
        expect(failure(page, "permission-denied")).to_have_count(2)
        answers.put("granted")
        expect(failure(page, "permission-denied")).to_have_count(0)
        expect(picture(page)).to_be_visible()
        expect(page.get_by_text("You are heard.")).to_be_visible()
        answers.put("denied", "camera")
        expect(failure(page, "permission-denied")).to_have_count(1)
        expect(picture(page)).to_have_count(0)
        expect(page.get_by_role("meter")).to_be_visible()


def test_where_the_trial_cannot_be_loaded_the_page_says_so(
    place: tuple[ServerProcess, str], first_browser: Browser
) -> None:
    page = arrive(first_browser, place[1])
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route("**/assets/deviceDesk-*.js", lambda route: route.abort())
    try_devices(page)
    missing = page.get_by_role("alert").filter(has_text="A part of this page could not be loaded.")
    expect(missing.get_by_role("button", name="Load the page again")).to_be_visible()
    assert complaints == []


def test_a_loudspeaker_is_a_choice_only_where_the_page_may_use_it(
    place: tuple[ServerProcess, str], playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    server, link = place
    with browser_with(playwright, chromium_options, FAKE) as browser:
        page = arrive(browser, link)
        Permissions(browser, page, server.base_url).put("granted")
        try_devices(page)
        expect(page.get_by_label("Loudspeaker")).to_be_visible()
        page.add_init_script("delete HTMLMediaElement.prototype.setSinkId")
        page.reload()
        try_devices(page)
        expect(page.get_by_text("You are heard.")).to_be_visible()
        expect(page.locator(".device-trial select")).to_have_count(2)
        expect(page.get_by_label("Loudspeaker")).to_have_count(0)


def test_without_any_device_the_visit_is_joined_all_the_same(
    place: tuple[ServerProcess, str], playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    _, link = place
    with browser_with(playwright, chromium_options) as browser:
        page = arrive(browser, link, viewport={"width": 360, "height": 740})
        try_devices(page)
        expect(failure(page, "no-device")).to_have_count(2)
        expect(page.get_by_text("No camera was found.")).to_be_visible()
        expect(page.get_by_text("No microphone was found.")).to_be_visible()
        show(page, "none-phone")
        page.get_by_role("button", name="Continue without camera").click()
        ben = Person("Ben", page.context, page)
        join(ben)
        ben.write("I can only write.")
        ben.sees("I can only write.")


def test_a_black_picture_and_silence_are_noticed(
    place: tuple[ServerProcess, str],
    tmp_path: Path,
    playwright: Playwright,
    chromium_options: dict[str, Any],
) -> None:
    server, link = place
    nothing = [
        FAKE,
        f"--use-file-for-fake-video-capture={picture_of(tmp_path / 'black.y4m', 16)}",
        f"--use-file-for-fake-audio-capture={silence(tmp_path / 'silence.wav')}",
    ]
    with browser_with(playwright, chromium_options, *nothing) as browser:
        page = arrive(browser, link, color_scheme="dark")
        Permissions(browser, page, server.base_url).put("granted")
        try_devices(page)
        expect(page.get_by_text("The picture is black.")).to_be_visible()
        expect(page.get_by_text("Nothing is heard.")).to_be_visible()
        show(page, "black-and-silent-dark")


def test_what_works_is_shown_and_what_was_chosen_is_remembered(
    place: tuple[ServerProcess, str], playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    server, link = place
    with browser_with(playwright, chromium_options, f"{FAKE}=device-count=2") as browser:
        page = arrive(browser, link)
        Permissions(browser, page, server.base_url).put("granted")
        try_devices(page)
        expect(picture(page)).to_be_visible()
        expect(page.get_by_text("You are heard.")).to_be_visible()
        page.get_by_role("button", name="Play a sound").click()
        cameras = page.get_by_role("combobox", name="Camera")
        labels = cameras.locator("option").all_inner_texts()
        assert len(labels) == 2
        first = cameras.input_value()
        cameras.select_option(label=labels[1])
        expect(cameras).not_to_have_value(first)
        second = cameras.input_value()
        page.wait_for_function(IN_USE, arg=second)
        show(page, "working")
        page.reload()
        try_devices(page)
        expect(page.get_by_role("combobox", name="Camera")).to_have_value(second)
        expect(page.get_by_text("The picture is black.")).to_have_count(0)


def test_a_busy_device_is_told_from_one_that_is_not_there(
    place: tuple[ServerProcess, str], playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    _, link = place
    with browser_with(playwright, chromium_options, FAKE) as browser:
        page = arrive(browser, link, BUSY)
        try_devices(page)
        expect(failure(page, "busy-device")).to_have_count(2)
        expect(page.get_by_text(re.compile("camera is used by another program"))).to_be_visible()
