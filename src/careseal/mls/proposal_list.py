"""The proposals of one commit together: which lists are valid, and what they do (§12.2, §12.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from .errors import InvalidMessage
from .extension import Extensions, check_known
from .framing import Sender, SenderType
from .group_context import GroupContext
from .key_package import KeyPackage
from .leaf_node import LeafNodeSource, check_leaf, check_source
from .proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from .psk import PskId, ResumptionPskId, ResumptionUsage
from .ratchet_tree import RatchetTree
from .suite import CipherSuite
from .tree_validation import check_credential_support, check_extension_support, check_uniqueness

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class SentProposal:
    """A proposal and who made it; one that is in the commit by value is the committer's."""

    proposal: Proposal
    sender: Sender


@dataclass(frozen=True, slots=True)
class Applied:
    """The group after the proposals, before the path."""

    tree: RatchetTree
    extensions: Extensions
    added: tuple[tuple[int, KeyPackage], ...]  # leaf index of each
    psk_ids: tuple[PskId, ...]
    reinit: ReInit | None
    external_init: ExternalInit | None

    @property
    def added_leaves(self) -> frozenset[int]:
        return frozenset(index for index, _ in self.added)


def path_required(proposals: Sequence[Proposal]) -> bool:
    """Whether a commit of these must have a path (§12.4)."""
    needing = (Update, Remove, ExternalInit, GroupContextExtensions)
    return not proposals or any(isinstance(each, needing) for each in proposals)


def apply_member_proposals(
    tree: RatchetTree,
    context: GroupContext,
    sent: Sequence[SentProposal],
    committer: int,
    resumption: frozenset[ResumptionUsage] = frozenset({ResumptionUsage.APPLICATION}),
) -> Applied:
    """Validates and applies what a member commits (§12.2, first list; §12.3).

    Raises `InvalidMessage`.
    """
    proposals = [each.proposal for each in sent]
    _check_member_list(proposals, sent, committer)
    psk_ids = _check_psks(tree.suite, proposals, resumption)
    extensions = context.extensions
    if changes := _only(proposals, GroupContextExtensions):
        extensions = changes[0].extensions
        check_known(extensions)
    after = tree
    for each in sent:
        if isinstance(each.proposal, Update):
            after = _apply_update(after, context, extensions, each)
    for removal in _only(proposals, Remove):
        after = _apply_remove(after, removal)
    added = []
    for addition in _only(proposals, Add):
        addition.key_package.check(tree.suite, extensions)
        after, index = after.added(addition.key_package.leaf_node)
        added.append((index, addition.key_package))
    check_uniqueness(after)
    check_credential_support(after)
    if changes:
        check_extension_support(after, extensions)
    reinit = next(iter(_only(proposals, ReInit)), None)
    if reinit is not None:
        _check_reinit(context, reinit.version)
    return Applied(after, extensions, tuple(added), psk_ids, reinit, None)


def apply_external_proposals(
    tree: RatchetTree, context: GroupContext, proposals: Sequence[Proposal]
) -> Applied:
    """Validates and applies what a joiner from outside commits (§12.2, second list).

    Raises `InvalidMessage`.
    """
    counts = Counter(type(each) for each in proposals)
    if counts[ExternalInit] != 1:
        raise InvalidMessage("an external commit has exactly one ExternalInit proposal")
    if counts[Remove] > 1:
        raise InvalidMessage("an external commit removes at most one leaf, the joiner's old one")
    if set(counts) - {ExternalInit, Remove, PreSharedKey}:
        raise InvalidMessage("a proposal is out of place in an external commit")
    psk_ids = _check_psks(tree.suite, proposals, frozenset({ResumptionUsage.APPLICATION}))
    after = tree
    for removal in _only(proposals, Remove):
        after = _apply_remove(after, removal)
    init = _only(proposals, ExternalInit)[0]
    return Applied(after, context.extensions, (), psk_ids, None, init)


