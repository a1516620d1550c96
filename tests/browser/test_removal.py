"""Who is removed reads nothing more; who holds a closed link does not get in."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.browser.people import Person, new_context, new_session, patient
from tests.browser.people import clinician as sign_in
from tests.serving import ServerProcess


def remove(host: Person, name: str) -> None:
    host.open_panel("Participants")
    host.button(f"Remove {name}").click()
    host.page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    host.open_panel("Chat")


def test_the_removed_one_is_told_and_reads_nothing_more(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    url = ann.page.url
    ann.page.goto("about:blank")  # so that the next socket is one of the page that follows
    with ann.page.expect_websocket() as opened:
        ann.page.goto(url)
    ann.write("Still here")
    doctor.sees("Still here")
    assert not opened.value.is_closed()
    remove(doctor, "Ann")
    expect(ann.page.get_by_text("You were removed from this visit").first).to_be_visible()
    doctor.write("This is not for Ann")
    doctor.sees("This is not for Ann")
    expect(ann.page.get_by_text("This is not for Ann")).to_have_count(0)
    if not opened.value.is_closed():
        opened.value.wait_for_event("close")
    ann.page.reload()
    expect(ann.page.get_by_text("You were removed from this visit").first).to_be_visible()
    expect(ann.page.get_by_text("This is not for Ann")).to_have_count(0)


def test_the_link_of_a_removed_participant_opens_nothing(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = sign_in(first_browser, server.sign_in_link)
    link = new_session(doctor)
    patient(second_browser, link)
    remove(doctor, "Ann")
    expect(doctor.chat.get_by_text("Ann was removed")).to_be_visible()
    stranger = new_context(second_browser).new_page()
    stranger.goto(link)
    expect(stranger.get_by_role("heading", name="This link does not open")).to_be_visible()


def test_a_third_person_joins_by_a_link_made_in_the_visit_and_is_announced(
    visit: tuple[Person, Person], second_browser: Browser
) -> None:
    doctor, ann = visit
    doctor.open_panel("Participants")
    doctor.button("Invite").click()
    dialog = doctor.page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill("Interpreter")
    dialog.get_by_role("button", name="Make link").click()
    link = dialog.get_by_role("textbox", name="Link").input_value()
    dialog.get_by_role("button", name="Close").first.click()
    doctor.open_panel("Chat")
    ivo = patient(second_browser, link, "Ivo")
    for person in (doctor, ann):
        expect(person.chat.get_by_text("Ivo joined")).to_be_visible()
    ivo.write("Hello, I interpret")
    for person in (doctor, ann):
        person.sees("Hello, I interpret")
    phone = patient(second_browser, link, "Ivo")
    expect(doctor.chat.get_by_text("Ivo joined with another device")).to_be_visible()

    # Removed by mistake: a new link for the same person is one click away.
    doctor.open_panel("Participants")
    doctor.button("Remove Ivo").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    doctor.button("Make a new link for Ivo").click()
    dialog = doctor.page.get_by_role("dialog")
    again = dialog.get_by_role("textbox", name="Link")
    expect(again).not_to_have_value(link)
    patient(second_browser, again.input_value(), "Ivo").context.close()
    dialog.get_by_role("button", name="Close").first.click()
    for device in (ivo, phone):
        device.context.close()

    # The usual third persons: one click, with the label written already.
    doctor.button("Invite").click()
    dialog.get_by_role("button", name="Relative", exact=True).click()
    expect(dialog.get_by_role("textbox", name="Link")).to_have_value(re.compile("#"))
    dialog.get_by_role("button", name="Close").first.click()
    links = doctor.page.get_by_role("region", name="Participants").get_by_role("listitem")
    expect(links.filter(has_text="Relative")).to_be_visible()
