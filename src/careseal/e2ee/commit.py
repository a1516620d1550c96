"""Commit entries and the data that a commit authenticates (docs/protocol.md §3.3, §4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import base64url, compact
from .compact import Json, Members
from .identifiers import EntryId, InviteId, SessionId
from .log import Entry, Kind, Position, header
from .sealing import seal, unseal
from .secret import DoorKey, JoinKey
from .suite import sign, verify
from .wire import u64

_LABEL = "commit"


@dataclass(frozen=True, slots=True)
class JoinProof:
    """That whoever joins holds the invite (docs/protocol.md §3.3)."""

    invite: InviteId
    signature: bytes = field(repr=False)  # 64

    @classmethod
    def make(
        cls, invite: InviteId, key: JoinKey, session: SessionId, epoch: int, leaf_key: bytes
    ) -> JoinProof:
        """For the external commit that leaves `epoch`."""
        return cls(invite, sign(key, "join", session + u64(epoch) + leaf_key))

    def verify(self, join: bytes, session: SessionId, epoch: int, leaf_key: bytes) -> None:
        """Raises `Tampered`; `join` is the invite's public key."""
        verify(join, "join", session + u64(epoch) + leaf_key, self.signature)


@dataclass(frozen=True, slots=True)
class CommitData:
    """`authenticated_data` of a commit."""

    at: Position
    join: JoinProof | None = None
    policy: bytes | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        members: dict[str, Json] = {"at": self.at.json()}
        if self.join is not None:
            signature = base64url.encode(self.join.signature)
            members["join"] = {"invite": str(self.join.invite), "signature": signature}
        if self.policy is not None:
            members["policy"] = base64url.encode(self.policy)
        return compact.encode(members)

    @classmethod
    def decode(cls, data: bytes) -> CommitData:
        """Raises `Malformed`."""
        members = Members(compact.decode(data), "commit data", "at", "join policy")
        join = None
        if "join" in members:
            inner = Members(members.value("join"), "join", "invite signature")
            join = JoinProof(InviteId(inner.bytes("invite", 16)), inner.bytes("signature", 64))
        return cls(
            Position.read(members.value("at")),
            join,
            members.bytes("policy") if "policy" in members else None,
        )


def seal_commit(
    session: SessionId, key: DoorKey, parent: int, entry: EntryId, message: bytes
) -> bytes:
    """Body of a commit entry; `key` is the door key of the epoch that the commit leaves."""
    return seal(key, _LABEL, entry, header(session, Kind.COMMIT, parent, entry), message)


def open_commit(session: SessionId, key: DoorKey, entry: Entry) -> bytes:
    """The MLSMessage. Raises `Tampered` or `Malformed`."""
    aad = header(session, entry.kind, entry.parent, entry.id)
    return unseal(key, _LABEL, entry.id, aad, entry.body)
