"""Making a commit, with a Welcome for those whom it adds (RFC 9420 §12.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from .commit import Commit, ProposalOrRef, ProposalRef
from .epoch_change import Conclusion, check_created_path, conclude, provisional_context
from .framing import Sender
from .group_info import ratchet_tree_extension
from .group_state import GroupState, LeafChange
from .kem import Rng
from .message import encode_message
from .proposal import Proposal
from .proposal_list import Applied, SentProposal, apply_member_proposals, path_required
from .psk import PskSource, ResumptionUsage, find_psks, psk_secret
from .secret import PskSecret
from .sending import group_info, protect, sign
from .tree_math import common_ancestor
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
    content = Commit(tuple(proposals), None if path is None else path.path)
    authenticated = sign(state, content, options.authenticated_data, options.private)
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
    current, message = protect(state, authenticated, rng, options.padding)
    welcome = _welcome(after, applied, path, end, psk, options.tree_in_welcome, rng)
    return CommitResult(after, message, welcome, current)


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
    check_created_path(created, state.own_leaf, state.context.group_id, applied.extensions)
    return created


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
