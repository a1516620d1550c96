"""Commits of this device: kept before they are posted, tried again when another came first."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from careseal.e2ee.errors import NotAllowed, SealError
from careseal.e2ee.identifiers import EntryId, InviteId, MemberId
from careseal.e2ee.log import Entry, Kind
from careseal.e2ee.policy import Policy
from careseal.e2ee.secret import AccessToken
from careseal.e2ee.sending import check_door, door_now, drop_pending, letters_due, make_commit
from careseal.e2ee.state import Epoch, Phase, SessionState

from . import entering
from .core import Core, gone
from .errors import (
    ClientError,
    NotAuthorised,
    NotInSession,
    ServerContradicts,
    ServerRefused,
    StaleParent,
    WrongPlace,
)
from .events import Event
from .founding import MadeInvite, keep_link
from .posting import find_restored
from .transport import NOBODYS, CommitExtras, Opening

ATTEMPTS = 20
_TOO_OFTEN = 3  # fetches of the door by one link


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit is to do, in the group and at the server."""

    removes: tuple[int, ...] = ()
    policy: Policy | None = None
    opens: tuple[Opening, ...] = ()
    closes: tuple[InviteId, ...] = ()
    revokes: tuple[MemberId, ...] = ()
    made: MadeInvite | None = None


Plan = Callable[[Epoch], Changes | None]
"""What to do in an epoch; None if there is no reason any more."""


class _Extras(msgspec.Struct, forbid_unknown_fields=True):
    opens: list[tuple[bytes, str, bytes]]
    closes: list[bytes]
    revokes: list[bytes]


