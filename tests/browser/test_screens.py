"""Every screen of a visit: a picture of it in ``tests/browser/screens``, and what axe finds."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.people import Person, admit, clinician, join, new_context, new_session
from tests.serving import ServerProcess

SCREENS = Path(__file__).parent / "screens"
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PICTURE_IS_SHOWN = """async () => {
  const canvas = new OffscreenCanvas(1, 1)
  const context = canvas.getContext("2d", { willReadFrequently: true })
  const video = document.querySelector("figure.tile video")
  do {
    await new Promise((shown) => video.requestVideoFrameCallback(shown))
    context.drawImage(video, 0, 0, 1, 1)
  } while (context.getImageData(0, 0, 1, 1).data[1] < 100)  // the made-up camera is green
}"""


@dataclass(frozen=True)
class Look:
    """A kind of device, and how its screens are to be shown."""

    name: str
    width: int
    height: int
    scheme: str

    @property
    def options(self) -> dict[str, Any]:
        return {
            "viewport": {"width": self.width, "height": self.height},
            "color_scheme": self.scheme,
            "reduced_motion": "reduce",
        }


LOOKS = [
    Look("light", 1280, 800, "light"),
    Look("dark", 1280, 800, "dark"),
    Look("phone", 390, 844, "light"),
    Look("phone-dark", 390, 844, "dark"),
    Look("narrow", 320, 640, "light"),
]
IN_SHORT = {"light", "phone-dark", "narrow"}  # each width and both schemes


class Screens:
    """Takes the pictures of one look, and collects what axe finds."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.findings: list[str] = []

    def take(self, page: Page, name: str) -> None:
        folder = SCREENS / self.look.name
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")
        self.findings += [f"{name}: {finding}" for finding in axe(page)]
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            self.findings.append(f"{name}: {wide} px wider than the screen")


def in_every_look(shown: Sequence[tuple[Person, str]]) -> tuple[list[str], Screens]:
    """What is found on pages as they are, in all looks; and the last look, for going on."""
    findings: list[str] = []
    for look in LOOKS:
        screens = Screens(look)
        for person, name in shown:
            person.page.set_viewport_size({"width": look.width, "height": look.height})
            scheme = look.options["color_scheme"]
            person.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            screens.take(person.page, name)
        findings += screens.findings
    return findings, screens


