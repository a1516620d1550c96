"""A link that needs admitting: who has it asks, and a clinician decides (protocol.md §3.8)."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, expect

from tests.browser.people import Person, clinician, new_context, new_session
from tests.browser.test_screens import in_every_look
from tests.browser.test_waiting_room import waiters
from tests.serving import ServerProcess


def heading(person: Person, words: str) -> Locator:
    return person.page.get_by_role("heading", name=words)


def asks(browser: Browser, link: str, name: str) -> Person:
    context = new_context(browser)
    person = Person(name, context, context.new_page())
    person.page.goto(link)
    expect(person.page.get_by_text("lets you in after you ask")).to_be_visible()
    person.page.get_by_label("Your name").fill(name)
    person.button("Join").click()
    expect(heading(person, "You asked to come in")).to_be_visible()
    return person


def test_who_asks_is_told_to_a_clinician_who_looks_at_the_list(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor, "Knee", needs_admitting=True)
    doctor.page.go_back()
    expect(heading(doctor, "Your sessions")).to_be_visible()
    ann = asks(second_browser, link, "Ann")
    row = doctor.page.get_by_role("link", name="Knee")
    expect(row).to_contain_text("Waiting for you: Ann")
    expect(doctor.page).to_have_title(re.compile(r"^\(1\)"))
    row.click()
    doctor.button("Admit").click()
    expect(ann.message_box).to_be_visible()
    doctor.page.go_back()
    expect(row).to_be_visible()
    for person in (doctor, ann):
        person.context.close()


def test_who_has_the_link_asks_and_is_in_by_itself_once_admitted(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor, needs_admitting=True)
    doctor.write("Only for those who are let in")

    ann = asks(second_browser, link, "Ann")
    expect(waiters(doctor)).to_contain_text(re.compile(r"Ann asks to come in since \d"))
    expect(doctor.page).to_have_title(re.compile("Ann is waiting"))
    findings, screens = in_every_look([(ann, "05-knocks"), (doctor, "05-who-knocks")])
    ann.page.reload()
    expect(heading(ann, "You asked to come in")).to_be_visible()
    expect(waiters(doctor)).to_have_count(1)

    doctor.button("Do not let in").click()
    expect(heading(ann, "You cannot come in now")).to_be_visible()
    screens.take(ann.page, "05-knock-refused")
    expect(waiters(doctor)).to_have_count(0)
    ann.page.reload()
    expect(heading(ann, "You cannot come in now")).to_be_visible()
    ann.button("Ask again").click()
    expect(heading(ann, "You asked to come in")).to_be_visible()

    # The clinician's page is loaded again: who stands before the door is still there.
    doctor.page.reload()
    doctor.button("Admit").click()
    expect(ann.message_box).to_be_visible()
    expect(ann.button("Start call")).to_be_visible()
    expect(ann.chat.get_by_text("Only for those who are let in")).to_have_count(0)
    ann.write("Thank you")
    doctor.sees("Thank you")

    # Who changes their mind is gone from the list.
    ben = asks(second_browser, link, "Ann's phone")
    expect(waiters(doctor)).to_contain_text("second device, asks to come in")
    ben.button("Leave").click()
    expect(waiters(doctor)).to_have_count(0)
    complaints = doctor.complaints + ann.complaints + ben.complaints
    for person in (doctor, ann, ben):
        person.context.close()
    assert complaints == []
    assert findings + screens.findings == []
