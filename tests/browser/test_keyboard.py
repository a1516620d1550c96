"""A whole visit without a pointer: from the link to hanging up, with nothing but keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.people import Person, new_context
from tests.serving import ServerProcess

MOST_STOPS = 80
# What has the focus can be seen to have it: it is on the page, framed, and not covered.
SEEN = """() => {
  const at = document.activeElement
  if (!at || at === document.body) return "the focus is nowhere"
  const { left, top, width, height } = at.getBoundingClientRect()
  // A message is framed around its bubble.
  const style = getComputedStyle(at.matches(".message") ? at.querySelector(".bubble") : at)
  const read = at.matches("dialog h2")  // has the focus to be read out, and does nothing
  const framed = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none"
  if (!read && !framed) return "no frame: " + at.outerHTML
  if (width * height === 0) return "no size: " + at.outerHTML
  const on = document.elementFromPoint(left + width / 2, top + height / 2)
  const whole = at.matches("[role=tabpanel], .messages, li, main, dialog")
  if (!whole && !(on && (at.contains(on) || on.contains(at)))) return "covered: " + at.outerHTML
  return ""
}"""
INSIDE = """(it) => {
  const at = document.activeElement
  return it.contains(at) || at === document.body
}"""
REGIONS = """() => {
  window.said = []
  delete Document.prototype.ariaNotify
  new MutationObserver(() => {
    for (const region of document.querySelectorAll("[aria-live], [role=status], [role=alert]"))
      window.said.push(region.textContent)
  }).observe(document, { childList: true, subtree: true, characterData: true })
}"""


class Keys(Person):
    """Somebody who has a keyboard and no pointer, and hears what live regions say."""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def at(self, place: Locator) -> None:
        """The focus is there, and everybody can see so."""
        expect(place).to_be_focused()
        expect_seen(self.page)

    def to(self, place: Locator, key: str = "Tab") -> None:
        """Walks until the focus is there; every stop on the way can be seen."""
        expect(place).to_be_visible()
        for _ in range(MOST_STOPS):
            if place.evaluate("(it) => it === document.activeElement"):
                expect_seen(self.page)
                return
            self.press(key)
            # Past the last place the browser's own buttons come, then the page again.
            if not self.page.evaluate("document.activeElement === document.body"):
                expect_seen(self.page)
        pytest.fail(f"{place} is not reached with {key}")

    def on(self, name: str, key: str = "Tab", within: Locator | None = None) -> None:
        """Walks to a button and presses it."""
        self.to((within or self.page).get_by_role("button", name=name, exact=True), key)
        self.press("Enter")

    def not_lost(self) -> None:
        self.page.wait_for_function("() => document.activeElement !== document.body")
        expect_seen(self.page)

    def hears(self, text: str) -> None:
        self.page.wait_for_function("(text) => said.some((each) => each.includes(text))", arg=text)


def expect_seen(page: Page) -> None:
    assert page.evaluate(SEEN) == ""


def somebody(browser: Browser, name: str, address: str) -> Keys:
    context = new_context(browser, reduced_motion="reduce")
    person = Keys(name, context, context.new_page())
    person.page.add_init_script(f"({REGIONS})()")
    # From the start: asked for only then, a key can be faster than the watch for what it opens.
    person.page.on("filechooser", lambda chooser: None)
    person.page.goto(address)
    return person


def test_a_visit_with_keys_alone(
    server: ServerProcess, first_browser: Browser, second_browser: Browser, tmp_path: Path
) -> None:
    doctor = somebody(first_browser, "clinician", server.sign_in_link)
    link = make_a_session(doctor)
    ann = somebody(second_browser, "Ann", link)
    join(ann)
    doctor.hears("Ann joined")
    admit(doctor)
    write(doctor, ann)
    attach(ann, doctor, tmp_path)
    look_around(doctor)
    call(doctor, ann)
    leave(ann)
    end(doctor)
    assert doctor.complaints + ann.complaints == []
    doctor.context.close()
    ann.context.close()


def make_a_session(doctor: Keys) -> str:
    expect(doctor.page.get_by_role("heading", name="No sessions yet")).to_be_visible()
    doctor.on("New session")
    dialog = doctor.page.get_by_role("dialog")
    link = dialog.get_by_role("textbox", name="Link for your patient")
    expect(link).to_have_value(re.compile("#"))
    stays_inside(doctor, dialog)
    doctor.press("Escape")
    expect(dialog).to_have_count(0)
    doctor.at(doctor.button("New session"))
    doctor.press("Enter")
    expect(link).to_have_value(re.compile("#"))
    value = link.input_value()
    doctor.on("Open session")
    expect(doctor.message_box).to_be_visible()
    doctor.not_lost()
    return value


def stays_inside(person: Keys, dialog: Locator) -> None:
    """The tab key goes round in the dialog, or out to the browser's own buttons and back in."""
    for key in ("Tab", "Shift+Tab"):
        for _ in range(25):
            person.press(key)
            assert dialog.evaluate(INSIDE)


