"""A hundred times the process dies in the middle of its work; nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from careseal.client import ApiToken, MessageReceived, Session, Store, Text
from careseal.e2ee.payload import File
from tests.faults.conftest import Tally
from tests.faults.work import FAST, Found, Work
from tests.server.visits import Visit
from tests.serving import serving


@pytest.mark.parametrize(
    ("kills", "seed"),
    [pytest.param(3, 0, marks=pytest.mark.quick), *((14, seed) for seed in range(1, 6))],
)
@pytest.mark.timeout(400)
def test_the_server_dies_in_the_middle_of_its_work(
    kills: int, seed: int, tmp_path: Path, tally: Tally
) -> None:
    random = Random(seed)
    found = Found()
    with serving(tmp_path, *FAST) as server:
        signed_in = server.sign_in()
        work = Work(server, Visit().create(signed_in), random, lambda: 0)
        for _ in range(kills):
            with work.going_on(signed_in):
                work.wait_for(random.randrange(1, 20))
                time.sleep(random.uniform(0, 0.1))
                server.kill()
            server.start()
            work.try_again()
            found = work.check()
            assert (found.lost, found.doubled) == (0, 0)
        assert not work.account.unexpected
        assert work.account.parts
        assert work.account.seen
        signed_in.close()
    assert server.log.count('"started after an unclean end"') == kills
    tally.add(f"server killed, seed {seed}", kills, found)


class Sender:
    """A process of the SDK that numbers what it sends and says what was acknowledged."""

    def __init__(self, store: Path, session: str, name: str) -> None:
        self._command = [sys.executable, "-m", "tests.faults.sender", str(store), session, name]
        self.acknowledged: list[str] = []
        self.next = 0

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._command, str(self.next)], stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def wait_for(self, count: int) -> None:
        goal, deadline = len(self.acknowledged) + count, time.monotonic() + 60
        while len(self.acknowledged) < goal:
            assert time.monotonic() < deadline, "nothing is acknowledged"
            assert self._process.poll() is None, "the process ended"
            time.sleep(0.005)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match json.loads(line):
                case ["begins", int(number)]:
                    self.next = number + 1
                case ["acknowledged", str(text)]:
                    self.acknowledged.append(text)


@pytest.mark.parametrize(
    ("kills", "seed"),
    [pytest.param(3, 0, marks=pytest.mark.quick), *((10, seed) for seed in range(1, 5))],
)
@pytest.mark.timeout(400)
async def test_a_client_dies_while_it_sends(
    kills: int, seed: int, tmp_path: Path, tally: Tally
) -> None:
    """Messages and files, by processes of host and guest; the server dies now and then as well."""
    random = Random(100 + seed)
    stores = [Store.open(tmp_path / name) for name in ("host", "guest")]
    with serving(tmp_path / "server", *FAST) as server:
        account = ApiToken(server.careseal("api-token"))
        host, (link,) = await Session.create(stores[0], server.base_url, account, name="Dr Roe")
        guest = await Session.join(stores[1], link, name="Ann")
        session = str(host.id)
        for each in (host, guest):
            await each.close()
        for store in stores:
            store.close()
        senders = [Sender(tmp_path / name, session, name) for name in ("host", "guest")]
        for sender in senders:
            sender.start()
        for _ in range(kills):
            victim = random.choice(senders)
            victim.wait_for(random.randrange(1, 5))
            await asyncio.sleep(random.uniform(0, 0.05))
            if random.random() < 0.3:
                server.kill()
                server.start()
            victim.kill()
            victim.start()
        for sender in senders:
            sender.wait_for(1)
            sender.kill()
        async with await Session.open(Store.open(tmp_path / "host"), guest.id) as reading:
            await reading.catch_up()
            await check(reading, senders, tally, f"client killed, seed {seed}", kills)


async def check(
    reading: Session, senders: list[Sender], tally: Tally, name: str, kills: int
) -> None:
    """Everything acknowledged is there, once, and each one's in the order of its numbers."""
    found, texts = Found(), []
    async for event in reading.history():
        match event:
            case MessageReceived(payload=Text(text=text)):
                texts.append(text)
            case MessageReceived(payload=File(name=text)):
                texts.append(text)
    found.doubled = len(texts) - len(set(texts))
    for sender in senders:
        found.acknowledged += len(sender.acknowledged)
        found.lost += len(set(sender.acknowledged) - set(texts))
        mine = [text for text in texts if text in set(sender.acknowledged)]
        assert mine == sender.acknowledged
    assert (found.lost, found.doubled) == (0, 0)
    tally.add(name, kills, found)
