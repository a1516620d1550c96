"""What people do to a visit without meaning to: reloads, second tabs, dead lines, dead servers."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.people import (
    Person,
    clinician,
    new_context,
    new_session,
)
from tests.serving import ServerProcess

LONG = 45_000  # ms


def texts(person: Person, prefix: str) -> list[str]:
    """Messages that begin with ``prefix``, as shown, in order."""
    return person.chat.locator(".message").get_by_text(prefix).all_inner_texts()


def test_a_second_tab_shows_the_same_and_writes_too(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    ann.write("From the first tab")
    tab = ann.context.new_page()
    tab.goto(ann.page.url)
    second = Person("Ann", ann.context, tab)
    second.sees("From the first tab")
    second.write("From the second tab")
    for person in (doctor, ann, second):
        person.sees("From the second tab")
    doctor.write("Answer to both")
    ann.sees("Answer to both")
    second.sees("Answer to both")
    ann.page.close()
    second.write("The first tab is closed")
    doctor.sees("The first tab is closed")


def test_what_is_written_offline_goes_out_by_itself(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    ann.context.set_offline(True)
    ann.write("Written in the tunnel")
    expect(ann.chat.get_by_text("Waits for the connection")).to_be_visible()
    doctor.write("Are you there?")
    doctor.sees("Are you there?")
    ann.context.set_offline(False)
    doctor.sees("Written in the tunnel", LONG)
    ann.sees("Are you there?", LONG)
    expect(ann.chat.get_by_text("Waits for the connection")).to_have_count(0)


def test_what_is_written_offline_survives_a_reload(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    ann.context.route("**/api/**", lambda route: route.abort())
    ann.write("Written before the reload")
    ann.page.reload()
    ann.context.unroute("**/api/**")
    ann.sees("Written before the reload", LONG)
    doctor.sees("Written before the reload", LONG)


def test_a_reload_in_the_middle_of_writing_neither_loses_nor_doubles(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    for number in range(12):
        ann.write(f"Line {number}")
        if number % 3 == 2:
            ann.sees(f"Line {number}")  # what is shown is kept; it need not be sent yet
            ann.page.reload()
            expect(ann.message_box).to_be_visible()
    for number in range(12):
        doctor.sees(f"Line {number}")
    assert sorted(texts(doctor, "Line "), key=lambda text: int(text.split()[1])) == [
        f"Line {number}" for number in range(12)
    ]


@pytest.mark.small
def test_after_a_restore_carry_on_puts_everything_back_once(
    visit: tuple[Person, Person], server: ServerProcess, tmp_path: Path
) -> None:
    doctor, ann = visit
    copy = tmp_path / "copy"

    def careseal(*arguments: str | Path) -> None:
        subprocess.run([sys.executable, "-m", "careseal.cli", *map(str, arguments)], check=True)

    def log() -> list[tuple[object, ...]]:
        query = "SELECT seq, kind, parent, id, body FROM entry ORDER BY seq"
        with sqlite3.connect(server.data / "careseal.sqlite3") as database:
            return database.execute(query).fetchall()

    ann.write("Before the backup")
    doctor.sees("Before the backup")
    careseal("backup", copy, "--data", server.data)
    for number in range(3):
        doctor.write(f"Doctor after it {number}")
        ann.sees(f"Doctor after it {number}")
        ann.write(f"Ann after it {number}")
        doctor.sees(f"Ann after it {number}")
    server.kill()
    known = {row[0]: row for row in log()}
    shutil.rmtree(server.data)
    careseal("restore", copy, "--data", server.data)
    server.start()
    for person in visit:
        expect(person.button("Carry on")).to_be_visible(timeout=LONG)
    assert len(log()) < len(known)
    for person in visit:
        person.button("Carry on").click()
    for person in visit:
        expect(person.page.get_by_role("alert")).to_have_count(0, timeout=LONG)
        person.write(f"{person.name} goes on")
    for person in visit:
        for text in ("clinician goes on", "Ann goes on", "Doctor after it 2", "Ann after it 2"):
            person.sees(text, LONG)
        assert len(texts(person, "Ann after it ")) == 3
    now = log()
    assert len({row[3] for row in now}) == len({row[4] for row in now}) == len(now)
    assert {row[0]: row for row in now if row[0] in known} == known


def test_a_server_killed_while_both_write_loses_and_doubles_nothing(
    visit: tuple[Person, Person], server: ServerProcess
) -> None:
    doctor, ann = visit
    for round_ in range(3):
        for number in range(4):
            doctor.write(f"Doctor {round_}.{number}")
            ann.write(f"Ann {round_}.{number}")
        server.kill()
        doctor.write(f"Doctor while down {round_}")
        ann.write(f"Ann while down {round_}")
        server.start()
    expected = sorted(
        [
            f"{name} {round_}.{number}"
            for name in ("Doctor", "Ann")
            for round_ in range(3)
            for number in range(4)
        ]
        + [f"{name} while down {round_}" for name in ("Doctor", "Ann") for round_ in range(3)]
    )
    for person in visit:
        for text in expected:
            person.sees(text, LONG)
    for person in visit:
        person.page.reload()
        for text in expected:
            person.sees(text, LONG)


@pytest.mark.timeout(400)
def test_two_people_who_join_in_the_same_instant_both_get_in(
    server: ServerProcess, first_browser: Browser, second_browser: Browser, long: bool
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    for round_ in range(20 if long else 5):
        link = new_session(doctor)
        doctor.open_panel("Participants")
        doctor.button("Invite").click()
        dialog = doctor.page.get_by_role("dialog")
        dialog.get_by_role("button", name="Make link").click()
        other = dialog.get_by_role("textbox", name="Link").input_value()
        dialog.get_by_role("button", name="Close").first.click()
        doctor.open_panel("Chat")
        people = []
        for name, address in ((f"Ann {round_}", link), (f"Ben {round_}", other)):
            context = new_context(second_browser)
            people.append(Person(name, context, context.new_page()))
            people[-1].page.goto(address)
            people[-1].page.get_by_label("Your name").fill(name)
        for person in people:  # the clicks are sent without waiting for what they do
            person.page.evaluate(
                "setTimeout(() => [...document.querySelectorAll('button')]"
                ".find((button) => button.textContent === 'Join').click(), 300)"
            )
        for person in people:
            expect(person.message_box).to_be_visible(timeout=LONG)
            person.write(f"{person.name} is in")
        for person in (doctor, *people):
            for name in (people[0].name, people[1].name):
                person.sees(f"{name} is in", LONG)
        for person in people:
            person.context.close()
        doctor.page.goto(server.base_url)
