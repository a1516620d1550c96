"""Which commits count: valid or void by the log before them alone (docs/protocol.md §3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from careseal.mls.commit import ProposalRef
from careseal.mls.credential import BASIC
from careseal.mls.errors import DecodeError, MLSError, OtherEpoch
from careseal.mls.leaf_node import LeafNode
from careseal.mls.message import decode_message
from careseal.mls.proposal import ExternalInit, Remove
from careseal.mls.public_message import PublicMessage
from careseal.mls.receiving import ReceivedCommit

from .commit import CommitData, open_commit
from .epoch import Member
from .errors import Malformed, NotAllowed, SealError, Tampered, VoidCommit
from .identifiers import SessionId
from .identity import Identity
from .log import Entry
from .policy import Policy, Role
from .state import CAPABILITIES, Epoch


class VoidCause(StrEnum):
    """Stable names of the rules that a void commit can break."""

    DOES_NOT_OPEN = "does-not-open"
    MALFORMED = "malformed"
    WRONG_GROUP = "wrong-group"
    COMMIT_DATA = "commit-data"
    POSITION = "position"
    BY_REFERENCE = "by-reference"
    NO_PATH = "no-path"
    LEAF = "leaf"
    IDENTITY = "identity"
    EXTERNAL_SHAPE = "external-shape"
    JOIN_MISSING = "join-missing"
    JOIN_SIGNATURE = "join-signature"
    INVITE_UNKNOWN = "invite-unknown"
    INVITE_CLOSED = "invite-closed"
    INVITE_FULL = "invite-full"
    KEY_IN_USE = "key-in-use"
    RESYNC_MISMATCH = "resync-mismatch"
    JOIN_IN_MEMBER_COMMIT = "join-in-member-commit"
    LEAF_CHANGED = "leaf-changed"
    PROPOSAL = "proposal"
    NOT_A_HOST = "not-a-host"
    POLICY = "policy"
    MLS = "mls"


@dataclass(frozen=True, slots=True)
class JudgedCommit:
    """A commit that breaks no rule of this protocol; RFC 9420's remain to be checked."""

    received: ReceivedCommit = field(repr=False)
    data: CommitData
    identity: Identity  # of the committer's new leaf
    removed: tuple[Member, ...]
    policy: Policy  # in force after it
    resync: bool = False


def judge(session: SessionId, epoch: Epoch, entry: Entry) -> JudgedCommit:
    """Raises `VoidCommit`."""
    received, leaf = _read(session, epoch, entry)
    data = _commit_data(received, entry)
    identity = _identity(session, leaf, received)
    if received.external:
        return _judge_join(session, epoch, received, leaf, data, identity)
    return _judge_member(epoch, received, leaf, data, identity)


def _read(session: SessionId, epoch: Epoch, entry: Entry) -> tuple[ReceivedCommit, LeafNode]:
    """Rules 1 and 2, but for commit data and identity."""
    try:
        message = open_commit(session, epoch.keys.door, entry)
    except SealError as error:
        raise VoidCommit(VoidCause.DOES_NOT_OPEN, "the commit does not open") from error
    try:
        if not isinstance(decode_message(message), PublicMessage):
            raise VoidCommit(VoidCause.MALFORMED, "not a PublicMessage")
        _, received = epoch.group.receive(message)
    except DecodeError as error:
        raise VoidCommit(VoidCause.MALFORMED, "the commit is malformed") from error
    except OtherEpoch as error:
        raise VoidCommit(VoidCause.WRONG_GROUP, "of another group or epoch") from error
    except MLSError as error:
        raise VoidCommit(VoidCause.MLS, str(error)) from error
    if not isinstance(received, ReceivedCommit):
        raise VoidCommit(VoidCause.MALFORMED, "not a commit")
    if any(isinstance(each, ProposalRef) for each in received.commit.proposals):
        raise VoidCommit(VoidCause.BY_REFERENCE, "a proposal by reference")
    if received.path_leaf is None:
        raise VoidCommit(VoidCause.NO_PATH, "a commit without a path")
    return received, received.path_leaf


def _commit_data(received: ReceivedCommit, entry: Entry) -> CommitData:
    try:
        data = CommitData.decode(received.authenticated_data)
    except Malformed as error:
        raise _void(VoidCause.COMMIT_DATA, str(error), received) from error
    if data.at.seq >= entry.seq:
        raise _void(VoidCause.POSITION, "it knows the log beyond itself", received)
    return data


