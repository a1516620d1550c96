"""Knocking, from both sides of the door (docs/protocol.md §3.8)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from careseal.e2ee.boxes import seal_key_box
from careseal.e2ee.errors import NotAllowed, SealError
from careseal.e2ee.identifiers import KnockId, SessionId
from careseal.e2ee.invite import Invite
from careseal.e2ee.knock import Knock
from careseal.e2ee.policy import PolicyInvite
from careseal.e2ee.secret import BoxKey, KnockName

from .core import Core
from .errors import (
    ClientError,
    DoorNotReady,
    LinkRefused,
    NotAdmitted,
    NotAuthorised,
    ServerRefused,
    StaleParent,
)
from .storage import Store
from .transport import KnockRow, Transport

ATTEMPTS = 10
_LONGEST_POLL = 25  # s
_KNOCK, _NAME, _LET_IN = "knock", "knock-name/", "let-in/"


@dataclass(frozen=True, slots=True)
class Knocking:
    """Somebody before the door. `since` is the server's word, ms since 1970.

    `name` is a claim, and empty on devices that did not make the link.
    """

    id: KnockId
    rule: PolicyInvite
    since: int
    name: str
    knock: Knock = field(repr=False)


class Answering:
    """A host's side: who knocks, and what it says to them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def waiting(self) -> tuple[Knocking, ...]:
        """Those that were not decided on, longest first."""
        decided = self._let_in()
        rows = await self._right()
        return tuple(each for row, each in rows if not row.admitted and each.id not in decided)

    async def admit(self, who: Knocking) -> None:
        """Leaves a key box for it, and another one when the epoch changes before it joins.

        Raises `NotAllowed` when the link lets in no more devices.
        """
        self._core.store.put(self._core.id, f"{_LET_IN}{who.id}", b"")
        await self._answer(who)

    async def refuse(self, who: Knocking) -> None:
        self._core.store.delete(self._core.id, f"{_LET_IN}{who.id}")
        await self._core.transport.end_knock(self._core.id, self._core.profile.token, who.id)

    async def renew(self) -> None:
        """Answers again those that were admitted here and are not in yet."""
        decided = self._let_in()
        if not decided:
            return
        rows = {each.id: (row, each) for row, each in await self._right()}
        for knock in decided:
            if knock not in rows:
                self._core.store.delete(self._core.id, f"{_LET_IN}{knock}")
            elif not rows[knock][0].admitted:
                await self._answer(rows[knock][1])

    def _let_in(self) -> set[KnockId]:
        names = self._core.store.names(self._core.id, _LET_IN)
        return {KnockId.parse(name.removeprefix(_LET_IN)) for name in names}

    async def _right(self) -> list[tuple[KnockRow, Knocking]]:
        """Those made with the link that they say; the server may tell what it likes."""
        core = self._core
        right = []
        for row in await core.transport.knocks(core.id, core.profile.token):
            rule = core.keeper.state.present.policy.find(row.invite)
            if rule is None or not rule.knock or not rule.open:
                continue
            with suppress(SealError):
                knock = Knock.decode(row.knock)
                knock.verify(core.id, rule.join)
                if knock.id == row.id:
                    name = self._name(rule, knock)
                    right.append((row, Knocking(row.id, rule, row.at, name, knock)))
        return right

    def _name(self, rule: PolicyInvite, knock: Knock) -> str:
        secret = self._core.store.get(self._core.id, f"{_NAME}{rule.id}")
        return "" if secret is None else knock.name_by(KnockName(secret), self._core.id)

    async def _answer(self, who: Knocking) -> None:
        core = self._core
        for _ in range(ATTEMPTS):
            state = core.keeper.state
            epoch = state.present
            inside = sum(each.invite == who.rule.id for each in epoch.members)
            if inside >= who.rule.devices:
                raise NotAllowed("As many devices as the link lets in are in.")
            box = seal_key_box(
                who.knock.public, core.id, who.rule.id, epoch.number, epoch.keys.door, os.urandom
            )
            try:
                await core.transport.admit_knock(
                    core.id, core.profile.token, who.id, state.chain.last_commit, box
                )
            except StaleParent:
                await core.read()
            else:
                return
        raise DoorNotReady("Others kept changing the session; try again in a moment.")


def keep_name(store: Store, session: SessionId, rule: PolicyInvite, invite: Invite) -> None:
    """The device that made a link can read what its joiners call themselves."""
    if rule.knock and invite.knock_name is not None:
        store.put(session, f"{_NAME}{rule.id}", invite.knock_name)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a host answered, and the key that opens it."""

    key_box: bytes = field(repr=False)
    key: BoxKey


class Asking:
    """A joiner's side. What it keeps lets it go on after a restart."""

    def __init__(self, store: Store, transport: Transport, invite: Invite, name: str) -> None:
        self._store, self._transport, self._invite = store, transport, invite
        self._knock, self._key = self._kept(name)

    async def wait(self, deadline: float, waiting: Callable[[], None]) -> Admitted:
        """Until a host admits; `deadline` in the loop's time.

        Raises `NotAdmitted` when it refused, `DoorNotReady` when nobody answered in time.
        """
        loop = asyncio.get_running_loop()
        session, token = self._invite.session, self._invite.access_token
        try:
            await self._transport.knock(session, token, self._knock)
            told = False
            while True:
                left = int(min(_LONGEST_POLL, max(0, deadline - loop.time())))
                try:
                    state, box = await self._transport.knock_state(
                        session, token, self._knock.id, left if told else 0
                    )
                except ServerRefused as error:
                    if error.problem != "not-found":
                        raise
                    await self._transport.knock(session, token, self._knock)
                    continue
                if box is not None:
                    return Admitted(box, self._key)
                if state == "refused":
                    raise NotAdmitted(
                        "The clinician did not let you in. Get in touch, or ask again."
                    )
                if loop.time() + 1 > deadline:
                    raise DoorNotReady("Nobody has let you in yet; try again, and wait longer.")
                if not told:
                    waiting()
                    told = True
        except NotAuthorised as error:
            raise LinkRefused("This link does not work: it is wrong, or was closed.") from error
        except (NotAdmitted, DoorNotReady, asyncio.CancelledError):
            await self.over()
            raise

    async def over(self) -> None:
        """In, or gone: nobody needs to answer any more."""
        self._store.delete(self._invite.session, _KNOCK)
        with suppress(ClientError):
            session, token = self._invite.session, self._invite.access_token
            await self._transport.end_knock(session, token, self._knock.id)

    def _kept(self, name: str) -> tuple[Knock, BoxKey]:
        session = self._invite.session
        kept = self._store.get(session, _KNOCK)
        if kept is not None:
            return Knock.decode(kept[32:]), BoxKey(kept[:32])
        knock, key = Knock.make(self._invite, name, os.urandom)
        self._store.put(session, _KNOCK, key + knock.encode())
        return knock, key
