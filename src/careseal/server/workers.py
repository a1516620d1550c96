"""This worker among the others: what it tells them, hears of them, and looks up to be sure."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import msgspec

from careseal.server import news
from careseal.server.bus import Bus, Line
from careseal.server.fanout import NOT_AUTHORISED, OVER, REVOKED, Fanout
from careseal.server.store import log as entries
from careseal.server.store import members
from careseal.server.store.databases import Databases

ALIVE_EVERY: Final = 3.0  # s
GONE_AFTER: Final = 10.0  # s without a word
LOOK_EVERY: Final = 20.0  # s, and while the line is broken
LOOK_WHEN_DOWN: Final = 1.0
BATCH: Final = 500  # sessions
log = logging.getLogger(__name__)


class Workers:
    """Connects a ``Fanout`` with those of other workers."""

    def __init__(self, line: Line) -> None:
        self.fanout = Fanout(self._say)
        self._id = secrets.token_bytes(news.WORKER)
        self._heard: dict[bytes, float] = {}  # when, by worker
        self._look = asyncio.Event()
        self._bus = Bus(line, self._hear, self._stands)

    @property
    def up(self) -> bool:
        """Whether the line to the others stands."""
        return self._bus.up

    @property
    def unsaid(self) -> int:
        """How many messages to the others wait."""
        return self._bus.unsaid

    def _say(self, session_id: bytes, told: news.News) -> None:
        self._bus.say(news.encode(self._id, session_id, told))

    def _hear(self, message: bytes) -> None:
        worker, session_id = news.origin(message)
        if worker == self._id:
            return
        self._heard[worker] = time.monotonic()
        try:
            self.fanout.hear(worker, session_id, news.decode(message))
        except msgspec.MsgspecError:
            log.warning("a worker of another release says what this one does not know")

    def _stands(self) -> None:
        """The line is there, again: what was said meanwhile was not heard."""
        self.fanout.ask_for_others()
        self._look.set()

    async def _keep_in_touch(self) -> None:
        while True:
            self._say(news.NOBODY, news.Alive())
            await asyncio.sleep(ALIVE_EVERY)
            if self.up:
                since = time.monotonic() - GONE_AFTER
                gone = {worker for worker, at in self._heard.items() if at < since}
                for worker in gone:
                    del self._heard[worker]
                self.fanout.forget_workers(gone)

    async def _look_again(self, databases: Databases) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY if self.up else LOOK_WHEN_DOWN):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            try:
                await look_again(self.fanout, databases)
            except Exception:
                log.exception("looking again failed")

    @asynccontextmanager
    async def working(self, databases: Databases) -> AsyncIterator[None]:
        """Connected, until the end."""
        await self._bus.ready()
        tasks = [
            asyncio.create_task(self._keep_in_touch()),
            asyncio.create_task(self._look_again(databases)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._bus.close()


async def look_again(fanout: Fanout, databases: Databases) -> None:
    """Find what followers were not told: new entries, the end, a token revoked or replaced.

    Only those that were there before the database is read: it may not know of later ones.
    """
    followed = {session_id: list(them) for session_id, them in fanout.followed().items()}
    fanout.wake_waiting()
    for shard, database in enumerate(databases.every):
        ids = [one for one in followed if databases.shard_of(one) == shard]
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            heads = await database.read(partial(entries.heads, sessions=batch))
            tokens = await database.read(partial(members.tokens, sessions=batch))
            for session_id in batch:
                head, ended = heads.get(session_id, (0, True))
                for follower in followed[session_id]:
                    token = tokens.get((session_id, follower.member_id), follower.token_hash)
                    if token is None:
                        follower.close(REVOKED)
                    elif token != follower.token_hash:
                        follower.close(NOT_AUTHORISED)
                    elif head > follower.cursor:
                        follower.fall_behind()
                    elif ended:
                        follower.close(OVER, after_queue=True)
