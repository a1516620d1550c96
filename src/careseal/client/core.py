"""What the parts of one session share: its state, its log, its line to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from careseal.e2ee.errors import OutOfOrder, SealError
from careseal.e2ee.events import EntryEvent, MessageReceived
from careseal.e2ee.following import contradict
from careseal.e2ee.history import History
from careseal.e2ee.identifiers import EntryId, SessionId
from careseal.e2ee.log import Digested, Entry
from careseal.e2ee.past import grant, known_from, letter, take_history
from careseal.e2ee.payload import HistoryGrant

from .errors import NotAuthorised, NotInSession, ServerContradicts
from .events import Event, HistoryReceived
from .keeper import Keeper
from .outbox import Outbox
from .profile import Profile
from .signalling import Signalling
from .storage import Store
from .transport import Transport

Listener = Callable[[Event], None]
Note = Callable[[Store, SessionId, EntryEvent], None]
"""Called with each entry's event within the transaction that applies it."""


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
        self._reading = asyncio.Lock()

    async def read(self) -> list[Event]:
        """Reads the log to its end. Raises `NotInSession` or `ServerUnreachable`."""
        told: list[Event] = []
        stuck = 0
        while True:
            async with self._reading:
                before, verified = self.cursor, self.keeper.state.chain.head.seq
                try:
                    page = await self.transport.entries(self.id, self.profile.token, self.cursor)
                except NotAuthorised as error:
                    raise gone() from error
                # Another process may have read on since, which is no roll-back.
                behind = page.head < verified
                told += self._apply(page.entries, page.head if behind else None)
                if self.cursor >= page.head:
                    break
                stuck = stuck + 1 if self.cursor == before else 0
                if stuck > 1:
                    raise ServerContradicts("The server speaks of messages and does not give them.")
        return told + await self._take_grants(told)

    async def take(self, entry: Entry) -> list[Event]:
        """Applies an entry that came over the line; reads what is missing before it."""
        async with self._reading:
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

    async def confirmed(self, seq: int, entry: EntryId) -> None:
        """The server says that an entry of this device is in the log: it had better be."""
        with self.store.transaction():
            passed = self.keeper.state.chain.head.seq >= seq
            if not passed:
                self.keeper.expect(seq, entry)
        if passed:
            page = await self.transport.entries(self.id, self.profile.token, seq - 1, limit=1)
            if [each.id for each in page.entries] != [entry]:
                self.contradicted(seq)
            self._apply(page.entries)

    def contradicted(self, seq: int) -> None:
        """The server tells of the past what it did not tell before: nothing is sent any more."""
        for event in self.keeper.change(lambda state: contradict(state, seq)):
            self.tell(event)

    async def take_letter(self) -> None:
        """Makes readable what the letter of the link holds, if there was one."""
        boxed = self.store.get(self.id, "letter")
        if boxed is not None:
            with suppress(SealError):  # a courtesy: without it the past stays unread
                await self._take_history(letter(self.keeper.state, boxed))
            self.store.delete(self.id, "letter")

    def _apply(self, entries: Sequence[Entry], head: int | None = None) -> list[Event]:
        with self.store.transaction():
            events = self.keeper.apply(entries, head, told=self.cursor)
            for event in events:
                self.note(self.store, self.id, event)
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
