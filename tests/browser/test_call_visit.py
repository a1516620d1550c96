"""A call in a real visit: two browsers and the real server, by the interface people use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.call_pages.turn import Turn
from tests.browser.devices import ASKED
from tests.browser.made_files import png
from tests.browser.people import Person, clinician, new_session, patient
from tests.browser.seeing import two_pictures
from tests.browser.test_files_shown import send
from tests.browser.test_screens import axe
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.alone

# The fake camera's green.
SEEN = two_pictures("mean[1] > 120 && mean[2] < 60")

# The kinds of the two ends of every candidate pair in use.
KEEP_CONNECTIONS = """
  window.connections = []
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...rest) {
      super(...rest)
      connections.push(this)
    }
  }
"""
KINDS_IN_USE = """
  async () => {
    const kinds = []
    for (const connection of connections) {
      const report = await connection.getStats()
      for (const pair of report.values()) {
        if (pair.type !== "candidate-pair" || !pair.nominated) continue
        for (const end of [pair.localCandidateId, pair.remoteCandidateId]) {
          kinds.push(report.get(end).candidateType)
        }
      }
    }
    return kinds
  }
"""


def sees_other(person: Person) -> None:
    person.page.evaluate(SEEN)


def in_call(visit: tuple[Person, Person]) -> tuple[Person, Person]:
    doctor, ann = visit
    expect(doctor.button("Start call")).to_be_enabled()
    doctor.button("Start call").click()
    ann.button("Answer").click()
    sees_other(ann)
    sees_other(doctor)
    return doctor, ann


def test_they_see_each_other_until_one_hangs_up(visit: tuple[Person, Person]) -> None:
    doctor, ann = in_call(visit)
    expect(doctor.button("Mute")).to_be_visible()
    ann.button("Hang up").click()
    for person in (doctor, ann):
        expect(person.button("Hang up")).to_have_count(0)
        expect(person.chat.get_by_text(re.compile("call", re.IGNORECASE)).first).to_be_visible()


def test_after_a_reload_the_patient_is_back_by_itself(visit: tuple[Person, Person]) -> None:
    doctor, ann = in_call(visit)
    ann.page.reload()
    expect(ann.button("Hang up")).to_be_visible()
    sees_other(ann)
    sees_other(doctor)


def test_who_was_muted_and_unseen_is_so_after_a_reload_until_they_say_otherwise(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = in_call(visit)
    ann.button("Mute").click()
    ann.button("Turn camera off").click()
    ann.page.add_init_script(ASKED)
    ann.page.reload()
    expect(ann.button("Unmute")).to_be_visible()
    expect(ann.button("Turn camera on")).to_be_visible()
    expect(doctor.page.get_by_text("Ann has no picture on")).to_be_visible()
    expect(doctor.page.get_by_text("Muted", exact=True).first).to_be_attached()
    assert ann.page.evaluate("asked") == {"audio": 0, "video": 0}
    ann.button("Unmute").click()
    expect(doctor.page.get_by_text("Muted", exact=True)).to_have_count(0)
    ann.button("Turn camera on").click()
    sees_other(doctor)


def test_muting_and_the_camera_are_told_to_the_other(visit: tuple[Person, Person]) -> None:
    doctor, ann = in_call(visit)
    ann.button("Mute").click()
    expect(doctor.page.get_by_text("Muted", exact=True).first).to_be_attached()
    ann.button("Turn camera off").click()
    expect(doctor.page.locator("figure.tile .placeholder")).to_be_visible()
    ann.button("Turn camera on").click()
    sees_other(doctor)


def test_a_declined_call_is_over_for_both(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    doctor.button("Start call").click()
    ann.button("Decline").click()
    for person in (doctor, ann):
        expect(person.button("Hang up")).to_have_count(0)
        expect(person.chat.get_by_text(re.compile("declined", re.IGNORECASE)).first).to_be_visible()


def test_a_call_is_seen_and_answered_over_a_file_that_fills_the_page(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    send(doctor, "knee.png", "image/png", png(640, 480))
    ann.button("Show knee.png").click()
    viewer = ann.page.get_by_role("dialog", name="knee.png")
    expect(viewer).to_be_visible()
    doctor.button("Start call").click()
    answer = viewer.get_by_role("button", name="Answer")
    expect(answer).to_be_visible()
    assert axe(ann.page) == []
    answer.click()
    expect(viewer).to_have_count(0)
    sees_other(ann)
    sees_other(doctor)


def test_a_call_is_answered_over_a_question_that_was_asked_meanwhile(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    doctor.button("Start call").click()
    expect(ann.button("Answer")).to_be_visible()
    ann.button("Leave").click()
    question = ann.page.get_by_role("dialog", name="Leave this visit?")
    expect(question.get_by_role("button", name="Answer")).to_be_visible()
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    ann.button("Answer").click()
    sees_other(ann)


def test_who_cannot_load_calls_is_told_so_and_can_load_the_page_again(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    doctor.page.route("**/assets/calls-*.js", lambda route: route.abort())
    ann = patient(second_browser, new_session(doctor))
    missing = doctor.page.get_by_role("alert").filter(has_text="Calls could not be loaded.")
    expect(missing).to_be_visible()
    expect(doctor.page.get_by_text("Ann is here")).to_be_visible()
    expect(doctor.button("Start call")).to_be_disabled()
    doctor.page.unroute_all()
    missing.get_by_role("button", name="Load the page again").click()
    expect(doctor.button("Start call")).to_be_enabled()
    expect(missing).to_have_count(0)
    assert doctor.complaints == []
    for person in (doctor, ann):
        person.context.close()


def test_who_is_removed_in_the_middle_of_a_call_is_out_of_it(visit: tuple[Person, Person]) -> None:
    doctor, ann = in_call(visit)
    doctor.open_panel("Participants")
    doctor.button("Remove Ann").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    for person in (ann, doctor):
        expect(person.button("Hang up")).to_have_count(0)
    expect(ann.page.locator("video")).to_have_count(0)


def test_a_session_that_asks_for_it_sends_its_calls_through_the_relay_only(
    tmp_path: Path, first_browser: Browser, second_browser: Browser, turn: Turn
) -> None:
    with serving(tmp_path, "--turn-url", turn.url, "--turn-secret", turn.secret) as server:
        doctor = clinician(first_browser, server.sign_in_link)
        doctor.context.add_init_script(KEEP_CONNECTIONS)
        doctor.page.reload()
        address = new_session(doctor, relay_only=True)
        visit = doctor, patient(second_browser, address)
        in_call(visit)
        kinds = doctor.page.evaluate(KINDS_IN_USE)
        assert kinds
        assert set(kinds) == {"relay"}
