"""The log: entries, their headers, and the chain over them (docs/protocol.md §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum

from . import base64url
from .compact import Json
from .errors import ForkDetected, Malformed
from .identifiers import EntryId, SessionId
from .suite import digest
from .wire import u8, u64


class Kind(IntEnum):
    COMMIT = 1
    CHAT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the server tells it. `at` is the server's arrival time in ms, advisory."""

    seq: int
    kind: Kind
    parent: int
    id: EntryId
    body: bytes = field(repr=False)
    at: int = 0

    def digested(self) -> Digested:
        return Digested(self.seq, self.kind, self.parent, self.id, digest(self.body))


@dataclass(frozen=True, slots=True)
class Digested:
    """An entry with the hash of its body (64) in the body's place."""

    seq: int
    kind: Kind
    parent: int
    id: EntryId
    body_hash: bytes = field(repr=False)


def header(session: SessionId, kind: Kind, parent: int, entry: EntryId) -> bytes:
    """What every sealed body is bound to."""
    return u8(1) + session + u8(kind) + u64(parent) + entry


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the chain: the seq of an entry and the hash (64) of all up to it."""

    seq: int
    hash: bytes = field(repr=False)

    @classmethod
    def start(cls, session: SessionId) -> Position:
        return cls(0, digest(b"careseal/1 log" + session))

    def json(self) -> list[Json]:
        return [self.seq, base64url.encode(self.hash)]

    @classmethod
    def read(cls, value: Json) -> Position:
        match value:
            case [int(seq), str(text)] if not isinstance(seq, bool):
                return cls(seq, base64url.decode(text, 64))
        raise Malformed("not a position in the log")


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain as far as it was verified: its head, the last commit entry, recent positions.

    Of the hashes only the last `MEMORY` are kept; a position further back cannot be compared.
    """

    session: SessionId
    head: Position
    last_commit: int
    recent: tuple[bytes, ...] = field(default=(), repr=False)  # up to and including the head's

    MEMORY = 2048

    @classmethod
    def start(cls, session: SessionId) -> Chain:
        return cls.at(session, Position.start(session), 0)

    @classmethod
    def at(cls, session: SessionId, position: Position, last_commit: int) -> Chain:
        return cls(session, position, last_commit, (position.hash,))

    def extend(self, entry: Entry | Digested) -> Chain:
        """The chain with one entry more, whatever its parent says.

        Raises `ForkDetected` if it is not the next one.
        """
        if entry.seq != self.head.seq + 1:
            raise ForkDetected(entry.seq, f"entry {entry.seq} came after {self.head.seq}")
        digested = entry.digested() if isinstance(entry, Entry) else entry
        link = u64(digested.seq) + header(self.session, digested.kind, digested.parent, digested.id)
        hash_ = digest(self.head.hash + digest(link + digested.body_hash))
        return replace(
            self,
            head=Position(entry.seq, hash_),
            last_commit=entry.seq if entry.kind is Kind.COMMIT else self.last_commit,
            recent=(*self.recent[-self.MEMORY + 1 :], hash_),
        )

    def extend_all(self, entries: Iterable[Entry | Digested]) -> Chain:
        """Over entries whose parents must all be right. Raises `ForkDetected`."""
        chain = self
        for entry in entries:
            if entry.parent != chain.last_commit:
                raise ForkDetected(entry.seq, f"entry {entry.seq} has a wrong parent")
            chain = chain.extend(entry)
        return chain

    def hash_at(self, seq: int) -> bytes | None:
        """The hash at `seq`, if it is still remembered."""
        back = self.head.seq - seq
        return self.recent[-1 - back] if 0 <= back < len(self.recent) else None

    def contradicts(self, position: Position) -> bool:
        """Whether somebody who verified `position` was shown another log than this one."""
        mine = self.hash_at(position.seq)
        return mine is not None and mine != position.hash

    def check_head(self, head: int) -> None:
        """Raises `ForkDetected` for a head behind what was verified: the log was rolled back."""
        if head < self.head.seq:
            raise ForkDetected(head, f"the log ends at {head}; {self.head.seq} was seen before")
