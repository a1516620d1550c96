"""The interface in every language: whole on a phone, found right by axe, mirrored in Arabic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Response, expect

from tests.browser.people import Person, new_context
from tests.browser.test_screens import AXE, RULES
from tests.serving import ServerProcess, serving

SCREENS = Path(__file__).parent / "screens"
CATALOGUES = Path(__file__).parents[2] / "web/src/i18n"
LOCALES = {"de": "de-AT", "es": "es-MX", "fr": "fr-FR", "ar": "ar-EG"}
WIDTHS = [390, 320]
KB = 1000
OVERFLOW = """() => {
  const wide = []
  for (const element of document.querySelectorAll("body *")) {
    const { left, right, width } = element.getBoundingClientRect()
    const style = getComputedStyle(element)
    if (width <= 1 || style.visibility === "hidden") continue
    if (element.closest(".unseen, .skip, svg") || style.clipPath !== "none") continue
    if (left < -0.5 || right > innerWidth + 0.5) wide.push("off the screen: " + name(element))
    const frame = element.matches("button, a, input, select, [role=tab]") && framing(element)
    if (frame && (left < frame.left - 1 || right > frame.right + 1))
      wide.push("cut: " + name(element))
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    const cut = says && element.scrollWidth > element.clientWidth + 1
    const meant = style.textOverflow === "ellipsis" || /INPUT|SELECT|TEXTAREA/.test(element.tagName)
    if (cut && style.display !== "inline" && !meant) wide.push("too long: " + name(element))
  }
  if (document.documentElement.scrollWidth > innerWidth) wide.push("the page scrolls sideways")
  return wide
  function framing(element) {
    for (let each = element.parentElement; each !== document.body; each = each.parentElement)
      if (getComputedStyle(each).overflowX !== "visible") return each.getBoundingClientRect()
  }
  function name(element) {
    return `${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`
  }
}"""


FINDINGS = """async (tags) => {
  const runOnly = { type: "tag", values: tags }
  const { violations } = await axe.run({ runOnly, resultTypes: ["violations"] })
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}"""


SIDE = """(line) => {
  const bubbles = [...document.querySelectorAll(".bubble")]
  const own = bubbles.find(({ textContent }) => textContent.includes(line)).getBoundingClientRect()
  return own.left + own.right < innerWidth ? "left" : "right"
}"""


class Words:
    """The texts of one language, as its catalogue has them."""

    def __init__(self, tag: str) -> None:
        found = re.findall(r'"([\w.-]+)":\s+"([^"]+)"', (CATALOGUES / f"{tag}.ts").read_text())
        self.tag = tag
        self.texts: dict[str, str] = dict(found)

    def __getitem__(self, key: str) -> str:
        return self.texts[key]


class Speaker(Person):
    """Somebody whose interface is not English; every screen that they see is looked over."""

    def speak(self, words: Words) -> Speaker:
        self.words = words
        self.findings: list[str] = []
        return self

    def says(self, key: str) -> Locator:
        return self.button(self.words[key])

    def take(self, name: str) -> None:
        """Looks the screen over at both widths, for axe and as a picture at the wider one."""
        for width in reversed(WIDTHS):
            self.page.set_viewport_size({"width": width, "height": 844})
            wide = self.page.evaluate(OVERFLOW)
            self.findings += [f"{name}, {width} px: {finding}" for finding in wide]
        folder = SCREENS / self.words.tag
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        self.findings += [f"{name}: {each}" for each in self.page.evaluate(FINDINGS, RULES)]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("languages")) as server:
        yield server


@pytest.fixture(scope="module")
def desk(shared_server: ServerProcess, first_browser: Browser) -> Iterator[Page]:
    """A clinician's profile that has signed in; each language opens a page of it."""
    context = new_context(first_browser)
    page = context.new_page()
    page.goto(shared_server.sign_in_link)
    expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()
    yield page
    context.close()


def speaker(browser: Browser, tag: str, **options: Any) -> Speaker:
    context = new_context(
        browser,
        locale=LOCALES[tag],
        viewport={"width": WIDTHS[0], "height": 844},
        reduced_motion="reduce",
        **options,
    )
    return Speaker(NAMES[tag], context, context.new_page()).speak(Words(tag))


NAMES = {"de": "Änne Müller", "es": "Íñigo Peña", "fr": "Zoé Lefèvre", "ar": "ليلى حداد"}
LINES = {
    "de": "Das Knie tut auf der Treppe noch weh.",
    "es": "La rodilla todavía me duele en las escaleras.",
    "fr": "Le genou me fait encore mal dans l’escalier.",
    "ar": "ما زالت الركبة تؤلمني على الدرج.",
}


