"""Making a commit, with a Welcome for those whom it adds (RFC 9420 §12.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from .commit import Commit, ProposalOrRef, ProposalRef
from .epoch_change import Conclusion, conclude, provisional_context
from .extension import Extensions
from .framing import AuthenticatedContent, FramedContent, Sender, WireFormat
from .group_info import GroupInfo, ratchet_tree_extension
from .group_state import GroupState, LeafChange
from .kem import Rng
from .leaf_node import check_leaf
from .message import encode_message
from .private_message import PrivateMessage
from .proposal import Proposal
from .proposal_list import Applied, SentProposal, apply_member_proposals, path_required
from .psk import PskSource, ResumptionUsage, find_psks, psk_secret
from .public_message import PublicMessage
from .secret import PskSecret
from .tree_math import common_ancestor
from .tree_validation import check_credential_support, check_uniqueness
from .treekem import CreatedPath, create_path, kept_keys
from .welcome import GroupSecrets, Welcome


@dataclass(frozen=True, slots=True)
class CommitOptions:
    """How to make a commit; see `Group.commit`."""

    authenticated_data: bytes = b""
    leaf: LeafChange = LeafChange()  # noqa: RUF009 - immutable
    force_path: bool = True
    private: bool = False
    padding: int = 0
    references: tuple[bytes, ...] | None = None
    tree_in_welcome: bool = True
    resumption: ResumptionUsage = ResumptionUsage.APPLICATION


@dataclass(frozen=True, slots=True)
class CommitResult:
    """`state` is the epoch after the commit, `current` the present one once it is sent."""

    state: GroupState
    message: bytes
    welcome: bytes | None
    current: GroupState


def commit(
    state: GroupState,
    by_value: Sequence[Proposal],
    psks: PskSource,
    rng: Rng,
    options: CommitOptions,
) -> CommitResult:
    """See `Group.commit`."""
    state.check_active()
    suite, own = state.suite, Sender.member(state.own_leaf)
    references = options.references
    if references is None:
        references = state.committable_proposals()
    sent = [state.sent_proposal(reference) for reference in references]
    sent += [SentProposal(proposal, own) for proposal in by_value]
    applied = apply_member_proposals(
        state.tree, state.context, sent, state.own_leaf, frozenset({options.resumption})
    )
    psk = psk_secret(suite, find_psks(applied.psk_ids, state.resumption_psk, psks))
    path = None
    wanted = options.force_path or options.leaf != LeafChange()
    if wanted or path_required([each.proposal for each in sent]):
        path = _create_path(state, applied, options.leaf, rng)
    proposals: list[ProposalOrRef] = [*map(ProposalRef, references), *by_value]
    authenticated = _sign(state, proposals, path, options)
    tree = applied.tree if path is None else path.merged.tree
    end = conclude(
        suite,
        state.context,
        state.interim_transcript_hash,
        authenticated,
        tree,
        applied.extensions,
        state.keys.init_secret,
        None if path is None else path.merged.commit_secret,
        psk,
    )
    authenticated = replace(authenticated, confirmation_tag=end.confirmation_tag)
    signer, keys = state.signer, dict(kept_keys(state.private_keys, state.tree, tree))
    if path is not None:
        signer = options.leaf.signer or signer
        keys |= path.merged.private_keys
    after = state.next(
        tree, end.context, end.epoch, end.confirmation_tag, signer, keys, applied.reinit
    )
    current, message = protect(state, authenticated, options.private, options.padding, rng)
    welcome = _welcome(after, applied, path, end, psk, options.tree_in_welcome, rng)
    return CommitResult(after, message, welcome, current)


def protect(
    state: GroupState, authenticated: AuthenticatedContent, private: bool, padding: int, rng: Rng
) -> tuple[GroupState, bytes]:
    """An MLSMessage of this epoch, and the state without the key that went into it."""
    if not private:
        context, key = state.context.encode(), state.keys.membership_key
        return state, encode_message(
            PublicMessage.protect(state.suite, authenticated, context, key)
        )
    secret_tree, message = PrivateMessage.protect(
        state.suite,
        authenticated,
        state.secret_tree,
        state.keys.sender_data_secret,
        rng,
        padding,
    )
    return replace(state, secret_tree=secret_tree), encode_message(message)


def group_info(state: GroupState, extensions: Extensions) -> GroupInfo:
    """A signed GroupInfo of this epoch with these extensions (§12.4.3)."""
    return GroupInfo(state.context, extensions, state.confirmation_tag, state.own_leaf, b"").signed(
        state.suite, state.signer
    )


def _create_path(state: GroupState, applied: Applied, change: LeafChange, rng: Rng) -> CreatedPath:
    created = create_path(
        applied.tree,
        state.own_leaf,
        change.applied_to(state.own_leaf_node),
        change.signer or state.signer,
        state.context.group_id,
        partial(provisional_context, state.context, applied.extensions),
        applied.added_leaves,
        rng,
    )
    group_id, leaf = state.context.group_id, created.path.leaf_node
    check_leaf(leaf, state.suite, applied.extensions, group_id, state.own_leaf)
    check_uniqueness(created.merged.tree)
    check_credential_support(created.merged.tree)
    return created


def _sign(
    state: GroupState,
    proposals: Sequence[ProposalOrRef],
    path: CreatedPath | None,
    options: CommitOptions,
) -> AuthenticatedContent:
    content = FramedContent(
        state.context.group_id,
        state.context.epoch,
        Sender.member(state.own_leaf),
        options.authenticated_data,
        Commit(tuple(proposals), None if path is None else path.path),
    )
    wire_format = WireFormat.PRIVATE_MESSAGE if options.private else WireFormat.PUBLIC_MESSAGE
    context, key = state.context.encode(), state.signer.private
    return AuthenticatedContent.sign(state.suite, wire_format, content, context, key)


def _welcome(
    after: GroupState,
    applied: Applied,
    path: CreatedPath | None,
    end: Conclusion,
    psk: PskSecret,
    with_tree: bool,
    rng: Rng,
) -> bytes | None:
    if not applied.added:
        return None
    secrets = []
    for leaf_index, key_package in applied.added:
        path_secret = None
        if path is not None:
            path_secret = path.path_secrets[common_ancestor(after.own_leaf, leaf_index)]
        each = GroupSecrets(end.joiner_secret, path_secret, applied.psk_ids)
        secrets.append((key_package, each))
    info = group_info(after, (ratchet_tree_extension(after.tree),) if with_tree else ())
    return encode_message(Welcome.seal(after.suite, info, psk, secrets, rng))
