"""Rooms of the fanout, which are there for as long as somebody is in them."""

from __future__ import annotations

import asyncio

from careseal.server.fanout import Fanout, Follower
from careseal.server.news import Present

SESSION, MEMBER, WORKER = bytes(16), bytes(16), bytes(8)
MOST = 8


def follower() -> Follower:
    return Follower(MEMBER, 0, 100, 1000)


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
