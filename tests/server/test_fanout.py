"""Rooms of the fanout, which are there for as long as somebody is in them."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from sqlalchemy import update

from careseal.server.fanout import NOT_AUTHORISED, REVOKED, Fanout, Follower
from careseal.server.news import Present
from careseal.server.store.databases import Databases
from careseal.server.store.engines import parse
from careseal.server.store.migration import upgrade
from careseal.server.store.schema import member
from careseal.server.workers import look_again
from tests.server.test_writing_in_groups import session_of_two

SESSION, MEMBER, TOKEN, WORKER = bytes(16), bytes(16), bytes(32), bytes(8)
MOST = 8


def follower() -> Follower:
    return Follower(MEMBER, TOKEN, 0, 100, 1000)


async def test_who_is_not_let_in_leaves_no_room_behind() -> None:
    """All of a member's sockets are at another worker; this one has nobody to wait for."""
    fanout = Fanout(lambda *_: None)
    fanout.hear(WORKER, SESSION, Present([MEMBER] * MOST))
    assert not fanout.enter(SESSION, follower(), MOST)
    async with asyncio.timeout(10):
        await fanout.close(60)


async def test_who_is_not_let_in_takes_nobody_elses_room() -> None:
    fanout = Fanout(lambda *_: None)
    first = follower()
    assert fanout.enter(SESSION, first, 1)
    assert not fanout.enter(SESSION, follower(), 1)
    assert fanout.followed() == {SESSION: [first]}


async def test_a_token_that_was_replaced_or_revoked_unheard_follows_no_longer(
    tmp_path: Path,
) -> None:
    url = parse(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    upgrade(url)
    databases, fanout = Databases([url]), Fanout()
    write = databases.of(SESSION).write
    await write(session_of_two(SESSION))
    one, two = (bytes([number]) * 16 for number in (1, 2))
    made = partial(Follower, after=1, most_frames=100, most_bytes=1000)
    stays, replaced, revoked = made(one, one * 2), made(one, TOKEN), made(two, two * 2)
    for each in (stays, replaced, revoked):
        fanout.enter(SESSION, each, MOST)
    taken_back = update(member).where(member.c.id == two).values(revoked=True)
    await write(lambda connection: connection.execute(taken_back))
    await look_again(fanout, databases)
    assert [each.closing for each in (stays, replaced, revoked)] == [None, NOT_AUTHORISED, REVOKED]
    await databases.close()
