"""What a joiner checks before it believes a GroupInfo or a Welcome (RFC 9420 §12.4.3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from careseal.mls import (
    Add,
    Capabilities,
    Credential,
    DecodeError,
    Extension,
    Group,
    GroupInfo,
    InvalidMessage,
    LeafNode,
    MissingPsk,
    NotAuthentic,
    OwnKeyPackage,
    PreSharedKey,
    Psk,
    RatchetTree,
    Remove,
    UsageError,
    decode_message,
    encode_message,
    external_psk_id,
)
from careseal.mls.codec import Reader, decode, opaque
from careseal.mls.commit import HpkeCiphertext
from careseal.mls.parent_node import ParentNode
from careseal.mls.psk import no_psks, psk_secret
from careseal.mls.ratchet_tree import Node
from careseal.mls.secret import JoinerSecret, PathSecret
from careseal.mls.welcome import GroupSecrets, Welcome
from tests.unit.mls.world import FAST, GROUP_ID, RNG, World, key_package, signer


@pytest.fixture(scope="module")
def world() -> World:
    """Five members with an unmerged leaf, a removed one, and paths of several."""
    world = World(4)
    world.add("m2", "m4", "m5")
    world.commit("m3", [Remove(1)])
    world.commit("m5")
    return world


def described(group: Group, tree: RatchetTree) -> GroupInfo:
    """A GroupInfo about `tree`, signed rightly by a member."""
    context = replace(group.context, tree_hash=tree.hash())
    info = replace(group.group_info(tree=False), context=context)
    return info.signed(group.suite, group.signer)


def with_node(tree: RatchetTree, index: int, node: Node) -> RatchetTree:
    nodes = list(tree._nodes)
    nodes[index] = node
    return RatchetTree(tree.suite, nodes)


def refuse(group: Group, tree: RatchetTree, match: str) -> None:
    with pytest.raises(InvalidMessage, match=match):
        described(group, tree).validate(tree)


def leaf(group: Group, index: int) -> LeafNode:
    return group.roster[index]


def a_parent(group: Group) -> tuple[int, ParentNode]:
    return next(group.tree.parents())


# Trees


def test_the_right_tree_is_accepted(world: World) -> None:
    group = world["m0"]
    assert described(group, group.tree).validate(group.tree) == group.tree


def test_the_tree_has_the_hash_of_the_group_context(world: World) -> None:
    group = world["m0"]
    other = group.commit(RNG).group
    with pytest.raises(InvalidMessage, match="not the one"):
        group.group_info(tree=False).validate(other.tree)


def test_every_parent_node_is_vouched_for(world: World) -> None:
    group = world["m0"]
    index, parent = a_parent(group)
    for changed in (
        replace(parent, encryption_key=FAST.generate_hpke_key(RNG)[1]),
        replace(parent, parent_hash=bytes(32)),
    ):
        refuse(group, with_node(group.tree, index, changed), "vouches")


def test_every_leaf_is_signed(world: World) -> None:
    group = world["m0"]
    last = world["m5"].own_leaf  # the last to commit, so no parent hash depends on its leaf
    changed = replace(leaf(group, last), signature=bytes(64))
    refuse(group, with_node(group.tree, 2 * last, changed), "LeafNodeTBS")


def test_a_leaf_of_another_group_or_place_does_not_count(world: World) -> None:
    group = world["m0"]
    member = world["m5"]
    for group_id, place in ((b"other", member.own_leaf), (GROUP_ID, 0)):
        moved = leaf(group, member.own_leaf).signed(FAST, member.signer.private, group_id, place)
        refuse(group, with_node(group.tree, 2 * member.own_leaf, moved), "LeafNodeTBS")


def test_no_key_appears_twice(world: World) -> None:
    group = world["m0"]
    own = leaf(group, 0)
    same_signature = replace(leaf(group, 2), signature_key=own.signature_key)
    refuse(group, with_node(group.tree, 4, same_signature), "same signature key")
    same_encryption = replace(leaf(group, 2), encryption_key=own.encryption_key)
    refuse(group, with_node(group.tree, 4, same_encryption), "same encryption key")
    index, parent = a_parent(group)
    same = replace(parent, encryption_key=own.encryption_key)
    refuse(group, with_node(group.tree, index, same), "same encryption key")


def test_unmerged_leaves_are_members_below_their_node(world: World) -> None:
    group = world["m0"]
    index, parent = a_parent(group)
    assert index < group.tree.root
    for stranger in (group.tree.size - 1, 1, 2**32 - 1):
        changed = replace(parent, unmerged_leaves=(stranger,))
        refuse(group, with_node(group.tree, index, changed), "unmerged leaf that is not below")


def test_an_unmerged_leaf_is_unmerged_in_between_too(world: World) -> None:
    group = world["m0"]
    root, below = group.tree.root, next(i for i, _ in group.tree.parents())
    top = group.tree.parent(root)
    assert top is not None
    changed = replace(top, unmerged_leaves=(0,))
    assert below < root
    refuse(group, with_node(group.tree, root, changed), f"node {below} does not list")


def test_credentials_are_of_types_that_all_support(world: World) -> None:
    group = world["m0"]
    changed = replace(
        leaf(group, 2), credential=Credential(7, b""), capabilities=Capabilities(credentials=(1, 7))
    )
    refuse(group, with_node(group.tree, 4, changed), "credential type")


def test_a_tree_ends_with_a_node_and_has_each_kind_in_its_place(world: World) -> None:
    body = Reader(world["m0"].tree.encode()).opaque()
    a_leaf = b"\x01\x01" + leaf(world["m0"], 0).encode()
    a_parent_node = b"\x01\x02" + ParentNode(b"key", b"").encode()
    unknown = b"\x01\x03"
    for bad in (b"", body + b"\x00", a_leaf * 2, a_parent_node, b"\x00" * 3, unknown):
        with pytest.raises(DecodeError):
            decode(lambda reader: RatchetTree.read(reader, FAST), opaque(bad))


# GroupInfo


def test_a_group_info_is_signed_by_its_signer(world: World) -> None:
    info = world["m0"].group_info()
    for changed in (
        replace(info, signature=bytes(64)),
        replace(info, signer=world["m5"].own_leaf),
        replace(info, confirmation_tag=bytes(32)),
        replace(info, context=replace(info.context, epoch=99)),
        replace(info, extensions=(*info.extensions, Extension(0xF000, b""))),
    ):
        with pytest.raises(NotAuthentic):
            changed.validate()
    with pytest.raises(InvalidMessage, match="no member"):
        replace(info, signer=1).validate()


def test_a_group_info_of_an_unknown_suite_or_version_is_refused(world: World) -> None:
    info = world["m0"].group_info()
    for context in (replace(info.context, cipher_suite=0xFFFF), replace(info.context, version=2)):
        with pytest.raises(InvalidMessage, match="not supported"):
            replace(info, context=context).validate()


def test_the_last_epoch_is_not_left() -> None:
    group = World(2)["m0"]
    context = replace(group.context, epoch=2**64 - 1)
    info = replace(group.group_info(), context=context).signed(FAST, group.signer)
    with pytest.raises(InvalidMessage, match="no epoch after"):
        Group.external_commit(info, Credential.basic(b"x"), signer(), RNG)


# Welcomes


def welcomed(world: World, own: OwnKeyPackage) -> Welcome:
    made = world["m0"].commit(RNG, [Add(own.key_package)])
    assert made.welcome is not None
    welcome = decode_message(made.welcome)
    assert isinstance(welcome, Welcome)
    return welcome


def rewelcomed(
    world: World,
    own: OwnKeyPackage,
    change_info: Callable[[GroupInfo], GroupInfo] = lambda info: info,
    change_secrets: Callable[[GroupSecrets], GroupSecrets] = lambda secrets: secrets,
) -> bytes:
    """A Welcome made again by a member with something changed."""
    welcome = welcomed(world, own)
    secrets = welcome.open_secrets(FAST, own)
    none = psk_secret(FAST, [])
    info = welcome.open_group_info(FAST, secrets.joiner_secret, none)
    changed = change_info(info).signed(FAST, world["m0"].signer)
    sealed = Welcome.seal(FAST, changed, none, [(own.key_package, change_secrets(secrets))], RNG)
    return encode_message(sealed)


def test_a_welcome_made_again_without_a_change_is_accepted(world: World) -> None:
    own = key_package()
    assert Group.join(rewelcomed(world, own), own).epoch == world["m0"].epoch + 1


def test_a_welcome_is_for_its_key_package_only(world: World) -> None:
    message = encode_message(welcomed(world, key_package()))
    with pytest.raises(InvalidMessage, match="not for this key package"):
        Group.join(message, key_package())


def test_a_welcome_does_not_open_with_another_init_key(world: World) -> None:
    own = key_package()
    message = encode_message(welcomed(world, own))
    with pytest.raises(NotAuthentic):
        Group.join(message, replace(own, init_key=key_package().init_key))


def test_a_changed_welcome_is_refused(world: World) -> None:
    own = key_package()
    welcome = welcomed(world, own)
    sealed = welcome.secrets[0].encrypted_group_secrets
    for changed in (
        replace(welcome, encrypted_group_info=welcome.encrypted_group_info[:-1]),
        replace(
            welcome,
            secrets=(
                replace(
                    welcome.secrets[0],
                    encrypted_group_secrets=HpkeCiphertext(b"short", sealed.ciphertext),
                ),
            ),
        ),
        replace(welcome, cipher_suite=3),
        replace(welcome, cipher_suite=0xFFFF),
    ):
        with pytest.raises(InvalidMessage):
            Group.join(encode_message(changed), own)


def test_a_welcome_with_a_wrong_confirmation_tag_is_refused(world: World) -> None:
    own = key_package()
    message = rewelcomed(world, own, lambda info: replace(info, confirmation_tag=bytes(32)))
    with pytest.raises(NotAuthentic, match="confirmation tag"):
        Group.join(message, own)


def test_a_path_secret_in_a_welcome_fits_the_tree(world: World) -> None:
    own = key_package()
    wrong = PathSecret(RNG(32))
    message = rewelcomed(
        world, own, change_secrets=lambda secrets: replace(secrets, path_secret=wrong)
    )
    with pytest.raises(InvalidMessage, match="does not fit"):
        Group.join(message, own)


def test_a_welcome_into_a_tree_without_the_newcomer_is_refused(world: World) -> None:
    group, own = world["m0"], key_package()
    info = group.group_info()
    secrets = GroupSecrets(JoinerSecret(RNG(32)), None, ())
    message = Welcome.seal(FAST, info, psk_secret(FAST, []), [(own.key_package, secrets)], RNG)
    with pytest.raises(InvalidMessage, match="not in the tree"):
        Group.join(encode_message(message), own)


def test_a_welcome_that_names_a_psk_needs_it(world: World) -> None:
    own, key = key_package(), Psk(b"shared")
    psk = PreSharedKey(external_psk_id(FAST, b"id", RNG))
    made = world["m0"].commit(RNG, [Add(own.key_package), psk], psks=lambda _: key)
    assert made.welcome is not None
    with pytest.raises(MissingPsk):
        Group.join(made.welcome, own, psks=no_psks)
    with pytest.raises(NotAuthentic):
        Group.join(made.welcome, own, psks=lambda _: Psk(b"another"))
    joined = Group.join(made.welcome, own, psks=lambda _: key)
    assert joined.epoch_authenticator == made.group.epoch_authenticator


def test_a_welcome_without_a_tree_needs_it_from_elsewhere(world: World) -> None:
    own = key_package()
    made = world["m0"].commit(RNG, [Add(own.key_package)], tree_in_welcome=False)
    assert made.welcome is not None
    with pytest.raises(UsageError):
        Group.join(made.welcome, own)
    with pytest.raises(InvalidMessage, match="not the one"):
        Group.join(made.welcome, own, tree=world["m0"].commit(RNG).group.tree.encode())
    joined = Group.join(made.welcome, own, tree=made.group.tree.encode())
    assert joined.epoch_authenticator == made.group.epoch_authenticator


def test_something_else_than_a_welcome_is_refused(world: World) -> None:
    with pytest.raises(InvalidMessage, match="not a Welcome"):
        Group.join(encode_message(world["m0"].group_info()), key_package())
