"""What a device knows of a session, as one value (docs/protocol.md §3.7, §5.3)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from enum import StrEnum

from careseal.mls.credential import BASIC
from careseal.mls.group import Group
from careseal.mls.leaf_node import Capabilities
from careseal.mls.ratchet_tree import RatchetTree
from careseal.mls.secret import SignaturePrivateKey
from careseal.mls.suite import XWING_SUITE

from .epoch import EpochKeys, EpochRecord, Member
from .errors import Malformed, NotAllowed, NotOurs
from .history import History
from .identifiers import EntryId, InviteId, MemberId, SessionId
from .identity import Identity
from .invite import Invite
from .log import Chain, Position
from .policy import Policy, Role
from .signal import SignalEpoch

CAPABILITIES = Capabilities(cipher_suites=(XWING_SUITE,), credentials=(BASIC,))
"""What every leaf says that it supports (docs/protocol.md §2)."""


class Phase(StrEnum):
    JOINING = "joining"  # the external commit is made, but not in the log yet
    IN = "in"
    REMOVED = "removed"  # nothing more can be read or sent


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of the group as a member has it."""

    group: Group = field(repr=False)
    policy: Policy
    keys: EpochKeys = field(repr=False)
    members: tuple[Member, ...]
    start: int  # seq of the commit that began it
    parent: int  # seq of the commit entry before that one
    commit: EntryId  # id of the commit that began it, zeros for epoch 0

    @classmethod
    def begin(cls, group: Group, policy: Policy, start: int, parent: int, commit: EntryId) -> Epoch:
        session = SessionId(group.group_id)
        keys = EpochKeys.export(
            session,
            group.epoch,
            policy,
            lambda label, context, length: group.export(label.decode(), context, length),
        )
        return cls(group, policy, keys, members_of(group.tree, policy), start, parent, commit)

    @property
    def number(self) -> int:
        return self.group.epoch

    @property
    def record(self) -> EpochRecord:
        keys = self.keys
        return EpochRecord(self.number, self.start, keys.content, keys.context, self.members)

    @property
    def signals(self) -> SignalEpoch:
        return SignalEpoch(SessionId(self.group.group_id), self.keys, self.members)

    def member(self, leaf: int) -> Member:
        """Raises `NotOurs` if there is no such leaf."""
        return self.record.member(leaf)

    def find(self, member: MemberId) -> Member | None:
        return next((each for each in self.members if each.id == member), None)


def members_of(tree: RatchetTree, policy: Policy) -> tuple[Member, ...]:
    """The leaves by index. Raises `Malformed` if one is none of this protocol's (§2.1, §3.2)."""
    members = []
    for index, leaf in tree.members():
        if leaf.credential.type != BASIC:
            raise Malformed("a leaf without a basic credential")
        identity = Identity.decode(leaf.credential.content)
        role = policy.role(identity.invite)
        if role is None:
            raise Malformed("a leaf whose invite is not in the policy")
        members.append(Member(index, leaf.signature_key, identity, role))
    return tuple(members)


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """An epoch record, and the chain's hash (64) at its start."""

    record: EpochRecord
    start_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyBoxFor:
    invite: InviteId
    box: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LetterFor:
    invite: InviteId
    letter: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DoorUpload:
    """A door with its key boxes and letters, to be put at the server."""

    parent: int
    door: bytes = field(repr=False)
    key_boxes: tuple[KeyBoxFor, ...]
    letters: tuple[LetterFor, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """A commit of this device that the log has not shown yet: what to post, and what follows."""

    entry: EntryId
    body: bytes = field(repr=False)
    upload: DoorUpload  # its parent is the commit's
    group: Group = field(repr=False)
    policy: Policy
    joins: bool  # an external commit


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A member signed that it was shown another log: the server lies, or that member does."""

    member: MemberId
    seq: int


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything a device knows of a session; changed only by making a new one.

    Keep the newest durably before anything leaves the device that depends on it.
    """

    session: SessionId
    phase: Phase
    invite: Invite  # the one this device came by
    signature_key: SignaturePrivateKey
    leaf_key: bytes = field(repr=False)  # public half of signature_key
    epoch: Epoch | None  # None while joining
    chain: Chain
    joined: Position  # where this device came in: what lies before needs a history
    records: tuple[KeptRecord, ...] = ()  # ascending, without gaps, the present epoch's last
    used: frozenset[InviteId] = frozenset()
    pending: Pending | None = None
    fork: int | None = None  # seq at which the server contradicted what was verified here
    contradictions: tuple[Contradiction, ...] = ()  # of those who are in the group, one each

    @property
    def member_id(self) -> MemberId:
        return MemberId.of(self.leaf_key)

    @property
    def present(self) -> Epoch:
        """The current epoch. Raises `NotAllowed` while joining, and once removed."""
        if self.epoch is None or self.phase is not Phase.IN:
            raise NotAllowed("this device is not in the session")
        return self.epoch

    @property
    def me(self) -> Member:
        return self.present.member(self.present.group.own_leaf)

    @property
    def is_host(self) -> bool:
        return self.me.role is Role.HOST

    @property
    def stopped(self) -> bool:
        """Whether nothing is sent: for good, or until those who contradict are out (§4.1)."""
        return self.fork is not None or bool(self.contradictions)

    @property
    def contradicting(self) -> tuple[Member, ...]:
        """Those whose removal a host may still commit."""
        members = (each.member for each in self.contradictions)
        found = (None if self.epoch is None else self.epoch.find(each) for each in members)
        return tuple(each for each in found if each is not None)

    def check_sending(self) -> Epoch:
        """The epoch to seal for. Raises `NotAllowed` when nothing may be sent."""
        self._check_fork()
        if self.contradictions:
            raise NotAllowed("a member was shown another log: nothing is sent while it is here")
        return self.present

    def check_committing(self, removes: Container[int]) -> Epoch:
        """As `check_sending`, but a commit may remove somebody who contradicts."""
        self._check_fork()
        if any(each.leaf in removes for each in self.contradicting):
            return self.present
        return self.check_sending()

    def _check_fork(self) -> None:
        if self.fork is not None:
            raise NotAllowed(f"the log forked at {self.fork}: nothing is sent any more")

    def history(self, since: int) -> History | None:
        """What can be given of the epochs from `since` on; None if not all of them are here."""
        kept = [each for each in self.records if each.record.epoch >= since]
        if not kept or len(kept) != self.present.number - since + 1:
            return None
        start = Position(kept[0].record.start, kept[0].start_hash)
        return History(start, tuple(each.record for each in kept))

    def record_at(self, parent: int) -> EpochRecord:
        """The record of the epoch that held at `parent`. Raises `NotOurs` if it is not here."""
        for kept in reversed(self.records):
            if kept.record.start <= parent:
                return kept.record
        raise NotOurs("written before anything that this device can read")

    def misses_epochs_after(self, record: EpochRecord) -> bool:
        """Whether the epoch after that record's is not here, though later ones are."""
        known = [kept.record.epoch for kept in self.records]
        return record.epoch != known[-1] and record.epoch + 1 not in known