class Committer:
    """Makes a session's commits, one at a time, and keeps its door right."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._committing = asyncio.Lock()
        self._fetches: tuple[int, Counter[InviteId]] = -1, Counter()

    async def commit(self, plan: Plan, *, hosts_only: bool = True) -> Changes:
        """What was done, once it is in the log. Raises `NotAllowed` and others."""
        async with self._committing:
            for _ in range(ATTEMPTS):
                await self._core.read()
                await self._post_pending()
                state = self._core.keeper.state
                epoch = state.present if state.contradicting else state.check_sending()
                if hosts_only and not state.is_host:
                    raise NotAllowed("Only hosts may do this.")
                changes = plan(epoch)
                if changes is None:
                    return Changes()
                self._prepare(changes)
                if await self._post_pending():
                    return changes
        raise ClientError("Others kept changing the session; try again in a moment.")

    async def resume(self) -> list[Event]:
        """Finishes a commit or a join that a crash or a broken line interrupted."""
        state, told = self._core.keeper.state, []
        if state.phase is Phase.REMOVED:
            raise gone()
        if self._core.keeper.coming_back:
            async with self._committing:
                told += (await self._finish_coming_back())[1]
        elif state.phase is Phase.JOINING:
            told += await self._finish_join()
        elif state.pending is not None and state.fork is None:
            async with self._committing:
                await self._post_pending()
        return told

    async def come_back(self) -> list[Event]:
        """A re-sync, if the door leads into a later epoch than this device is in (§3.4).

        Raises `DoorNotReady` or `DoorDoesNotFit`.
        """
        core = self._core
        told: list[Event] = []
        async with self._committing:
            for _ in range(ATTEMPTS):
                if not await entering.come_back(core.keeper, core.transport, core.profile):
                    break
                came, more = await self._finish_coming_back()
                told += more
                if came:
                    break
        return told

    async def _finish_coming_back(self) -> tuple[bool, list[Event]]:
        """Whether a re-sync counts; one that another commit came before never was (§3.7)."""
        core, refused = self._core, None
        try:
            await self._post(CommitExtras())
        except ServerRefused as error:
            if _may_pass(error):
                raise
            refused = error
        told = await core.read()  # an earlier attempt may be there, whose answer was lost
        if not core.keeper.coming_back:
            return True, told
        self._go_back()
        if refused is not None:
            raise refused
        return False, told + await core.read()

    def _go_back(self) -> None:
        core = self._core
        core.keeper.go_back()
        core.cursor = min(core.cursor, core.keeper.state.chain.head.seq)

    async def link_opened(self, invite: InviteId) -> None:
        """A link's door was fetched: whoever fetches it again and again does not get in, though
        it may look right. Hosts cannot see whether another's key box opens (§3.7)."""
        since = self._core.keeper.state.chain.last_commit
        if self._fetches[0] != since:
            self._fetches = since, Counter()
        self._fetches[1][invite] += 1
        await self.tend_door(anew=self._fetches[1][invite] % _TOO_OFTEN == 0)

    async def tend_door(self, *, letters: bool = False, anew: bool = False) -> None:
        """Puts a right door if there is a wrong one, or `anew` in any case (§3.7)."""
        core = self._core
        state = core.keeper.state
        if state.phase is not Phase.IN or state.pending is not None:
            return
        try:
            if not (anew or (letters and letters_due(state))):
                fetched = await core.transport.door(core.id, core.profile.token)
                check_door(state, fetched.door)
                return
        except SealError:
            pass
        try:
            upload = door_now(core.keeper.state, os.urandom)
            await core.transport.put_door(core.id, core.profile.token, upload)
        except StaleParent:
            pass  # whoever came first has put one

    def _prepare(self, changes: Changes) -> None:
        extras = _Extras(
            [(bytes(e.id), e.role, bytes(e.access_token)) for e in changes.opens],
            [bytes(each) for each in changes.closes],
            [bytes(each) for each in changes.revokes],
        )
        core = self._core

        def make(state: SessionState) -> tuple[SessionState, None]:
            after = make_commit(state, os.urandom, changes.removes, changes.policy)
            core.store.put(core.id, "commit", msgspec.msgpack.encode(extras))
            if changes.made is not None:
                keep_link(core.store, changes.made)
            return after, None

        core.keeper.change(make)

    async def _post_pending(self) -> bool:
        """Whether a pending commit got into the log."""
        if self._core.keeper.state.pending is None:
            return False
        if not await self._post(self._extras()):
            return False
        await self._core.read()
        if self._core.keeper.state.pending is not None:
            raise ServerContradicts("The server confirmed a change and does not show it.")
        await self.tend_door(letters=True)
        return True

    async def _post(self, extras: CommitExtras) -> bool:
        core, state = self._core, self._core.keeper.state
        if state.pending is None:
            return False
        pending = state.pending
        request = core.transport.commit_request(state.member_id, pending, extras)
        core.shelf.posting(pending.entry, request, joins=False)
        try:
            seq = await core.transport.post_commit(
                core.id, core.profile.token, request, after=core.known_head
            )
            posted = Entry(seq, Kind.COMMIT, pending.upload.parent, pending.entry, pending.body)
            await core.confirmed(posted, request)
        except WrongPlace as error:
            await find_restored(core, error)
        except StaleParent:
            if state.phase is Phase.JOINING:
                return False
            return await self._settle(state, pending.entry)
        except NotAuthorised as error:
            raise gone() from error
        except ServerRefused as refused:
            if state.phase is Phase.JOINING or _may_pass(refused):
                raise
            if not await self._settle(state, pending.entry):
                raise
        return True

    async def _settle(self, posted: SessionState, entry: EntryId) -> bool:
        """Whether a commit that was refused is in the log all the same: an earlier attempt stored
        it, and the answer was lost. One that is not there is dropped (§3.7)."""
        core = self._core
        await core.read()
        if core.keeper.state.pending is not None:
            core.keeper.change(lambda now: (_without(now, posted), None))
            return False
        return core.keeper.state.present.commit == entry

    async def _finish_join(self) -> list[Event]:
        core = self._core
        if core.keeper.state.pending is None or not await entering.post_join(
            core.transport, core.shelf, core.keeper.state, core.profile
        ):
            raise NotInSession("The join was not finished; open the link again.")
        told = await core.read()
        if core.keeper.state.phase is Phase.JOINING:
            raise ServerContradicts("The server confirmed the join and does not show it.")
        await core.take_letter()
        return told

    def _extras(self) -> CommitExtras:
        stored = self._core.store.get(self._core.id, "commit")
        if stored is None:
            return CommitExtras()
        extras = msgspec.msgpack.decode(stored, type=_Extras)
        return CommitExtras(
            None,
            tuple(Opening(InviteId(i), r, AccessToken(t)) for i, r, t in extras.opens),
            tuple(map(InviteId, extras.closes)),
            tuple(map(MemberId, extras.revokes)),
        )


def _may_pass(refused: ServerRefused) -> bool:
    """Whether the same commit may be taken later: until then it may be in the log or not.

    A count that is reached stays so without another commit, which would wait behind this one.
    """
    if refused.status == 429:
        return refused.limit not in ("invites", "members")
    return refused.status in NOBODYS


def _without(now: SessionState, then: SessionState) -> SessionState:
    """The present state without the commit that was refused, if it still waits for it."""
    if now.pending is None or then.pending is None or now.pending.entry != then.pending.entry:
        return now
    return drop_pending(now)
