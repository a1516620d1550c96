"""Four people in one call, by the interface that people use: a connection between each two."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, expect

from tests.browser.people import Person, clinician, join, new_context, new_session
from tests.serving import ServerProcess

pytestmark = pytest.mark.alone

# Four pages decode twelve pictures on one machine: small ones.
SMALL_CAMERA = """
  const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = (wanted) => get({
    ...wanted,
    video: wanted.video && { width: 160, height: 120, frameRate: 5 },
  })
"""

# Resolves when the pictures of three others have moved.
THREE_MOVE = """
  async () => {
    const frames = new Map()
    const moved = new Map()
    const deadline = performance.now() + 60_000
    while ([...moved.values()].filter((times) => times > 2).length < 3) {
      if (performance.now() > deadline) throw new Error(document.body.innerText)
      for (const tile of document.querySelectorAll(".tile[data-peer]")) {
        const { peer } = tile.dataset
        const video = tile.querySelector("video")
        const shown = video.getVideoPlaybackQuality().totalVideoFrames
        if (video.hidden || shown === frames.get(peer)) continue
        frames.set(peer, shown)
        moved.set(peer, (moved.get(peer) ?? 0) + 1)
      }
      await new Promise((next) => setTimeout(next, 150))
    }
  }
"""


def test_four_see_each_other_in_four_quarters_and_one_can_be_made_large(
    server: ServerProcess, first_browser: Browser, second_browser: Browser
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    doctor.context.add_init_script(SMALL_CAMERA)
    doctor.page.reload()
    links = {"Ann": new_session(doctor)}
    links |= {name: invited(doctor, name) for name in ("Kim", "Lee")}
    browsers = {"Ann": second_browser, "Kim": first_browser, "Lee": second_browser}
    others = [arrived(browsers[name], link, name) for name, link in links.items()]
    for name in links:
        expect(doctor.page.locator(".visit-title")).to_contain_text(name)

    doctor.button("Start call").click()
    for person in others:
        person.button("Answer").click()
    everybody = [doctor, *others]
    for person in everybody:
        person.page.evaluate(THREE_MOVE)
        assert are_apart(person.page.locator(".tile"), 4)

    ann = others[0]
    ann.page.locator(".tile", has_text="Kim").hover()
    ann.button("Show Kim large").click()
    large = box(ann.page.locator(".tile.main"))
    assert large["width"] > 2 * box(ann.page.locator(".tile.own"))["width"]
    assert are_apart(ann.page.locator(".tile"), 4)

    others[2].button("Hang up").click()
    expect(ann.page.locator(".tile[data-peer]")).to_have_count(2)
    expect(doctor.button("Hang up")).to_be_visible()
    for person in everybody:
        person.context.close()
        assert person.complaints == []


def invited(host: Person, name: str) -> str:
    """A link for one more."""
    host.open_panel("Participants")
    host.button("Invite").click()
    dialog = host.page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill(name)
    dialog.get_by_role("button", name="Make link").click()
    link = dialog.get_by_label("Link for your patient")
    expect(link).to_have_value(re.compile("#"))
    address = link.input_value()
    dialog.get_by_role("button", name="Close").first.click()
    host.open_panel("Chat")
    return address


def arrived(browser: Browser, link: str, name: str) -> Person:
    context = new_context(browser)
    context.add_init_script(SMALL_CAMERA)
    person = Person(name, context, context.new_page())
    person.page.goto(link)
    join(person)
    return person


def box(element: Locator) -> FloatRect:
    found = element.bounding_box()
    assert found
    return found


def are_apart(tiles: Locator, count: int) -> bool:
    """So many tiles are shown, and none lies over another."""
    expect(tiles).to_have_count(count)
    boxes = [box(tile) for tile in tiles.all()]
    return not any(overlap(one, other) for one, other in combinations(boxes, 2))


def overlap(one: FloatRect, other: FloatRect) -> bool:
    beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
    above = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    return not (beside or above)
