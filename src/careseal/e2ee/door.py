"""The door of an epoch, which lets a joiner in (docs/protocol.md §3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from careseal.mls.codec import decode
from careseal.mls.errors import MLSError
from careseal.mls.group import Group
from careseal.mls.group_info import GroupInfo

from .errors import DoorDoesNotFit, Malformed
from .identifiers import EntryId, InviteId, SessionId
from .log import Chain, Digested, Kind, Position
from .policy import Policy
from .sealing import SALT_SIZE, seal, unseal
from .secret import DoorKey
from .suite import Rng
from .wire import Fields, u8, u16, u64, vec32

NO_COMMIT = EntryId(bytes(16))
_LABEL = "door"


@dataclass(frozen=True, slots=True)
class Door:
    """What a door holds: the group, the policy, and where in the log the epoch began."""

    group_info: bytes = field(repr=False)
    policy: Policy
    covers: bool  # whether `position` lies at or after the commit that began the epoch
    commit: EntryId  # that commit's entry, zeros for epoch 0
    position: Position
    used: frozenset[InviteId]  # invites by which a device has ever joined

    def seal(self, session: SessionId, key: DoorKey, rng: Rng) -> bytes:
        salt = rng(SALT_SIZE)
        return salt + seal(key, _LABEL, salt, _aad(session), self._encode())

    @classmethod
    def open(cls, session: SessionId, key: DoorKey, sealed: bytes) -> Door:
        """Raises `Tampered` or `Malformed`."""
        salt, rest = sealed[:SALT_SIZE], sealed[SALT_SIZE:]
        return cls._decode(unseal(key, _LABEL, salt, _aad(session), rest))

    def check_group(self, group: Group) -> None:
        """Raises `Malformed` unless the door leads into this very epoch of the group."""
        mine = group.group_info()
        try:
            info = decode(GroupInfo.read, self.group_info)
            info.validate()
            same = info.context == mine.context and info.external_pub == mine.external_pub
        except MLSError as error:
            raise Malformed(f"the door's group is not right: {error}") from error
        if not same or info.confirmation_tag != mine.confirmation_tag:
            raise Malformed("the door leads into another group")

    def _encode(self) -> bytes:
        position = u64(self.position.seq) + self.position.hash
        used = sorted(self.used)
        return b"".join(
            (
                vec32(self.group_info),
                vec32(self.policy.text),
                u8(self.covers),
                self.commit,
                position,
                u16(len(used)),
                *used,
            )
        )

    @classmethod
    def _decode(cls, data: bytes) -> Door:
        fields = Fields(data)
        group_info, policy = fields.vec32(), Policy.decode(fields.vec32())
        covers = fields.integer(1)
        commit = EntryId(fields.take(16))
        position = Position(fields.integer(8), fields.take(64))
        used = [InviteId(fields.take(16)) for _ in range(fields.integer(2))]
        fields.finish()
        if covers > 1 or sorted(set(used)) != used:
            raise Malformed("door: flags or invites out of order")
        return cls(group_info, policy, bool(covers), commit, position, frozenset(used))

    def fit(
        self, session: SessionId, entries: Sequence[Digested], head: int, last_commit: int
    ) -> Chain:
        """The chain from the door's position over `entries` to the log's head.

        `head` and `last_commit` are the seqs that the server names with the door. Raises
        `DoorDoesNotFit` unless the entries are what the door says they must be, and
        `ForkDetected` if they are no log at all.
        """
        if self.commit == NO_COMMIT and not self.covers:
            raise DoorDoesNotFit("the door of the first epoch has no commit")
        commits = [entry for entry in entries if entry.kind is Kind.COMMIT]
        expected = [] if self.covers else [self.commit]
        if [entry.id for entry in commits] != expected:
            raise DoorDoesNotFit("the door is not of the session's present state")
        # Which commit came last before the position, only what lies behind it can tell.
        before = entries[0].parent if entries else last_commit
        if before > self.position.seq:
            raise DoorDoesNotFit("the door lies before the last commit")
        chain = Chain.at(session, self.position, before).extend_all(entries)
        if (chain.head.seq, chain.last_commit) != (head, last_commit):
            raise DoorDoesNotFit("the log does not lead from the door to its head")
        return chain


def _aad(session: SessionId) -> bytes:
    return b"careseal/1 door" + session