@pytest.mark.parametrize("tag", LOCALES)
def test_a_visit_is_whole_on_a_phone(
    tag: str, desk: Page, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = speaker(first_browser, tag, storage_state=desk.context.storage_state())
    words = doctor.words
    doctor.page.goto(desk.url)
    expect(doctor.page.get_by_role("heading", name=words["dashboard.title"])).to_be_visible()
    right_language(doctor.page, tag)
    doctor.take("01-no-sessions")
    doctor.says("dashboard.new").click()
    dialog = doctor.page.get_by_role("dialog")
    link = dialog.get_by_role("textbox", name=words["newSession.link"])
    expect(link).to_have_value(re.compile("#"))
    expect(link).to_have_css("direction", "ltr")
    dialog.get_by_text(words["newSession.options"], exact=True).click()
    doctor.take("02-new-session")
    address = link.input_value()
    dialog.get_by_role("button", name=words["newSession.open"]).click()
    expect(doctor.page.get_by_role("textbox", name=words["chat.message"])).to_be_visible()

    patient = speaker(second_browser, tag)
    patient.page.goto(address[:-3])
    expect(patient.page.get_by_role("heading").first).to_have_text(
        words["failure.link-malformed.title"]
    )
    patient.take("03-link-not-complete")
    patient.leave()
    patient.page.goto(address)
    name = patient.page.get_by_label(words["join.name"], exact=True)
    expect(name).to_be_visible()
    right_language(patient.page, tag)
    patient.take("03-join")
    name.fill(patient.name)
    patient.says("join.button").click()
    in_the_visit(doctor, patient)
    findings = doctor.findings + patient.findings + doctor.complaints + patient.complaints
    patient.context.close()
    doctor.context.close()
    assert findings == []


def in_the_visit(doctor: Speaker, patient: Speaker) -> None:
    words = doctor.words
    line = LINES[words.tag]
    patient.page.get_by_role("textbox", name=words["chat.message"]).fill(line)
    patient.says("chat.send").click()
    expect(doctor.page.get_by_text(line, exact=True)).to_be_visible()
    expect(patient.page.get_by_text(words["state.seen"], exact=True)).to_be_visible()
    patient.take("07-chat")
    assert patient.page.evaluate(SIDE, line) == ("left" if words.tag == "ar" else "right")
    doctor.page.get_by_role("tab", name=words["tab.participants"]).click()
    people = doctor.page.get_by_role("tabpanel", name=words["tab.participants"])
    expect(people.get_by_role("listitem").filter(has_text=patient.name)).to_be_visible()
    doctor.take("09-participants")
    doctor.page.get_by_role("tab", name=words["tab.security"]).click()
    code = doctor.page.get_by_role("list", name=words["security.code"])
    expect(code).to_have_css("direction", "ltr")
    expect(code).to_have_text(re.compile(r"^[0-9\s]+$"))
    expect(doctor.page.get_by_role("img", name=words["security.qr"])).to_be_visible()
    doctor.take("10-security-code")
    doctor.says("end.button").click()
    dialog = doctor.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    doctor.take("13-end-question")
    dialog.get_by_role("button", name=words["end.button"], exact=True).click()
    expect(patient.page.get_by_role("heading", name=words["end.title"])).to_be_visible()
    patient.take("13-ended")


def right_language(page: Page, tag: str) -> None:
    html = page.locator("html")
    expect(html).to_have_attribute("lang", tag)
    expect(html).to_have_attribute("dir", "rtl" if tag == "ar" else "ltr")


def test_the_page_has_its_direction_before_anything_is_painted(
    shared_server: ServerProcess, second_browser: Browser
) -> None:
    patient = speaker(second_browser, "ar")
    patient.page.add_init_script(
        """new MutationObserver((_, watch) => {
          if (!document.querySelector("#app > :not(.too-old)")) return
          watch.disconnect()
          window.directionAtFirst = document.documentElement.dir
        }).observe(document, { childList: true, subtree: true })"""
    )
    patient.page.goto(shared_server.base_url + "/sign-in")
    expect(patient.page.get_by_role("heading").first).to_be_visible()
    assert patient.page.evaluate("directionAtFirst") == "rtl"
    patient.context.close()


def test_arabic_is_mirrored(shared_server: ServerProcess, second_browser: Browser) -> None:
    """The brand stands as far from the right as it does from the left in French."""
    from_start = {}
    for tag in ("fr", "ar"):
        person = speaker(second_browser, tag)
        person.page.goto(shared_server.base_url + "/sign-in")
        title = person.words["signIn.missing.title"]
        expect(person.page.get_by_role("heading", name=title)).to_be_visible()
        box = person.page.evaluate(
            "document.querySelector('.brand').getBoundingClientRect().toJSON()"
        )
        from_start[tag] = box["left"] if tag == "fr" else WIDTHS[0] - box["right"]
        person.context.close()
    assert from_start["ar"] == pytest.approx(from_start["fr"], abs=1)
    assert from_start["fr"] < WIDTHS[0] / 4


def test_a_language_that_was_chosen_stays(
    shared_server: ServerProcess, second_browser: Browser
) -> None:
    person = speaker(second_browser, "de")
    page = person.page
    page.goto(shared_server.base_url)
    page.get_by_label(person.words["language.label"]).select_option(label="العربية")
    arabic = Words("ar")
    expect(page.get_by_role("heading").first).to_have_text(arabic["dashboard.title"])
    expect(page).to_have_title(re.compile(arabic["dashboard.title"]))
    page.reload()
    expect(page.get_by_role("heading").first).to_have_text(arabic["dashboard.title"])
    right_language(page, "ar")
    page.get_by_label(arabic["language.label"]).select_option(label="English")
    expect(page.get_by_role("heading").first).to_have_text("Your sessions")
    right_language(page, "en")
    page.context.close()
    assert person.complaints == []


def test_the_join_page_in_the_longest_language_weighs_at_most_165_kb(
    desk: Page, second_browser: Browser
) -> None:
    desk.get_by_role("button", name="New session").click()
    box = desk.get_by_role("textbox", name="Link for your patient")
    expect(box).to_have_value(re.compile("#"))
    patient = speaker(second_browser, "ar")
    loaded: list[Response] = []

    def remember(response: Response) -> None:
        loaded.append(response)

    patient.page.on("response", remember)
    patient.page.goto(box.input_value())
    expect(patient.page.get_by_label(patient.words["join.name"], exact=True)).to_be_visible()
    patient.page.wait_for_load_state("networkidle")
    sizes = {response.url: response.request.sizes()["responseBodySize"] for response in loaded}
    patient.context.close()
    others = [url for url in sizes if re.search(r"/(de|es|fr)-[^/]*\.js$", url)]
    assert others == []
    assert any("/ar-" in url for url in sizes)
    assert sum(sizes.values()) <= 165 * KB, sizes
