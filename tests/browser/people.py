"""A clinician and patients in browsers of their own, driven by the names that people see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

SOON = 15_000  # ms

expect.set_options(timeout=SOON)


@dataclass
class Person:
    """One browser profile with the session's page open."""

    name: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # The console repeats what the network did; to the person it is told in a sentence.
        network = re.search(
            r"Failed to load resource|net::ERR_|WebSocket connection|when fetching the script",
            message.text,
        )
        if message.type == "error" and not network:
            self.complaints.append(message.text)

    @property
    def message_box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def chat(self) -> Locator:
        return self.page.get_by_role("region", name="Messages", exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def write(self, text: str) -> None:
        self.message_box.fill(text)
        self.button("Send").click()

    def sees(self, text: str, timeout: int = SOON) -> None:
        """The text stands in the chat, once."""
        expect(self.chat.get_by_text(text, exact=True)).to_have_count(1, timeout=timeout)

    def attach(self, *files: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.button("Attach file").click()
        chooser.value.set_files(list(files))

    def leave(self) -> None:
        """To a page without script. Not to a blank one: it asks for the icon as a stranger."""
        self.page.goto(urljoin(self.page.url, "/healthz"))

    def open_panel(self, name: str) -> None:
        """Chat, Participants or Security code, by its tab."""
        self.page.get_by_role("tab", name=re.compile(name)).click()


@contextmanager
def browsing(playwright: Playwright, options: dict[str, Any]) -> Iterator[Browser]:
    browser = playwright.chromium.launch(**options)
    try:
        yield browser
    finally:
        browser.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(
        permissions=["camera", "microphone", "clipboard-read", "clipboard-write"], **options
    )
    context.set_default_timeout(SOON)
    return context


def clinician(browser: Browser, sign_in_link: str, **options: Any) -> Person:
    """A clinician who has signed in and sees the sessions."""
    context = new_context(browser, **options)
    person = Person("clinician", context, context.new_page())
    person.page.goto(sign_in_link)
    expect(person.page.get_by_role("heading", name="Your sessions")).to_be_visible()
    return person


def new_session(
    person: Person,
    title: str = "",
    passcode: str = "",
    *,
    relay_only: bool = False,
    needs_admitting: bool = False,
) -> str:
    """Makes a session from the dashboard, opens it, and gives the patient's link."""
    person.button("New session").click()
    dialog = person.page.get_by_role("dialog")
    link = dialog.get_by_role("textbox", name="Link for your patient")
    expect(link).to_have_value(re.compile("#"))
    options = passcode or relay_only or needs_admitting
    if title or options:
        before = link.input_value()
        dialog.get_by_label("Label (optional)").fill(title)
        if options:
            dialog.get_by_text("Options", exact=True).click()
            dialog.get_by_label("Passcode").fill(passcode)
            dialog.get_by_label("Calls through the relay only").set_checked(relay_only)
            dialog.get_by_label("Needs admitting").set_checked(needs_admitting)
            dialog.get_by_role("button", name="Make the link with these options").click()
            expect(link).not_to_have_value(before)
    value = link.input_value()
    dialog.get_by_role("button", name="Open session").click()
    expect(person.message_box).to_be_visible()
    return value


def patient(browser: Browser, link: str, name: str = "Ann", **options: Any) -> Person:
    """Somebody who opened the link, gave a name and joined."""
    context = new_context(browser, **options)
    person = Person(name, context, context.new_page())
    person.page.goto(link)
    join(person)
    return person


def admit(host: Person) -> None:
    """Lets in whoever waits."""
    host.button("Admit").click()


def join(person: Person) -> None:
    person.page.get_by_label("Your name").fill(person.name)
    person.button("Join").click()
    expect(person.message_box).to_be_visible()
