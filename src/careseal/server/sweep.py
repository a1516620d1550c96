"""Removes what has had its time: expired sessions, and objects that belong to nothing."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from careseal.server.relay import Relay
from careseal.server.request_log import event
from careseal.server.routes.sessions import erase_session
from careseal.server.store import files, sessions

ORPHANS_EVERY = 60  # sweeps
BATCH = 500
log = logging.getLogger(__name__)


async def sweep_for_ever(relay: Relay) -> None:
    """Sweep every ``sweep_interval`` seconds until cancelled."""
    turn = 0
    while True:
        try:
            await sweep_sessions(relay)
            if turn % ORPHANS_EVERY == 0:
                await sweep_orphans(relay)
        except Exception:
            log.exception("a sweep failed")
        turn += 1
        await asyncio.sleep(relay.settings.sweep_interval)


async def sweep_sessions(relay: Relay) -> None:
    """Erase the sessions whose time has come, with their objects."""
    expired = await relay.database.read(partial(sessions.expired, now=relay.now()))
    for session_id in expired:
        await erase_session(relay, session_id)
    if expired:
        event(log, "expired sessions erased", count=len(expired))


async def sweep_orphans(relay: Relay) -> None:
    """Remove objects that no part needs: a crash or an aborted upload left them."""
    old = await relay.blobs.older_than(relay.settings.orphan_age)
    orphans: list[str] = []
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        known = await relay.database.read(partial(files.objects_known, names=batch))
        orphans += [name for name in batch if name not in known]
    await relay.blobs.delete_files(orphans)
    if orphans:
        event(log, "orphan objects removed", count=len(orphans))
