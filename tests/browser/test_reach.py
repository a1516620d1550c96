"""Every screen in every language, light and dark, wide, narrow and enlarged, without a finding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.people import new_context
from tests.browser.played import played
from tests.browser.scenes import SCENES, Scene
from tests.browser.test_keyboard import SEEN
from tests.browser.test_languages import OVERFLOW
from tests.browser.test_screens import AXE, RULES, SCREENS

LANGUAGES = ("en", "de", "es", "fr", "ar")
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
SMALL: list[ViewportSize] = [{"width": 320, "height": 640}, {"width": 640, "height": 400}]
"""A narrow phone, and a laptop whose page is enlarged to twice its size."""
PICTURES: list[tuple[str, ViewportSize, Literal["light", "dark"]]] = [
    ("en", WIDE, "light"),
    ("en", WIDE, "dark"),
    ("en", PHONE, "light"),
    ("en", PHONE, "dark"),
    ("de", PHONE, "light"),
    ("ar", WIDE, "light"),
    ("ar", PHONE, "light"),
]
SPEAK = """async (tag) => {
  await window.speak?.(tag)
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
}"""
FINDINGS = """async (runOnly) => {
  const { violations } = await axe.run({ runOnly, resultTypes: ["violations"] })
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}"""
SMALL_TARGETS = """() => {
  const inText = (element) => getComputedStyle(element).display === "inline"
  const controls = "button, a, input, select, summary, textarea, [role=tab], [role=menuitem]"
  return [...document.querySelectorAll(controls)].flatMap((element) => {
    const box = (element.closest("label.check") ?? element).getBoundingClientRect()
    if (box.width === 0 || inText(element) || element.closest(".unseen, .skip")) return []
    // Words may stay small on an area that takes a finger.
    const area = parseFloat(getComputedStyle(element, "::before").height) || 0
    if (box.width >= 43.5 && Math.max(box.height, area) >= 43.5) return []
    const size = `${Math.round(box.width)} x ${Math.round(box.height)}`
    return [`${size}: ${element.outerHTML.slice(0, 120)}`]
  })
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with played(tmp_path_factory.mktemp("play")) as address:
        yield address


@pytest.fixture(scope="module")
def page(first_browser: Browser) -> Iterator[Page]:
    context = new_context(
        first_browser, viewport=WIDE, reduced_motion="reduce", color_scheme="light", locale="en-GB"
    )
    page = context.new_page()
    page.add_init_script(AXE.read_text())
    yield page
    context.close()


IN_SHORT = 4  # one scene of so many is looked at in `make test`


def shown(number: int, scene: Scene) -> object:
    long = [pytest.mark.long] if number % IN_SHORT else []
    return pytest.param(scene, id=scene.name, marks=long)


@pytest.mark.parametrize("scene", [shown(*each) for each in enumerate(SCENES)])
def test_nothing_is_found(scene: Scene, page: Page, address: str) -> None:
    if page.url.startswith("http"):
        page.evaluate("() => localStorage.clear()")
    look = Look(scene, page)
    look.at(WIDE)
    scene.play(page, address)
    for tag in LANGUAGES:
        look.over(tag)
    look.at(PHONE)
    look.speak("en")
    look.find("phone", look.axe() + page.evaluate(SMALL_TARGETS))
    if "CARESEAL_PICTURES" in os.environ:
        look.pictures()
    assert not look.findings, "\n".join(look.findings)


class Look:
    """Looks one screen over and keeps what is wrong with it."""

    def __init__(self, scene: Scene, page: Page) -> None:
        self.scene = scene
        self.page = page
        self.findings: list[str] = []

    def at(self, size: ViewportSize) -> None:
        self.page.set_viewport_size(size)
        self.page.evaluate("new Promise(requestAnimationFrame)")

    def speak(self, tag: str) -> None:
        self.page.evaluate(SPEAK, tag)

    def find(self, where: str, what: list[str]) -> None:
        self.findings += [f"{where}: {each}" for each in what]

    def axe(self) -> list[str]:
        found: list[str] = self.page.evaluate(FINDINGS, RULES)
        return found

    def over(self, tag: str) -> None:
        """In one language: all of axe by day and by night, and the room for the words."""
        self.speak(tag)
        self.find(f"{tag}, light", self.axe() + self.page.evaluate(OVERFLOW))
        self.page.emulate_media(color_scheme="dark")
        self.find(f"{tag}, dark", self.axe())
        self.page.emulate_media(color_scheme="light")
        for size in SMALL:
            self.at(size)
            self.find(f"{tag}, {size['width']} px", self.page.evaluate(OVERFLOW))
        self.at(WIDE)

    def pictures(self) -> None:
        """For people: by day and night, from right to left, and on a phone."""
        for tag, size, scheme in PICTURES:
            self.speak(tag)
            self.at(size)
            self.page.emulate_media(color_scheme=scheme)
            device = "phone" if size == PHONE else "wide"
            folder = SCREENS / f"play-{device}-{tag}-{scheme}"
            self.page.screenshot(path=folder / f"{self.scene.name}.png")
        self.page.emulate_media(color_scheme="light")


FORCED = ("03-join", "06-call", "07-chat", "09-people", "12-alarm")
"""Screens with what could vanish where the system sets all colours: icons, badges, the bar."""
# A control without a frame, a fill of its own or words cannot be told from the ground.
VANISHED = """() => {
  const ground = getComputedStyle(document.body).backgroundColor
  return [...document.querySelectorAll("button, input, select, textarea")].flatMap((element) => {
    const box = element.getBoundingClientRect()
    if (box.width === 0) return []
    const { color, borderTopWidth, borderTopStyle, backgroundColor } = getComputedStyle(element)
    const framed = parseFloat(borderTopWidth) > 0 && borderTopStyle !== "none"
    const worded = element.textContent.trim() !== "" || element.querySelector("svg, img") !== null
    const read = worded && color !== backgroundColor && color !== ground
    return framed || read ? [] : [element.outerHTML.slice(0, 160)]
  })
}"""


TABS_ALIKE = """() => {
  const lines = new Map()
  for (const tab of document.querySelectorAll(".tabs [role=tab]"))
    lines.set(tab.ariaSelected, getComputedStyle(tab).borderBottomColor)
  return lines.size > 1 && lines.get("true") === lines.get("false") ? ["no tab looks chosen"] : []
}"""


@pytest.mark.parametrize(
    "scene", [each for each in SCENES if each.name in FORCED], ids=lambda scene: scene.name
)
def test_nothing_vanishes_where_the_system_sets_the_colours(
    scene: Scene, page: Page, address: str
) -> None:
    page.set_viewport_size(WIDE)
    page.emulate_media(forced_colors="active", color_scheme="dark")
    try:
        scene.play(page, address)
        page.screenshot(path=SCREENS / f"forced-{scene.name}.png")
        # Colours are the system's there, which axe does not know: it reads the style sheet's.
        found = [
            finding
            for finding in page.evaluate(FINDINGS, RULES) + page.evaluate(VANISHED)
            if not finding.startswith("color-contrast: ")
        ]
        found += page.evaluate(TABS_ALIKE)
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        unseen = page.evaluate(SEEN)
        assert found == []
        assert unseen == ""
    finally:
        page.emulate_media(forced_colors="none", color_scheme="light")
