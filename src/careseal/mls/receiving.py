"""Reading what others sent, up to where the application may still say no (RFC 9420 §6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .commit import Commit, ProposalRef
from .errors import InvalidMessage
from .extension import ExternalSender
from .framing import AuthenticatedContent, Content, Sender, SenderType
from .group_context import GroupContext
from .group_state import GroupState
from .leaf_node import LeafNode
from .message import decode_message
from .private_message import PrivateMessage
from .proposal import (
    Add,
    ExternalInit,
    Proposal,
    Remove,
    Update,
)
from .proposal_list import SentProposal, check_proposal
from .public_message import PublicMessage
from .ratchet_tree import RatchetTree


@dataclass(frozen=True, slots=True)
class ReceivedApplication:
    """Application data from the member with leaf index `sender`."""

    sender: int
    authenticated_data: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class ReceivedProposal:
    """A proposal that its sender has signed; `reference` names it in commits."""

    sender: Sender
    authenticated_data: bytes
    proposal: Proposal
    reference: bytes
    context: GroupContext = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReceivedCommit:
    """A commit that its sender has signed, before it has any effect.

    `leaf_index` is the committer's, for a joiner from outside the one it will get. `path_leaf`
    is the committer's new leaf node with credential and signature key, if the commit has one.
    """

    sender: Sender
    authenticated_data: bytes
    leaf_index: int
    proposals: tuple[SentProposal, ...]
    path_leaf: LeafNode | None
    commit: Commit = field(repr=False)
    authenticated: AuthenticatedContent = field(repr=False)
    context: GroupContext = field(repr=False)

    @property
    def external(self) -> bool:
        """Whether somebody joins by it from outside."""
        return self.sender.type is SenderType.NEW_MEMBER_COMMIT


Received: TypeAlias = ReceivedApplication | ReceivedProposal | ReceivedCommit


def receive(state: GroupState, data: bytes) -> tuple[GroupState, Received]:
    """An authentic message of this epoch, and the state without the key that opened it.

    Raises `DecodeError` or `InvalidMessage`, among these `OtherEpoch` and `NotAuthentic`.
    """
    message = decode_message(data)
    match message:
        case PublicMessage():
            content = message.content
            state.check_epoch(content.group_id, content.epoch)
            context = state.context.encode()
            authenticated = message.unprotect(state.suite, context, state.keys.membership_key)
        case PrivateMessage():
            state.check_epoch(message.group_id, message.epoch)
            context = state.context.encode()
            secret_tree, authenticated = message.unprotect(
                state.suite, state.secret_tree, state.keys.sender_data_secret
            )
            state = replace(state, secret_tree=secret_tree)
        case _:
            raise InvalidMessage("this kind of message is not for members")
    authenticated.verify(state.suite, context, _signature_key(state, authenticated))
    return state, _received(state, authenticated)


def _signature_key(state: GroupState, authenticated: AuthenticatedContent) -> bytes:
    """The key that the sender must have signed with; whether it may send this at all (§6.1)."""
    sender, content = authenticated.content.sender, authenticated.content.content
    match sender.type:
        case SenderType.MEMBER:
            if isinstance(content, ExternalInit):
                raise InvalidMessage("a member must not propose an ExternalInit")
            return state.tree.member(sender.index).signature_key
        case SenderType.EXTERNAL:
            senders = ExternalSender.all_of(state.context.extensions)
            if sender.index >= len(senders):
                raise InvalidMessage("the group has no external sender with this number")
            if isinstance(content, bytes | Commit | Update | ExternalInit):
                raise InvalidMessage("an external sender must not send this")
            return senders[sender.index].signature_key
        case SenderType.NEW_MEMBER_PROPOSAL:
            if not isinstance(content, Add):
                raise InvalidMessage("a new member proposes to be added, nothing else")
            return content.key_package.leaf_node.signature_key
        case SenderType.NEW_MEMBER_COMMIT:
            if not isinstance(content, Commit) or content.path is None:
                raise InvalidMessage("a new member joins by a commit with a path")
            return content.path.leaf_node.signature_key


def _received(state: GroupState, authenticated: AuthenticatedContent) -> Received:
    framed = authenticated.content
    content: Content = framed.content
    if isinstance(content, bytes):
        return ReceivedApplication(framed.sender.index, framed.authenticated_data, content)
    if isinstance(content, Commit):
        return _received_commit(state, authenticated, content)
    check_proposal(state.tree, state.context, SentProposal(content, framed.sender))
    reference = authenticated.reference(state.suite)
    data = framed.authenticated_data
    return ReceivedProposal(framed.sender, data, content, reference, state.context)


def _received_commit(
    state: GroupState, authenticated: AuthenticatedContent, commit: Commit
) -> ReceivedCommit:
    framed = authenticated.content
    external = framed.sender.type is SenderType.NEW_MEMBER_COMMIT
    proposals = resolve(state, commit, framed.sender)
    return ReceivedCommit(
        framed.sender,
        framed.authenticated_data,
        joining_leaf(state.tree, proposals) if external else framed.sender.index,
        proposals,
        None if commit.path is None else commit.path.leaf_node,
        commit,
        authenticated,
        state.context,
    )


def resolve(state: GroupState, commit: Commit, sender: Sender) -> tuple[SentProposal, ...]:
    """The proposals of a commit, those sent before looked up. Raises `InvalidMessage`."""
    found = []
    for proposal in commit.proposals:
        if not isinstance(proposal, ProposalRef):
            found.append(SentProposal(proposal, sender))
        elif sender.type is SenderType.NEW_MEMBER_COMMIT:
            raise InvalidMessage("an external commit must not refer to proposals")
        elif (known := state.proposals.get(proposal.hash)) is not None:
            found.append(known)
        else:
            raise InvalidMessage("the commit refers to a proposal that is not known here")
    return tuple(found)


def joining_leaf(tree: RatchetTree, proposals: tuple[SentProposal, ...]) -> int:
    """Index of the leaf that a joiner from outside gets, after its removals (§12.4.3.2)."""
    for each in proposals:
        if isinstance(each.proposal, Remove):
            tree.member(each.proposal.removed)
            tree = tree.removed(each.proposal.removed)
    return tree.free_leaf
