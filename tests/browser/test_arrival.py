"""Storyboard row 3: the page of a link, and each reason why it does not open."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, expect

from tests.browser.people import (
    Person,
    browsing,
    clinician,
    join,
    new_context,
    new_session,
)
from tests.browser.test_screens import axe
from tests.eventually import eventually
from tests.serving import ServerProcess

NO_SEALING = "crypto.subtle.generateKey = () => Promise.reject(new Error('unknown'))"
INSIDE_AN_APP = NO_SEALING + "; window.webkit = { messageHandlers: {} }"
# Gives a name and presses "Join" in the moment in which the form is there.
QUICK = """
  new MutationObserver((_, observer) => {
    const name = document.querySelector("#name")
    if (!name) return
    observer.disconnect()
    name.value = "Ann"
    name.dispatchEvent(new Event("input", { bubbles: true }))
    name.form.requestSubmit()
  }).observe(document, { childList: true, subtree: true })
"""
NO_FRAMES = """
  delete window.RTCRtpScriptTransform
  delete RTCRtpSender.prototype.createEncodedStreams
  delete RTCRtpReceiver.prototype.createEncodedStreams
"""
GROUND = """
  window.grounds = []
  const look = () => {
    if (performance.getEntriesByName("first-paint").length > 0)
      grounds.push(getComputedStyle(document.documentElement).backgroundColor)
    if (grounds.length < 20) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
"""
SHIFTS = """
  window.shift = 0
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) shift += value
  }).observe({ type: "layout-shift", buffered: true })
