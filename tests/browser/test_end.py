"""The end of a visit: what is asked before, what is offered after, and what then remains."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, Request, Route, expect

from tests.browser.people import Person
from tests.browser.test_screens import axe
from tests.serving import ServerProcess

NO_PICKER = "delete window.showSaveFilePicker"
ON_PRIVATE_DISK = """async () => {
  const root = await navigator.storage.getDirectory()
  const names = []
  for await (const folder of root.values())
    for await (const name of folder.keys()) names.push(name)
  return names
}"""
KEPT_RECORDS = """() => new Promise((resolve) => {
  indexedDB.open("careseal").onsuccess = ({ target }) => {
    const read = target.result.transaction("records").objectStore("records").getAllKeys()
    read.onsuccess = () => resolve(read.result)
  }
})"""


def end(person: Person) -> None:
    person.button("End session").click()
    sure = person.page.get_by_role("dialog")
    sure.get_by_role("button", name="End session").click()
    expect(person.page.get_by_role("heading", name="Visit ended")).to_be_visible()


def saved(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return Path(download.value.path()).read_bytes()


def test_what_is_unsent_is_said_before_the_end(visit: tuple[Person, Person]) -> None:
    doctor, _ = visit
    doctor.context.set_offline(True)
    doctor.write("Not sent yet")
    doctor.button("End session").click()
    sure = doctor.page.get_by_role("dialog")
    expect(sure).to_contain_text("1 message has not been sent.")
    sure.get_by_role("button", name="Cancel").click()
    doctor.context.set_offline(False)
    expect(doctor.chat.get_by_text("Sent", exact=True)).to_be_visible()
    doctor.button("End session").click()
    expect(sure).not_to_contain_text("has not been sent")


def test_who_leaves_or_ends_without_a_network_is_told_that_it_waits(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    for person, button, sure, waits, then in (
        (ann, "Leave", "Leave the visit", "You leave as soon as", "You left this visit"),
        (doctor, "End session", "End session", "The session ends as soon as", "Visit ended"),
    ):
        person.context.set_offline(True)
        person.button(button).click()
        dialog = person.page.get_by_role("dialog")
        dialog.get_by_role("button", name=sure, exact=True).click()
        expect(person.page.get_by_role("status").filter(has_text=waits)).to_be_visible()
        expect(person.button(button)).to_be_disabled()
        person.context.set_offline(False)
        expect(person.page.get_by_role("heading", name=then)).to_be_visible()


def test_what_was_not_sent_before_the_end_says_so_and_can_be_deleted(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    ann.context.set_offline(True)
    ann.write("Too late")
    expect(ann.chat.get_by_text("Waits for the connection")).to_be_visible()
    end(doctor)
    ann.context.set_offline(False)
    expect(ann.page.get_by_role("heading", name="Visit ended")).to_be_visible()
    expect(ann.chat.get_by_text("Not sent", exact=True)).to_be_visible()
    expect(ann.button("Send again")).to_have_count(0)
    assert "not sent" in saved(ann.page, "Download to read").decode()
    ann.page.reload()  # and is not asked
    ann.button("Delete").click()
    expect(ann.chat.get_by_text("Too late")).to_have_count(0)


def test_the_record_holds_all_and_the_end_is_for_reading(
    visit: tuple[Person, Person], server: ServerProcess, tmp_path: Path
) -> None:
    doctor, ann = visit
    doctor.page.evaluate(NO_PICKER)
    picture = tmp_path / "knee <b>.txt"
    picture.write_bytes(bytes(range(256)) * 40)
    ann.write("It hurts <script>alert(1)</script>")
    doctor.sees("It hurts <script>alert(1)</script>")
    ann.attach(picture)
    expect(doctor.chat.get_by_text(re.compile("knee"))).to_be_visible()
    ann.page.evaluate(NO_PICKER)
    with ann.page.expect_download():
        ann.chat.get_by_role("button", name=re.compile("^Save knee")).click()
    assert len(ann.page.evaluate(ON_PRIVATE_DISK)) == 1
    doctor.open_panel("Notes")
    doctor.page.get_by_label("Private notes").fill("Afraid of needles")
    expect(doctor.page.get_by_text("Saved", exact=True)).to_be_visible()
    end(doctor)
    expect(ann.page.get_by_text("The clinic has ended this visit.")).to_be_visible()
    expect(doctor.page.get_by_text(re.compile("^It lasted "))).to_be_visible()

    html = saved(doctor.page, "Download to read").decode()
    assert "It hurts &lt;script&gt;" in html
    assert "Afraid of needles" not in html
    doctor.page.get_by_role("checkbox", name="With my private notes").check()
    with zipfile.ZipFile(io.BytesIO(saved(doctor.page, "Download with files"))) as archive:
        names = archive.namelist()
        assert names[:2] == ["record.html", "record.json"]
        record = json.loads(archive.read("record.json"))
        (said,) = [each["file"] for each in record["entries"] if each["kind"] == "file"]
        assert said["path"] == names[2]
        assert archive.read(names[2]) == picture.read_bytes()
        html = archive.read("record.html").decode()
    assert (record["format"], record["version"]) == ("careseal-record", 1)
    assert "It hurts <script>alert(1)</script>" in [each.get("text") for each in record["entries"]]
    assert "Afraid of needles" in html
    assert record["notes"] == "Afraid of needles"
    expect(doctor.page.get_by_text("The archive is saved.")).to_be_visible()

    page = doctor.context.new_page()
    page.set_content(html)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.locator("script, img, a, iframe").count() == 0
    assert axe(page) == []
    page.close()

    doctor.page.reload()
    expect(doctor.page.get_by_role("heading", name="Visit ended")).to_be_visible()
    doctor.sees("It hurts <script>alert(1)</script>")
    expect(doctor.message_box).to_have_count(0)
    doctor.button("Delete at the server").click()
    sure = doctor.page.get_by_role("dialog", name="Delete this session at the server?")
    expect(sure).to_contain_text("What people already have on their devices stays there.")
    sure.get_by_role("button", name="Delete at the server").click()
    expect(doctor.page.get_by_text("The server has deleted the session.")).to_be_visible()
    session = doctor.page.url.rpartition("/")[2]
    assert not any(session.encode() in each.name.encode() for each in server.data.rglob("*"))
    doctor.sees("It hurts <script>alert(1)</script>")

    ann.button("Delete from this device").click()
    sure = ann.page.get_by_role("dialog")
    expect(sure).to_contain_text("The server keeps a sealed copy")
    sure.get_by_role("button", name="Delete from this device").click()
    expect(ann.page.get_by_text("The visit was deleted from this device.")).to_be_visible()
    assert ann.page.evaluate(ON_PRIVATE_DISK) == []
    kept = ann.page.evaluate(KEPT_RECORDS)
    assert not [key for key in kept if session in key], kept


HANDLES = """() => new Promise((resolve) => {
  indexedDB.open("careseal").onsuccess = ({ target }) => {
    const read = target.result.transaction("handles").objectStore("handles").getAllKeys()
    read.onsuccess = () => resolve(read.result)
  }
})"""
# Handles come with files that people drop; this one is of the page's own disk.
KEEP_HANDLE = """async (id) => {
  const root = await navigator.storage.getDirectory()
  const handle = await root.getFileHandle("letter.txt", { create: true })
  await new Promise((resolve) => {
    indexedDB.open("careseal").onsuccess = ({ target }) => {
      const write = target.result.transaction("handles", "readwrite")
      write.objectStore("handles").put(handle, id)
      write.oncomplete = resolve
    }
  })
}"""


def test_drafts_and_half_sent_files_go_from_the_device_too(
    visit: tuple[Person, Person], tmp_path: Path
) -> None:
    doctor, ann = visit

    def hold(route: Route, request: Request) -> None:
        """Parts of files do not get through."""
        if request.method == "PUT" and not request.url.endswith("/door"):
            route.abort()
        else:
            route.fallback()

    ann.context.route("**/*", hold)
    letter = tmp_path / "letter.txt"
    letter.write_text("x" * 100_000)
    ann.attach(letter)
    session = ann.page.url.rpartition("/")[2].partition("#")[0]
    ann.message_box.fill("Not sent, and not to be kept")
    kept = f"async (kind) => (await ({KEPT_RECORDS})()).some(([first]) => first === kind)"
    ann.page.wait_for_function(kept, arg="draft")
    ann.page.wait_for_function(kept, arg="transfer")
    (upload,) = [key[2] for key in ann.page.evaluate(KEPT_RECORDS) if key[0] == "transfer"]
    ann.page.evaluate(KEEP_HANDLE, upload)
    assert ann.page.evaluate(HANDLES) == [upload]
    end(doctor)
    ann.button("Delete from this device").click()
    sure = ann.page.get_by_role("dialog")
    sure.get_by_role("button", name="Delete from this device").click()
    expect(ann.page.get_by_text("The visit was deleted from this device.")).to_be_visible()
    left = f"async (id) => !(await ({KEPT_RECORDS})()).some((key) => key.includes(id))"
    ann.page.wait_for_function(left, arg=session)
    ann.page.wait_for_function(f"async () => (await ({HANDLES})()).length === 0")
