"""A sealed visit between a clinician and a patient, each in a browser of their own."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.browser.people import Person, clinician, join, new_context, new_session, patient
from tests.serving import ServerProcess

DRAFT_IS_KEPT = """async () => {
  const opened = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  const database = await opened(indexedDB.open("careseal"))
  const kept = () => opened(database.transaction("records").objectStore("records").getAllKeys())
  while (!(await kept()).some(([kind]) => kind === "draft")) continue
  database.close()
}"""


def test_what_each_writes_is_shown_to_the_other(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    doctor.write("Good morning")
    ann.sees("Good morning")
    ann.write("My knee hurts <b>a lot</b> & more")
    doctor.sees("My knee hurts <b>a lot</b> & more")


def test_the_sender_is_told_sent_delivered_and_seen(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    doctor.write("Can you hear me?")
    ann.sees("Can you hear me?")
    expect(doctor.chat.get_by_text("Seen", exact=True).last).to_be_visible()


def test_what_was_written_before_the_link_was_opened_is_there_at_night(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor)
    doctor.write("Please fill in the form before Tuesday")
    expect(doctor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    doctor.page.close()
    ann = patient(second_browser, link)
    ann.sees("Please fill in the form before Tuesday")
    ann.write("I will")
    back = doctor.context.new_page()
    back.goto(link.partition("#")[0])
    expect(back.get_by_text("I will", exact=True)).to_be_visible()


def test_history_is_there_after_a_reload_on_both_sides(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    doctor.write("One")
    ann.sees("One")
    ann.write("Two")
    doctor.sees("Two")
    for person in visit:
        person.page.reload()
        person.sees("One")
        person.sees("Two")
    ann.write("Three")
    doctor.sees("Three")


def test_the_link_s_secret_leaves_the_address_bar_once_joined(visit: tuple[Person, Person]) -> None:
    _, ann = visit
    expect(ann.page).not_to_have_url(re.compile("#"))


def test_both_see_who_is_here(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    for person in visit:
        person.open_panel("Participants")
    roster = doctor.page.get_by_role("region", name="Participants")
    expect(roster.get_by_text("Ann")).to_be_visible()
    expect(roster.get_by_text(re.compile("here"))).to_have_count(2)
    expect(
        ann.page.get_by_role("region", name="Participants").get_by_text("Clinician").first
    ).to_be_visible()


def test_both_have_the_same_security_code_and_a_match_stays(visit: tuple[Person, Person]) -> None:
    codes = []
    for person in visit:
        person.open_panel("Security code")
        groups = person.page.get_by_role("list", name="Six groups of five digits")
        expect(groups.get_by_role("listitem")).to_have_count(6)
        codes.append(groups.get_by_role("listitem").all_inner_texts())
    assert codes[0] == codes[1]
    assert all(re.fullmatch(r"\d{5}", group) for group in codes[0])
    doctor = visit[0]
    doctor.button("They match").click()
    panel = doctor.page.get_by_role("region", name="Security code")
    expect(panel.get_by_text("Compared and matching")).to_be_visible()
    doctor.page.reload()
    doctor.open_panel("Security code")
    expect(panel.get_by_text("Compared and matching")).to_be_visible()


def test_a_draft_survives_a_reload(visit: tuple[Person, Person]) -> None:
    _, ann = visit
    ann.message_box.fill("I wanted to say")
    ann.page.evaluate(DRAFT_IS_KEPT)
    ann.page.reload()
    expect(ann.message_box).to_have_value("I wanted to say")


def test_a_passcode_is_asked_for_and_a_wrong_one_opens_nothing(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor, passcode="sunflower 12")
    context = new_context(second_browser)
    ann = Person("Ann", context, context.new_page())
    ann.page.goto(link)
    ann.page.get_by_label("Passcode").fill("daisy 12")
    ann.button("Continue").click()
    expect(ann.page.get_by_role("alert")).to_contain_text("does not open with this passcode")
    ann.page.get_by_label("Passcode").fill("sunflower 12")
    ann.button("Continue").click()
    join(ann)
    ann.write("I am in")
    doctor.sees("I am in")


def test_ending_the_session_ends_it_for_both_and_offers_the_record(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    ann.write("Thank you")
    doctor.sees("Thank you")
    doctor.button("End session").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="End session").click()
    for person in visit:
        expect(person.page.get_by_role("heading", name="Visit ended")).to_be_visible()
    with doctor.page.expect_download() as download:
        doctor.button("Download to read").click()
    assert "Thank you" in download.value.path().read_text()


def test_deleting_the_visit_leaves_nothing_of_it_on_the_device(
    visit: tuple[Person, Person],
) -> None:
    """What is at the server still is told, and cannot be opened here."""
    doctor, _ = visit
    doctor.button("End session").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="End session").click()
    doctor.button("Delete from this device").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="Delete from this device").click()
    expect(doctor.page.get_by_text("The visit was deleted from this device.")).to_be_visible()
    doctor.page.goto(doctor.page.url.partition("/telemedicine")[0])
    expect(doctor.page.get_by_role("heading", name="On another device")).to_be_visible()
    expect(doctor.page.get_by_role("link", name="Visit")).to_have_count(0)