def _identity(session: SessionId, leaf: LeafNode, received: ReceivedCommit) -> Identity:
    plain = leaf.credential.type == BASIC and not leaf.extensions
    if not plain or leaf.capabilities != CAPABILITIES:
        raise _void(VoidCause.LEAF, "a leaf of another form", received)
    try:
        identity = Identity.decode(leaf.credential.content)
        identity.verify(session, leaf.signature_key)
    except (Malformed, Tampered) as error:
        raise _void(VoidCause.IDENTITY, str(error), received) from error
    return identity


def _judge_join(
    session: SessionId,
    epoch: Epoch,
    received: ReceivedCommit,
    leaf: LeafNode,
    data: CommitData,
    identity: Identity,
) -> JudgedCommit:
    """Rule 3: an external commit."""
    proposals = [each.proposal for each in received.proposals]
    removals = [each for each in proposals if isinstance(each, Remove)]
    inits = [each for each in proposals if isinstance(each, ExternalInit)]
    if len(inits) != 1 or len(removals) > 1 or len(removals) + 1 != len(proposals):
        raise VoidCommit(VoidCause.EXTERNAL_SHAPE, "not the proposals of an external commit")
    if data.join is None:
        raise VoidCommit(VoidCause.JOIN_MISSING, "an external commit without a join")
    if data.policy is not None:
        raise VoidCommit(VoidCause.POLICY, "an external commit with a policy")
    invite_id = data.join.invite
    invite = epoch.policy.find(invite_id)
    if invite is None or identity.invite != invite_id:
        raise VoidCommit(VoidCause.INVITE_UNKNOWN, "no such invite, or not the leaf's")
    try:
        data.join.verify(invite.join, session, epoch.number, leaf.signature_key)
    except Tampered as error:
        raise VoidCommit(VoidCause.JOIN_SIGNATURE, str(error)) from error
    removed = tuple(_member(epoch, each.removed, received) for each in removals)
    if removed:
        if (removed[0].key, removed[0].invite) != (leaf.signature_key, invite_id):
            cause = VoidCause.RESYNC_MISMATCH
            raise VoidCommit(cause, "it removes somebody else's leaf", invite=invite_id)
    else:
        if not invite.open:
            raise VoidCommit(VoidCause.INVITE_CLOSED, "the invite is closed", invite=invite_id)
        if sum(each.invite == invite_id for each in epoch.members) >= invite.devices:
            raise VoidCommit(VoidCause.INVITE_FULL, "the invite is full", invite=invite_id)
        if any(each.key == leaf.signature_key for each in epoch.members):
            raise VoidCommit(VoidCause.KEY_IN_USE, "the leaf's key is in use", invite=invite_id)
    return JudgedCommit(received, data, identity, removed, epoch.policy, bool(removed))


def _judge_member(
    epoch: Epoch,
    received: ReceivedCommit,
    leaf: LeafNode,
    data: CommitData,
    identity: Identity,
) -> JudgedCommit:
    """Rule 4: a member's commit."""
    sender = _member(epoch, received.leaf_index, received)
    if data.join is not None:
        raise _void(VoidCause.JOIN_IN_MEMBER_COMMIT, "a join in a member's commit", received)
    before = (sender.key, sender.invite, sender.identity.known)
    if before != (leaf.signature_key, identity.invite, identity.known):
        raise _void(VoidCause.LEAF_CHANGED, "the leaf changed its key or invite", received)
    removed = []
    for each in received.proposals:
        if not isinstance(each.proposal, Remove):
            raise _void(VoidCause.PROPOSAL, "a proposal other than Remove", received)
        removed.append(_member(epoch, each.proposal.removed, received))
    if (removed or data.policy is not None) and sender.role is not Role.HOST:
        raise _void(VoidCause.NOT_A_HOST, "only hosts remove and change the policy", received)
    policy = epoch.policy
    if data.policy is not None:
        left = [each.invite for each in epoch.members if each not in removed]
        try:
            policy = Policy.decode(data.policy)
            epoch.policy.check_successor(policy, epoch.number, left, sender.invite)
        except (Malformed, NotAllowed) as error:
            raise _void(VoidCause.POLICY, str(error), received) from error
    return JudgedCommit(received, data, identity, tuple(removed), policy)


def _member(epoch: Epoch, leaf: int, received: ReceivedCommit) -> Member:
    try:
        return epoch.member(leaf)
    except SealError as error:
        raise _void(VoidCause.MLS, str(error), received) from error


def _void(cause: VoidCause, message: str, received: ReceivedCommit) -> VoidCommit:
    """Names the member that signed it; a joiner is not known by its signature alone."""
    return VoidCommit(cause, message, leaf=received.sender.leaf_index)
