"""Sealed entries that a device keeps, to put them back into a restored log (docs/protocol.md §4.3).

Sealed they are in the log for everybody; here they lie sealed once more under the store's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from careseal.e2ee.events import EntryEvent, GroupChanged
from careseal.e2ee.identifiers import EntryId, SessionId
from careseal.e2ee.log import Entry, Kind

from .storage import Store

MOST = 1024
"""Entries of one session that are kept: the last ones."""

_REQUEST, _JOIN = "request", "join request"


class Kept(msgspec.Struct, forbid_unknown_fields=True, array_like=True):
    """One entry, and who may put it back: anybody but for `only`, the name of who made it.

    `request` is what this device posted for a commit of its own, byte for byte.
    """

    kind: int
    parent: int
    id: bytes
    body: bytes
    only: str | None = None
    request: bytes | None = None

    @property
    def postable(self) -> bool:
        return self.only is None or self.request is not None


class Shelf:
    """The kept entries of one session."""

    def __init__(self, store: Store, session: SessionId) -> None:
        self._store = store
        self._session = session

    def posting(self, entry: EntryId, request: bytes, *, joins: bool) -> None:
        """A commit of this device is about to be posted."""
        self._store.put(self._session, _REQUEST, bytes(entry) + request)
        if joins:
            self._store.put(self._session, _JOIN, request)

    @property
    def join_request(self) -> bytes | None:
        """What this device joined by; None for the founder's."""
        return self._store.get(self._session, _JOIN)

    def keep(self, entries: Iterable[Entry], events: Sequence[EntryEvent]) -> None:
        """In the transaction that applies them; older ones go."""
        changed = {event.seq: event for event in events if isinstance(event, GroupChanged)}
        for entry in entries:
            record = Kept(int(entry.kind), entry.parent, bytes(entry.id), entry.body)
            if entry.kind is Kind.COMMIT:
                record.only = _bound_to(changed.get(entry.seq))
                record.request = self._request_of(entry.id)
            self._store.put(self._session, _name(entry.seq), msgspec.msgpack.encode(record))
            self._store.delete(self._session, _name(entry.seq - MOST))

    def get(self, seq: int) -> Kept | None:
        stored = self._store.get(self._session, _name(seq))
        if stored is None:
            confirmed = self._store.get(self._session, f"confirmed/{seq}")
            stored = None if confirmed is None else confirmed[16:] or None
        return None if stored is None else msgspec.msgpack.decode(stored, type=Kept)

    @property
    def confirmed(self) -> int:
        """The last place that the server has confirmed and not shown yet, 0 if there is none."""
        names = self._store.names(self._session, "confirmed/")
        return max((int(name.rpartition("/")[2]) for name in names), default=0)

    def _request_of(self, entry: EntryId) -> bytes | None:
        stored = self._store.get(self._session, _REQUEST)
        if stored is None or stored[:16] != entry:
            return None
        self._store.delete(self._session, _REQUEST)
        return stored[16:]


def _bound_to(event: GroupChanged | None) -> str | None:
    """Who alone can put a commit back: what it changed at the server is its maker's to say.

    A join is anybody's: whoever joined makes itself known again. So is what changed nothing
    there, and what was void.
    """
    if event is None or event.joined is not None:
        return None
    if not event.removed and event.policy_before.text == event.policy_after.text:
        return None
    return event.sender.identity.name


def _name(seq: int) -> str:
    return f"kept/{seq}"
