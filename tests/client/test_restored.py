"""A device that has seen more than a server that was restored from a backup."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from careseal.client import (
    ApiToken,
    CarriedOn,
    CarryOnWaits,
    Event,
    Forked,
    InviteOptions,
    Link,
    MessageReceived,
    Session,
    Store,
    Text,
)
from careseal.client.errors import SendingStopped, ServerRestored
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.small


def careseal(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "careseal.cli", *map(str, arguments)], check=True)


@dataclass
class Visit:
    """A visit whose server was backed up with two entries: the guest's join, and "before"."""

    server: ServerProcess
    copy: Path
    host: Session
    guest: Session
    folder: Path

    async def goes_on(self) -> None:
        """Something of every kind, after the backup."""
        await self.guest.send("after, from the guest")
        await self.host.renew()
        await self.host.send("after, from the host")
        await self.guest.catch_up()

    def log(self) -> list[tuple[object, ...]]:
        query = "SELECT seq, kind, parent, id, body FROM entry ORDER BY seq"
        with sqlite3.connect(self.server.data / "careseal.sqlite3") as database:
            return database.execute(query).fetchall()

    def dies_and_is_restored(self, change: str = "") -> None:
        self.server.kill()
        shutil.rmtree(self.server.data)
        careseal("restore", self.copy, "--data", self.server.data)
        if change:
            with sqlite3.connect(self.server.data / "careseal.sqlite3") as database:
                database.executescript(change)
        self.server.start()


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    with (
        serving(tmp_path / "server") as server,
        Store.open(tmp_path / "host") as first,
        Store.open(tmp_path / "guest") as second,
    ):
        account = ApiToken(server.careseal("api-token"))
        host, links = await Session.create(first, server.base_url, account, name="Dr Roe")
        guest = await Session.join(second, links[0], name="Ann")
        async with host, guest:
            await host.send("before")
            await host.catch_up()
            await guest.catch_up()
            careseal("backup", tmp_path / "copy", "--data", server.data)
            yield Visit(server, tmp_path / "copy", host, guest, tmp_path)


@asynccontextmanager
async def another(visit: Visit, link: Link, name: str) -> AsyncIterator[Session]:
    with Store.open(visit.folder / name) as store:
        async with await Session.join(store, link, name=name) as session:
            yield session


def forks(events: list[Event]) -> list[Forked]:
    return [each for each in events if isinstance(each, Forked)]


async def texts(session: Session) -> list[str]:
    return [
        event.payload.text
        async for event in session.history()
        if isinstance(event, MessageReceived) and isinstance(event.payload, Text)
    ]


@pytest.mark.parametrize("true_to_it", [True, False])
async def test_a_restored_server_is_told_from_one_that_tells_another_story(
    visit: Visit, true_to_it: bool
) -> None:
    """Both stop the sending; nothing is sealed or lost on the device."""
    await visit.goes_on()
    visit.dies_and_is_restored("" if true_to_it else f"{OTHER} WHERE seq = 1")
    found = forks(await visit.guest.catch_up())
    assert found
    assert [each.seq for each in found if each.restored] == [2] * true_to_it
    with pytest.raises(SendingStopped) as stopped:
        await visit.guest.send("nothing leaves")
    assert isinstance(stopped.value, ServerRestored) is visit.guest.restored is true_to_it
    assert visit.guest.head == 5
    if not true_to_it:
        with pytest.raises(Exception, match="not restored"):
            await visit.guest.carry_on()


async def test_who_carries_on_puts_the_same_bytes_back_and_all_go_on(visit: Visit) -> None:
    """No key seals a second text: the log is what it was, and what comes after is new."""
    await visit.goes_on()
    before = visit.log()
    visit.dies_and_is_restored()
    assert len(visit.log()) == 2
    assert await visit.guest.catch_up()
    await visit.host.catch_up()
    assert visit.guest.restored
    assert visit.host.restored
    put_back: list[tuple[int, int]] = []
    assert await visit.host.carry_on(progress=lambda *told: put_back.append(told)) == 3
    assert put_back == [(1, 3), (2, 3), (3, 3)]
    assert visit.log() == before
    assert await visit.guest.carry_on() == 0
    await visit.guest.send("and on")
    await visit.host.send("and on it goes")
    assert not forks(await visit.host.catch_up() + await visit.guest.catch_up())
    said = ["before", "after, from the guest", "after, from the host", "and on", "and on it goes"]
    assert await texts(visit.host) == await texts(visit.guest) == said
    after = visit.log()
    assert after[: len(before)] == before
    assert len({row[3] for row in after}) == len({row[4] for row in after}) == len(after)


