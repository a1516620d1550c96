"""The page of a link on a slow telephone: bytes, requests, time until it is usable, long tasks.

``python -m bench.page`` starts a server, makes a session, and opens its link in a fresh Chromium,
``RUNS`` times for each profile. Processor and line are slowed by the browser's own means (Chrome
DevTools Protocol): the figures compare with each other and with those of pages measured the same
way, not with a stop-watch at a telephone. Usable is when the cursor stands in "Your name".
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import options_of_chromium
from tests.serving import ServerProcess, serving

RUNS = 5
SLOWER = 6  # times, the processor
TO_REACH_MS = 2000  # usable on a slow telephone
WATCH = """
  window.seen = { longest: 0, tasks: 0, blocked: 0, shift: 0 }
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      seen.tasks++
      seen.longest = Math.max(seen.longest, duration)
      seen.blocked += duration - 50
    }
  }).observe({ type: "longtask", buffered: true })
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) seen.shift += value
  }).observe({ type: "layout-shift", buffered: true })
"""
USABLE = "() => document.activeElement?.id === 'name' && performance.now()"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass(frozen=True)
class Profile:
    name: str
    slower: int = 1
    down: float = -1  # bytes a second; -1 is as fast as it goes
    delay: float = 0  # ms


@dataclass(frozen=True)
class Figures:
    bytes: int
    requests: int
    painted: float  # ms, first content
    usable: float  # ms, the cursor stands in "Your name"
    longest: float  # ms, longest task
    blocked: float  # ms, of long tasks beyond 50 ms each
    shift: float  # cumulative layout shift


PROFILES = [
    Profile("this machine"),
    Profile(f"processor {SLOWER} times slower", SLOWER),
    Profile("that, and 1.6 Mbit/s with 150 ms", SLOWER, 1_600_000 / 8, 150),
    Profile("that, and 300 kbit/s with 400 ms", SLOWER, 300_000 / 8, 400),
]


def link_of(browser: Browser, server: ServerProcess) -> str:
    page = browser.new_page()
    page.goto(server.sign_in_link)
    page.get_by_role("button", name="New session").click()
    link = page.get_by_role("dialog").get_by_role("textbox", name="Link for your patient")
    page.wait_for_function("() => document.querySelector('dialog input')?.value.includes('#')")
    value = link.input_value()
    page.context.close()
    return value


def open_once(browser: Browser, link: str, profile: Profile) -> Figures:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    session = context.new_cdp_session(page)
    received = {"bytes": 0, "requests": 0}

    def count(event: dict[str, Any]) -> None:
        received["bytes"] += int(event["encodedDataLength"])
        received["requests"] += 1

    session.on("Network.loadingFinished", count)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": profile.delay,
            "downloadThroughput": profile.down,
            "uploadThroughput": profile.down,
        },
    )
    session.send("Emulation.setCPUThrottlingRate", {"rate": profile.slower})
    page.add_init_script(WATCH)
    page.goto(link, wait_until="commit")
    figures = measured(page, received)
    context.close()
    return figures


def measured(page: Page, received: dict[str, int]) -> Figures:
    usable = page.wait_for_function(USABLE, timeout=120_000).json_value()
    seen = page.evaluate("seen")
    return Figures(
        received["bytes"],
        received["requests"],
        page.evaluate(PAINTED),
        usable,
        seen["longest"],
        seen["blocked"],
        seen["shift"],
    )


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(**options_of_chromium())
        link = link_of(browser, server)
        print("| profile | kB | requests | painted | usable | longest task | blocked | shift |")
        print("|---|---|---|---|---|---|---|---|")
        for profile in PROFILES:
            runs = [open_once(browser, link, profile) for _ in range(RUNS)]
            print(row(profile, runs), flush=True)
        browser.close()
    print(f"\nTo reach: {TO_REACH_MS} ms until usable with the slower processor.")


def row(profile: Profile, runs: list[Figures]) -> str:
    middle = {name: median(getattr(run, name) for run in runs) for name in Figures.__annotations__}
    cells = [
        profile.name,
        f"{middle['bytes'] / 1000:.0f}",
        f"{middle['requests']:.0f}",
        *(f"{middle[name]:.0f} ms" for name in ("painted", "usable", "longest", "blocked")),
        f"{middle['shift']:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
