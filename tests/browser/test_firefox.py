"""The main path with a Firefox on one side and a Chromium on the other."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.firefox.fox import Fox, firefox
from tests.browser.people import clinician, new_session, patient
from tests.browser.seeing import two_pictures
from tests.serving import ServerProcess

pytestmark = pytest.mark.skipif(
    not (shutil.which("firefox-esr") or shutil.which("firefox")),
    reason="Firefox is not installed: tests/install-system",
)

SCREENS = Path(__file__).parent / "screens"

# Two different pictures of the other's camera, green as Chromium makes them up.
SEES_CHROMIUM = """
  (() => {
    const video = document.querySelector("figure.tile:not(.screen):not(.own) video")
    if (!video?.videoWidth) return false
    const canvas = new OffscreenCanvas(64, 36)
    const context = canvas.getContext("2d")
    context.drawImage(video, 0, 0, 64, 36)
    const { data } = context.getImageData(0, 0, 64, 36)
    let [green, blue] = [0, 0]
    data.forEach((value, at) => {
      if (at % 4 === 1) green += value / (64 * 36)
      if (at % 4 === 2) blue += value / (64 * 36)
    })
    if (green > 120 && blue < 60) (window.prints ??= new Set()).add(data.join())
    return window.prints?.size > 1
  })()
"""

# Two different pictures that are not black: Firefox makes its camera up as slowly turning colours.
SEES_FIREFOX = two_pictures("data.some((value, at) => at % 4 < 3 && value > 60)")


@pytest.fixture
def fox(tmp_path: Path) -> Iterator[Fox]:
    (tmp_path / "downloads").mkdir()
    with firefox(tmp_path / "downloads") as running:
        yield running
        assert running.do("complaints") == []


def await_bytes(path: Path, wanted: bytes) -> None:
    """Returns once the browser has written the whole file."""
    deadline = time.monotonic() + 20
    while not (path.exists() and path.read_bytes() == wanted):
        assert time.monotonic() < deadline, f"{path.name} was not saved"
        time.sleep(0.05)


def test_a_patient_with_firefox_has_the_whole_visit(
    server: ServerProcess, first_browser: Browser, fox: Fox, tmp_path: Path
) -> None:
    SCREENS.mkdir(exist_ok=True)
    doctor = clinician(first_browser, server.sign_in_link)
    fox.do("open", url=new_session(doctor))
    fox.fill("Your name", "Ann")
    fox.click("Join")
    fox.write("good morning from Firefox")
    doctor.sees("good morning from Firefox")
    doctor.write("good morning from Chromium")
    fox.sees("good morning from Chromium")

    scan = tmp_path / "scan.bin"
    scan.write_bytes(os.urandom(5_000_000))
    doctor.attach(scan)
    fox.click("Save scan.bin")
    await_bytes(tmp_path / "downloads/scan.bin", scan.read_bytes())
    (tmp_path / "answer.txt").write_text("a letter")
    fox.do("upload", role="button", name="Attach file", files=[str(tmp_path / "answer.txt")])
    expect(doctor.chat.get_by_text("answer.txt")).to_be_visible()

    doctor.button("Start call").click()
    fox.click("Answer")
    fox.until(SEES_CHROMIUM)
    doctor.page.evaluate(SEES_FIREFOX)
    fox.do("screenshot", path=str(SCREENS / "firefox-call.png"))
    fox.click("Mute")
    expect(doctor.page.get_by_text("Muted", exact=True).first).to_be_attached()
    fox.do("reload")
    fox.shows("Hang up")
    doctor.page.evaluate(SEES_FIREFOX)
    fox.click("Hang up")
    expect(doctor.button("Hang up")).to_have_count(0)
    fox.sees("good morning from Chromium")


def test_a_clinician_with_firefox_calls_a_patient(
    server: ServerProcess, second_browser: Browser, fox: Fox
) -> None:
    fox.do("open", url=server.sign_in_link)
    fox.click("New session")
    field = "document.querySelector('[role=dialog] input[readonly], dialog input[readonly]')"
    fox.until(f"{field}?.value.includes('#')")
    link = str(fox.evaluate(f"{field}.value"))
    fox.click("Open session")
    ann = patient(second_browser, link)
    fox.write("please come in")
    ann.sees("please come in")
    fox.click("Start call")
    ann.button("Answer").click()
    ann.page.evaluate(SEES_FIREFOX)
    fox.until(SEES_CHROMIUM)
    ann.button("Hang up").click()
    fox.no_longer_shows("Hang up")
    expect(ann.chat.get_by_text(re.compile("call", re.IGNORECASE)).first).to_be_visible()
