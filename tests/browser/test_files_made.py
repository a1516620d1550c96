"""Photos and spoken messages made in the page; the camera is on no longer than needed."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.people import Person
from tests.browser.test_files import LONG, picture_of
from tests.browser.test_files_shown import until
from tests.browser.test_screens import axe

REMEMBER_TRACKS = """() => {
  window.tracks = []
  const media = navigator.mediaDevices
  const open = media.getUserMedia.bind(media)
  media.getUserMedia = async (wanted) => {
    const stream = await open(wanted)
    window.tracks.push(...stream.getTracks())
    return stream
  }
}"""
LIVE_TRACKS = "window.tracks.filter((track) => track.readyState === 'live').length"


def test_a_photo_is_taken_looked_at_taken_again_and_sent(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    ann.page.evaluate(REMEMBER_TRACKS)
    ann.button("Take a photo").click()
    dialog = ann.page.get_by_role("dialog", name="Take a photo")
    camera = dialog.locator("video")
    assert camera.evaluate(until("el.videoWidth > 0"))
    assert ann.page.evaluate(LIVE_TRACKS) == 1
    assert axe(ann.page) == []
    dialog.get_by_role("button", name="Take the photo").click()
    expect(dialog.get_by_role("img", name="The photo that you took")).to_be_visible()
    ann.page.wait_for_function(f"() => {LIVE_TRACKS} === 0")
    assert axe(ann.page) == []
    picture_of(ann, "photo")
    dialog.get_by_role("button", name="Take it again").click()
    assert camera.evaluate(until("el.videoWidth > 0"))
    dialog.get_by_role("button", name="Take the photo").click()
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_have_count(0)
    expect(ann.button("Take a photo")).to_be_focused()
    shown = doctor.chat.get_by_role("button", name=re.compile(r"Show Photo \d{4}-\d\d-\d\d.*\.jpg"))
    expect(shown.locator("img")).to_be_visible(timeout=LONG)
    ann.button("Take a photo").click()
    assert camera.evaluate(until("el.videoWidth > 0"))
    ann.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    ann.page.wait_for_function(f"() => {LIVE_TRACKS} === 0")


def test_a_spoken_message_is_recorded_listened_to_sent_and_played(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    ann.page.evaluate(REMEMBER_TRACKS)
    ann.button("Record a voice message").click()
    dialog = ann.page.get_by_role("dialog", name="Record a voice message")
    expect(dialog.get_by_text("Recording. Speak now.")).to_be_visible()
    expect(dialog.get_by_role("timer")).to_have_text("0:02")
    assert dialog.get_by_role("meter").evaluate(until("el.value > 0"))
    assert axe(ann.page) == []
    picture_of(ann, "recording")
    ann.page.keyboard.press("Escape")  # keeps what was said
    play = dialog.get_by_role("button", name="Play: Voice message")
    expect(play).to_be_visible()
    ann.page.wait_for_function(f"() => {LIVE_TRACKS} === 0")
    play.click()
    assert dialog.locator("audio").evaluate(until("el.currentTime > 0.1"))
    assert axe(ann.page) == []
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_have_count(0)
    player = doctor.chat.get_by_role("button", name="Play: Voice message")
    expect(player).to_be_visible(timeout=LONG)
    expect(doctor.chat.locator(".voice .timer")).to_have_text(re.compile(r"0:0[2-9]"))
    player.click()
    expect(doctor.chat.get_by_role("button", name="Pause: Voice message")).to_be_visible()
    assert doctor.chat.locator("audio").evaluate(until("el.currentTime > 0.1"))
    assert axe(doctor.page) == []
    picture_of(doctor, "voice")
    ann.button("Record a voice message").click()
    expect(dialog.get_by_text("Recording. Speak now.")).to_be_visible()
    dialog.get_by_role("button", name="Stop and listen").click()
    ann.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    ann.page.wait_for_function(f"() => {LIVE_TRACKS} === 0")


NO_ROOM = """() => {
  window.noRoom = true
  const { put } = IDBObjectStore.prototype
  IDBObjectStore.prototype.put = function (value, key) {
    if (window.noRoom && key?.[0] === "transfer") throw new DOMException("", "QuotaExceededError")
    return put.call(this, value, key)
  }
}"""


def recording(person: Person) -> Locator:
    """The dialog, with something recorded."""
    person.button("Record a voice message").click()
    dialog = person.page.get_by_role("dialog", name="Record a voice message")
    expect(dialog.get_by_role("timer")).to_have_text("0:01")
    dialog.get_by_role("button", name="Stop and listen").click()
    return dialog


def test_what_the_device_has_no_room_for_stays_in_its_dialog(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    dialog = recording(ann)
    ann.page.evaluate(NO_ROOM)
    dialog.get_by_role("button", name="Send").click()
    expect(ann.page.get_by_text("is not sent. There is no room left")).to_be_visible()
    expect(dialog.get_by_role("button", name="Play: Voice message")).to_be_visible()
    ann.page.evaluate("window.noRoom = false")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_have_count(0)
    expect(doctor.chat.get_by_role("button", name="Play: Voice message")).to_be_visible(
        timeout=LONG
    )


def test_a_spoken_message_that_could_not_be_fetched_is_played_later(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    recording(ann).get_by_role("button", name="Send").click()
    player = doctor.chat.get_by_role("button", name="Play: Voice message")
    expect(player).to_be_visible(timeout=LONG)
    parts = re.compile("/parts/")
    doctor.context.route(parts, lambda route: route.abort())
    player.click()
    expect(doctor.page.get_by_text("could not be fetched now")).to_be_visible()
    doctor.context.unroute(parts)
    player.click()
    expect(doctor.chat.get_by_role("button", name="Pause: Voice message")).to_be_visible()