def check_proposal(tree: RatchetTree, context: GroupContext, sent: SentProposal) -> None:
    """What §12.1 asks of one proposal by itself. Raises `InvalidMessage`."""
    match sent.proposal:
        case Add(key_package):
            key_package.check(tree.suite, context.extensions)
        case Update():
            _apply_update(tree, context, context.extensions, sent)
        case Remove(removed):
            tree.member(removed)
        case PreSharedKey(psk_id):
            check_psk_id(tree.suite, psk_id, frozenset({ResumptionUsage.APPLICATION}))
        case ReInit(version=version):
            _check_reinit(context, version)
        case GroupContextExtensions(extensions):
            check_known(extensions)
            check_extension_support(tree, extensions)
        case ExternalInit():
            raise InvalidMessage("only an external commit has an ExternalInit proposal")


def _check_reinit(context: GroupContext, version: int) -> None:
    if version < context.version:
        raise InvalidMessage("a ReInit must not go back to an older protocol version")


def _check_member_list(
    proposals: Sequence[Proposal], sent: Sequence[SentProposal], committer: int
) -> None:
    counts = Counter(type(each) for each in proposals)
    if counts[ExternalInit]:
        raise InvalidMessage("only an external commit has an ExternalInit proposal")
    if counts[ReInit] and len(proposals) > 1:
        raise InvalidMessage("a ReInit proposal stands alone in its commit")
    if counts[GroupContextExtensions] > 1:
        raise InvalidMessage("a commit has at most one GroupContextExtensions proposal")
    changed = [each.sender.index for each in sent if isinstance(each.proposal, Update)]
    if committer in changed:
        raise InvalidMessage("a committer must not commit an Update of its own")
    removed = [each.removed for each in _only(proposals, Remove)]
    if committer in removed:
        raise InvalidMessage("a committer must not remove itself")
    if len({*changed, *removed}) < len(changed) + len(removed):
        raise InvalidMessage("two Update or Remove proposals are about the same leaf")


def _check_psks(
    suite: CipherSuite, proposals: Sequence[Proposal], resumption: frozenset[ResumptionUsage]
) -> tuple[PskId, ...]:
    ids = tuple(each.psk for each in _only(proposals, PreSharedKey))
    for psk_id in ids:
        check_psk_id(suite, psk_id, resumption)
    if len(set(ids)) < len(ids):
        raise InvalidMessage("two PreSharedKey proposals name the same key and nonce")
    return ids


def check_psk_id(suite: CipherSuite, psk_id: PskId, resumption: frozenset[ResumptionUsage]) -> None:
    """What §12.1.4 asks of one PreSharedKey proposal. Raises `InvalidMessage`."""
    if len(psk_id.nonce) != suite.secret_size:
        raise InvalidMessage("a PSK nonce has a wrong length")
    if isinstance(psk_id, ResumptionPskId) and psk_id.usage not in resumption:
        raise InvalidMessage("a resumption PSK with this usage is out of place here")


def _apply_update(
    tree: RatchetTree, context: GroupContext, extensions: Extensions, sent: SentProposal
) -> RatchetTree:
    if not isinstance(sent.proposal, Update) or sent.sender.type is not SenderType.MEMBER:
        raise InvalidMessage("only a member can send an Update proposal")
    leaf, index = sent.proposal.leaf_node, sent.sender.index
    check_source(leaf, LeafNodeSource.UPDATE)
    check_leaf(leaf, tree.suite, extensions, context.group_id, index)
    if leaf.encryption_key == tree.member(index).encryption_key:
        raise InvalidMessage("an Update must bring a new encryption key")
    return tree.with_leaf(index, leaf)


def _apply_remove(tree: RatchetTree, removal: Remove) -> RatchetTree:
    tree.member(removal.removed)
    return tree.removed(removal.removed)


def _only(proposals: Sequence[Proposal], kind: type[P]) -> list[P]:
    return [each for each in proposals if isinstance(each, kind)]