"""


def copied(page: Page) -> str:
    """What lies on the clipboard; the page itself may not read it."""
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('input'), { id: 'in' }))"
    )
    page.locator("#in").press("ControlOrMeta+v")
    return page.locator("#in").input_value()


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def name_shown(page: Page, link: str) -> str:
    """The name in the form of a link, once it is known who invites."""
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_text("invites you")).to_be_visible()
    return page.get_by_label("Your name").input_value()


def test_each_link_that_does_not_open_has_its_sentence_and_a_way_out(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor)
    page = new_context(second_browser).new_page()

    page.goto(link[:-3])
    heading(page, "This link is not complete")
    paste = page.get_by_label("Paste the link or the whole message here")
    paste.fill("Only some words, no link")
    page.get_by_role("button", name="Open this link").click()
    expect(page.get_by_role("alert").filter(has_text="no whole link")).to_be_visible()
    assert axe(page) == []
    paste.fill(f"Dear Ann, open {link}. Dr Roe")
    page.get_by_role("button", name="Open this link").click()
    name = page.get_by_label("Your name")
    expect(name).to_be_visible()

    # The name is kept for this link, also when nobody joins; not for another.
    name.fill("Ann Miller")
    name.blur()
    other = page.context.new_page()
    eventually(lambda: name_shown(other, link) == "Ann Miller")
    other.close()
    page.reload()
    expect(name).to_have_value("Ann Miller")
    page.goto("about:blank")
    page.goto(f"{link.partition('#')[0]}#{'A' * 42}E")
    heading(page, "This link does not open a visit any more")

    doctor.button("End session").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(doctor.page.get_by_role("heading", name="Visit ended")).to_be_visible()
    page.goto("about:blank")
    page.goto(link)
    heading(page, "This visit is over")
    doctor.page.goto(server.base_url)
    page.goto(new_session(doctor))
    expect(name).to_have_value("")


@pytest.mark.parametrize(
    ("lacking", "title"),
    [
        (NO_SEALING, "This browser is too old for sealed visits"),
        (INSIDE_AN_APP, "Open this link in Chrome"),
    ],
    ids=["old", "in-app"],
)
def test_a_browser_that_cannot_seal_says_where_to_open_the_link(
    lacking: str, title: str, server: ServerProcess, first_browser: Browser
) -> None:
    page = new_context(first_browser).new_page()
    page.add_init_script(lacking)
    link = f"{server.base_url}/telemedicine/{'A' * 22}#{'A' * 42}E"
    page.goto(link)
    heading(page, title)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert axe(page) == []
    assert copied(page) == link


def test_an_insecure_address_is_told_and_the_link_can_be_copied_there(
    server: ServerProcess, playwright: Playwright, chromium_options: dict[str, Any]
) -> None:
    elsewhere = ["--host-resolver-rules=MAP clinic.test 127.0.0.1"]
    options = chromium_options | {"args": chromium_options["args"] + elsewhere}
    with browsing(playwright, options) as browser:
        page = browser.new_page()
        link = f"http://clinic.test:{server.port}/telemedicine/{'A' * 22}#{'A' * 42}E"
        page.goto(link)
        heading(page, "This address is not secure")
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert copied(page) == link
        assert page.evaluate("isSecureContext") is False


def test_a_browser_that_cannot_seal_calls_joins_to_write(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    link = new_session(clinician(first_browser, server.sign_in_link))
    context = new_context(second_browser)
    ann = Person("Ann", context, context.new_page())
    ann.page.add_init_script(NO_FRAMES)
    ann.page.goto(link)
    ann.button("Try camera and microphone first").click()
    expect(ann.page.get_by_text("This browser cannot seal calls")).to_be_visible()
    join(ann)
    ann.write("I can write.")
    ann.sees("I can write.")
    assert ann.complaints == []


def test_nothing_moves_and_nothing_flashes_while_the_page_opens(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    link = new_session(clinician(first_browser, server.sign_in_link))
    context = new_context(
        second_browser, color_scheme="dark", viewport={"width": 360, "height": 740}
    )
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.add_init_script(GROUND)
    page.goto(link)
    expect(page.get_by_label("Your name")).to_be_focused()
    page.evaluate("document.fonts.ready")
    page.wait_for_function("() => grounds.length === 20")
    assert page.evaluate("shift") < 0.01
    grounds = page.evaluate("grounds")
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert set(grounds) == {"rgb(18, 25, 24)"}, "another ground was painted first"


def test_the_name_is_written_while_the_door_is_asked_for_and_nothing_moves_when_it_opens(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    link = new_session(clinician(first_browser, server.sign_in_link), "Knee")
    context = new_context(second_browser)
    ann = Person("Ann", context, context.new_page())
    ann.page.add_init_script(SHIFTS)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    ann.page.route("**/door", hold)
    ann.page.goto(link)
    name = ann.page.get_by_label("Your name")
    expect(name).to_be_focused()
    ann.page.keyboard.type("Ann")
    expect(ann.page.get_by_text("Knee")).to_have_count(0)
    place = name.bounding_box()
    for route in held:
        route.continue_()
    ann.page.unroute("**/door")
    expect(ann.page.get_by_text("Knee")).to_be_visible()
    assert name.bounding_box() == place
    assert ann.page.evaluate("shift") < 0.01
    expect(name).to_have_value("Ann")
    name.press("Enter")
    expect(ann.message_box).to_be_visible()
    assert ann.complaints == []


def test_where_the_client_cannot_start_the_page_says_so(
    server: ServerProcess, first_browser: Browser
) -> None:
    page = new_context(first_browser).new_page()
    page.clock.install()
    page.route("**/assets/*.js", lambda route: route.abort())
    page.goto(f"{server.base_url}/telemedicine/{'A' * 22}")
    words = page.get_by_text("This page does not start in this browser.")
    expect(words).to_be_attached()
    page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")
    expect(words).to_be_visible()


def test_who_is_quicker_than_the_door_joins(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    link = new_session(clinician(first_browser, server.sign_in_link))
    context = new_context(second_browser)
    ann = Person("Ann", context, context.new_page())
    ann.page.add_init_script(QUICK)
    ann.page.goto(link)
    expect(ann.message_box).to_be_visible()
    assert ann.complaints == []
