"""A call whose patient is behind a bad line: 300 kbit/s, 400 ms there and back, 5 % lost; or dead.

Media goes through a real coturn, and everything of the patient through ``tests/bad_line.py``.
Longer silences are in ``python -m bench.line``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.bad_line import BAD, GOOD, Conditions
from tests.browser.call_pages.turn import Turn
from tests.browser.far_visit import FarVisit, far_visit
from tests.browser.test_call_visit import sees_other

WORSE = Conditions(rate=60_000, delay=0.2, loss=0.05)  # enough for a voice
LONG = 60_000  # ms
OWN_PAUSE = "Your line is weak: the picture is paused, your voice goes on."
OTHERS_PAUSE = "Ann has a weak line: the picture is paused, the voice goes on."
GONE = "Line gone. Connecting again…"


@pytest.fixture
def visit(
    tmp_path: Path, first_browser: Browser, second_browser: Browser, turn: Turn
) -> Iterator[FarVisit]:
    with far_visit(tmp_path, first_browser, second_browser, turn) as visit:
        yield visit


@pytest.mark.long
def test_on_a_bad_line_the_voice_goes_on_the_picture_falls_and_rises_and_a_file_gets_through(
    visit: FarVisit, tmp_path: Path
) -> None:
    doctor, ann = visit.doctor, visit.ann
    letter = tmp_path / "letter.txt"
    letter.write_text("x" * 60_000)
    visit.call()
    visit.line.be(BAD)
    ann.attach(letter)
    assert visit.picture_at_doctor(most=640) > 0
    assert min(visit.both_hear(6)) >= 0.8
    expect(doctor.chat.get_by_text("letter.txt")).to_be_visible(timeout=LONG)
    visit.line.be(WORSE)
    expect(ann.page.get_by_text(OWN_PAUSE)).to_be_visible(timeout=LONG)
    expect(doctor.page.get_by_text(OTHERS_PAUSE)).to_be_visible(timeout=LONG)
    assert min(visit.both_hear(6)) >= 0.6
    visit.line.be(GOOD)
    expect(ann.page.get_by_text(OWN_PAUSE)).to_have_count(0, timeout=LONG)
    sees_other(doctor)
    assert visit.picture_at_doctor(least=640) > 0
    assert min(visit.both_hear(3)) > 0.6


@pytest.mark.long
def test_after_nothing_came_for_a_while_and_in_another_network_a_call_goes_on_by_itself(
    visit: FarVisit,
) -> None:
    doctor, ann = visit.doctor, visit.ann
    visit.call()
    visit.note_what_is_said()
    visit.line.be_dead_for(3)
    sees_other(doctor)
    sees_other(ann)
    assert GONE not in visit.said()
    visit.line.be(Conditions(dead=True))
    for person in (doctor, ann):
        expect(person.page.locator(".tile .line")).to_contain_text(GONE)
    visit.line.be(GOOD)
    for person in (doctor, ann):
        expect(person.page.locator(".tile .line")).not_to_contain_text(GONE)
        sees_other(person)
    path = visit.path()
    visit.line.change_network()
    visit.path(before=path)
    sees_other(doctor)
    sees_other(ann)
    assert min(visit.both_hear(3)) > 0.6
    ann.write("Still here")
    doctor.sees("Still here")
