"""Joining by a Welcome (RFC 9420 §12.4.3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import InvalidMessage, MissingPsk
from .group_info import GroupInfo
from .group_state import GroupState
from .key_package import OwnKeyPackage
from .key_schedule import NewEpoch
from .psk import PskId, PskSource, ResumptionPskId, ResumptionUsage, find_psks, psk_secret
from .ratchet_tree import RatchetTree
from .secret import HpkePrivateKey, PathSecret
from .tree_math import common_ancestor
from .treekem import next_path_secret, node_key_pair
from .welcome import Welcome


def join(
    welcome: Welcome,
    own: OwnKeyPackage,
    psks: PskSource,
    tree: RatchetTree | None,
    old: GroupState | None,
) -> GroupState:
    """See `Group.join`."""
    suite = welcome.suite
    secrets = welcome.open_secrets(suite, own)
    _check_psk_ids(secrets.psks, old, suite.secret_size)
    sources = (psks,) if old is None else (old.resumption_psk, psks)
    psk = psk_secret(suite, find_psks(secrets.psks, *sources))
    info = welcome.open_group_info(suite, secrets.joiner_secret, psk)
    if info.suite != suite:
        raise InvalidMessage("Welcome and GroupInfo name different cipher suites")
    _check_succession(info, old)
    tree = info.validate(tree)
    leaf_index = _find_leaf(tree, own)
    keys = {2 * leaf_index: own.encryption_key}
    if secrets.path_secret is not None:
        keys |= _path_keys(tree, leaf_index, info.signer, secrets.path_secret)
    epoch = NewEpoch.from_joiner(suite, secrets.joiner_secret, psk, info.context)
    confirmed, tag = info.context.confirmed_transcript_hash, info.confirmation_tag
    suite.check_mac(epoch.confirmation_key, confirmed, tag, "confirmation tag")
    return GroupState.begin(tree, info.context, epoch, tag, leaf_index, own.signer, keys)


def _find_leaf(tree: RatchetTree, own: OwnKeyPackage) -> int:
    for index, leaf in tree.members():
        if leaf == own.key_package.leaf_node:
            return index
    raise InvalidMessage("the key package's leaf is not in the tree")


def _path_keys(
    tree: RatchetTree, leaf_index: int, signer: int, secret: PathSecret
) -> dict[int, HpkePrivateKey]:
    """Private keys from the lowest node shared with the committer up to the root."""
    if signer == leaf_index:
        raise InvalidMessage("a Welcome cannot come from the new member itself")
    keys = {}
    start = common_ancestor(leaf_index, signer)
    path = [node for node, _ in tree.filtered_direct_path(signer)]
    if start not in path:
        raise InvalidMessage("the path secret is for no node of the committer's path")
    for node in path[path.index(start) :]:
        keys[node], public = node_key_pair(tree.suite, secret)
        parent = tree.parent(node)
        if parent is None or parent.encryption_key != public:
            raise InvalidMessage("the path secret does not fit the tree")
        secret = next_path_secret(tree.suite, secret)
    return keys


def _check_psk_ids(ids: Sequence[PskId], old: GroupState | None, nonce_size: int) -> None:
    """At most one link to an older group, which must be at hand (§12.4.3.1)."""
    if len(set(ids)) < len(ids) or any(len(each.nonce) != nonce_size for each in ids):
        raise InvalidMessage("the Welcome names a PSK twice, or with a nonce of wrong length")
    links = _links(ids)
    if len(links) > 1:
        raise InvalidMessage("the Welcome links to more than one older group")
    if links and old is None:
        raise MissingPsk("the Welcome continues an older group, which was not given")
    if old is None:
        return
    if not links:
        raise InvalidMessage("the Welcome does not continue the older group")
    link = links[0]
    if link.group_id != old.context.group_id or link.epoch != old.context.epoch:
        raise InvalidMessage("the Welcome continues another group or epoch")
    if (link.usage is ResumptionUsage.REINIT) != (old.reinit is not None):
        raise InvalidMessage("a ReInit was not committed, or must be followed first")


def _links(ids: Sequence[PskId]) -> list[ResumptionPskId]:
    return [
        each
        for each in ids
        if isinstance(each, ResumptionPskId) and each.usage is not ResumptionUsage.APPLICATION
    ]


def _check_succession(info: GroupInfo, old: GroupState | None) -> None:
    """What §11.2 and §11.3 ask of a group that continues `old`."""
    if old is None:
        return
    new = info.context
    if new.epoch != 1:
        raise InvalidMessage("a group that continues another is joined in its epoch 1")
    if old.reinit is None:
        if (new.version, new.cipher_suite) != (old.context.version, old.context.cipher_suite):
            raise InvalidMessage("a branch has its group's version and cipher suite")
        return
    announced = old.reinit
    if (new.group_id, new.version, new.cipher_suite, new.extensions) != (
        announced.group_id,
        announced.version,
        announced.cipher_suite,
        announced.extensions,
    ):
        raise InvalidMessage("the new group is not the one that the ReInit announced")
