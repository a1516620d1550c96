"""Files between two browsers: sealed part by part, resumed, previewed, saved to disk."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Playwright, Request, expect

from tests.browser.bare import bare_browser
from tests.browser.memory import PeakMemory
from tests.browser.people import Person
from tests.serving import ServerProcess

MIB = 1024 * 1024
LONG = 60_000  # ms

LINK = "document.querySelector('dialog input[readonly]')?.value"
TO_PRIVATE_DISK = "delete window.showSaveFilePicker"  # a dialog of the browser cannot be driven


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    path = tmp_path / "scan.bin"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(MIB))
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_in_chat(person: Person, name: str) -> Locator:
    return person.chat.get_by_role("button", name=f"Save {name}", exact=True)


def attach_and_await_parts(person: Person, path: Path, count: int) -> None:
    """Begins an upload, and returns when the server has ``count`` parts of it."""
    acknowledged: list[str] = []

    def enough(request: Request) -> bool:
        if "/parts/" in request.url:
            acknowledged.append(request.url)
        return len(acknowledged) == count

    with person.page.expect_event("requestfinished", enough, timeout=LONG):
        person.attach(path)


def save(person: Person, name: str) -> Path:
    """Saves the file as the browser's download; its path."""
    person.page.evaluate(TO_PRIVATE_DISK)
    button = file_in_chat(person, name)
    expect(button).to_be_visible(timeout=LONG)
    with person.page.expect_download(timeout=LONG) as download:
        button.click()
    assert download.value.suggested_filename == name
    return download.value.path()


def test_a_hundred_megabytes_go_each_way_unchanged(
    visit: tuple[Person, Person], big_file: Path
) -> None:
    doctor, ann = visit
    expected = digest(big_file)
    doctor.attach(big_file)
    assert digest(save(ann, "scan.bin")) == expected
    back = big_file.rename(big_file.with_name("back.bin"))
    ann.attach(back)
    assert digest(save(doctor, "back.bin")) == expected


def test_a_file_of_400_mib_is_never_whole_in_memory(
    server: ServerProcess,
    playwright: Playwright,
    chromium_options: dict[str, Any],
    tmp_path: Path,
) -> None:
    film = tmp_path / "film.bin"
    with film.open("wb") as file:
        file.write(os.urandom(MIB))
        file.truncate(400 * MIB)
    options = {"executable_path": playwright.chromium.executable_path, **chromium_options}
    with bare_browser(options, tmp_path / "clinician", server.sign_in_link) as doctor:
        doctor.click("New session")
        link = doctor.until(f"{LINK}?.includes('#') && {LINK}")
        doctor.click("Open session")
        with bare_browser(options, tmp_path / "patient", link) as ann:
            ann.fill("input", "Ann")
            ann.click("Join")
            ann.until("document.querySelector('textarea') !== null")
            ann.evaluate(f"{TO_PRIVATE_DISK}, true")
            with PeakMemory() as sending:
                doctor.until("document.querySelector('input[type=file]') !== null")
                doctor.choose("input[type=file]", film)
                ann.until("document.querySelector('[aria-label=\"Save film.bin\"]') !== null", 90)
            with PeakMemory() as saving:
                ann.click("Save film.bin")
                saved = ann.downloaded("film.bin", 90)
    assert digest(saved) == digest(film)
    assert sending.growth < 300 * MIB
    assert saving.growth < 150 * MIB


def test_an_upload_goes_on_after_a_reload_without_sending_again_what_is_there(
    visit: tuple[Person, Person], big_file: Path, server: ServerProcess
) -> None:
    doctor, ann = visit
    attach_and_await_parts(doctor, big_file, 5)
    doctor.page.reload()
    expect(doctor.page.get_by_role("progressbar")).to_be_visible()
    sent: list[str] = []
    doctor.page.on(
        "request", lambda request: sent.append(request.url) if request.method == "PUT" else None
    )
    with doctor.page.expect_file_chooser() as chooser:
        doctor.button("Choose the file again").click()
    chooser.value.set_files(big_file)
    assert digest(save(ann, "scan.bin")) == digest(big_file)
    parts = {url.rpartition("/")[2] for url in sent if "/parts/" in url}
    assert 0 < len(parts) <= 20  # of 25, five were there


def test_an_upload_can_be_paused_continued_and_cancelled(
    visit: tuple[Person, Person], big_file: Path
) -> None:
    doctor, ann = visit
    attach_and_await_parts(doctor, big_file, 1)
    doctor.button("Pause").click()
    expect(doctor.page.get_by_text("Paused", exact=True)).to_be_visible()
    doctor.button("Go on").click()
    expect(doctor.page.get_by_text("Paused", exact=True)).to_have_count(0)
    doctor.button("Cancel").click()
    expect(doctor.page.get_by_role("progressbar")).to_have_count(0)
    doctor.write("That was the wrong file")
    ann.sees("That was the wrong file")
    expect(file_in_chat(ann, "scan.bin")).to_have_count(0)


def test_a_file_sent_before_the_server_is_killed_arrives_after_its_restart(
    visit: tuple[Person, Person], big_file: Path, server: ServerProcess
) -> None:
    doctor, ann = visit
    attach_and_await_parts(doctor, big_file, 2)
    server.kill()
    server.start()
    assert digest(save(ann, "scan.bin")) == digest(big_file)


def test_a_picture_is_previewed_in_the_page(visit: tuple[Person, Person], tmp_path: Path) -> None:
    doctor, ann = visit
    picture = tmp_path / "knee.png"
    picture.write_bytes(red_png(640, 480))
    doctor.attach(picture)
    ann.button("Show knee.png").click()
    shown = ann.page.get_by_role("dialog").get_by_role("img", name="knee.png")
    expect(shown).to_be_visible()
    width, pixel = shown.evaluate(
        """async (image) => {
          await image.decode()
          const canvas = new OffscreenCanvas(1, 1)
          canvas.getContext("2d").drawImage(image, 0, 0)
          return [image.naturalWidth, [...canvas.getContext("2d").getImageData(0, 0, 1, 1).data]]
        }"""
    )
    assert width == 640
    assert pixel == [255, 0, 0, 255]


def test_a_dropped_file_is_sent_and_a_page_called_picture_is_not_run(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    data = doctor.page.evaluate_handle(
        """() => {
          const data = new DataTransfer()
          const page = "<script>window.ran = true</script>"
          data.items.add(new File([page], "x.svg", { type: "image/svg+xml" }))
          return data
        }"""
    )
    for kind in ("dragenter", "dragover", "drop"):
        doctor.chat.dispatch_event(kind, {"dataTransfer": data})
    expect(file_in_chat(ann, "x.svg")).to_be_visible()
    expect(ann.page.get_by_role("button", name=re.compile("Show"))).to_have_count(0)
    assert save(ann, "x.svg").read_text().startswith("<script>")
    assert ann.page.evaluate("window.ran") is None


def red_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + b"\xff\0\0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
