"""Validation of a whole ratchet tree, and of leaves against each other (RFC 9420 §7.3, §12.4.3)."""

from __future__ import annotations

from . import tree_math
from .errors import InvalidMessage
from .extension import Extensions, RequiredCapabilities
from .leaf_node import check_leaf
from .parent_hash import check_parent_hashes
from .ratchet_tree import RatchetTree


def validate_tree(tree: RatchetTree, group_id: bytes, extensions: Extensions) -> None:
    """All that a joiner checks of a tree but its hash (§12.4.3.1). Raises `InvalidMessage`."""
    check_unmerged_leaves(tree)
    check_uniqueness(tree)
    check_credential_support(tree)
    check_parent_hashes(tree)
    for index, leaf in tree.members():
        check_leaf(leaf, tree.suite, extensions, group_id, index)
    for _, parent in tree.parents():
        tree.suite.kem.check_public(parent.encryption_key)


def check_uniqueness(tree: RatchetTree) -> None:
    """No key appears twice: encryption keys of all nodes, signature keys of leaves (§7.3)."""
    leaves = [leaf for _, leaf in tree.members()]
    keys = [leaf.encryption_key for leaf in leaves]
    keys += [parent.encryption_key for _, parent in tree.parents()]
    if len(set(keys)) < len(keys):
        raise InvalidMessage("two nodes of the ratchet tree have the same encryption key")
    if len({leaf.signature_key for leaf in leaves}) < len(leaves):
        raise InvalidMessage("two members have the same signature key")


def check_credential_support(tree: RatchetTree) -> None:
    """Every member supports the credential type of every other (§7.3)."""
    leaves = [leaf for _, leaf in tree.members()]
    used = {leaf.credential.type for leaf in leaves}
    if not all(used <= set(leaf.capabilities.credentials) for leaf in leaves):
        raise InvalidMessage("a member does not support another's credential type")


def check_extension_support(tree: RatchetTree, extensions: Extensions) -> None:
    """Every member supports the group's extensions and what they require (§12.1.7)."""
    types = {extension.type for extension in extensions}
    required = RequiredCapabilities.of(extensions)
    for index, leaf in tree.members():
        capabilities = leaf.capabilities
        if not (capabilities.supports_extensions(types) and capabilities.satisfies(required)):
            raise InvalidMessage(f"member {index} does not support the group's extensions")


def check_unmerged_leaves(tree: RatchetTree) -> None:
    """Unmerged leaves are members below their node, and unmerged in between too (§12.4.3.1)."""
    for index, parent in tree.parents():
        for leaf in parent.unmerged_leaves:
            if not tree_math.in_subtree(2 * leaf, index) or tree.leaf(leaf) is None:
                raise InvalidMessage(f"node {index} lists an unmerged leaf that is not below it")
            between = tree_math.parent(2 * leaf)
            while between != index:
                node = tree.parent(between)
                if node is not None and leaf not in node.unmerged_leaves:
                    raise InvalidMessage(f"node {between} does not list an unmerged leaf")
                between = tree_math.parent(between)
