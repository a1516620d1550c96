"""Removes what has had its time: expired sessions, and objects that belong to nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from sqlalchemy import Connection

from careseal.server.relay import Relay
from careseal.server.request_log import event
from careseal.server.routes.sessions import erase_session
from careseal.server.shared_limits import remove_full
from careseal.server.store import addressed, files, identity, knocks, sessions

ORPHANS_EVERY = 60  # sweeps
BATCH = 500
JUMP = 3600.0  # s by which clocks are set in the ordinary way, summer time included
SILENT = 7 * 86_400.0
WAIT = 86_400.0
OTHER = (
    "no orphan objects are removed: the objects' place is marked for other databases. Start with "
    "the right --objects-url and every --database-url in its order; where it is right to go on "
    "here, remove the mark (docs/operating.md, Deleting)"
)
UNKNOWN = (
    "no orphan objects are removed: the databases know none of the objects that are there. Start "
    "with the right databases and the right --objects-url (docs/operating.md, Deleting)"
)
log = logging.getLogger(__name__)


async def sweep_for_ever(relay: Relay) -> None:
    """Sweep every ``sweep_interval`` seconds until cancelled."""
    turn, trust = 0, Trust(relay)
    while True:
        try:
            trusted = await trust.earned()
            if trusted:
                await sweep_sessions(relay)
            for database in relay.databases.every:
                await database.write(partial(_forget, now=relay.now()))
            await sweep_addressed(relay)
            if trusted and turn % ORPHANS_EVERY == 0:
                await sweep_orphans(relay)
            turn += trusted
        except Exception:
            log.exception("a sweep failed")
        await asyncio.sleep(relay.settings.sweep_interval)


def _forget(connection: Connection, now: int) -> None:
    """What nobody asks for any more, whatever the clock on the wall says of visits."""
    knocks.remove_old(connection, now)
    remove_full(connection)


class Trust:
    """Whether the clock on the wall may decide what is erased.

    A clock that was set wrong must not erase visits that are to go on. After a jump, and after a
    start at which nothing had happened for a week by this clock, a day must pass without a jump.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._seen: tuple[float, float] | None = None  # wall, steady
        self._again = 0.0  # by the steady one

    async def earned(self) -> bool:
        """Looked at before each sweep."""
        wall, steady = time.time(), time.monotonic()
        if self._seen is None:
            jump = wall - await self._last_activity()
            suspicious = jump > SILENT
        else:
            jump = (wall - self._seen[0]) - (steady - self._seen[1])
            suspicious = abs(jump) > JUMP
        if suspicious:
            self._again = steady + WAIT
            event(log, "the clock may be wrong: nothing is erased for a day", seconds=round(jump))
        self._seen = wall, steady
        return steady >= self._again

    async def _last_activity(self) -> float:
        every = self._relay.databases.every
        latest = [await database.read(sessions.last_activity) for database in every]
        return max((at / 1000 for at in latest if at is not None), default=time.time())


async def sweep_sessions(relay: Relay) -> None:
    """Erase the sessions whose time has come, with their objects."""
    count = 0
    for database in relay.databases.every:
        for session_id in await database.read(partial(sessions.expired, now=relay.now())):
            await erase_session(relay, session_id)
            count += 1
    if count:
        event(log, "expired sessions erased", count=count)


async def sweep_addressed(relay: Relay) -> None:
    """Remove objects that clients put into the bucket and did not confirm in time."""
    for database in relay.databases.every:
        over = await database.write(partial(addressed.take_old, now=relay.now()))
        await relay.blobs.delete(over)


async def sweep_orphans(relay: Relay) -> None:
    """Remove objects that no part needs: a crash or an aborted upload left them."""
    old = await relay.blobs.older_than(relay.settings.orphan_age)
    orphans: list[str] = []
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        known: set[str] = set()
        for database in relay.databases.every:
            known |= await database.read(partial(files.objects_known, names=batch))
        orphans += [name for name in batch if name not in known]
    if not await _has_its_place(relay, knows_some=len(orphans) < len(old) or not old):
        return
    await relay.blobs.delete_files(orphans)
    if orphans:
        event(log, "orphan objects removed", count=len(orphans))


async def _has_its_place(relay: Relay, *, knows_some: bool) -> bool:
    """Whether the objects are those of these databases; a place without a mark gets theirs.

    To databases that are empty, or not all of them, the objects of others would all be orphans.
    """
    every = relay.databases.every
    ours = identity.mark([await database.read(identity.find) for database in every])
    found = await asyncio.to_thread(relay.blobs.marks)
    if not found and knows_some:
        await asyncio.to_thread(relay.blobs.put_mark, ours)
        return True
    if found == {ours}:
        return True
    fields = {"ours": ours, "found": " ".join(sorted(found))}
    log.error(OTHER if found else UNKNOWN, extra={"fields": fields})
    return False
