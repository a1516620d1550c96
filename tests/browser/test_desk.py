"""The clinician's desk: who waits, what is new, private notes, search."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.people import Person, clinician, new_context, new_session, patient
from tests.browser.test_screens import axe
from tests.serving import ServerProcess


def to_the_desk(person: Person) -> None:
    person.page.get_by_role("link", name="All sessions").click()
    expect(person.page.get_by_role("heading", name="Your sessions")).to_be_visible()


def sockets_of(page: Page) -> list[str]:
    """Addresses of the sockets that the page opens from now on."""
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url))
    return opened


def test_the_list_tells_who_waits_and_what_is_new_without_a_socket(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    to_the_desk(doctor)
    sockets = sockets_of(doctor.page)
    row = doctor.page.get_by_role("list", name="Open sessions").get_by_role("listitem")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Waiting for you: Ann", timeout=30_000)
    assert axe(doctor.page) == []
    expect(doctor.page).to_have_title(re.compile(r"\(\d+\)|1"))
    ann.write("I am early")
    expect(row).to_contain_text("1 new message", timeout=30_000)
    expect(ann.chat.get_by_text("Delivered", exact=True)).to_be_visible()
    ann.context.close()
    expect(row).not_to_contain_text("Waiting", timeout=30_000)
    assert sockets == []
    row.get_by_role("link").click()
    doctor.sees("I am early")


def test_notes_stay_on_the_device_and_are_found_with_names_and_labels(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    new_session(doctor, title="Shoulder")
    to_the_desk(doctor)
    ann = patient(second_browser, new_session(doctor, title="Knee"), "Élodie Müller")
    doctor.open_panel("Notes")
    notes = doctor.page.get_by_label("Private notes")
    sent: list[str] = []
    doctor.page.on("request", lambda request: sent.append(request.post_data or ""))
    notes.fill("Afraid of the needle zq17")
    expect(doctor.page.get_by_text("Saved", exact=True)).to_be_visible()
    doctor.page.reload()
    doctor.open_panel("Notes")
    expect(notes).to_have_value("Afraid of the needle zq17")
    expect(ann.page.get_by_role("tab", name="Notes")).to_have_count(0)
    # Two tabs of the clinician show and keep the same.
    second = doctor.context.new_page()
    second.goto(doctor.page.url)
    second.get_by_role("tab", name=re.compile("Notes")).click()
    there = second.get_by_label("Private notes")
    expect(there).to_have_value("Afraid of the needle zq17")
    notes.fill("Afraid of the needle zq17. Left knee")
    expect(there).to_have_value("Afraid of the needle zq17. Left knee")
    there.press("End")
    there.press_sequentially(", since May")
    expect(notes).to_have_value("Afraid of the needle zq17. Left knee, since May")
    second.close()
    notes.fill("Afraid of the needle zq17")
    expect(doctor.page.get_by_text("Saved", exact=True)).to_be_visible()
    to_the_desk(doctor)
    rows = doctor.page.get_by_role("list", name="Open sessions").get_by_role("listitem")
    expect(rows).to_have_count(2)
    search = doctor.page.get_by_role("searchbox", name="Search on this device")
    for query in ("elodie muller", "NEEDLE", "knee"):
        search.fill(query)
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("Knee")
    search.fill("elbow")
    expect(doctor.page.get_by_text("No session on this device fits “elbow”")).to_be_visible()
    search.fill("")
    doctor.page.get_by_role("button", name="Notes and more: Knee").click()
    dialog = doctor.page.get_by_role("dialog")
    expect(dialog.get_by_label("Private notes")).to_have_value("Afraid of the needle zq17")
    assert axe(doctor.page) == []
    dialog.get_by_role("button", name="Delete from this device").click()
    sure = doctor.page.get_by_role("dialog", name="Delete this visit from this device?")
    expect(sure).to_contain_text("The server keeps its sealed copy")
    sure.get_by_role("button", name="Delete from this device").click()
    expect(rows).to_have_count(1)
    expect(doctor.page.get_by_role("heading", name="On another device")).to_be_visible()
    assert not any("zq17" in body for body in sent)
    assert doctor.complaints == []


def test_sessions_of_another_device_are_told_apart_and_can_be_deleted_at_the_server(
    server: ServerProcess, first_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    new_session(doctor, title="Knee")
    cookies = doctor.context.cookies()
    other = first_browser.new_context()
    other.add_cookies([{**cookie} for cookie in cookies])  # type: ignore[typeddict-item]
    page = other.new_page()
    page.goto(server.base_url)
    section = page.get_by_role("region", name="On another device")
    expect(section).to_contain_text("keys are not on this device")
    expect(section.get_by_role("link")).to_have_count(0)
    section.get_by_role("button", name=re.compile("Delete at the server")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete at the server").click()
    expect(page.get_by_text("The server has deleted the session.")).to_be_visible()
    expect(page.get_by_role("heading", name="No sessions yet")).to_be_visible()
    with server.client() as client:
        session = doctor.page.url.rpartition("/")[2]
        assert client.get(f"/api/telemedicine/sessions/{session}").status_code == 401


def test_signing_out_says_what_stays(server: ServerProcess, first_browser: Browser) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    new_session(doctor, title="Knee")
    to_the_desk(doctor)
    doctor.button("Sign out").click()
    sure = doctor.page.get_by_role("dialog", name="Sign out?")
    expect(sure).to_contain_text("The sessions on this device stay")
    sure.get_by_role("button", name="Sign out").click()
    expect(doctor.page.get_by_role("heading", name="Sign in to make sessions")).to_be_visible()
    expect(doctor.page.get_by_role("link", name=re.compile("Knee"))).to_be_visible()


def test_a_link_is_sent_with_a_text_and_a_time_that_the_patient_sees(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    doctor.button("New session").click()
    dialog = doctor.page.get_by_role("dialog")
    link = dialog.get_by_role("textbox", name="Link for your patient")
    expect(link).to_have_value(re.compile("#"))
    starts = doctor.page.evaluate(
        "new Date(Date.now() + 42 * 6e4 - new Date().getTimezoneOffset() * 6e4).toISOString()"
    )
    dialog.get_by_label("Time of the visit (optional)").fill(starts[:16])
    dialog.get_by_label("Label (optional)").fill("Knee")
    dialog.get_by_text("Send it with a text", exact=True).click()
    text = dialog.get_by_label("Text", exact=True)
    expect(text).to_have_value(re.compile(re.escape(link.input_value())))
    expect(text).to_have_value(re.compile("Time: "))
    assert axe(doctor.page) == []
    mail = dialog.get_by_role("link", name="Write e-mail")
    expect(mail).to_have_attribute("href", re.compile(r"^mailto:\?subject=.*%23"))
    dialog.get_by_role("button", name="Change the text").click()
    dialog.get_by_label("Your text").fill("Bring the form. {link}")
    dialog.get_by_role("button", name="Done").click()
    expect(text).to_have_value(f"Bring the form. {link.input_value()}")
    secret = link.input_value()
    dialog.get_by_role("button", name="Close").first.click()
    row = doctor.page.get_by_role("list", name="Open sessions").get_by_role("listitem")
    expect(row).to_contain_text(re.compile("Knee.*To(day|morrow), ", re.DOTALL))

    context = new_context(second_browser)
    ann = context.new_page()
    ann.goto(secret)
    expect(ann.get_by_text(re.compile(r"Your visit starts in 4\d minutes, at "))).to_be_visible()
    assert axe(ann) == []
    ann.get_by_text("Put it into a calendar", exact=True).click()
    with ann.expect_download() as download:
        ann.get_by_role("button", name="Save calendar file").click()
    entry = download.value.path().read_text()
    assert "BEGIN:VEVENT" in entry
    assert "telemedicine" not in entry
    ann.get_by_role("checkbox", name=re.compile("With the link")).check()
    with ann.expect_download() as download:
        ann.get_by_role("button", name="Save calendar file").click()
    assert secret in download.value.path().read_text().replace("\n ", "")
    context.close()

    doctor.button("New session").click()
    dialog.get_by_text("Options", exact=True).click()
    dialog.get_by_label("Passcode").fill("sunflower 12")
    before = link.input_value()
    dialog.get_by_role("button", name="Make the link with these options").click()
    expect(link).not_to_have_value(before)
    dialog.get_by_text("Send it with a text", exact=True).click()
    expect(text).to_have_value(re.compile("^Bring the form"))
    expect(dialog.get_by_text("Never send both in one message")).to_be_visible()
    dialog.get_by_role("button", name="Change the text").click()
    dialog.get_by_label("Your text").fill("{link} Sunflower 12")
    dialog.get_by_role("button", name="Done").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The passcode stands in this text")
    expect(mail).to_have_count(0)
    assert doctor.complaints == []