async def test_what_was_confirmed_and_never_read_is_put_back_too(visit: Visit) -> None:
    """The last words of a program that writes and does not read."""
    await visit.guest.send("the last words")
    before = visit.log()
    visit.dies_and_is_restored()
    assert [each.restored for each in forks(await visit.guest.catch_up())] == [True]
    assert await visit.guest.carry_on() == 1
    assert visit.log() == before
    await visit.host.catch_up()
    assert (await texts(visit.host))[-1] == "the last words"


async def test_who_came_after_the_backup_is_known_again(visit: Visit) -> None:
    """With its own token, though neither its link nor its join was in the backup."""
    link = await visit.host.invite(InviteOptions("friends", devices=2))
    async with another(visit, link, "Ben") as ben:
        await ben.send("I came later")
        await visit.host.catch_up()
        await ben.catch_up()
        before = visit.log()
        visit.dies_and_is_restored()
        await visit.host.catch_up()
        assert await visit.host.carry_on() == len(before) - 2
        assert visit.log() == before
        assert not forks(await ben.catch_up())
        await ben.send("and am still here")
        await visit.host.catch_up()
        assert (await texts(visit.host))[-2:] == ["I came later", "and am still here"]
        async with another(visit, link, "Cat") as late:
            assert len(late.members) == 4, "the door and the link are right again"


async def test_what_only_another_may_put_back_waits_for_it(visit: Visit) -> None:
    """A change of who may come is its maker's to say to the server again."""
    await visit.guest.send("mine")
    await visit.host.invite()
    await visit.guest.send("behind it")
    await visit.guest.catch_up()
    await visit.host.catch_up()
    before = visit.log()
    visit.dies_and_is_restored()
    await visit.guest.catch_up()
    with pytest.raises(CarryOnWaits, match="Dr Roe's device has what is missing"):
        await visit.guest.carry_on()
    assert visit.log() == before[:3]
    async with visit.guest.following() as events:
        await visit.host.catch_up()
        await visit.host.carry_on()
        async for event in events:
            if isinstance(event, CarriedOn):
                break
    assert visit.log() == before
    await visit.guest.send("on we go")


async def test_two_that_carry_on_at_once_put_each_entry_back_once(visit: Visit) -> None:
    await visit.goes_on()
    await visit.host.catch_up()
    before = visit.log()
    visit.dies_and_is_restored()
    await visit.host.catch_up()
    await visit.guest.catch_up()
    await asyncio.gather(visit.host.carry_on(), visit.guest.carry_on())
    assert visit.log() == before


async def test_another_entry_in_the_place_is_an_alarm_and_nothing_is_posted(visit: Visit) -> None:
    await visit.goes_on()
    visit.dies_and_is_restored()
    await visit.guest.catch_up()
    assert visit.guest.restored
    with sqlite3.connect(visit.server.data / "careseal.sqlite3") as database:
        database.executescript(TAKEN)
    there = visit.log()
    with pytest.raises(SendingStopped, match="something else"):
        await visit.guest.carry_on()
    assert visit.log() == there
    assert not visit.guest.restored
    with pytest.raises(SendingStopped):
        await visit.guest.send("nothing leaves")


OTHER = "UPDATE entry SET id = zeroblob(16)"
TAKEN = """
INSERT INTO entry (session_id, seq, kind, parent, id, digest, at, body)
  SELECT session_id, 3, 2, 1, zeroblob(16), digest, at, body FROM entry WHERE seq = 2;
UPDATE session SET head = 3;
"""