def axe(page: Page) -> list[str]:
    """What axe-core says against the page as it is now."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("(tags) => axe.run({ runOnly: { type: 'tag', values: tags } })", RULES)
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def newcomer(browser: Browser, look: Look, name: str) -> Person:
    context = new_context(browser, **look.options)
    return Person(name, context, context.new_page())


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(look, id=look.name, marks=[] if look.name in IN_SHORT else [pytest.mark.long])
        for look in LOOKS
    ],
)
def test_every_screen_is_shown_whole_and_axe_finds_nothing(
    look: Look, server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    screens = Screens(look)
    doctor = clinician(first_browser, server.sign_in_link, **look.options)
    expect(doctor.page.get_by_role("heading", name="No sessions yet")).to_be_visible()
    screens.take(doctor.page, "01-no-sessions")
    link = new_session_screens(screens, doctor)
    doctor.write("Good morning. Please tell me how the knee is since Monday.")
    doctor.sees("Good morning. Please tell me how the knee is since Monday.")
    screens.take(doctor.page, "06-alone")

    ann = newcomer(second_browser, look, "Ann Miller")
    ann.page.goto(link[:-3])
    expect(ann.page.get_by_role("heading").first).to_be_visible()
    screens.take(ann.page, "03-link-not-complete")
    ann.page.goto("about:blank")
    ann.page.goto(link)
    expect(ann.page.get_by_label("Your name")).to_be_visible()
    screens.take(ann.page, "03-join")
    join(ann)
    ann.sees("Good morning. Please tell me how the knee is since Monday.")
    if look.width >= 900:
        ann.button("Check camera").click()
        expect(ann.page.locator("video").first).to_be_visible()
        screens.take(ann.page, "04-device-check")
    ann.write("Better, thank you! Stairs still hurt: https://example.org/stairs")
    doctor.write("I will send you an exercise.")
    ann.sees("I will send you an exercise.")
    screens.take(ann.page, "07-chat")
    panels(screens, doctor)
    call_screens(screens, doctor, ann)
    end_screens(screens, doctor, ann)
    doctor.context.close()
    ann.context.close()
    assert doctor.complaints + ann.complaints == []
    assert screens.findings == []


def new_session_screens(screens: Screens, doctor: Person) -> str:
    doctor.button("New session").click()
    dialog = doctor.page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox", name="Link for your patient")).to_have_value(
        re.compile("#")
    )
    screens.take(doctor.page, "02-new-session")
    dialog.get_by_text("Options", exact=True).click()
    screens.take(doctor.page, "02-new-session-options")
    dialog.get_by_role("button", name="Close").first.click()
    expect(doctor.page.get_by_role("listitem")).to_have_count(1)
    screens.take(doctor.page, "01-sessions")
    return new_session(doctor, title="Knee, Ann Miller")


def panels(screens: Screens, doctor: Person) -> None:
    doctor.open_panel("Participants")
    screens.take(doctor.page, "09-participants")
    doctor.button("Invite").click()
    screens.take(doctor.page, "09-invite")
    doctor.page.get_by_role("dialog").get_by_role("button", name="Close").first.click()
    doctor.open_panel("Security code")
    expect(doctor.page.get_by_role("list", name="Six groups of five digits")).to_be_visible()
    expect(doctor.page.get_by_role("img", name="QR code of the security code")).to_be_visible()
    screens.take(doctor.page, "10-security-code")
    doctor.open_panel("Chat")


def call_screens(screens: Screens, doctor: Person, ann: Person) -> None:
    show_stage(ann)
    show_stage(doctor)
    admit(doctor)
    ann.button("Start call").click()
    expect(doctor.button("Answer")).to_be_visible()
    screens.take(doctor.page, "06-ringing")
    doctor.button("Answer").click()
    for person in (doctor, ann):
        expect(person.button("Hang up")).to_be_visible()
        expect(person.page.locator("figure.tile video").first).to_be_visible()
    doctor.page.evaluate(PICTURE_IS_SHOWN)
    screens.take(doctor.page, "06-call")
    ann.button("Hang up").click()
    expect(doctor.button("Hang up")).to_have_count(0)
    screens.take(ann.page, "06-call-over")


def show_stage(person: Person) -> None:
    """On a phone the panel covers the stage until it is closed."""
    close = person.page.get_by_role("button", name=re.compile("^(Close|Back to the call)"))
    if not person.button("Start call").is_visible() and close.first.is_visible():
        close.first.click()


def end_screens(screens: Screens, doctor: Person, ann: Person) -> None:
    doctor.button("End session").click()
    sure = doctor.page.get_by_role("dialog").get_by_role("button", name="End session")
    expect(sure).to_be_visible()
    screens.take(doctor.page, "13-end-question")
    sure.click()
    for person in (doctor, ann):
        expect(person.page.get_by_role("heading", name="Visit ended")).to_be_visible()
    screens.take(doctor.page, "13-ended")


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[3]], ids=lambda look: look.name)
def test_an_entry_that_does_not_fit_raises_the_alarm_and_stops_sending(
    look: Look, server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    screens = Screens(look)
    doctor = clinician(first_browser, server.sign_in_link, **look.options)
    ann = newcomer(second_browser, look, "Ann Miller")

    def lie(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()

        def forward(message: str | bytes) -> None:
            entry = json.loads(message)
            if entry["type"] == "entry" and entry["kind"] == "chat":
                entry["parent"] = 0
            route.send(json.dumps(entry))

        upstream.on_message(forward)

    ann.page.route_web_socket(re.compile("/follow"), lie)
    ann.page.goto(new_session(doctor))
    join(ann)
    doctor.write("What the server passes on wrongly")
    alarm = ann.page.get_by_role("alert").filter(has_text="The server let an entry in")
    expect(alarm).to_be_visible()
    screens.take(ann.page, "12-alarm")
    nothing_goes_out(ann)
    ann.page.reload()
    expect(alarm).to_be_visible()
    nothing_goes_out(ann)
    ann.button("Leave").click()
    sure = ann.page.get_by_role("dialog", name="Leave this visit?")
    expect(sure).to_contain_text("the others cannot be told that you leave")
    sure.get_by_role("button", name="Delete from this device").click()
    expect(ann.page.get_by_text("The visit was deleted from this device.")).to_be_visible()
    ann.context.close()
    doctor.context.close()
    assert screens.findings == []


def nothing_goes_out(person: Person) -> None:
    """What is written stays in its field, and why is said."""
    person.write("May not go out")
    expect(person.page.get_by_text("Sending has stopped in this visit.")).to_be_visible()
    expect(person.message_box).to_have_value("May not go out")
