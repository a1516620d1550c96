"""How groups begin: from nothing, or out of another group (RFC 9420 §11)."""

from __future__ import annotations

from collections.abc import Sequence

from .committing import CommitOptions, CommitResult, commit
from .errors import UsageError
from .extension import Extensions, check_known
from .group_context import GroupContext
from .group_state import GroupState
from .kem import Rng
from .key_package import KeyPackage, OwnKeyPackage
from .key_schedule import NewEpoch
from .leaf_node import MLS10
from .proposal import Add, PreSharedKey, Proposal
from .psk import ResumptionPskId, ResumptionUsage
from .ratchet_tree import RatchetTree
from .secret import EpochSecret
from .suite import CipherSuite
from .transcript_hash import confirmation_tag


def found(
    suite: CipherSuite, group_id: bytes, own: OwnKeyPackage, extensions: Extensions, rng: Rng
) -> GroupState:
    """A group of one in epoch 0 (§11). Raises `InvalidMessage` for a key package that does not
    fit the suite and the extensions, `DecodeError` for malformed extensions."""
    check_known(extensions)
    own.key_package.check(suite, extensions)
    tree = RatchetTree.of_one(suite, own.key_package.leaf_node)
    context = GroupContext(MLS10, suite.number, group_id, 0, tree.hash(), b"", extensions)
    epoch = NewEpoch.from_epoch_secret(suite, EpochSecret(rng(suite.secret_size)))
    tag = confirmation_tag(suite, epoch.confirmation_key, b"")
    return GroupState.begin(tree, context, epoch, tag, 0, own.signer, {0: own.encryption_key})


def branch(
    old: GroupState,
    group_id: bytes,
    own: OwnKeyPackage,
    others: Sequence[KeyPackage],
    extensions: Extensions,
    rng: Rng,
) -> CommitResult:
    """A new group of some members of `old` (§11.3), with a Welcome for the others."""
    old.check_active()
    new = found(old.suite, group_id, own, extensions, rng)
    return _link(old, new, others, ResumptionUsage.BRANCH, rng)


def reinit(
    old: GroupState,
    suite: CipherSuite,
    own: OwnKeyPackage,
    others: Sequence[KeyPackage],
    rng: Rng,
) -> CommitResult:
    """The group that the ReInit committed in `old` announced (§11.2), with a Welcome for the
    others, who are all other members of `old`."""
    announced = old.reinit
    if announced is None:
        raise UsageError("no ReInit has been committed in this group")
    if announced.cipher_suite != suite.number or announced.version != MLS10:
        raise UsageError("the ReInit announced another cipher suite or version")
    new = found(suite, announced.group_id, own, announced.extensions, rng)
    return _link(old, new, others, ResumptionUsage.REINIT, rng)


def _link(
    old: GroupState,
    new: GroupState,
    others: Sequence[KeyPackage],
    usage: ResumptionUsage,
    rng: Rng,
) -> CommitResult:
    nonce = rng(new.suite.secret_size)
    psk_id = ResumptionPskId(usage, old.context.group_id, old.context.epoch, nonce)
    proposals: list[Proposal] = [Add(each) for each in others]
    proposals.append(PreSharedKey(psk_id))
    options = CommitOptions(resumption=usage)
    return commit(new, proposals, lambda _: old.keys.resumption_psk, rng, options)
