"""How a call lives on a bad line: what is heard, how long a file takes, how soon all is back.

At 300 kbit/s, 400 ms there and back and 5 % lost, at 60 kbit/s, and after 10, 30 and 120 s of
nothing.

Real browsers, server and coturn; one side is behind ``tests/bad_line.py``.

    python -m bench.line
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.bad_line import BAD, GOOD, Conditions
from tests.browser.call_pages.turn import coturn
from tests.browser.chromium import options_of_chromium
from tests.browser.far_visit import FarVisit, far_visit
from tests.browser.people import browsing
from tests.browser.test_call_visit import sees_other

VOICE_ONLY = Conditions(rate=60_000, delay=0.2, loss=0.05)
SILENCES = (10, 30, 120)  # s
BACK_WITHIN = 20.0  # s
LONG = 120_000  # ms


def heard(visit: FarVisit, what: str) -> float:
    there, here = visit.both_hear(15)
    print(f"{what}: heard in {there:.0%} and {here:.0%} of the seconds", flush=True)
    return min(there, here)


def file_through(visit: FarVisit, folder: Path) -> None:
    letter = folder / "letter.txt"
    letter.write_text("x" * 200_000)
    began = time.monotonic()
    visit.ann.attach(letter)
    expect(visit.doctor.chat.get_by_text("letter.txt")).to_be_visible(timeout=LONG)
    print(f"a file of 200 kB beside the call: {time.monotonic() - began:.0f} s", flush=True)


def back_after(visit: FarVisit, seconds: int) -> float:
    visit.line.be_dead_for(seconds)
    began = time.monotonic()
    for person in (visit.doctor, visit.ann):
        sees_other(person)
    took = time.monotonic() - began
    print(f"after {seconds} s of nothing: both seen again in {took:.1f} s", flush=True)
    return took


def main() -> int:
    options = options_of_chromium()
    with (
        tempfile.TemporaryDirectory() as name,
        coturn() as turn,
        sync_playwright() as playwright,
        browsing(playwright, options) as near,
        browsing(playwright, options) as far,
        far_visit(Path(name), near, far, turn) as visit,
    ):
        visit.call()
        backs = [back_after(visit, seconds) for seconds in SILENCES]
        visit.line.be(BAD)
        file_through(visit, Path(name))
        voices = [heard(visit, "300 kbit/s, 400 ms there and back, 5 % lost")]
        print(f"the picture there: {visit.picture_at_doctor()} pixels wide", flush=True)
        visit.line.be(VOICE_ONLY)
        expect(visit.ann.page.get_by_text("the picture is paused").first).to_be_visible(
            timeout=LONG
        )
        voices.append(heard(visit, "60 kbit/s, the same otherwise, without a picture"))
        visit.line.be(GOOD)
        began = time.monotonic()
        sees_other(visit.doctor)
        print(f"good again: seen in {time.monotonic() - began:.0f} s", flush=True)
        visit.picture_at_doctor(least=1280)
        print(f"good again: as large as before in {time.monotonic() - began:.0f} s", flush=True)
        print(f"the line itself was late by {visit.line.counted().latest * 1000:.0f} ms at most")
    reached = max(backs) <= BACK_WITHIN and min(voices) >= 0.8
    print(f"{'reached' if reached else 'NOT reached'}: back in {BACK_WITHIN} s, 80 % heard")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
