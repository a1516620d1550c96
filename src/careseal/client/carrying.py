"""Putting back into a restored log what it misses, byte for byte (docs/protocol.md §4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Never

from careseal.e2ee.errors import NotAllowed, SealError
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.log import Chain, Kind
from careseal.e2ee.sending import SealedChat

from .commits import Committer
from .core import Core
from .errors import (
    CarryOnWaits,
    NotAuthorised,
    SendingStopped,
    ServerContradicts,
    StaleParent,
    WrongPlace,
)
from .events import CarriedOn
from .kept import Kept

CHOSEN = "carrying on"
OnPutBack = Callable[[int, int], None]
"""How many entries this device has put back, of how many that were missing."""


class Carrier:
    """Carries on in one session after its server was restored."""

    def __init__(self, core: Core, committer: Committer) -> None:
        self._core = core
        self._committer = committer
        self._working = asyncio.Lock()

    async def carry_on(self, tell: OnPutBack | None = None) -> int:
        """How many entries this device put back; the log is then what it was.

        Nothing is sealed anew before that. Raises `CarryOnWaits`, `SendingStopped` where the
        server gives something else in a place, and `NotAllowed` when nothing was restored.
        """
        core = self._core
        if not core.restored:
            raise NotAllowed("The server was not restored: there is nothing to carry on.")
        core.store.put(core.id, CHOSEN, b"")
        async with self._working, core.reading:
            if not core.restored:
                return 0  # another call was quicker
            head, posted = await self._verified(), 0
            missing = core.known_head - head
            while head < core.known_head:
                head += 1
                if not (self._vouches_for(head - 1) and await self._put_back(head)):
                    break
                posted += 1
                if tell is not None:
                    tell(posted, missing)
            else:
                if posted:
                    await self._verified()
                core.made_whole()
                core.store.delete(core.id, CHOSEN)
        if core.restored:
            next_one = core.shelf.get(head)
            raise CarryOnWaits(None if next_one is None else next_one.only)
        core.tell(CarriedOn())
        await self._committer.tend_door(anew=True)
        return posted

    async def go_on(self, head: int) -> None:
        """What was chosen goes on by itself, once the log ends where this device can do more."""
        core = self._core
        if not core.restored or not core.store.version(core.id, CHOSEN) or self._working.locked():
            return
        following = core.shelf.get(head + 1)
        if head >= core.known_head or (following is not None and following.postable):
            with suppress(CarryOnWaits):
                await self.carry_on()

    async def _verified(self) -> int:
        """Where the log ends, if it is what was verified here as far as both go."""
        core = self._core
        try:
            digests = await core.digests_by_any()
            chain, mine = Chain.start(core.id), core.keeper.state.chain
            for digest in digests:
                chain = chain.extend_all([digest])
                known = mine.hash_at(digest.seq)
                if known is not None and known != chain.head.hash:
                    self._refuse(digest.seq)
        except SealError:
            self._refuse(0)
        return chain.head.seq

    def _vouches_for(self, seq: int) -> bool:
        """Whether what lies up to `seq` could be compared with what was verified here."""
        chain = self._core.keeper.state.chain
        return seq > chain.head.seq or chain.hash_at(seq) is not None

    async def _put_back(self, seq: int) -> bool:
        """Whether this device could. Raises `SendingStopped` for another entry in the place."""
        core = self._core
        record = core.shelf.get(seq)
        if record is None or not record.postable:
            return False
        try:
            told = await self._post(seq, record)
        except (WrongPlace, StaleParent):
            self._refuse(seq)
        except NotAuthorised as error:
            if record.request is None:
                return False  # this device is known again once its own join is back
            raise ServerContradicts("The server does not take the link's own token.") from error
        if told != seq:
            self._refuse(seq)
        return True

    async def _post(self, seq: int, record: Kept) -> int:
        core = self._core
        token, transport = core.profile.token, core.transport
        entry = EntryId(record.id)
        if record.kind == Kind.CHAT:
            sealed = SealedChat(entry, record.parent, record.body)
            return await transport.post_chat(core.id, token, sealed, place=seq)
        if record.request is None:
            request = await transport.bare_request(
                core.id, token, entry, record.parent, record.body
            )
            return await transport.post_commit(core.id, token, request, place=seq)
        joined = record.request == core.shelf.join_request
        bearer = core.keeper.state.invite.access_token if joined else token
        return await transport.post_commit(core.id, bearer, record.request, place=seq)

    def _refuse(self, seq: int) -> Never:
        self._core.contradicted(seq)
        raise SendingStopped(
            "The server has something else where your devices saw another entry. "
            "Nothing was put there, and nothing is sent any more."
        )
