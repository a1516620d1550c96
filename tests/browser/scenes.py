"""Every screen of the storyboard and what leads to it, in the play (``played.py``), in English."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

Step = Callable[[Page], object]


@dataclass(frozen=True)
class Scene:
    """A screen: its name, how the play comes to it, and what tells that it is there."""

    name: str
    query: str
    shows: str
    steps: tuple[Step, ...] = ()
    """Run in this order once ``shows`` is there."""
    then: str = ""
    """What the last step leads to."""

    def play(self, page: Page, address: str) -> None:
        page.context.set_offline(False)
        page.goto(f"{address}?{self.query}")
        expect(page.locator(self.shows).first).to_be_visible()
        for step in self.steps:
            step(page)
        if self.then:
            expect(page.locator(self.then).first).to_be_visible()


def click(name: str) -> Step:
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def tab(name: str) -> Step:
    return lambda page: page.get_by_role("tab", name=re.compile(f"^{name}")).click()


def unfold(words: str) -> Step:
    return lambda page: page.locator("summary", has_text=words).first.click()


def write(label: str, text: str) -> Step:
    return lambda page: page.get_by_label(label, exact=True).fill(text)


def key(selector: str, keys: str) -> Step:
    return lambda page: page.locator(selector).last.press(keys)


def choose(name: str) -> Step:
    return lambda page: page.get_by_role("menuitem", name=name, exact=True).click()


def attach(page: Page) -> None:
    """A program among the files: the person is asked first."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach file", exact=True).click()
    kind = "application/octet-stream"
    chooser.value.set_files(FilePayload(name="setup.exe", mimeType=kind, buffer=b"MZ"))


def go_offline(page: Page) -> None:
    """Once the words of all languages are there."""
    for tag in ("de", "es", "fr", "ar", "en"):
        page.evaluate("(tag) => window.speak(tag)", tag)
    page.context.set_offline(True)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator('[data-failure="device-offline"]')).to_be_visible()


def scroll_to_end(page: Page) -> None:
    page.evaluate("document.querySelector('dialog .inside, dialog')?.scrollTo(0, 1e6)")


