"""What making, following and joining by a commit have in common (RFC 9420 §12.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .commit import UpdatePath
from .errors import InvalidMessage
from .extension import Extensions
from .framing import AuthenticatedContent
from .group_context import GroupContext
from .key_schedule import NewEpoch, joiner_secret
from .leaf_node import LeafNodeSource, check_leaf, check_source
from .ratchet_tree import RatchetTree
from .secret import CommitSecret, InitSecret, JoinerSecret, PskSecret
from .suite import CipherSuite
from .transcript_hash import confirmation_tag, confirmed_hash
from .tree_validation import check_credential_support, check_uniqueness
from .treekem import CreatedPath, merge_path

_LAST_EPOCH = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The epoch that a commit leads to."""

    context: GroupContext
    joiner_secret: JoinerSecret
    epoch: NewEpoch
    confirmation_tag: bytes


def _next(context: GroupContext, extensions: Extensions) -> GroupContext:
    if context.epoch == _LAST_EPOCH:
        raise InvalidMessage("there is no epoch after this one")
    return replace(context, epoch=context.epoch + 1, extensions=extensions)


def provisional_context(context: GroupContext, extensions: Extensions, tree: RatchetTree) -> bytes:
    """What path secrets are encrypted for: the next epoch with the old transcript (§12.4.1)."""
    return replace(_next(context, extensions), tree_hash=tree.hash()).encode()


def conclude(
    suite: CipherSuite,
    context: GroupContext,
    interim_transcript_hash: bytes,
    commit: AuthenticatedContent,
    tree: RatchetTree,
    extensions: Extensions,
    init_secret: InitSecret,
    commit_secret: CommitSecret | None,
    psk: PskSecret,
) -> Conclusion:
    """From the epoch of `context` and a signed commit to the next epoch (§8, §8.2).

    `tree` is the tree after the commit; `commit_secret` is None for a commit without a path.
    Raises `InvalidMessage` after the last epoch.
    """
    confirmed = confirmed_hash(suite, interim_transcript_hash, commit)
    after = replace(
        _next(context, extensions),
        tree_hash=tree.hash(),
        confirmed_transcript_hash=confirmed,
    )
    zero = CommitSecret(bytes(suite.secret_size))
    joiner = joiner_secret(suite, init_secret, commit_secret or zero, after)
    epoch = NewEpoch.from_joiner(suite, joiner, psk, after)
    tag = confirmation_tag(suite, epoch.confirmation_key, confirmed)
    return Conclusion(after, joiner, epoch, tag)


def check_created_path(
    created: CreatedPath, leaf_index: int, group_id: bytes, extensions: Extensions
) -> None:
    """Raises `InvalidMessage` for an own path that the others would refuse."""
    tree = created.merged.tree
    check_leaf(created.path.leaf_node, tree.suite, extensions, group_id, leaf_index)
    check_uniqueness(tree)
    check_credential_support(tree)


def merge_valid_path(
    tree: RatchetTree,
    leaf_index: int,
    path: UpdatePath,
    group_id: bytes,
    extensions: Extensions,
    old_key: bytes | None,
) -> RatchetTree:
    """The tree with a committer's path in it, after all checks of §12.4.2 that need no secret.

    `tree` has the proposals in it already; `old_key` is the encryption key that the committer
    had before. Raises `InvalidMessage`.
    """
    leaf, kem = path.leaf_node, tree.suite.kem
    check_source(leaf, LeafNodeSource.COMMIT)
    check_leaf(leaf, tree.suite, extensions, group_id, leaf_index)
    new_keys = [leaf.encryption_key, *(node.encryption_key for node in path.nodes)]
    known = {member.encryption_key for index, member in tree.members() if index != leaf_index}
    known |= {parent.encryption_key for _, parent in tree.parents()}
    if old_key is not None:
        known.add(old_key)
    if not known.isdisjoint(new_keys):
        raise InvalidMessage("the update path brings a key that is in the tree already")
    for node in path.nodes:
        kem.check_public(node.encryption_key)
    merged = merge_path(tree, leaf_index, path)
    check_uniqueness(merged)
    check_credential_support(merged)
    return merged
