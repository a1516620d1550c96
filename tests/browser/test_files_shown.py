"""Files shown in the page: what is harmless is, what only claims to be is named and left closed."""

from __future__ import annotations

import re

from playwright.sync_api import FilePayload, Locator, expect

from tests.browser.made_files import film, pdf, png, wav
from tests.browser.people import Person
from tests.browser.test_files import LONG, file_in_chat, picture_of, save
from tests.browser.test_screens import axe

HARMLESS = {
    "knee.png": ("image/png", png(640, 480)),
    "plan.pdf": ("application/pdf", pdf("Take one tablet", "Come again on Monday")),
    "heart.wav": ("audio/wav", wav(2)),
    "steps.webm": ("video/webm", film(20)),
}
RUNS = "<script>window.ran = true; top.ran = true; opener.ran = true</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="window.ran = true">{RUNS}</svg>'
JS_ACTION = "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\); window.ran = true) >>"
HOSTILE = {
    "page.jpg": ("image/jpeg", f"<!doctype html>{RUNS}".encode(), "a web page or a drawing"),
    "drawing.png": ("image/png", SVG.encode(), "a web page or a drawing"),
    "page.pdf": ("application/pdf", f"\n<html>%PDF-1.7 {RUNS}".encode(), "a web page or a drawing"),
    "bomb.png": ("image/png", png(60_000, 60_000, b"\0" * 1000), "would be enormous"),
    "song.mp3": ("audio/mpeg", b"MZ\x90\0" + bytes(100), "is a program"),
    "broken.pdf": ("application/pdf", b"%PDF-1.7\nno more than that", "could not be opened"),
    "broken.webm": ("video/webm", film(5)[:300], "cannot play"),
    "photo.heic": ("image/heic", b"\0\0\0\x18ftypheic" + bytes(99), "HEIC"),
}


def send(person: Person, name: str, mime: str, content: bytes) -> None:
    """As the file dialog gives it to the page: name and type are what somebody says."""
    with person.page.expect_file_chooser() as chooser:
        person.button("Attach file").click()
    chooser.value.set_files([FilePayload(name=name, mimeType=mime, buffer=content)])
    expect(file_in_chat(person, name)).to_be_visible(timeout=LONG)


def viewer(person: Person) -> Locator:
    return person.page.get_by_role("dialog")


def test_pictures_pdf_sound_and_film_are_shown_one_after_the_other(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    for name, (mime, content) in HARMLESS.items():
        send(doctor, name, mime, content)
    shown = viewer(ann)
    ann.button("Show knee.png").click()
    picture = shown.get_by_role("img", name="knee.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 640
    expect(shown.get_by_text("1 of 4", exact=True)).to_be_visible()
    expect(shown.get_by_role("button", name="File before")).to_have_attribute(
        "aria-disabled", "true"
    )
    before = picture.bounding_box()
    ann.page.keyboard.press("+")
    expect(shown.locator("[data-zoomed=true]")).to_be_visible()
    after = picture.bounding_box()
    assert before
    assert after
    assert after["width"] > 1.4 * before["width"]
    assert axe(ann.page) == []
    picture_of(ann, "picture")
    ann.page.keyboard.press("0")

    ann.page.keyboard.press("ArrowRight")
    page = shown.get_by_role("img", name="Page 1 of 2")
    assert black_dots(page) > 1000
    expect(shown.get_by_text("Take one tablet")).to_have_count(1)
    assert axe(ann.page) == []
    picture_of(ann, "pdf")

    ann.page.keyboard.press("ArrowRight")
    expect(shown.locator("audio")).to_be_visible()
    assert shown.locator("audio").evaluate(until("el.currentTime > 0.2")) is True
    picture_of(ann, "sound")

    shown.get_by_role("button", name="Next file").click()
    assert shown.locator("video").evaluate(until("el.readyState > 1 && el.videoWidth")) == 160
    expect(shown.get_by_text("4 of 4", exact=True)).to_be_visible()
    assert axe(ann.page) == []
    picture_of(ann, "film")

    ann.page.keyboard.press("Tab")
    ann.page.keyboard.press("Shift+Tab")
    assert ann.page.evaluate("document.activeElement.closest('dialog') !== null")
    ann.page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(ann.button("Show knee.png")).to_be_focused()


def test_what_only_claims_to_be_a_picture_is_named_and_not_opened(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    for name, (mime, content, _) in HOSTILE.items():
        send(doctor, name, mime, content)
    send(doctor, "active.pdf", "application/pdf", pdf("Only this", action=JS_ACTION))
    shown = viewer(ann)
    ann.button("Show page.jpg").click()
    for name, (_, _, sentence) in HOSTILE.items():
        expect(shown.get_by_role("heading", name=name)).to_be_visible()
        expect(shown.get_by_role("alert")).to_contain_text(sentence)
        if name == "bomb.png":
            assert axe(ann.page) == []
            picture_of(ann, "refused")
        ann.page.keyboard.press("ArrowRight")
    assert black_dots(shown.get_by_role("img", name="Page 1 of 1")) > 1000
    assert ann.page.evaluate("window.ran") is None
    assert [frame.url for frame in ann.page.frames] == [ann.page.url]
    ann.page.keyboard.press("Escape")
    expect(ann.chat.locator("img")).to_have_count(0)  # nobody made a thumbnail of them either
    assert b"window.ran" in save(ann, "page.jpg").read_bytes()


def test_a_picture_that_could_not_be_fetched_is_shown_when_tried_again(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    send(doctor, "knee.png", *HARMLESS["knee.png"])
    parts = re.compile("/parts/")
    ann.context.route(parts, lambda route: route.abort())
    ann.button("Show knee.png").click()
    shown = viewer(ann)
    expect(shown.get_by_role("alert")).to_contain_text("could not be opened")
    ann.context.unroute(parts)
    shown.get_by_role("button", name="Try again").click()
    expect(shown.get_by_role("img", name="knee.png")).to_be_visible()


def test_names_that_lie_about_place_and_ending_are_shown_and_saved_harmlessly(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    data = doctor.page.evaluate_handle(
        """() => {
          const data = new DataTransfer()
          const names = ["../../.bashrc", "report\\u202Efdp.exe", "a\\nb<i>.txt"]
          for (const name of names) data.items.add(new File(["x"], name, { type: "text/plain" }))
          return data
        }"""
    )
    doctor.chat.dispatch_event("drop", {"dataTransfer": data})
    question = doctor.page.get_by_role("dialog", name="Send these too?")
    expect(question.get_by_role("listitem")).to_contain_text("report_fdp.exe")
    question.get_by_role("button", name="Send", exact=True).click()
    for name in ("_.._.bashrc", "report_fdp.exe", "a_b_i_.txt"):
        assert save(ann, name).read_text() == "x"


def until(condition: str) -> str:
    """A function of an element ``el`` that gives the condition's value once it is true."""
    return f"""async (el) => {{
      for (;;) {{
        const value = {condition}
        if (value) return value
        await new Promise((next) => requestAnimationFrame(next))
      }}
    }}"""


def black_dots(page: Locator) -> int:
    """Pixels of the drawn page that are black, once it is drawn."""
    expect(page.locator("canvas")).to_be_visible()
    dots: int = page.locator("canvas").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
          let dots = 0
          for (let i = 0; i < data.length; i += 4) if (data[i] < 60 && data[i + 3] > 200) dots++
          return dots
        }"""
    )
    return dots
