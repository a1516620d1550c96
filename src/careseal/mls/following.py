"""Following a commit that somebody else made (RFC 9420 §12.4.2)."""

from __future__ import annotations

from .epoch_change import conclude, merge_valid_path, provisional_context
from .errors import InvalidMessage, OtherEpoch, RemovedFromGroup, UsageError
from .group_state import GroupState, OwnUpdate
from .key_schedule import receive_external_init
from .proposal import Remove, Update
from .proposal_list import (
    Applied,
    apply_external_proposals,
    apply_member_proposals,
    path_required,
)
from .psk import PskSource, find_psks, psk_secret
from .ratchet_tree import RatchetTree
from .receiving import ReceivedCommit
from .secret import CommitSecret
from .treekem import follow_path, kept_keys


def follow(state: GroupState, received: ReceivedCommit, psks: PskSource) -> GroupState:
    """The next epoch. Raises `InvalidMessage`, `MissingPsk`, `RemovedFromGroup`, or
    `UsageError` for a commit of this very member."""
    _check_followable(state, received)
    suite, context = state.suite, state.context
    applied = _apply_proposals(state, received)
    tree = _merged_tree(state, received, applied)
    if any(_removes(each.proposal, state.own_leaf) for each in received.proposals):
        raise RemovedFromGroup("this member has been removed from the group")
    psk = psk_secret(suite, find_psks(applied.psk_ids, state.resumption_psk, psks))
    private_keys = dict(kept_keys(state.private_keys, state.tree, tree))
    signer = state.signer
    if (own := _own_update(state, received)) is not None:
        private_keys[2 * state.own_leaf] = own.encryption_key
        signer = own.signer
    commit_secret: CommitSecret | None = None
    if received.commit.path is not None:
        learned = follow_path(
            tree,
            received.leaf_index,
            received.commit.path,
            state.own_leaf,
            private_keys,
            provisional_context(context, applied.extensions, tree),
            applied.added_leaves,
        )
        commit_secret = learned.commit_secret
        private_keys |= learned.private_keys
    init_secret = state.keys.init_secret
    if applied.external_init is not None:
        kem_output = applied.external_init.kem_output
        init_secret = receive_external_init(suite, state.keys, kem_output)
    end = conclude(
        suite,
        context,
        state.interim_transcript_hash,
        received.authenticated,
        tree,
        applied.extensions,
        init_secret,
        commit_secret,
        psk,
    )
    tag = received.authenticated.confirmation_tag or b""
    confirmed = end.context.confirmed_transcript_hash
    suite.check_mac(end.epoch.confirmation_key, confirmed, tag, "confirmation tag")
    return state.next(tree, end.context, end.epoch, tag, signer, private_keys, applied.reinit)


def _check_followable(state: GroupState, received: ReceivedCommit) -> None:
    state.check_active()
    if received.context != state.context:
        raise OtherEpoch("the commit was received in another epoch than this one")
    if received.sender.leaf_index == state.own_leaf:
        raise UsageError("this is the member's own commit; go on with the group it came with")


def _apply_proposals(state: GroupState, received: ReceivedCommit) -> Applied:
    proposals = [each.proposal for each in received.proposals]
    if received.commit.path is None and path_required(proposals):
        raise InvalidMessage("a commit of these proposals needs an update path")
    if received.external:
        return apply_external_proposals(state.tree, state.context, proposals)
    committer = received.leaf_index
    return apply_member_proposals(state.tree, state.context, received.proposals, committer)


def _merged_tree(state: GroupState, received: ReceivedCommit, applied: Applied) -> RatchetTree:
    path = received.commit.path
    if path is None:
        return applied.tree
    tree, old_leaf = applied.tree, received.leaf_index
    if received.external:
        tree, _ = tree.added(path.leaf_node)
        removed = (each.proposal for each in received.proposals)
        old_leaf = next((each.removed for each in removed if isinstance(each, Remove)), -1)
    old = state.tree.leaf(old_leaf)
    return merge_valid_path(
        tree,
        received.leaf_index,
        path,
        state.context.group_id,
        applied.extensions,
        None if old is None else old.encryption_key,
    )


def _removes(proposal: object, leaf_index: int) -> bool:
    return isinstance(proposal, Remove) and proposal.removed == leaf_index


def _own_update(state: GroupState, received: ReceivedCommit) -> OwnUpdate | None:
    """Keys of this member's own Update, if the commit holds one."""
    for each in received.proposals:
        if isinstance(each.proposal, Update) and each.sender.leaf_index == state.own_leaf:
            own = state.updates.get(each.proposal.leaf_node.encryption_key)
            if own is None:
                raise InvalidMessage("the commit holds an Update whose keys are not known here")
            return own
    return None
