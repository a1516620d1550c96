"""The newest state of one session, shared through the store with other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

from careseal.e2ee.events import (
    CommitVoid,
    Duplicate,
    EntryEvent,
    GroupChanged,
    MessageReceived,
)
from careseal.e2ee.following import check_head, contradict, follow, read_entry
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.log import Entry, Kind
from careseal.e2ee.payload import File, Note, Text
from careseal.e2ee.state import Epoch, Phase, SessionState
from careseal.e2ee.state_codec import decode_state, encode_state

from .errors import StorageError
from .kept import Kept
from .storage import Store

T = TypeVar("T")

_BEFORE = "before re-sync"

GRACE = 10.0
"""Seconds for which the epoch before is held (docs/protocol.md §7.1, §7.3)."""


class Keeper:
    """Reads, changes and keeps a session's state: a change is durable when it returns."""

    def __init__(self, store: Store, session: SessionId) -> None:
        self._store = store
        self._session = session
        self._version = 0
        self._state: SessionState | None = None
        self._previous: tuple[Epoch, float] | None = None

    @property
    def state(self) -> SessionState:
        """The newest one, whoever wrote it. Raises `StorageError` if there is none."""
        version = self._store.version(self._session, "state")
        if self._state is None or version != self._version:
            stored = self._store.get(self._session, "state")
            if stored is None:
                raise StorageError("This session is not in the store.")
            self._hold(decode_state(stored), version)
        assert self._state is not None  # noqa: S101 - narrowed for the type checker
        return self._state

    @property
    def previous(self) -> Epoch | None:
        """The epoch before, for some seconds after it has passed."""
        if self._previous is None or time.monotonic() > self._previous[1]:
            return None
        return self._previous[0]

    def change(self, make: Callable[[SessionState], tuple[SessionState, T]]) -> T:
        """What `make` returns beside the new state, once that is on disk."""
        with self._store.transaction():
            before = self.state
            after, result = make(before)
            version = self._version
            if after is not before:
                version = self._store.put(self._session, "state", encode_state(after))
        self._hold(after, version)
        return result

    def begin(self, state: SessionState) -> None:
        """Keeps the first state of a session, or one that starts again from a door."""
        self._hold(state, self._store.put(self._session, "state", encode_state(state)))

    def begin_again(self, state: SessionState) -> None:
        """Keeps a re-sync that is on its way, and until it counts the state from before it."""
        with self._store.transaction():
            self._store.put(self._session, _BEFORE, encode_state(self.state))
            self.begin(state)

    @property
    def coming_back(self) -> bool:
        """Whether a re-sync is on its way, or was lost."""
        joining = self.state.phase is Phase.JOINING
        return joining and self._store.version(self._session, _BEFORE) > 0

    def go_back(self) -> None:
        """After a re-sync that another commit came before: to the state from before it."""
        with self._store.transaction():
            before = self._store.get(self._session, _BEFORE)
            if before is None:
                raise StorageError("The state from before the re-sync is not in the store.")
            self.begin(decode_state(before))
            self._store.delete(self._session, _BEFORE)

    def apply(
        self, entries: Iterable[Entry], behind: int | None = None, *, told: int = 0
    ) -> list[EntryEvent]:
        """What these entries are, each the next after the last or one that came before.

        Another process may have applied some already; these are told from what was kept. Those
        up to `told` are known here: of them only a contradiction is told. `behind` is where the
        log ends if it ends before what it was known to hold.
        """

        def make(state: SessionState) -> tuple[SessionState, list[EntryEvent]]:
            found: list[EntryEvent] = []
            for entry in entries:
                state, events = follow(state, entry)
                if self._breaks_word(entry):
                    state, more = contradict(state, entry.seq)
                    events += more
                if any(isinstance(event, Duplicate) for event in events):
                    events = () if entry.seq <= told else (describe(state, entry),)
                found += [self.first(event) for event in events]
            if behind is not None:
                state, events = check_head(state, behind)
                if not events:  # it was confirmed, and not verified yet
                    state, events = contradict(state, behind)
                found += events
            if state.phase is not Phase.JOINING:
                self._store.delete(self._session, _BEFORE)
            return state, found

        return self.change(make)

    def expect(self, entry: Entry, request: bytes | None = None) -> bool:
        """The server has confirmed that this entry is there in the log; false if it has
        confirmed another one there."""
        kept = Kept(int(entry.kind), entry.parent, bytes(entry.id), entry.body, None, request)
        name = f"confirmed/{entry.seq}"
        before = self._store.get(self._session, name)
        if before is not None and before[:16] != entry.id:
            return False
        self._store.put(self._session, name, entry.id + msgspec.msgpack.encode(kept))
        return True

    def _breaks_word(self, entry: Entry) -> bool:
        """Whether another entry was confirmed to be in this one's place."""
        name = f"confirmed/{entry.seq}"
        expected = self._store.get(self._session, name)
        if expected is not None:
            self._store.delete(self._session, name)
        return expected is not None and expected[:16] != entry.id

    def first(self, event: EntryEvent) -> EntryEvent:
        """The event, or a `Duplicate` where an earlier entry held the same message (§5.2)."""
        match event:
            case MessageReceived(payload=Text(message) | File(message) | Note(message)):
                name = f"said/{event.sender.id}/{message}"
                known = self._store.get(self._session, name)
                if known is None:
                    self._store.put(self._session, name, event.seq.to_bytes(8, "big"))
                elif int.from_bytes(known, "big") < event.seq:
                    return Duplicate(event.seq)
        return event

    def _hold(self, state: SessionState, version: int) -> None:
        before = None if self._state is None else self._state.epoch
        if before is not None and state.epoch is not None and before.number != state.epoch.number:
            self._previous = before, time.monotonic() + GRACE
        self._state, self._version = state, version


def describe(state: SessionState, entry: Entry) -> EntryEvent:
    """What an entry of the past was, from the records that are kept."""
    if entry.kind is Kind.CHAT:
        return read_entry(state, entry)
    records = [kept.record for kept in state.records]
    for before, after in pairwise(records):
        if after.start == entry.seq and state.epoch is not None:
            here, there = ({each.key for each in record.members} for record in (after, before))
            came = [each for each in after.members if each.key not in there]
            sender = (came or list(after.members))[0]
            return GroupChanged(
                entry.seq,
                sender,
                own=sender.key == state.leaf_key,
                joined=came[0] if came else None,
                resync=False,
                removed=tuple(each for each in before.members if each.key not in here),
                policy_before=state.epoch.policy,
                policy_after=state.epoch.policy,
            )
    return CommitVoid(entry.seq, "unknown", None, None)


def last_seq(entries: Sequence[Entry], otherwise: int) -> int:
    return entries[-1].seq if entries else otherwise
