"""The waiting room: who came waits, with the chat open, until a host admits (protocol.md §5.5)."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.people import Person, clinician, new_session, patient
from tests.browser.test_screens import in_every_look
from tests.serving import ServerProcess

HEARS = """
  window.tones = 0
  const start = OscillatorNode.prototype.start
  OscillatorNode.prototype.start = function (...when) {
    window.tones += 1
    return start.apply(this, when)
  }
"""
NOTIFIES = """
  window.notified = []
  window.Notification = class {
    static permission = "default"
    static async requestPermission() { return (this.permission = "granted") }
    constructor(words) { window.notified.push(words) }
    close() {}
  }
  Object.defineProperty(document, "hidden", { get: () => window.away === true })
"""


def waiters(person: Person) -> Locator:
    return person.page.get_by_role("region", name="People who wait").get_by_role("listitem")


def icon(page: Page) -> Locator:
    return page.locator('link[rel="icon"]')


def test_a_guest_waits_with_the_chat_open_until_one_click_admits(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    doctor.page.add_init_script(HEARS)
    doctor.page.add_init_script(NOTIFIES)
    doctor.page.reload()
    link = new_session(doctor)
    ann = patient(second_browser, link)
    stage = ann.page.get_by_role("region", name="Call", exact=True)
    expect(stage.get_by_text(re.compile("knows that you are here"))).to_be_visible()
    expect(ann.button("Start call")).to_have_count(0)
    ann.write("I am early")
    doctor.sees("I am early")

    expect(waiters(doctor)).to_have_count(1)
    expect(waiters(doctor)).to_contain_text(re.compile(r"Ann is waiting since \d"))
    expect(doctor.page).to_have_title(re.compile("Ann is waiting"))
    expect(icon(doctor.page)).to_have_attribute("href", "/favicon-unread.svg")
    assert doctor.page.evaluate("window.tones") == 2
    doctor.button("Tell me when somebody comes").click()
    expect(doctor.button("Tell me when somebody comes")).to_have_count(0)

    doctor.button("I am running late").click()
    doctor.button("15 min").click()
    expect(stage.get_by_text(re.compile("is about 15 minutes late. Said at"))).to_be_visible()
    doctor.page.evaluate("window.away = true")

    doctor.button("Admit").click()
    expect(ann.button("Start call")).to_be_visible()
    expect(waiters(doctor)).to_have_count(0)
    expect(doctor.page).not_to_have_title(re.compile("waiting"))
    ann.sees("Ann was let in")
    ann.page.reload()
    expect(ann.button("Start call")).to_be_visible()

    # A third person, while the page of the clinician is behind another.
    doctor.open_panel("Participants")
    doctor.button("Invite").click()
    dialog = doctor.page.get_by_role("dialog")
    dialog.get_by_label("Who is it for?").fill("Interpreter")
    dialog.get_by_role("button", name="Make link").click()
    other = dialog.get_by_role("textbox", name="Link for your patient").input_value()
    dialog.get_by_role("button", name="Close").first.click()
    doctor.open_panel("Chat")
    ana = patient(first_browser, other, name="Ana")
    expect(waiters(doctor)).to_contain_text("Interpreter")
    doctor.page.wait_for_function("() => window.notified.includes('Ana is waiting')")
    doctor.button("Start call").click()
    ana.button("Answer").click()
    expect(ana.button("Hang up")).to_be_visible()
    expect(waiters(doctor)).to_have_count(0)
    ana.button("Hang up").click()
    complaints = doctor.complaints + ann.complaints + ana.complaints
    for person in (doctor, ann, ana):
        person.context.close()
    assert complaints == []


def test_without_a_clinician_the_page_says_what_is_true(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    stage = ann.page.get_by_role("region", name="Call", exact=True)
    expect(stage.get_by_text(re.compile("knows that you are here"))).to_be_visible()
    doctor.leave()
    expect(stage.get_by_text(re.compile("will see that you are here"))).to_be_visible()
    asked: list[str] = []
    ann.page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    doctor.page.go_back()
    expect(stage.get_by_text(re.compile("knows that you are here"))).to_be_visible()
    # Told, not asked for; what Ann has seen may be said in the meantime.
    assert [request for request in asked if request.startswith("GET")] == []


def test_the_waiting_room_is_shown_whole_on_every_screen(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor, title="Knee, Ann Miller")
    ann = patient(second_browser, link, name="Ann Miller")
    doctor.button("I am running late").click()
    findings, screens = in_every_look([(ann, "05-waiting"), (doctor, "05-who-waits")])
    doctor.button("10 min").click()
    expect(ann.page.get_by_text(re.compile("about 10 minutes late")).first).to_be_visible()
    screens.take(ann.page, "05-waiting-late")
    for person in (doctor, ann):
        person.context.close()
    assert findings + screens.findings == []
