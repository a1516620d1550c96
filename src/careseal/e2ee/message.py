"""Chat entries: sealed for the group, signed by their sender (docs/protocol.md §5.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from careseal.mls.secret import SignaturePrivateKey

from .epoch import EpochRecord, Member
from .identifiers import EntryId, SessionId
from .log import Entry, Kind, Position, header
from .sealing import seal, unseal
from .suite import sign, verify
from .wire import Fields, u32, u64, vec32

_LABEL = "message"
SIGNATURE_SIZE = 64


@dataclass(frozen=True, slots=True)
class Message:
    """An opened chat entry. `time` is the sender's clock, ms since 1970."""

    sender: Member
    time: int
    at: Position
    payload: bytes = field(repr=False)


def seal_message(
    session: SessionId,
    record: EpochRecord,
    leaf: int,
    key: SignaturePrivateKey,
    parent: int,
    entry: EntryId,
    at: Position,
    time: int,
    payload: bytes,
) -> bytes:
    """Body of a chat entry. `entry` must be a new id; `at` is the last verified position."""
    head = header(session, Kind.CHAT, parent, entry)
    told = u32(leaf) + u64(time) + u64(at.seq) + at.hash + vec32(payload)
    signature = sign(key, _LABEL, _signed(head, record, told))
    return seal(record.secret, _LABEL, entry, head, told + signature)


def open_message(session: SessionId, record: EpochRecord, entry: Entry) -> Message:
    """`record` is of the epoch that holds at the entry's parent.

    Raises `Tampered`, `Malformed`, or `NotOurs` for a leaf that was not in that epoch.
    """
    head = header(session, entry.kind, entry.parent, entry.id)
    fields = Fields(unseal(record.secret, _LABEL, entry.id, head, entry.body))
    leaf, time = fields.integer(4), fields.integer(8)
    at = Position(fields.integer(8), fields.take(64))
    payload = fields.vec32()
    told, signature = fields.taken(), fields.take(SIGNATURE_SIZE)
    fields.finish()
    sender = record.member(leaf)
    verify(sender.key, _LABEL, _signed(head, record, told), signature)
    return Message(sender, time, at, payload)


def _signed(head: bytes, record: EpochRecord, told: bytes) -> bytes:
    return head + u64(record.epoch) + record.context + told
