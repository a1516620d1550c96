"""Writing in a visit: a clinician at a laptop, and a patient with a telephone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.people import Person, clinician, new_session, patient
from tests.serving import ServerProcess

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}

# What a screen reader is told, as a list.
LISTEN = """() => {
  window.told = []
  Document.prototype.ariaNotify = (text) => window.told.push(text)
}"""
LOOK_AWAY = """(hidden) => {
  const value = hidden ? "hidden" : "visible"
  Object.defineProperty(document, "visibilityState", { value, configurable: true })
  document.dispatchEvent(new Event("visibilitychange"))
}"""
# How far the first message in sight is from the top of the list.
PLACE = """(list) => {
  const { top } = list.getBoundingClientRect()
  const above = (row) => Math.round(row.getBoundingClientRect().top - top)
  const row = [...list.querySelectorAll(".message")].find((each) => above(each) >= 0)
  return [row.dataset.row, above(row)]
}"""


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    from tests.serving import serving

    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def talk(
    module_server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> Iterator[tuple[Person, Person]]:
    doctor = clinician(first_browser, module_server.sign_in_link)
    ann = patient(second_browser, new_session(doctor), **PHONE)
    yield doctor, ann
    assert doctor.complaints + ann.complaints == []
    doctor.context.close()
    ann.context.close()


def row(person: Person, text: str) -> Locator:
    """The message that says this itself, not one that quotes it."""
    return person.chat.get_by_role("listitem").filter(
        has=person.page.locator(".bubble > .text").get_by_text(text, exact=True)
    )


def menu_of(person: Person, text: str) -> Locator:
    """Opened by the keyboard."""
    row(person, text).focus()
    person.page.keyboard.press("Enter")
    return person.page.get_by_role("menu")


def choose(person: Person, text: str, entry: str) -> None:
    menu_of(person, text).get_by_role("menuitem", name=entry, exact=True).click()


def rest_on(person: Person, what: Locator) -> Locator:
    """A finger that stays until the menu opens, and then lifts."""
    box = what.bounding_box()
    assert box is not None
    touch = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    line = person.context.new_cdp_session(person.page)
    line.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [touch]})
    menu = person.page.get_by_role("menu")
    expect(menu).to_be_visible()
    line.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    return menu


def test_a_message_is_edited_from_the_field_and_says_so(talk: tuple[Person, Person]) -> None:
    doctor, ann = talk
    doctor.write("Take twenty tablets")
    ann.sees("Take twenty tablets")
    expect(doctor.chat.get_by_text("Seen", exact=True)).to_be_visible()
    doctor.page.keyboard.press("ArrowUp")
    expect(doctor.message_box).to_have_value("Take twenty tablets")
    doctor.page.keyboard.press("Escape")
    expect(doctor.message_box).to_have_value("")
    doctor.page.keyboard.press("ArrowUp")
    doctor.message_box.fill("Take two tablets")
    doctor.button("Save changes").click()
    ann.sees("Take two tablets")
    for person in (doctor, ann):
        expect(row(person, "Take two tablets").get_by_text("edited")).to_be_visible()
        expect(person.page.get_by_text("twenty")).to_have_count(0)
    expect(doctor.message_box).to_have_value("")


def test_a_draft_waits_while_an_old_message_is_edited(talk: tuple[Person, Person]) -> None:
    doctor, ann = talk
    doctor.message_box.fill("half a sent")
    choose(doctor, "Take two tablets", "Edit")
    expect(doctor.message_box).to_have_value("Take two tablets")
    doctor.message_box.fill("Take two tablets, with water")
    doctor.page.keyboard.press("Enter")
    expect(doctor.message_box).to_have_value("half a sent")
    doctor.message_box.fill("")
    ann.sees("Take two tablets, with water")


def test_a_resting_finger_opens_the_menu_and_a_reaction_is_joined_and_taken_back(
    talk: tuple[Person, Person],
) -> None:
    doctor, ann = talk
    text = "Take two tablets, with water"
    menu = rest_on(ann, row(ann, text).locator(".bubble"))
    expect(menu.get_by_role("menuitem", name="Edit")).to_have_count(0)
    menu.get_by_role("menuitemradio", name="React with 👍").tap()
    reaction = row(doctor, text).get_by_role("button", name=re.compile("^👍 from"))
    expect(reaction).to_have_accessible_name("👍 from Ann")
    reaction.click()
    expect(reaction).to_have_accessible_name("👍 from Ann and You")
    expect(row(ann, text).get_by_role("button", name="2")).to_have_count(0)
    expect(row(ann, text).locator(".reaction")).to_contain_text("2")
    reaction.click()
    expect(reaction).to_have_accessible_name("👍 from Ann")
    # A member has one reaction: another one takes its place.
    menu_of(ann, text).get_by_role("menuitem", name="More reactions").click()
    ann.page.get_by_role("menuitemradio", name="React with 💊").click()
    expect(row(doctor, text).locator(".reaction > :first-child")).to_have_text(["💊"])


def test_what_is_withdrawn_is_gone_for_both_and_stays_so(talk: tuple[Person, Person]) -> None:
    doctor, ann = talk
    doctor.write("for somebody else")
    ann.sees("for somebody else")
    expect(row(doctor, "for somebody else")).to_have_attribute("data-state", "seen")
    row(ann, "for somebody else").tap()
    row(ann, "for somebody else").get_by_role("button", name="Reply").tap()
    ann.write("Is this for me?")
    doctor.sees("Is this for me?")
    choose(doctor, "for somebody else", "Withdraw")
    dialog = doctor.page.get_by_role("dialog", name="Withdraw this message?")
    expect(dialog).to_contain_text("may have read")
    dialog.get_by_role("button", name="Withdraw").click()
    for person in (doctor, ann):
        expect(person.chat.locator(".bubble.withdrawn")).to_have_text("Message withdrawn")
        expect(person.page.get_by_text("for somebody else")).to_have_count(0)
        expect(row(person, "Is this for me?").locator(".quote")).to_contain_text("withdrawn")
        person.page.reload()
        person.sees("Is this for me?")
        expect(person.chat.locator(".bubble.withdrawn")).to_have_count(1)
        expect(person.page.get_by_text("for somebody else")).to_have_count(0)


def test_links_open_beside_the_visit_and_learn_nothing(talk: tuple[Person, Person]) -> None:
    doctor, ann = talk
    # The second begins with a letter that only looks like a c.
    doctor.write("See https://clinic.example/plan and https://\u0441linic.example/")
    text = ann.chat.locator("p.text").filter(has_text="See https")
    links = text.get_by_role("link")
    expect(links).to_have_count(2)
    for link in links.all():
        expect(link).to_have_attribute("target", "_blank")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(links.first).to_have_attribute("title", "Opens clinic.example")
    expect(text).to_have_text(re.compile(r"\(xn--[a-z0-9-]+\.example\)$"))
    expect(text).not_to_have_text(re.compile(r"\(clinic\.example\)"))


def test_search_finds_whatever_the_accents_and_a_quote_leads_to_its_message(
    talk: tuple[Person, Person],
) -> None:
    doctor, ann = talk
    ann.write("J'ai de la fièvre le matin")
    doctor.sees("J'ai de la fièvre le matin")
    row(doctor, "J'ai de la fièvre le matin").hover()
    row(doctor, "J'ai de la fièvre le matin").get_by_role("button", name="Reply").click()
    doctor.write("Since when?")
    for number in range(30):
        doctor.write(f"Line {number}")
    doctor.write("FIEVRE is fever, الحُمّى in Arabic")
    ann.sees("FIEVRE is fever, الحُمّى in Arabic")
    doctor.button("Search messages").click()
    field = doctor.page.get_by_role("searchbox", name="Search messages")
    expect(field).to_be_focused()
    field.fill("fievre")
    count = doctor.page.get_by_role("search").get_by_role("status")
    expect(count).to_have_text("1 of 2")
    expect(doctor.chat.locator("mark").last).to_be_in_viewport()
    doctor.page.keyboard.press("Enter")
    expect(count).to_have_text("2 of 2")
    expect(row(doctor, "J'ai de la fièvre le matin")).to_be_in_viewport()
    expect(row(doctor, "J'ai de la fièvre le matin").locator("mark")).to_have_text("fièvre")
    field.fill("الحمى")
    expect(count).to_have_text("1 of 1")
    field.fill("nowhere")
    expect(count).to_have_text("Nothing found")
    doctor.page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    quoting = row(doctor, "Since when?")
    quoting.scroll_into_view_if_needed()
    quoting.get_by_role("button", name=re.compile("fièvre")).click()
    expect(row(doctor, "J'ai de la fièvre le matin")).to_be_focused()
    doctor.page.keyboard.press("End")
    expect(row(doctor, "FIEVRE is fever, الحُمّى in Arabic")).to_be_focused()


def test_who_reads_above_is_not_moved_and_is_told_what_is_new(talk: tuple[Person, Person]) -> None:
    doctor, ann = talk
    expect(row(ann, "FIEVRE is fever, الحُمّى in Arabic")).to_be_in_viewport()
    ann.chat.evaluate("(list) => { list.scrollTop = 300 }")
    expect(ann.button("Jump to latest")).to_be_visible()
    before = ann.chat.evaluate(PLACE)
    doctor.write("New one")
    doctor.write("New two")
    expect(ann.button("2 new messages")).to_be_visible()
    assert ann.chat.evaluate(PLACE) == before
    expect(ann.page).to_have_title(re.compile(r"^\(2\) "))
    ann.button("2 new messages").tap()
    expect(row(ann, "New two")).to_be_in_viewport()
    expect(ann.chat.get_by_text("New messages", exact=True)).to_have_count(1)
    expect(ann.page).not_to_have_title(re.compile(r"^\("))
    ann.page.evaluate(LOOK_AWAY, True)
    doctor.write("Are you there?")
    expect(ann.page).to_have_title(re.compile(r"^\(1\) "))
    ann.page.evaluate(LOOK_AWAY, False)
    expect(ann.page).not_to_have_title(re.compile(r"^\("))


def test_a_screen_reader_is_told_what_comes_once_and_nothing_of_the_past(
    talk: tuple[Person, Person],
) -> None:
    doctor, ann = talk
    ann.page.add_init_script(f"({LISTEN})()")
    ann.page.reload()
    ann.sees("Are you there?")
    doctor.write("Spoken")
    ann.sees("Spoken")
    doctor.write("Corrected")
    ann.sees("Corrected")
    messages = [each for each in ann.page.evaluate("window.told") if ": " in each]
    assert [each.rpartition(": ")[2] for each in messages] == ["Spoken", "Corrected"]


def test_the_keyboard_walks_through_the_messages_and_opens_what_can_be_done(
    talk: tuple[Person, Person],
) -> None:
    doctor, _ = talk
    keyboard = doctor.page.keyboard
    row(doctor, "Corrected").focus()
    keyboard.press("ArrowUp")
    expect(row(doctor, "Spoken")).to_be_focused()
    keyboard.press("Shift+F10")
    menu = doctor.page.get_by_role("menu")
    expect(menu.get_by_role("menuitemradio", name="React with 👍")).to_be_focused()
    for _ in range(7):
        keyboard.press("ArrowDown")
    expect(menu.get_by_role("menuitem", name="Reply")).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(menu).to_have_count(0)
    expect(row(doctor, "Spoken")).to_be_focused()
    doctor.message_box.focus()
    keyboard.press("Control+v")
    expect(doctor.message_box).to_have_value("Spoken")
    doctor.message_box.fill("")


def test_a_draft_is_there_in_a_second_tab(talk: tuple[Person, Person]) -> None:
    doctor, _ = talk
    doctor.message_box.fill("not sent yet")
    second = Person("second tab", doctor.context, doctor.context.new_page())
    # Kept within a moment of the last letter.
    for _ in range(20):
        second.page.goto(doctor.page.url)
        expect(second.message_box).to_be_visible()
        if second.message_box.input_value() == "not sent yet":
            break
    expect(second.message_box).to_have_value("not sent yet")
    second.page.close()
    doctor.message_box.fill("")
    assert second.complaints == []
