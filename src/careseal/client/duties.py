"""What a device does by itself about what it has read (docs/protocol.md §3.4, §3.7, §5.4).

Each duty is noted in the store together with the entry that it comes from, so none is lost when
the process ends before it is done.
"""

from __future__ import annotations

import asyncio
import random
import time

from careseal.e2ee.errors import DoorDoesNotFit
from careseal.e2ee.events import CommitVoid, EntryEvent, GroupChanged, MessageReceived
from careseal.e2ee.identifiers import MemberId, SessionId
from careseal.e2ee.payload import Admit, Leave
from careseal.e2ee.policy import Role
from careseal.e2ee.sending import may_grant
from careseal.e2ee.state import Epoch, Phase
from careseal.e2ee.validity import VoidCause

from .commits import Changes, Committer
from .core import Core
from .errors import DoorNotReady
from .events import Event
from .granting import give_history
from .knocking import Answering
from .posting import Postman
from .storage import Store
from .waiting import admitted, admitted_for

EPOCH_LASTS = 24 * 3600
"""Seconds after which the next active host begins a new epoch."""

_LOOK_AGAIN = 1.0  # s
_EPOCH_BEGAN, _LOST, _DOOR = "epoch-began", "duty/lost", "duty/door"
_LEFT, _JOINED = "duty/left/", "duty/joined/"


def note(store: Store, session: SessionId, event: EntryEvent) -> None:
    """Notes what has to be done about an entry, in the transaction that applies it."""
    match event:
        case GroupChanged():
            store.put(session, _EPOCH_BEGAN, int(time.time()).to_bytes(8, "big"))
            if not event.own:
                store.put(session, _DOOR, b"")
            if event.joined is not None and not event.own and not event.resync:
                store.put(session, f"{_JOINED}{event.joined.id}", b"")
        case CommitVoid():
            store.put(session, _DOOR, b"")
            if event.cause == VoidCause.MLS:
                store.put(session, _LOST, b"")
        case MessageReceived(payload=Leave(), own=False):
            store.put(session, f"{_LEFT}{event.sender.id}", b"")


class Duties:
    """Does what is noted, as far as this device may."""

    def __init__(
        self, core: Core, committer: Committer, postman: Postman, answering: Answering
    ) -> None:
        self._core, self._committer, self._postman = core, committer, postman
        self._answering = answering
        self._working = asyncio.Lock()

    async def look_after(self, spread: float = 0.0) -> list[Event]:
        """With `spread`, waits up to so many seconds before it touches the door, so that not
        all hosts mend it at once."""
        async with self._working:
            told = await self._come_back(spread)
            if not self._may_act() or self._core.store.version(self._core.id, _LOST):
                return told
            await self._remove_leavers()
            await self._give_histories()
            await self._answering.renew()
            if self._take(_DOOR):
                await asyncio.sleep(random.uniform(0, spread))  # noqa: S311 - only spreads
                await self._committer.tend_door()
            if self._is_old():
                await self._committer.commit(lambda epoch: Changes() if self._is_old() else None)
            return told

    def _may_act(self) -> bool:
        state = self._core.keeper.state
        return state.phase is Phase.IN and not state.stopped and state.is_host

    async def _come_back(self, spread: float) -> list[Event]:
        """A re-sync, if the door shows that the others went on without this device.

        A door that shows nothing is mended by a host who could follow. If none does, a host
        stays where it is and mends it; others try again with the next thing that happens. So
        does a host whom the door shows that others went on, and who must wait for one of them.
        """
        core, told = self._core, list[Event]()
        until = time.monotonic() + (spread and spread + 1)
        while core.store.version(core.id, _LOST):
            try:
                told = await self._committer.come_back()
            except (DoorNotReady, DoorDoesNotFit) as error:
                if time.monotonic() < until:
                    await asyncio.sleep(_LOOK_AGAIN)
                    continue
                if isinstance(error, DoorDoesNotFit) or not core.keeper.state.is_host:
                    break
            core.store.delete(core.id, _LOST)
        return told

    async def _remove_leavers(self) -> None:
        for member in self._noted(_LEFT):

            def plan(epoch: Epoch, member: MemberId = member) -> Changes | None:
                gone = epoch.find(member)
                if gone is None:
                    return None
                return Changes(removes=(gone.leaf,), revokes=(member,))

            await self._committer.commit(plan)
            self._take(f"{_LEFT}{member}")

    async def _give_histories(self) -> None:
        for member in self._noted(_JOINED):
            state = self._core.keeper.state
            newcomer = state.present.find(member)
            rule = None if newcomer is None else state.present.policy.find(newcomer.invite)
            if rule is not None and rule.history and may_grant(state, member):
                await give_history(self._core, self._postman, member)
            await self._tell_admitted(member)
            self._take(f"{_JOINED}{member}")

    async def _tell_admitted(self, newcomer: MemberId) -> None:
        """Tells a newcomer who was admitted before, if this is the first host that is here."""
        core = self._core
        epoch = core.keeper.state.present
        here = {core.keeper.state.member_id, *core.signalling.peers.values()} - {newcomer}
        hosts = [each for each in epoch.members if each.role is Role.HOST and each.id in here]
        if hosts and hosts[0].id == core.keeper.state.member_id:
            for member in admitted_for(newcomer, epoch, admitted(core.store, core.id)):
                await self._postman.send(Admit(member))

    def _noted(self, prefix: str) -> list[MemberId]:
        names = self._core.store.names(self._core.id, prefix)
        return [MemberId.parse(name.removeprefix(prefix)) for name in names]

    def _take(self, name: str) -> bool:
        noted = self._core.store.version(self._core.id, name) > 0
        self._core.store.delete(self._core.id, name)
        return noted

    def _is_old(self) -> bool:
        began = self._core.store.get(self._core.id, _EPOCH_BEGAN)
        if began is None:
            now = int(time.time())
            self._core.store.put(self._core.id, _EPOCH_BEGAN, now.to_bytes(8, "big"))
            return False
        return time.time() - int.from_bytes(began, "big") > EPOCH_LASTS
