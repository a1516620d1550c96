"""What a newcomer is given to read what came before (docs/protocol.md §5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from . import compact
from .compact import Members
from .epoch import EpochRecord
from .errors import ForkDetected, Malformed
from .identifiers import SessionId
from .log import Chain, Entry, Position


@dataclass(frozen=True, slots=True)
class History:
    """Epoch records without gaps, and the position in the log at which the first one starts."""

    start: Position
    epochs: tuple[EpochRecord, ...]

    def __post_init__(self) -> None:
        """Raises `Malformed`."""
        if not self.epochs or self.epochs[0].start != self.start.seq:
            raise Malformed("history: it does not begin where it says")
        for before, after in pairwise(self.epochs):
            if after.epoch != before.epoch + 1 or after.start <= before.start:
                raise Malformed("history: its epochs do not follow each other")

    def encode(self) -> bytes:
        return compact.encode(
            {"from": self.start.json(), "epochs": [record.json() for record in self.epochs]}
        )

    @classmethod
    def decode(cls, text: bytes) -> History:
        """Raises `Malformed`."""
        members = Members(compact.decode(text), "history", "from epochs")
        return cls(
            Position.read(members.value("from")),
            tuple(map(EpochRecord.read, members.items("epochs", 1, 65536))),
        )

    def check(self, session: SessionId, entries: Sequence[Entry], joined: Position) -> None:
        """Raises `ForkDetected` unless `entries` lead from here to where the reader joined."""
        before = entries[0].parent if entries else 0
        chain = Chain.at(session, self.start, before).extend_all(entries)
        if chain.head != joined:
            raise ForkDetected(chain.head.seq, "the log before the join is not what it was")

    def record_of(self, parent: int) -> EpochRecord | None:
        return record_of(self.epochs, parent)


def record_of(records: Sequence[EpochRecord], parent: int) -> EpochRecord | None:
    """The epoch that held at `parent`, if its record is here; void commits begin none."""
    fitting = (record for record in reversed(records) if record.start <= parent)
    return next(fitting, None)
