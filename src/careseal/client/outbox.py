"""Messages on their way: kept until the server has acknowledged them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from careseal.e2ee import payload as payloads
from careseal.e2ee.errors import Malformed
from careseal.e2ee.identifiers import EntryId, SessionId
from careseal.e2ee.payload import Payload, Unsupported
from careseal.e2ee.sending import SealedChat

from .storage import Store


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    payload: bytes
    time: int
    sealed: tuple[bytes, int, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message; `sealed` is what a retry posts again, byte for byte."""

    name: str
    payload: Payload
    time: int
    sealed: SealedChat | None


class Outbox:
    """The messages of one session that wait, oldest first, shared with other processes."""

    def __init__(self, store: Store, session: SessionId) -> None:
        self._store = store
        self._session = session

    def add(self, payload: Payload, time: int) -> str:
        """Durable when it returns; the name it has here. Raises `Malformed`."""
        item = _Item(payloads.encode(payload), time)
        with self._store.transaction():
            names = self._store.names(self._session, "outbox/")
            number = int(names[-1].rpartition("/")[2]) + 1 if names else 1
            name = f"outbox/{number:012}"
            self._write(name, item)
        return name

    def waiting(self) -> list[str]:
        """Names of the messages that are not acknowledged."""
        return self._store.names(self._session, "outbox/")

    def get(self, name: str) -> Outgoing | None:
        item = self._read(name)
        if item is None:
            return None
        payload = payloads.decode(item.payload)
        if isinstance(payload, Unsupported):
            raise Malformed("a message of a type that this version does not know")
        sealed = None
        if item.sealed is not None:
            entry, parent, body = item.sealed
            sealed = SealedChat(EntryId(entry), parent, body)
        return Outgoing(name, payload, item.time, sealed)

    def keep_sealed(self, name: str, sealed: SealedChat) -> None:
        """What goes out next; must be on disk before it does."""
        item = self._read(name)
        if item is not None:
            item.sealed = bytes(sealed.id), sealed.parent, sealed.body
            self._write(name, item)

    def drop(self, name: str) -> None:
        """The server has it, or will never take it."""
        self._store.delete(self._session, name)

    def _read(self, name: str) -> _Item | None:
        stored = self._store.get(self._session, name)
        return None if stored is None else msgspec.msgpack.decode(stored, type=_Item)

    def _write(self, name: str, item: _Item) -> None:
        self._store.put(self._session, name, msgspec.msgpack.encode(item))