def read_record(page: Page) -> None:
    """The record as a document of its own, as whoever saved it opens it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download to read").click()
    page.set_content(Path(download.value.path()).read_text())


DIALOG = "dialog[open]"
FORM = "#name"
CHAT = ".composer textarea"
STAGE = ".before-call > .button:enabled"
MENU = "[role=menu]"
CALL = ".call-bar"

FAILURES = ("link-malformed", "link-refused", "link-used-up", "ended", "expired")
MORE_FAILURES = ("unsupported-browser", "storage-unavailable", "server-unreachable", "internal")
OBSTACLES = ("insecure-page", "unsupported-browser", "in-app-browser")
TRIAL_FAILURES = (
    "camera-permission-denied",
    "camera-permission-dismissed",
    "camera-system-denied",
    "camera-no-device",
    "camera-busy-device",
    "camera-device-lost",
    "camera-failed",
    "microphone-permission-denied",
    "microphone-no-device",
    "microphone-busy-device",
    "camera-insecure",
    "camera-unsupported",
)


def trial(scene: str, name: str, then: str) -> Scene:
    steps = (click("Try camera and microphone first"),)
    return Scene(f"04-{name}", f"scene={scene}", FORM, steps, then)


SCENES = (
    # 1: the clinician's sessions
    Scene("01-no-sessions", "scene=empty", ".nothing"),
    Scene("01-sessions", "scene=dashboard", ".session-row", (unfold("Ended"),)),
    Scene(
        "01-nothing-found",
        "scene=many",
        ".session-row",
        (write("Search on this device", "xyz"),),
        "p[role=status]",
    ),
    Scene(
        "01-about",
        "scene=dashboard",
        ".session-row",
        (click("Notes and more: Second opinion"),),
        f"{DIALOG} textarea",
    ),
    Scene("01-signed-out", "scene=signed-out", "#signed-out"),
    Scene("01-sign-out", "scene=dashboard", ".session-row", (click("Sign out"),), DIALOG),
    Scene("01-sign-in-refused", "scene=sign-in", "[role=alert]"),
    Scene("01-sign-in-missing", "scene=sign-in-missing", "[role=alert]"),
    Scene("01-sign-in-offline", "scene=sign-in-unreachable", "[role=alert]"),
    Scene("01-nowhere", "scene=nowhere", "a.button"),
    # 2: a new session
    Scene("02-new-session", "scene=dashboard", ".session-row", (click("New session"),), DIALOG),
    Scene(
        "02-options",
        "scene=empty",
        ".nothing",
        (click("New session"), unfold("Options"), scroll_to_end),
        f"{DIALOG} details[open]",
    ),
    Scene(
        "02-invitation",
        "scene=empty",
        ".nothing",
        (click("New session"), unfold("Send it with a text")),
        f"{DIALOG} details[open] textarea",
    ),
    # 3: a link is opened
    Scene("03-join", "scene=join", FORM),
    Scene("03-join-without-name", "scene=join", FORM, (click("Join"),), "#name-hint.wrong"),
    Scene("03-join-knock", "scene=join-knock", FORM),
    Scene("03-join-changed-key", "scene=join-changed", FORM),
    Scene("03-countdown", "scene=join-agreed", FORM, (unfold("Put it into a calendar"),)),
    Scene("03-passcode", "scene=passcode", "#passcode"),
    Scene(
        "03-passcode-wrong",
        "scene=passcode",
        "#passcode",
        (write("Passcode", "9"), click("Continue")),
        "#passcode-wrong",
    ),
    Scene("03-knocking", "scene=knocking", "main .button"),
    Scene("03-knocking-refused", "scene=knocking-refused", "main .button.primary"),
    Scene("03-waiting-for-door", "scene=door", "main.stack [role=status]"),
    *(Scene(f"03-{each}", f"failure={each}", "[role=alert]") for each in FAILURES),
    *(Scene(f"03-{each}", f"failure={each}", "[role=alert]") for each in MORE_FAILURES),
    *(Scene(f"03-obstacle-{each}", f"obstacle={each}", "[role=alert]") for each in OBSTACLES),
    Scene("03-offline", "failure=server-unreachable", "[role=alert]", (go_offline,)),
    # 4: camera and microphone are tried
    trial("trial", "device-check", ".check-picture video"),
    trial("trial-dark", "picture-black", ".device-trial .notice"),
    trial("trial-silent", "silence", ".device-trial .notice"),
    *(trial(f"trial-{each}", each, "[data-device-error]") for each in TRIAL_FAILURES),
    Scene("04-inside", "scene=chat", STAGE, (click("Check camera"),), ".check-picture video"),
    # 5: the waiting room, and who waits
    Scene("05-waiting", "scene=waiting", ".waiting-known"),
    Scene("05-waiting-late", "scene=waiting-late", ".waiting-room .notice"),
    Scene("05-one-waits", "scene=host-waiting", ".waiting-bar"),
    Scene("05-two-wait", "scene=host-waiting-two", ".waiting-bar"),
    Scene("05-running-late", "scene=host", CHAT, (click("I am running late"),)),
    # 6: calls
    Scene("06-before-a-call", "scene=host", STAGE),
    Scene("06-alone", "scene=alone", CHAT),
    Scene("06-agreed", "scene=agreed", ".agreed"),
    Scene("06-ringing", "scene=call-out", CALL),
    Scene("06-incoming", "scene=incoming", ".incoming"),
    Scene("06-call", "scene=call", CALL),
    Scene("06-call-muted", "scene=call", CALL, (click("Mute"), click("Turn camera off"))),
    Scene("06-call-phone-cameras", "scene=call-phone", CALL),
    Scene("06-call-three", "scene=call-two", CALL),
    Scene("06-call-four", "scene=call-four", CALL),
    Scene("06-screen", "scene=call-screen", CALL),
    Scene("06-sharing", "scene=call-sharing", CALL),
    Scene("06-more", "scene=call", CALL, (click("More"),), f"{DIALOG} select"),
    Scene("06-plugged", "scene=call-plugged", CALL),
    Scene("06-device-failed", "scene=call-errors", ".notice.bad"),
    Scene("06-call-over", "scene=call-end", ".before-call"),
    Scene("06-missed", "scene=missed", ".before-call .notice"),
    Scene("06-ongoing", "scene=ongoing", ".before-call .notice"),
    Scene("06-unsupported", "scene=call-unsupported", ".before-call .notice"),
    # 7: chat
    Scene("07-chat-empty", "scene=chat-empty", CHAT),
    Scene("07-chat", "scene=chat", CHAT),
    Scene("07-changed", "scene=changed", CHAT),
    Scene("07-unread", "scene=unread", CHAT),
    Scene("07-states", "scene=states", ".send-state.failed"),
    Scene(
        "07-search",
        "scene=chat",
        CHAT,
        (click("Search messages"), lambda page: page.get_by_role("searchbox").fill("the")),
    ),
    Scene("07-menu", "scene=changed", CHAT, (key(".message.own:has(.acts)", "Enter"),), MENU),
    Scene(
        "07-reactions",
        "scene=changed",
        CHAT,
        (key(".message.other:has(.acts)", "Enter"), choose("More reactions")),
        f"{MENU} .emoji.all",
    ),
    Scene(
        "07-reply",
        "scene=changed",
        CHAT,
        (key(".message.other:has(.acts)", "Enter"), choose("Reply")),
        ".reply-to",
    ),
    Scene("07-edit", "scene=changed", CHAT, (key(CHAT, "ArrowUp"),), ".reply-to"),
    # 8: files
    Scene("08-files", "scene=files", ".transfer"),
    Scene("08-question", "scene=chat", CHAT, (attach,), DIALOG),
    Scene("08-photo", "scene=chat", CHAT, (click("Take a photo"),), f"{DIALOG} video"),
    Scene("08-voice", "scene=chat", CHAT, (click("Record a voice message"),), DIALOG),
    Scene("08-picture", "scene=chat", CHAT, (click("Show spray-bottle.png"),), "dialog[open] img"),
    # 9: people
    Scene("09-people", "scene=host", CHAT, (tab("Participants"),), ".roster"),
    Scene("09-people-of-a-guest", "scene=chat", CHAT, (tab("Participants"),), ".roster"),
    Scene("09-invite", "scene=host", CHAT, (tab("Participants"), click("Invite")), DIALOG),
    Scene(
        "09-invited",
        "scene=host",
        CHAT,
        (tab("Participants"), click("Invite"), click("Interpreter")),
        f"{DIALOG} input",
    ),
    Scene(
        "09-remove",
        "scene=host",
        CHAT,
        (tab("Participants"), click("Remove Ann Lindqvist")),
        DIALOG,
    ),
    Scene(
        "09-removed",
        "scene=host",
        CHAT,
        (
            tab("Participants"),
            click("Remove Ann Lindqvist"),
            lambda page: page.locator(DIALOG).get_by_role("button", name="Remove").click(),
        ),
        ".removed",
    ),
    Scene("09-asked-for-history", "scene=host-history", ".notice"),
    # 10: security
    Scene("10-security", "scene=chat", CHAT, (tab("Security code"),), "#panel-security ol"),
    Scene("10-matched", "scene=matched", CHAT, (tab("Security code"),), ".head-badge"),
    # 11: trouble
    Scene("11-weak", "scene=call-weak", CALL),
    Scene("11-paused", "scene=call-paused", CALL),
    Scene("11-write", "scene=call-write", CALL),
    Scene("11-cannot-be-opened", "scene=call-unopenable", CALL),
    Scene(
        "11-line",
        "scene=call-weak",
        CALL,
        (lambda page: page.get_by_role("button", name=re.compile("Weak line")).first.click(),),
        DIALOG,
    ),
    # 12: alarm
    Scene("12-alarm", "scene=alarm", "[role=alert]"),
    # 13: the end
    Scene("13-notes", "scene=host", CHAT, (tab("Notes"),), "#panel-notes textarea"),
    Scene("13-end-question", "scene=host", CHAT, (click("End session"),), DIALOG),
    Scene("13-leave-question", "scene=states", CHAT, (click("Leave"),), DIALOG),
    Scene("13-ended", "scene=ended", ".end"),
    Scene("13-ended-host", "scene=host-ended", ".end"),
    Scene("13-delete-question", "scene=ended", ".end", (click("Delete from this device"),), DIALOG),
    Scene("13-removed", "scene=removed", ".end"),
    Scene("13-left", "scene=left", ".end"),
)
