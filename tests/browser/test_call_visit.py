"""A call in a real visit: two browsers, the real server between them, the interface as people use it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.people import Person

# Resolves once the other's tile shows two different pictures in the fake camera's green.
SEEN = """
  async () => {
    const canvas = new OffscreenCanvas(64, 36)
    const context = canvas.getContext("2d", { willReadFrequently: true })
    const prints = new Set()
    const deadline = performance.now() + 20_000
    while (prints.size < 2) {
      await new Promise((next) => setTimeout(next, 50))
      if (performance.now() > deadline) throw new Error(document.body.innerText)
      const video = document.querySelector("figure.tile:not(.screen) video")
      if (!video?.videoWidth) continue
      context.drawImage(video, 0, 0, 64, 36)
      const { data } = context.getImageData(0, 0, 64, 36)
      const mean = [0, 0, 0]
      data.forEach((value, at) => { if (at % 4 < 3) mean[at % 4] += value / (64 * 36) })
      if (mean[1] > 120 && mean[2] < 60) prints.add(data.join())
    }
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


def test_after_a_reload_the_patient_is_back_with_one_click(visit: tuple[Person, Person]) -> None:
    doctor, ann = in_call(visit)
    ann.page.reload()
    ann.button("Join call").click()
    sees_other(ann)
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


def test_who_is_removed_in_the_middle_of_a_call_is_out_of_it(visit: tuple[Person, Person]) -> None:
    doctor, ann = in_call(visit)
    doctor.open_panel("Participants")
    doctor.button("Remove Ann").click()
    doctor.page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    for person in (ann, doctor):
        expect(person.button("Hang up")).to_have_count(0)
    expect(ann.page.locator("video")).to_have_count(0)
