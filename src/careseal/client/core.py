"""What the parts of one session share: its state, its log, its line to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from careseal.e2ee.errors import OutOfOrder, SealError
from careseal.e2ee.events import EntryEvent, Forked, MessageReceived
from careseal.e2ee.following import contradict
from careseal.e2ee.history import History
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.log import Chain, Digested, Entry, Position
from careseal.e2ee.past import grant, known_from, letter, take_history
from careseal.e2ee.payload import HistoryGrant
from careseal.e2ee.state import Phase

from . import waiting
from .errors import (
    ClientError,
    NotAuthorised,
    NotInSession,
    ServerRefused,
)
from .events import Event, HistoryReceived
from .keeper import Keeper
from .kept import Shelf
from .outbox import Outbox
from .profile import Profile
from .signalling import Signalling
from .storage import Store
from .transport import Headway, Transport

Listener = Callable[[Event], None]
Note = Callable[[Store, SessionId, EntryEvent], None]
"""Called with each entry's event within the transaction that applies it."""


_RESTORED = "restored"
"""Where the log ended when it was found to be shorter."""


class Core:
    """One session of this device. `cursor` is the last entry that was told to this process."""

    def __init__(self, store: Store, session: SessionId, transport: Transport | None) -> None:
        self.id = session
        self.store = store
        self.profile = Profile.decode(store.get(session, "profile"))
        self.transport = transport or Transport(self.profile.origin)
        self.keeper = Keeper(store, session)
        self.outbox = Outbox(store, session)
        self.signalling = Signalling(self.keeper)
        self.listeners: list[Listener] = []
        self.cursor = self.keeper.state.chain.head.seq
        self.note: Note = lambda store, session, event: None
        self.shelf = Shelf(store, session)
        self.reading = asyncio.Lock()

    async def read(self) -> list[Event]:
        """Reads the log to its end. Raises `NotInSession`, `ServerUnreachable` or
        `ServerContradicts`."""
        told: list[Event] = []
        headway, refused = Headway(), 0
        while True:
            async with self.reading:
                known = self.known_head
                try:
                    page = await self.transport.entries(self.id, self.profile.token, self.cursor)
                except NotAuthorised as error:
                    refused += 1
                    if refused > 1:
                        raise gone() from error
                    head = await self._known_again(error)
                    if head is None:
                        continue
                    told += self._apply((), head, restored=True)
                    break
                # Another process may have read on since, which is no roll-back.
                behind = page.head < known
                restored = behind and await self._is_beginning(page.head)
                told += self._apply(page.entries, page.head if behind else None, restored=restored)
                if self.cursor >= page.head:
                    break
                headway.check(page.head - self.cursor)
        return told + await self._take_grants(told)

    async def take(self, entry: Entry) -> list[Event]:
        """Applies an entry that came over the line; reads what is missing before it."""
        async with self.reading:
            try:
                told = self._apply([entry])
            except OutOfOrder:
                told = None
        if told is None:
            return await self.read()
        return told + await self._take_grants(told)

    def tell(self, event: Event) -> None:
        for listener in list(self.listeners):
            listener(event)

    async def confirmed(
        self, entry: Entry, request: bytes | None = None, also: Callable[[], None] = lambda: None
    ) -> None:
        """The server says that an entry of this device is in the log: it had better be.

        `also` is what follows here, on disk in one with it.
        """
        with self.store.transaction():
            agrees = self._agrees(entry, request)
            if agrees is not None:
                if not agrees:
                    self.contradicted(entry.seq)
                also()
                return
        page = await self.transport.entries(self.id, self.profile.token, entry.seq - 1, limit=1)
        if [each.id for each in page.entries] != [entry.id]:
            self.contradicted(entry.seq)
        with self.store.transaction():
            self._apply(page.entries)
            also()

    def _agrees(self, entry: Entry, request: bytes | None) -> bool | None:
        """Whether a confirmed entry is what was told here, or none was; None if that is unknown."""
        if entry.seq > self.keeper.state.chain.head.seq:
            return self.keeper.expect(entry, request)
        kept = self.shelf.get(entry.seq) if entry.seq <= self.cursor else None
        return None if kept is None else kept.id == entry.id

    def contradicted(self, seq: int) -> None:
        """The server tells of the past what it did not tell before: nothing is sent any more."""
        with self.store.transaction():
            self.store.delete(self.id, _RESTORED)
            events = self.keeper.change(lambda state: contradict(state, seq))
        for event in events:
            self.tell(event)

    # A restored log ------------------------------------------------------------------------

    @property
    def known_head(self) -> int:
        """Where the log is known to go: what was verified, or confirmed for this device."""
        return max(self.keeper.state.chain.head.seq, self.shelf.confirmed)

    @property
    def restored(self) -> bool:
        """Whether all that stops the sending is that the log ends before what is known of it."""
        return self.store.version(self.id, _RESTORED) > 0 and self.keeper.state.fork is not None

    @property
    def follow_from(self) -> int:
        """Behind which entries are asked for: in a restored log behind its end, to see what comes
        in the place of what is missing."""
        stored = self.store.get(self.id, _RESTORED)
        return self.cursor if stored is None else min(self.cursor, int.from_bytes(stored, "big"))

    def made_whole(self) -> None:
        """The log is again what it was: the fork is none."""
        with self.store.transaction():
            self.store.delete(self.id, _RESTORED)
            self.keeper.change(lambda state: (replace(state, fork=None), None))

    async def digests_by_any(self) -> list[Digested]:
        """The whole log's digests, by this member's token or by its link's: a restored server may
        not know the member yet. Raises `NotInSession`."""
        try:
            try:
                return (await self.transport.digests(self.id, self.profile.token, 0))[0]
            except NotAuthorised:
                link = self.keeper.state.invite.access_token
                return (await self.transport.digests(self.id, link, 0))[0]
        except NotAuthorised as error:
            raise gone() from error

    async def _known_again(self, refused: NotAuthorised) -> int | None:
        """Where a log ends that was restored to before this device's join; None when the join is
        there and this device is known to the server again. Raises `NotInSession`."""
        state, request = self.keeper.state, self.shelf.join_request
        link = state.invite.access_token
        if request is None or state.phase is not Phase.IN:
            raise gone() from refused
        try:
            digests, head, _ = await self.transport.digests(self.id, link, 0)
            if head < state.joined.seq:
                return head
            chain = Chain.start(self.id).extend_all(digests[: state.joined.seq])
            if chain.head != state.joined:
                raise gone() from refused
            await self.transport.post_commit(self.id, link, request)
            await self.transport.entries(self.id, self.profile.token, 0, limit=1)
        except (ServerRefused, SealError) as error:
            raise gone() from error
        return None

    async def take_letter(self) -> None:
        """Makes readable what the letter of the link holds, if there was one."""
        boxed = self.store.get(self.id, "letter")
        if boxed is not None:
            with suppress(SealError):  # a courtesy: without it the past stays unread
                await self._take_history(letter(self.keeper.state, boxed))
            self.store.delete(self.id, "letter")

    async def _is_beginning(self, head: int) -> bool:
        """Whether the server's log, which ends at `head`, is how the verified one begins."""
        mine, token = self.keeper.state.chain, self.profile.token
        shared = min(head, mine.head.seq)
        known = mine.hash_at(shared)
        try:
            digests, _, _ = await self.transport.digests(self.id, token, 0, head)
            told = Chain.start(self.id).extend_all(digests[:shared]).head
        except (ClientError, SealError):
            return False
        return known is not None and told == Position(shared, known)

    def _apply(
        self, entries: Sequence[Entry], head: int | None = None, *, restored: bool = False
    ) -> list[Event]:
        with self.store.transaction():
            state = self.keeper.state
            before, whole = state.chain.head.seq, state.fork is None or self.restored
            events = self.keeper.apply(entries, head, told=self.cursor)
            self.shelf.keep([each for each in entries if each.seq > before], events)
            if restored and whole:
                fork = Forked(head or 0)
                events = [replace(fork, restored=True) if e == fork else e for e in events]
                self.store.put(self.id, _RESTORED, (head or 0).to_bytes(8, "big"))
            if any(isinstance(e, Forked) and e.by is None and not e.restored for e in events):
                self.store.delete(self.id, _RESTORED)
            present = self.keeper.state.epoch
            for event in events:
                self.note(self.store, self.id, event)
                waiting.note(self.store, self.id, event, present.members if present else ())
        if entries:
            self.cursor = max(self.cursor, entries[-1].seq)
        for event in events:
            self.tell(event)
        return list(events)

    async def _take_grants(self, told: Sequence[Event]) -> list[Event]:
        me, received = self.keeper.state.member_id, []
        for event in told:
            match event:
                case MessageReceived(payload=HistoryGrant() as given) if given.to == me:
                    try:
                        await self._take_history(grant(self.keeper.state, given))
                    except SealError:
                        continue
                    received.append(HistoryReceived(known_from(self.keeper.state).seq))
        for event in received:
            self.tell(event)
        return list(received)

    async def _take_history(self, history: History) -> None:
        goal = known_from(self.keeper.state)
        digests: list[Digested] = []
        if history.start.seq < goal.seq:
            digests, _, _ = await self.transport.digests(
                self.id, self.profile.token, history.start.seq, goal.seq
            )
        self.keeper.change(lambda state: (take_history(state, history, digests), None))


def gone() -> NotInSession:
    return NotInSession(
        "This device is not in the session any more: it was removed, or the session is over."
    )
