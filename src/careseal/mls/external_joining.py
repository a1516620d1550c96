"""Joining and proposing from outside (RFC 9420 §12.1.8, §12.4.3.2)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .commit import Commit
from .epoch_change import check_created_path, conclude, provisional_context
from .errors import UsageError
from .framing import (
    AuthenticatedContent,
    FramedContent,
    Sender,
    SenderType,
    WireFormat,
)
from .group_info import GroupInfo
from .group_state import GroupState
from .kem import Rng
from .key_schedule import send_external_init
from .leaf_node import LeafNode
from .message import encode_message
from .proposal import ExternalInit, PreSharedKey, Proposal, Remove
from .proposal_list import apply_external_proposals
from .psk import PskId, PskSource, find_psks, psk_secret
from .public_message import PublicMessage
from .ratchet_tree import RatchetTree
from .signer import Signer
from .suite import CipherSuite
from .transcript_hash import interim_hash
from .treekem import create_path


def commit_externally(
    info: GroupInfo,
    tree: RatchetTree,
    template: LeafNode,
    signer: Signer,
    authenticated_data: bytes,
    resync: int | None,
    psk_ids: tuple[PskId, ...],
    psks: PskSource,
    rng: Rng,
) -> tuple[GroupState, bytes]:
    """State of the joiner in the next epoch, and the commit for the members.

    `tree` is the GroupInfo's, validated; see `Group.external_commit`.
    """
    suite, context = tree.suite, info.context
    if (external_pub := info.external_pub) is None:
        raise UsageError("the GroupInfo does not offer joining from outside")
    kem_output, init_secret = send_external_init(suite, external_pub, rng)
    proposals: list[Proposal] = [ExternalInit(kem_output)]
    if resync is not None:
        proposals.append(Remove(resync))
    proposals += map(PreSharedKey, psk_ids)
    applied = apply_external_proposals(tree, context, proposals)
    psk = psk_secret(suite, find_psks(applied.psk_ids, psks))
    joined, own_leaf = applied.tree.added(template)
    created = create_path(
        joined,
        own_leaf,
        template,
        signer,
        context.group_id,
        partial(provisional_context, context, context.extensions),
        frozenset(),
        rng,
    )
    merged = created.merged
    check_created_path(created, own_leaf, context.group_id, context.extensions)
    content = FramedContent(
        context.group_id,
        context.epoch,
        Sender(SenderType.NEW_MEMBER_COMMIT),
        authenticated_data,
        Commit(tuple(proposals), created.path),
    )
    authenticated = AuthenticatedContent.sign(
        suite, WireFormat.PUBLIC_MESSAGE, content, context.encode(), signer.private
    )
    end = conclude(
        suite,
        context,
        interim_hash(suite, context.confirmed_transcript_hash, info.confirmation_tag),
        authenticated,
        merged.tree,
        context.extensions,
        init_secret,
        merged.commit_secret,
        psk,
    )
    tagged = replace(authenticated, confirmation_tag=end.confirmation_tag)
    state = GroupState.begin(
        merged.tree,
        end.context,
        end.epoch,
        end.confirmation_tag,
        own_leaf,
        signer,
        merged.private_keys,
    )
    return state, encode_message(PublicMessage(tagged, None))


def propose_from_outside(
    suite: CipherSuite,
    group_id: bytes,
    epoch: int,
    sender: Sender,
    proposal: Proposal,
    signer: Signer,
    authenticated_data: bytes = b"",
) -> bytes:
    """A signed proposal of an external sender or of a client that asks to be added (§12.1.8).

    The receivers check whether this sender may propose this. Raises `UsageError` for a member,
    who proposes by `Group.propose`.
    """
    if sender.type not in (SenderType.EXTERNAL, SenderType.NEW_MEMBER_PROPOSAL):
        raise UsageError("only outsiders propose from outside")
    content = FramedContent(group_id, epoch, sender, authenticated_data, proposal)
    authenticated = AuthenticatedContent.sign(
        suite, WireFormat.PUBLIC_MESSAGE, content, b"", signer.private
    )
    return encode_message(PublicMessage(authenticated, None))
