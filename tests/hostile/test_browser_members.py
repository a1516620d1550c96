"""A guest who misbehaves, as others see it in their browsers: they go on, and can remove her."""

# ruff: noqa: F811 - fixtures of the browser tests

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from careseal.client import Session, Store
from careseal.e2ee import base64url
from careseal.e2ee.identifiers import EntryId
from tests.browser.conftest import (  # noqa: F401
    chromium_options,
    first_browser,
    playwright,
    second_browser,
    server,
)
from tests.browser.test_files import TO_PRIVATE_DISK
from tests.browser.test_removal import remove

from .eve import ID, Eve
from .test_browser import VOID, Visit, invite, run_beside, visit  # noqa: F401

SOON = 10_000  # ms
CYRILLIC = "\u0421l\u0456n\u0456\u0441\u0456\u0430n"  # reads Clinician
FLOOD = 250


def attack(name: str, does: str, happens: str, check: str = "") -> pytest.MarkDecorator:
    return pytest.mark.attack(f"web: {name}", does, happens, check)


@attack(
    "a guest floods the chat",
    f"A guest whose name reads as the clinician's in Cyrillic letters writes {FLOOD} messages.",
    "no effect: others write meanwhile and are read within 10 s; she is marked as a guest, not the "
    "clinician, and can be removed",
    "`lookalike`",
)
def test_in_a_flood_the_others_go_on_and_who_floods_is_marked_and_removed(
    visit: Visit, tmp_path: Path
) -> None:
    visit.ann_joins()
    link = invite(visit.roe, "Eve")

    async def flood() -> None:
        with Store.open(tmp_path / "eve") as store:
            async with await Session.join(store, link, name=CYRILLIC) as session:
                for number in range(FLOOD):
                    await Eve(session).says({"type": "text", "message": ID, "text": f"{number}"})

    run_beside(flood)
    mark = visit.ann.chat.get_by_text("A guest, not the clinician")
    expect(mark.first).to_be_visible(timeout=SOON)
    visit.ann.write("can you read me?")
    visit.roe.sees("can you read me?", timeout=SOON)
    visit.roe.write("yes")
    visit.ann.sees("yes", timeout=SOON)
    remove(visit.roe, CYRILLIC)
    expect(visit.ann.chat.get_by_text("was removed").first).to_be_visible(timeout=SOON)
    assert visit.roe.complaints + visit.ann.complaints == []


CLAIMS = {
    "four.bin": {"size": 4 << 30, "parts": 1024},
    "endless.bin": {"size": (1 << 53) - 1, "parts": 1},
}


@attack(
    "a guest claims files of 4 GB and of 2^53 bytes",
    "A guest sends messages about files that are not there; all files are saved as one archive.",
    "the archive has what is there, and says which are left out",
    "`parts`, `archive`",
)
def test_an_archive_leaves_out_files_that_are_only_claimed_and_says_so(
    visit: Visit, tmp_path: Path
) -> None:
    visit.ann_joins()
    link = invite(visit.roe, "Eve")
    scan = tmp_path / "scan.bin"
    scan.write_bytes(b"a true file")
    visit.ann.attach(scan)
    key = base64url.encode(bytes(32))

    async def mischief() -> None:
        with Store.open(tmp_path / "eve") as store:
            async with await Session.join(store, link, name="Eve") as session:
                for name, claim in CLAIMS.items():
                    of = {"file": base64url.encode(os.urandom(16)), "message": ID, "key": key}
                    more = {"name": name, "mime": "application/octet-stream"}
                    await Eve(session).says({"type": "file", **of, **claim, **more})

    run_beside(mischief)
    expect(visit.roe.chat.get_by_text("four.bin").first).to_be_visible(timeout=SOON)
    visit.roe.page.evaluate(TO_PRIVATE_DISK)
    with visit.roe.page.expect_download(timeout=30_000) as download:
        visit.roe.button("Save all files").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert contents["scan.bin"] == b"a true file"
    assert sum(map(len, contents.values())) == len(b"a true file")
    expect(visit.roe.page.get_by_text("saved without these").first).to_contain_text("four.bin")


@attack(
    "a guest spoils the door",
    "A guest commits garbage with a garbage door; the host has nothing but the page open.",
    "healed by the host's page: somebody else joins within 5 s",
    "`doorkeeping`",
)
def test_a_spoilt_door_is_healed_by_the_page_within_five_seconds(
    visit: Visit, tmp_path: Path
) -> None:
    visit.ann_joins()
    link = invite(visit.roe, "Eve")
    took: list[float] = []

    async def mischief() -> None:
        with Store.open(tmp_path / "eve") as store:
            async with await Session.join(store, link, name="Eve") as session:
                garbage = os.urandom(272)
                await Eve(session).commits_bytes(EntryId(os.urandom(16)), garbage, os.urandom(288))
        began = time.monotonic()
        with Store.open(tmp_path / "bob") as store:
            await (await Session.join(store, link, name="Bob", patience=9)).close()
        took.append(time.monotonic() - began)

    run_beside(mischief)
    expect(visit.roe.page.get_by_text(VOID).first).to_be_visible(timeout=SOON)
    expect(visit.roe.chat.get_by_text("Bob joined").first).to_be_visible(timeout=SOON)
    print(f"healed within {took[0]:.1f} s")
    assert took[0] < 5 + 2, "healing, and the join itself"
