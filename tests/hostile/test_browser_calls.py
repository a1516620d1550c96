"""Calls between two browsers behind a server that gives its own relays and plays with signals.

Signals are sealed and signed (§7.1), so a server changes none: it drops, repeats, delays and
reorders whole ones, and it says which relays there are.
"""

# ruff: noqa: F811 - fixtures of the browser tests

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.browser.call_pages.turn import Turn, turn  # noqa: F401
from tests.browser.conftest import (  # noqa: F401
    chromium_options,
    first_browser,
    playwright,
    second_browser,
    server,
)
from tests.browser.seeing import two_pictures

from .liar import Json
from .routes import lying_to
from .test_browser import Visit, visit  # noqa: F401

SEEN = two_pictures("mean[1] > 120 && mean[2] < 60")
ICE = r"/ice$"
SOON = 10_000  # ms
OTHERS_PICTURE = """
  [...document.querySelectorAll("figure.tile:not(.own) video")].filter((v) => v.videoWidth).length
"""


def attack(name: str, does: str, happens: str, check: str) -> pytest.MarkDecorator:
    return pytest.mark.attack(f"web call: {name}", does, happens, check)


def both_join(visit: Visit) -> None:
    """From here on all signals of both go through the liar."""
    lying_to(visit.roe.context, visit.liar)
    visit.roe.page.reload()
    visit.ann_joins()


def call(visit: Visit) -> None:
    expect(visit.roe.button("Start call")).to_be_enabled()
    visit.roe.button("Start call").click()
    visit.ann.button("Answer").click(timeout=SOON)


def both_see(visit: Visit) -> None:
    for person in (visit.roe, visit.ann):
        person.page.evaluate(SEEN)
        expect(person.page.get_by_role("alert")).to_have_count(0)


def signals(visit: Visit, change: Callable[[Json], list[Any]]) -> None:
    @visit.liar.tells
    def frame(told: Json) -> list[Any]:
        return change(told) if told.get("type") == "signal" else [told]


NO_SERVERS = [{"urls": "javascript:alert(1)"}, 7, {"urls": 7}, {"urls": "turn:127.0.0.1:9"}]


@attack(
    "gives what are no relays",
    "The server tells of relays that are scripts, numbers, or want a password that it keeps.",
    "no effect: the call finds its way without",
    "`negotiation`: servers that the browser refuses are left out",
)
def test_relays_that_are_none_do_not_keep_a_call_from_connecting(visit: Visit) -> None:
    visit.liar.says("GET", ICE)(lambda told: {**told, "iceServers": NO_SERVERS})
    both_join(visit)
    call(visit)
    both_see(visit)


RELAYED_ONLY = """
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" })
    }
  }
"""


@attack(
    "gives its own relay, and lets nothing else through",
    "The server names a relay of its own; the network lets a patient reach nothing but that.",
    "no effect: the relay carries what is sealed on the devices, and the page says that it is used",
    "`quality.routeOf`",
)
def test_a_call_through_the_relay_of_the_attacker_is_sealed_and_says_so(
    visit: Visit, turn: Turn
) -> None:
    visit.liar.says("GET", ICE)(lambda told: {**told, "iceServers": [turn.ice_server()]})
    visit.ann.context.add_init_script(RELAYED_ONLY)
    both_join(visit)
    call(visit)
    both_see(visit)
    for person in (visit.roe, visit.ann):
        person.page.get_by_role("button", name=re.compile("line .numbers.$")).click()
        numbers = person.page.get_by_role("dialog", name="Line to")
        if person is visit.ann:
            expect(numbers).to_contain_text("Through the relay")
        expect(numbers).not_to_contain_text("Straight from device to device")
        expect(numbers).to_contain_text("Yes, on the devices of you both")
        person.page.keyboard.press("Escape")


def every_second() -> Callable[[Json], list[Any]]:
    count = [0]

    def second(frame: Json) -> list[Any]:
        count[0] += 1
        return [frame] if count[0] % 2 else []

    return second


def swapped() -> Callable[[Json], list[Any]]:
    held: dict[str, Json] = {}

    def swap(frame: Json) -> list[Any]:
        if frame["from"] not in held:
            held[frame["from"]] = frame
            return []
        return [frame, held.pop(frame["from"])]

    return swap


def losing(name: str, does: str, how: Callable[[], Callable[[Json], list[Any]]]) -> Any:
    happens = (
        "said within 10 s: calling, connecting, or no picture opens; none is shown; the next call"
    )
    mark = attack(name, does, f"{happens} connects", "`Counters.take`: none is taken out of order")
    return pytest.param(how, id=name, marks=mark)


@pytest.mark.parametrize(
    "how",
    [
        losing("drops every signal", "The server drops each signal.", lambda: lambda frame: []),
        losing("drops every second signal", "The server drops half of the signals.", every_second),
        losing("swaps signals", "The server swaps each signal with the next.", swapped),
    ],
)
def test_a_call_whose_signals_are_lost_shows_nothing_and_says_how_it_stands(
    visit: Visit, how: Callable[[], Callable[[Json], list[Any]]]
) -> None:
    both_join(visit)
    expect(visit.roe.button("Start call")).to_be_enabled()
    signals(visit, how())
    visit.roe.button("Start call").click()
    stands = visit.roe.page.get_by_text(re.compile("^(Calling|Connecting)…$"))
    expect(stands.first).to_be_visible(timeout=SOON)
    visit.ann.button("Answer").click(timeout=SOON)
    connecting = visit.ann.page.get_by_text("Connecting…", exact=True)
    sealed = visit.ann.page.get_by_text("This picture cannot be opened")
    expect(connecting.or_(sealed).first).to_be_visible(timeout=SOON)
    what_to_do = visit.ann.page.get_by_text(re.compile("You can wait, or hang up and write"))
    expect(what_to_do.or_(sealed).first).to_be_visible(timeout=SOON)
    for person in (visit.roe, visit.ann):
        assert person.page.evaluate(OTHERS_PICTURE) == 0
    visit.ann.button("Hang up").click()
    with suppress(TimeoutError):  # it is over there as well, where a goodbye got through
        visit.roe.button("Hang up").click(timeout=3000)
    visit.liar.honest()
    call(visit)
    both_see(visit)


@attack(
    "plays an old call again",
    "The server relays each signal three times, and all of the first call, its hang-up among them, "
    "after each signal of the second.",
    "no effect: both see each other",
    "`Counters.take`: taken before; and the call's id",
)
def test_signals_of_an_earlier_call_end_nothing(visit: Visit) -> None:
    both_join(visit)
    old: list[Json] = []
    first = [True]

    def again(frame: Json) -> list[Any]:
        if first[0]:
            old.append(frame)
        return [frame, frame, frame, *([] if first[0] else old)]

    signals(visit, again)
    call(visit)
    both_see(visit)
    visit.ann.button("Hang up").click()
    expect(visit.roe.button("Hang up")).to_have_count(0)
    first[0] = False
    call(visit)
    both_see(visit)
    expect(visit.roe.button("Hang up")).to_be_visible()
    assert len(old) > 4


def test_without_an_attack_two_calls_connect_one_after_the_other(visit: Visit) -> None:
    both_join(visit)
    for _ in range(2):
        call(visit)
        both_see(visit)
        visit.ann.button("Hang up").click()
        expect(visit.roe.button("Hang up")).to_have_count(0)
