"""A file of 1 GiB up and down through the browser, beside bare fetch; and what memory it takes.

    python -m bench.browser_files [--quick] [--whole]

Two Chromium browsers in a session and a third on a page of the bare server's (the policy of
careseal's page lets nothing be fetched from elsewhere). The bare page puts the file as it is, and
brings it down as careseal's does: to the private disk, then out as a download; it seals nothing.
To reach: half of bare. Memory is the growth of all browsers' processes over a transfer of its own,
at most 300 MiB; with `--whole` of a file of 5 GiB, which takes minutes, else of the file above.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.files import MIB, synthetic
from bench.peers.processes import bare_server
from tests.browser.bare import BarePage, bare_browser, bare_options
from tests.browser.memory import PeakMemory
from tests.ports import free_ports
from tests.serving import serving

OF_BARE, MEMORY = 0.5, 300 * MIB
WITHIN = 900.0  # s
LINK = "document.querySelector('dialog input[readonly]')?.value"
TO_PRIVATE_DISK = "delete window.showSaveFilePicker, true"  # a dialog cannot be driven


class Visit:
    """A clinician and Ann, each in a browser, and a third on the bare page."""

    def __init__(self, running: ExitStack, folder: Path) -> None:
        options = bare_options()
        server = running.enter_context(serving(folder / "server"))
        bare = running.enter_context(bare_server(folder, free_ports(1)[0]))

        def browser(name: str, url: str) -> BarePage:
            return running.enter_context(bare_browser(options, folder / name, url))

        self.doctor = browser("clinician", server.sign_in_link)
        self.doctor.click("New session")
        link = self.doctor.until(f"{LINK}?.includes('#') && {LINK}")
        self.doctor.click("Open session")
        self.ann = browser("patient", link)
        self.ann.fill("input", "Ann")
        self.ann.click("Join")
        self.ann.until("document.querySelector('textarea') !== null")
        self.ann.evaluate(TO_PRIVATE_DISK)
        self.doctor.until("document.querySelector('input[type=file]') !== null")
        self.bare = browser("bare", f"{bare}/")
        self.bare.until("typeof up === 'function'")

    def up(self, source: Path) -> float:
        """From choosing it until Ann sees it."""
        label = json.dumps(f'[aria-label="Save {source.name}"]')
        began = time.monotonic()
        self.doctor.choose("input[type=file]", source)
        self.ann.until(f"document.querySelector({label}) !== null", WITHIN)
        return time.monotonic() - began

    def down(self, source: Path) -> float:
        """From the click until it lies among the downloads."""
        began = time.monotonic()
        self.ann.click(f"Save {source.name}")
        saved = self.ann.downloaded(source.name, WITHIN)
        return self._gone(saved, source, began)

    def bare_up(self, source: Path) -> float:
        self.bare.choose("input[type=file]", source)
        began = time.monotonic()
        self.bare.evaluate(f"up('{source.name}').then(() => window.done = true), true")
        self.bare.until("window.done", WITHIN)
        spent = time.monotonic() - began
        self.bare.evaluate("window.done = false")
        return spent

    def bare_down(self, source: Path) -> float:
        began = time.monotonic()
        self.bare.evaluate(f"down('{source.name}'), true")
        saved = self.bare.downloaded(source.name, WITHIN)
        spent = self._gone(saved, source, began)
        self.bare.until("clear()")
        return spent

    def _gone(self, saved: Path, source: Path, began: float) -> float:
        spent = time.monotonic() - began
        assert saved.stat().st_size == source.stat().st_size
        saved.unlink()
        return spent


def main(size: int, rounds: int, whole: bool) -> int:
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        visit = Visit(running, folder)
        first = synthetic(folder / "file0.bin", size)
        for number in range(rounds):
            source = folder / f"file{number}.bin"
            if number:
                source = first.rename(source)
                os.truncate(source, size - number)  # the same file again would be asked about
                first = source
            for what, measured in (
                ("sealed up", visit.up),
                ("bare up", visit.bare_up),
                ("sealed down", visit.down),
                ("bare down", visit.bare_down),
            ):
                taken.setdefault(what, []).append(measured(source))
        large = folder / "large.bin"
        with large.open("wb") as file:
            file.truncate(5 * 1024 * MIB if whole else size)
        with PeakMemory() as sending:
            visit.up(large)
        with PeakMemory() as saving:
            visit.down(large)
        length = large.stat().st_size // MIB
    return tell(taken, size, length, sending.growth, saving.growth)


def tell(taken: dict[str, list[float]], size: int, length: int, sending: int, saving: int) -> int:
    print("| what | MB/s | of bare | to reach |\n|---|---|---|---|")
    reached = True
    for way in ("up", "down"):
        pairs = zip(taken[f"bare {way}"], taken[f"sealed {way}"], strict=True)
        ratio = median(bare / sealed for bare, sealed in pairs)
        reached &= ratio >= OF_BARE
        rate = {what: size / median(spent) / 1e6 for what, spent in taken.items()}
        print(f"| bare, {way} | {rate[f'bare {way}']:,.0f} | | |")
        print(f"| sealed, {way} | {rate[f'sealed {way}']:,.0f} | {ratio:.2f} | {OF_BARE} |")
    for what, growth in (("sending", sending), ("saving", saving)):
        reached &= growth <= MEMORY
        print(f"| memory, {what} {length:,} MiB | {growth / MIB:.0f} MiB | | {MEMORY // MIB} MiB |")
    print(f"\n{'Reached.' if reached else 'NOT reached.'} {size // MIB:,} MiB.")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="256 MiB, one round")
    parser.add_argument("--whole", action="store_true", help="memory of a file of 5 GiB")
    given = parser.parse_args()
    sys.exit(main(*((256 * MIB, 1) if given.quick else (1024 * MIB, 2)), given.whole))
