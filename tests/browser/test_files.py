"""Files between two browsers: sealed part by part, resumed, previewed, saved to disk."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Request, expect

from tests.browser.bare import bare_browser, bare_options
from tests.browser.memory import PeakMemory
from tests.browser.people import Person, clinician, new_session
from tests.browser.test_screens import SCREENS, axe
from tests.serving import ServerProcess, serving

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


def picture_of(person: Person, name: str) -> None:
    folder = SCREENS / "files"
    folder.mkdir(parents=True, exist_ok=True)
    person.page.screenshot(path=folder / f"{name}.png")


def test_what_has_no_room_is_said(first_browser: Browser, tmp_path: Path) -> None:
    limits = ("--limit=storedBytes=1000000", "--limit=allStoredBytes=500000")
    with serving(tmp_path, *limits) as server:
        doctor = clinician(first_browser, server.sign_in_link)
        new_session(doctor)
        for size, said in (
            (1_100_000, "This visit has no room left"),
            (600_000, "The server has no room left for any visit. Ask whoever runs it"),
        ):
            file = tmp_path / f"{size}.bin"
            file.write_bytes(bytes(size))
            doctor.attach(file)
            expect(doctor.page.locator(".transfer", has_text=file.name)).to_contain_text(said)
        doctor.context.close()


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


@pytest.mark.long
def test_a_file_of_400_mib_is_never_whole_in_memory(server: ServerProcess, tmp_path: Path) -> None:
    film = tmp_path / "film.bin"
    with film.open("wb") as file:
        file.write(os.urandom(MIB))
        file.truncate(400 * MIB)
    options = bare_options()
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
    assert saving.growth < 300 * MIB


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


def test_a_download_goes_on_after_a_reload_without_fetching_again_what_is_there(
    visit: tuple[Person, Person], big_file: Path
) -> None:
    doctor, ann = visit
    doctor.attach(big_file)
    button = file_in_chat(ann, "scan.bin")
    expect(button).to_be_visible(timeout=LONG)
    ann.page.evaluate(TO_PRIVATE_DISK)
    fetched: list[str] = []

    def enough(request: Request) -> bool:
        if "/parts/" in request.url:
            fetched.append(request.url)
        return len(fetched) == 8

    with ann.page.expect_event("requestfinished", enough, timeout=LONG):
        button.click()
    again: list[str] = []
    with ann.page.expect_download(timeout=LONG) as download:
        ann.page.reload()
        ann.page.on(
            "requestfinished",
            lambda request: again.append(request.url) if "/parts/" in request.url else None,
        )
    assert download.value.suggested_filename == "scan.bin"
    assert digest(download.value.path()) == digest(big_file)
    assert 0 < len(again) <= 22  # of 25; of the eight that had come, three may not have been kept
    ann.page.evaluate(
        """() => { window.showSaveFilePicker = () => new Promise((resolve) => resolve({
          createWritable: async () => ({
            write: () => new Promise(() => undefined), abort: async () => undefined
          })
        })) }"""
    )
    button.click()  # to a place of the person's choice, which the page forgets
    expect(ann.page.get_by_role("progressbar", name="Saving scan.bin")).to_be_visible()
    ann.page.reload()
    expect(ann.page.get_by_text("The page was loaded again before it was saved")).to_be_visible()
    ann.button("Cancel").click()
    expect(ann.page.get_by_role("progressbar")).to_have_count(0)


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


def test_several_files_are_looked_at_before_and_moved_as_one(
    visit: tuple[Person, Person], big_file: Path, tmp_path: Path
) -> None:
    doctor, ann = visit
    program, empty, letter = (tmp_path / name for name in ("setup.exe", "empty.txt", "letter.txt"))
    program.write_bytes(b"MZ")
    empty.touch()
    letter.write_text("Dear Ann")
    doctor.attach(letter)
    expect(file_in_chat(ann, "letter.txt")).to_be_visible()
    other = tmp_path / "film.bin"
    other.write_bytes(big_file.read_bytes())
    doctor.attach(big_file, other, program, empty, letter)
    expect(doctor.page.get_by_text("there is nothing in it: empty.txt")).to_be_visible()
    question = doctor.page.get_by_role("dialog", name="Send these too?")
    expect(question.get_by_role("listitem")).to_have_count(2)
    expect(question.get_by_role("listitem").first).to_contain_text("setup.exeThis is a program")
    expect(question.get_by_role("listitem").last).to_contain_text("sent this file already")
    assert axe(doctor.page) == []
    question.get_by_role("button", name="Do not send").click()
    expect(doctor.page.get_by_text("2 files on their way", exact=True)).to_be_visible()
    doctor.button("Pause all").click()
    expect(doctor.page.get_by_text("Paused", exact=True)).to_have_count(2)
    assert axe(doctor.page) == []
    picture_of(doctor, "queue")
    doctor.button("Go on with all").click()
    expect(doctor.page.get_by_text("Paused", exact=True)).to_have_count(0)
    doctor.button("Cancel all").click()
    expect(doctor.page.get_by_role("progressbar")).to_have_count(0)
    expect(doctor.chat.get_by_role("button", name=re.compile("^Save "))).to_have_count(1)


def test_a_file_that_was_asked_about_in_one_visit_is_not_sent_in_another(
    first_browser: Browser, server: ServerProcess, tmp_path: Path
) -> None:
    program = tmp_path / "setup.exe"
    program.write_bytes(b"MZ")
    doctor = clinician(first_browser, server.sign_in_link)
    new_session(doctor)
    doctor.attach(program)
    question = doctor.page.get_by_role("dialog", name="Send these too?")
    expect(question).to_be_visible()
    doctor.page.go_back()
    new_session(doctor)
    expect(question).to_have_count(0)
    doctor.attach(program)
    expect(question.get_by_role("listitem")).to_have_count(1)  # and not the one of the visit before
    doctor.context.close()


def test_a_file_sent_before_the_server_is_killed_arrives_after_its_restart(
    visit: tuple[Person, Person], big_file: Path, server: ServerProcess
) -> None:
    doctor, ann = visit
    attach_and_await_parts(doctor, big_file, 2)
    server.kill()
    server.start()
    assert digest(save(ann, "scan.bin")) == digest(big_file)


def test_all_files_of_a_visit_are_saved_as_one_archive(
    visit: tuple[Person, Person], tmp_path: Path
) -> None:
    doctor, ann = visit
    scan = tmp_path / "scan.bin"
    scan.write_bytes(os.urandom(5 * MIB))
    doctor.attach(scan)
    expect(file_in_chat(ann, "scan.bin")).to_be_visible()
    other = tmp_path / "other/Scan.bin"
    other.parent.mkdir()
    other.write_bytes(b"another of that name")
    ann.attach(other)
    expect(file_in_chat(ann, "Scan.bin")).to_be_visible()
    ann.page.evaluate(TO_PRIVATE_DISK)
    with ann.page.expect_download(timeout=LONG) as download:
        ann.button("Save all files").click()
    assert re.fullmatch(r"careseal-files-\d{4}-\d\d-\d\d\.zip", download.value.suggested_filename)
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert contents == {"scan.bin": scan.read_bytes(), "Scan (2).bin": other.read_bytes()}


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
        if kind == "dragover":
            expect(doctor.page.get_by_text("Drop files here")).to_be_visible()
            picture_of(doctor, "drop")
    expect(file_in_chat(ann, "x.svg")).to_be_visible()
    expect(ann.page.get_by_role("button", name=re.compile("Show"))).to_have_count(0)
    assert save(ann, "x.svg").read_text().startswith("<script>")
    assert ann.page.evaluate("window.ran") is None