def join(ann: Keys) -> None:
    name = ann.page.get_by_label("Your name")
    ann.at(name)
    ann.press("Enter")
    expect(ann.page.get_by_text("Write your name first.")).to_be_visible()
    ann.at(name)
    ann.type("Ann")
    ann.on("Join")
    expect(ann.message_box).to_be_visible()
    ann.not_lost()


def admit(doctor: Keys) -> None:
    doctor.hears("Ann is waiting")
    doctor.on("Admit")
    expect(doctor.button("Admit")).to_have_count(0)
    doctor.not_lost()


def write(doctor: Keys, ann: Keys) -> None:
    doctor.to(doctor.message_box)
    doctor.type("How is the knee?")
    doctor.press("Enter")
    doctor.at(doctor.message_box)
    ann.hears("How is the knee?")
    # One stop for all messages; the menu of a message opens with Enter.
    message = ann.page.locator("[data-row]", has_text="How is the knee?")
    ann.to(message)
    ann.press("Enter")
    menu = ann.page.get_by_role("menu")
    expect(menu).to_be_visible()
    ann.press("Escape")
    expect(menu).to_have_count(0)
    ann.at(message)
    ann.press("Enter")
    ann.to(menu.get_by_role("menuitem", name="Reply", exact=True), "ArrowDown")
    ann.press("Enter")
    ann.at(ann.message_box)
    ann.type("Better, thank you")
    ann.press("Enter")
    doctor.sees("Better, thank you")
    ann.at(ann.message_box)


def attach(ann: Keys, doctor: Keys, folder: Path) -> None:
    letter = folder / "letter.txt"
    letter.write_text("Dear Dr Roe")
    ann.to(ann.button("Attach file"), "Shift+Tab")
    with ann.page.expect_file_chooser() as chooser:
        ann.press("Enter")
    chooser.value.set_files(letter)
    expect(doctor.chat.get_by_text("letter.txt")).to_be_visible()
    doctor.hears("letter.txt")
    ann.not_lost()


def look_around(doctor: Keys) -> None:
    """Panels by arrow keys; a dialog within one of them, and back."""
    page = doctor.page
    tab = page.get_by_role("tab")
    doctor.to(page.get_by_role("tab", name="Chat"), "Shift+Tab")
    for name in ("Participants", "Security code", "Notes", "Chat", "Participants"):
        doctor.press("ArrowRight")
        doctor.at(tab.filter(has_text=name))
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
    doctor.on("Remove Ann")
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    stays_inside(doctor, question)
    doctor.on("Cancel")
    expect(question).to_have_count(0)
    doctor.at(doctor.button("Remove Ann"))


def call(doctor: Keys, ann: Keys) -> None:
    doctor.on("Start call", "Shift+Tab")
    ann.hears("is calling")
    ann.on("Answer")
    for person in (doctor, ann):
        expect(person.page.locator("figure.tile video").first).to_be_visible()
        person.not_lost()
    ann.at(ann.button("Mute"))
    doctor.hears("Ann is in the call")
    ann.press("m")
    expect(ann.button("Unmute")).to_be_visible()
    ann.hears("Your microphone is off")
    doctor.hears("Ann is muted")
    ann.press("v")
    expect(ann.button("Turn camera on")).to_be_visible()
    ann.hears("Your camera is off")
    ann.press("m", "v")
    expect(ann.button("Mute")).to_be_visible()
    expect(ann.button("Turn camera off")).to_be_visible()
    ann.on("More")
    dialog = ann.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    ann.press("Escape")
    expect(dialog).to_have_count(0)
    ann.at(ann.button("More"))
    ann.on("Hang up")
    for person in (doctor, ann):
        expect(person.button("Hang up")).to_have_count(0)
        person.not_lost()


def leave(ann: Keys) -> None:
    ann.on("Leave", "Shift+Tab")
    question = ann.page.get_by_role("dialog")
    expect(question).to_be_visible()
    ann.on("Leave the visit")
    expect(ann.page.get_by_role("heading", name="You left this visit")).to_be_visible()
    ann.not_lost()


def end(doctor: Keys) -> None:
    doctor.hears("Ann left")
    doctor.on("End session", "Shift+Tab")
    doctor.on("End session", within=doctor.page.get_by_role("dialog"))
    expect(doctor.page.get_by_role("heading", name="Visit ended")).to_be_visible()
    doctor.not_lost()
