"""A browser dies in the middle of its work; what it had shown as written arrives once, in order."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from careseal.client import ApiToken, MessageReceived, Session, Store, Text
from tests.browser.bare import BarePage, bare_browser, bare_options
from tests.faults.conftest import Tally
from tests.faults.work import FAST, Found
from tests.serving import serving

CHAT = "document.querySelector('[aria-label=\"Messages\"]')"


def shown(page: BarePage) -> list[str]:
    """The lines that stand in the chat: kept on the device, sent or not."""
    text = page.evaluate(f"{CHAT}?.innerText ?? ''")
    return re.findall(r"Line \d+\.", text)


@pytest.mark.parametrize(
    ("kills", "seed"), [pytest.param(2, 0, marks=pytest.mark.quick), (8, 1), (8, 2)]
)
@pytest.mark.timeout(400)
def test_a_browser_dies_while_somebody_writes(
    kills: int, seed: int, tmp_path: Path, tally: Tally
) -> None:
    random, store = Random(seed), Store.open(tmp_path / "host")
    acknowledged: list[str] = []
    number = 0
    with serving(tmp_path / "server", *FAST) as server:
        account = ApiToken(server.careseal("api-token"))
        session, link = asyncio.run(founded(store, server.base_url, account))
        address = link.reveal()
        for round_ in range(kills + 1):
            with bare_browser(bare_options(), tmp_path / "ann", address) as ann:
                if round_ == 0:
                    ann.fill("input", "Ann")
                    ann.click("Join")
                ann.until("document.querySelector('textarea') !== null")
                address = f"{server.base_url}/telemedicine/{session}"
                ann.until(f"{CHAT} !== null")
                for _ in range(random.randrange(2, 6)):
                    ann.fill("textarea", f"Line {number}.")
                    ann.click("Send")
                    number += 1
                if round_ == 0:  # before, a join that is lost is made again by the link
                    ann.until(f"{CHAT}.innerText.includes('Line 0.')")
                before = shown(ann)
                if round_ == kills:
                    ann.until(f"{CHAT}.innerText.includes('Line {number - 1}.')")
                    before = shown(ann)
                    arrived = asyncio.run(read(store, session, set(before)))
                else:
                    time.sleep(random.uniform(0, 0.05))
                    ann.kill()
            acknowledged += [line for line in before if line not in acknowledged]
    found = Found()
    found.acknowledged = len(acknowledged)
    found.lost = len(set(acknowledged) - set(arrived))
    found.doubled = len(arrived) - len(set(arrived))
    assert [line for line in arrived if line in acknowledged] == acknowledged
    assert (found.lost, found.doubled) == (0, 0)
    tally.add(f"browser killed, seed {seed}", kills, found)


async def founded(store: Store, server: str, account: ApiToken) -> tuple[Any, Any]:
    session, (link,) = await Session.create(store, server, account, name="Dr Roe")
    await session.close()
    return session.id, link


async def read(store: Store, session_id: Any, awaited: set[str]) -> list[str]:
    """The lines of the log, as soon as those that are awaited are among them."""
    async with await Session.open(store, session_id) as session, session.following() as events:
        while not awaited <= set(lines := await lines_of(session)):
            await anext(events)
        return lines


async def lines_of(session: Session) -> list[str]:
    return [
        event.payload.text
        async for event in session.history()
        if isinstance(event, MessageReceived) and isinstance(event.payload, Text)
    ]
