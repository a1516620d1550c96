"""What a commit must not do (RFC 9420 §12.2, §12.4.2): receivers refuse it and stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from careseal.mls import (
    Add,
    Capabilities,
    Credential,
    DecodeError,
    Extension,
    ExternalInit,
    ExternalSender,
    Group,
    GroupContextExtensions,
    KeyPackage,
    LeafChange,
    LeafNode,
    LeafNodeSource,
    NotAuthentic,
    OwnKeyPackage,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    RequiredCapabilities,
    ResumptionPskId,
    ResumptionUsage,
    Sender,
    SenderType,
    Signer,
    Update,
    external_psk_id,
    treekem,
)
from careseal.mls.codec import decode
from careseal.mls.commit import ProposalRef, UpdatePath
from careseal.mls.parent_node import ParentNode
from careseal.mls.sending import protect, sign
from tests.unit.mls.world import (
    FAST,
    GROUP_ID,
    RNG,
    World,
    follow,
    forged,
    founded,
    key_package,
    path_of,
    refused,
    remember,
    signer,
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(4)


def refuse(world: World, match: str, proposals: Sequence[Proposal], **options: object) -> None:
    """m1 forges a commit, with a path unless one is given; m0 refuses it."""
    path = options.pop("path", path_of(world["m1"]))
    assert path is None or isinstance(path, UpdatePath)
    message = forged(world["m1"], proposals, path)
    with refused(world["m0"], match):
        follow(world["m0"], message)


def resigned(leaf: LeafNode, own: Signer, index: int, **changes: object) -> LeafNode:
    changed = replace(leaf, **changes)  # type: ignore[arg-type]
    return changed.signed(FAST, own.private, GROUP_ID, index)


def update_of(group: Group, **changes: object) -> Update:
    """An Update of a member, right but for `changes`."""
    _, public = FAST.generate_hpke_key(RNG)
    plain: dict[str, object] = {
        "encryption_key": public,
        "source": LeafNodeSource.UPDATE,
        "parent_hash": None,
        "lifetime": None,
    }
    leaf = group.roster[group.own_leaf]
    return Update(resigned(leaf, group.signer, group.own_leaf, **{**plain, **changes}))


def repackaged(own: OwnKeyPackage, **changes: object) -> KeyPackage:
    """A key package signed again after `changes`."""
    changed = replace(own.key_package, **changes)  # type: ignore[arg-type]
    signature = FAST.sign_with_label(own.signer.private, b"KeyPackageTBS", changed._content)
    return replace(changed, signature=signature)


# Lists of proposals (§12.2)


def test_a_committer_does_not_remove_itself(world: World) -> None:
    refuse(world, "remove itself", [Remove(1)])


def test_a_committer_does_not_commit_its_own_update(world: World) -> None:
    refuse(world, "Update of its own", [update_of(world["m1"])])


def test_a_leaf_is_removed_once_only(world: World) -> None:
    refuse(world, "same leaf", [Remove(2), Remove(2)])


def test_a_leaf_is_not_updated_and_removed_at_once(world: World) -> None:
    group, message = world["m2"].propose_update(RNG)
    reference = ProposalRef(next(iter(group.proposals)))
    receiver = remember(world["m0"], message)
    message = forged(world["m1"], [reference, Remove(2)], path_of(world["m1"]))
    with refused(receiver, "same leaf"):
        follow(receiver, message)


def test_somebody_who_is_not_there_is_not_removed(world: World) -> None:
    for index in (4, 7, 8, 2**32 - 1):
        refuse(world, "no member", [Remove(index)])


def test_a_client_is_added_once_only(world: World) -> None:
    added = Add(key_package().key_package)
    refuse(world, "same encryption key", [added, added])


def test_two_key_packages_of_one_client_are_not_added_together(world: World) -> None:
    own = signer()
    one, two = (
        OwnKeyPackage.generate(FAST, Credential.basic(b"x"), own, RNG).key_package for _ in "ab"
    )
    refuse(world, "same signature key", [Add(one), Add(two)])


def test_a_member_is_not_added_again_but_may_be_removed_and_added(world: World) -> None:
    own = OwnKeyPackage.generate(FAST, Credential.basic(b"m2"), world["m2"].signer, RNG)
    refuse(world, "same signature key", [Add(own.key_package)])
    made = world["m1"].commit(RNG, [Remove(2), Add(own.key_package)])
    assert follow(world["m0"], made.message).epoch == world["m0"].epoch + 1


def test_a_psk_is_named_once_only(world: World) -> None:
    psk = PreSharedKey(external_psk_id(FAST, b"id", RNG))
    refuse(world, "same key and nonce", [psk, psk])


def test_a_psk_nonce_has_the_length_of_a_secret(world: World) -> None:
    psk_id = external_psk_id(FAST, b"id", RNG)
    refuse(world, "nonce", [PreSharedKey(replace(psk_id, nonce=psk_id.nonce[:-1]))])


@pytest.mark.parametrize("usage", [ResumptionUsage.REINIT, ResumptionUsage.BRANCH])
def test_psks_that_start_groups_are_not_used_within_one(
    world: World, usage: ResumptionUsage
) -> None:
    psk_id = ResumptionPskId(usage, GROUP_ID, 0, RNG(FAST.secret_size))
    refuse(world, "usage", [PreSharedKey(psk_id)])


def test_group_extensions_are_replaced_once_only(world: World) -> None:
    refuse(world, "at most one", [GroupContextExtensions(()), GroupContextExtensions(())])


def test_a_reinit_stands_alone(world: World) -> None:
    reinit = ReInit(b"next", 1, FAST.number, ())
    refuse(world, "alone", [reinit, Remove(2)])
    refuse(world, "alone", [reinit, reinit])


def test_a_reinit_does_not_go_back_to_an_older_version(world: World) -> None:
    refuse(world, "older protocol version", [ReInit(b"next", 0, FAST.number, ())])


def test_a_member_does_not_commit_an_external_init(world: World) -> None:
    refuse(world, "external commit", [ExternalInit(bytes(32))])


def test_a_commit_refers_to_known_proposals_only(world: World) -> None:
    message = forged(world["m1"], [ProposalRef(bytes(32))], path_of(world["m1"]))
    with refused(world["m0"], "not known"):
        follow(world["m0"], message)


@pytest.mark.parametrize(
    "proposals", [[], [Remove(2)], [GroupContextExtensions(())]], ids=["none", "remove", "gce"]
)
def test_a_path_is_there_where_one_is_required(world: World, proposals: Sequence[Proposal]) -> None:
    refuse(world, "needs an update path", proposals, path=None)


# Leaves and key packages (§7.3, §10.1)


def test_a_key_package_is_for_the_group_s_suite_and_version(world: World) -> None:
    own = key_package()
    refuse(world, "another version", [Add(repackaged(own, cipher_suite=3))])
    refuse(world, "another version", [Add(repackaged(own, version=2))])


def test_a_key_package_is_signed_by_its_own_key(world: World) -> None:
    own = key_package()
    changed = replace(own.key_package, init_key=key_package().key_package.init_key)
    refuse(world, "KeyPackageTBS signature", [Add(changed)])


def test_a_key_package_has_two_different_keys(world: World) -> None:
    own = key_package()
    same = repackaged(own, init_key=own.key_package.leaf_node.encryption_key)
    refuse(world, "one key as init key", [Add(same)])


def test_a_key_package_s_leaf_has_the_source_key_package(world: World) -> None:
    own = key_package()
    leaf = update_of(world["m1"]).leaf_node
    refuse(world, "UPDATE is out of place", [Add(repackaged(own, leaf_node=leaf))])


def test_keys_of_a_key_package_are_well_formed(world: World) -> None:
    refuse(world, "malformed HPKE", [Add(repackaged(key_package(), init_key=b"short"))])


LEAF_FAULTS = {
    "does not support its own credential": {"credential": Credential(2, b"")},
    "another version or cipher suite": {"capabilities": Capabilities(cipher_suites=(3,))},
    "does not support its own extensions": {"extensions": (Extension(0xF000, b""),)},
    "malformed HPKE public key": {"encryption_key": bytes(31)},
}


@pytest.mark.parametrize(("match", "fault"), LEAF_FAULTS.items(), ids=LEAF_FAULTS)
def test_a_leaf_is_refused_wherever_it_comes_from(
    world: World, match: str, fault: dict[str, object]
) -> None:
    own = key_package()
    leaf = resigned(own.key_package.leaf_node, own.signer, 0, **fault)
    refuse(world, match, [Add(repackaged(own, leaf_node=leaf))])
    path = path_of(world["m1"])
    leaf = resigned(path.leaf_node, world["m1"].signer, 1, **fault)
    refuse(world, match, [], path=replace(path, leaf_node=leaf))
    update = update_of(world["m2"], **fault)
    message = forged_proposal(world["m2"], update)
    with refused(world["m0"], match):
        world["m0"].receive(message)


def forged_proposal(group: Group, proposal: Proposal) -> bytes:
    return protect(group._state, sign(group._state, proposal, b"", False), RNG)[1]


def test_an_update_brings_a_new_encryption_key(world: World) -> None:
    old = world["m2"].roster[2].encryption_key
    message = forged_proposal(world["m2"], update_of(world["m2"], encryption_key=old))
    with refused(world["m0"], "new encryption key"):
        world["m0"].receive(message)


def test_an_update_has_the_source_update(world: World) -> None:
    update = update_of(world["m2"], source=LeafNodeSource.COMMIT, parent_hash=b"")
    with refused(world["m0"], "COMMIT is out of place"):
        world["m0"].receive(forged_proposal(world["m2"], update))


def test_an_update_is_signed_for_its_place(world: World) -> None:
    leaf = update_of(world["m2"]).leaf_node.signed(FAST, world["m2"].signer.private, b"x", 2)
    with refused(world["m0"], "LeafNodeTBS", NotAuthentic):
        world["m0"].receive(forged_proposal(world["m2"], Update(leaf)))


def test_a_credential_type_is_supported_by_all(world: World) -> None:
    both = Capabilities(credentials=(1, 2))
    own = OwnKeyPackage.generate(FAST, Credential.x509((b"der",)), signer(), RNG, capabilities=both)
    refuse(world, "credential type", [Add(own.key_package)])


def test_group_extensions_are_supported_by_all(world: World) -> None:
    unknown = GroupContextExtensions((Extension(0xF000, b""),))
    required = GroupContextExtensions((RequiredCapabilities(proposals=(0xF000,)).extension(),))
    refuse(world, "does not support the group's extensions", [unknown])
    refuse(world, "does not support the group's extensions", [required])


def test_what_a_group_requires_is_asked_of_those_who_are_added() -> None:
    able = Capabilities(extensions=(0xF000,))
    group = founded(
        extensions=(RequiredCapabilities(extensions=(0xF000,)).extension(),), capabilities=able
    )
    with refused(group, "lacks capabilities"):
        group.commit(RNG, [Add(key_package().key_package)])
    made = group.commit(RNG, [Add(key_package(capabilities=able).key_package)])
    assert len(made.group.roster) == 2


# Paths (§7.5, §12.4.2)


def test_a_path_has_a_leaf_of_source_commit(world: World) -> None:
    path = path_of(world["m1"])
    refuse(
        world,
        "UPDATE is out of place",
        [],
        path=replace(path, leaf_node=update_of(world["m1"]).leaf_node),
    )


def test_a_path_has_as_many_nodes_as_its_sender_s_direct_path(world: World) -> None:
    path = path_of(world["m1"])
    refuse(world, "number of nodes", [], path=replace(path, nodes=path.nodes[:-1]))
    extra = replace(path, nodes=(*path.nodes, replace(path.nodes[0], encryption_key=RNG(32))))
    refuse(world, "number of nodes", [], path=extra)


def test_a_path_has_a_ciphertext_for_each_receiver(world: World) -> None:
    path = path_of(world["m1"])
    top = path.nodes[-1]
    for secrets in (top.encrypted_path_secret[:-1], top.encrypted_path_secret * 2):
        changed = replace(top, encrypted_path_secret=secrets)
        refuse(
            world,
            "number of ciphertexts",
            [],
            path=replace(path, nodes=(*path.nodes[:-1], changed)),
        )


def test_a_path_brings_new_keys_only(world: World) -> None:
    path = path_of(world["m1"])
    for known in (world["m1"].roster[1], world["m0"].roster[3]):
        changed = replace(path.nodes[0], encryption_key=known.encryption_key)
        bad = replace(path, nodes=(changed, *path.nodes[1:]))
        refuse(world, "in the tree already", [], path=bad)
    leaf = resigned(
        path.leaf_node,
        world["m1"].signer,
        1,
        encryption_key=world["m1"].roster[1].encryption_key,
    )
    refuse(world, "in the tree already", [], path=replace(path, leaf_node=leaf))


def test_keys_of_a_path_are_well_formed(world: World) -> None:
    path = path_of(world["m1"])
    bad = replace(path.nodes[0], encryption_key=b"short")
    refuse(world, "malformed HPKE", [], path=replace(path, nodes=(bad, *path.nodes[1:])))


def test_a_path_s_leaf_commits_to_the_nodes_above_it(world: World) -> None:
    path = path_of(world["m1"])
    leaf = resigned(path.leaf_node, world["m1"].signer, 1, parent_hash=bytes(32))
    refuse(world, "parent hash", [], path=replace(path, leaf_node=leaf))


def test_a_path_secret_fits_its_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        unrelated = FAST.generate_hpke_key
        patch.setattr(treekem, "node_key_pair", lambda suite, secret: unrelated(RNG))
        path = path_of(world["m1"])
    message = forged(world["m1"], [], path)
    with refused(world["m0"], "does not fit"):
        follow(world["m0"], message)


def test_a_right_path_with_a_wrong_confirmation_tag_is_refused(world: World) -> None:
    refuse(world, "confirmation tag", [])


def test_a_signature_key_is_not_taken_from_another_member(world: World) -> None:
    with refused(world["m1"], "same signature key"):
        world["m1"].commit(RNG, leaf=LeafChange(signer=world["m2"].signer))


# Senders (§6.1, §12.1.8)


def test_a_sender_is_a_member(world: World) -> None:
    message = forged(world["m1"], [], path_of(world["m1"]), Sender.member(9))
    with refused(world["m0"], "no member"):
        world["m0"].receive(message)


def test_nobody_commits_in_another_s_name(world: World) -> None:
    message = forged(world["m1"], [], path_of(world["m1"]), Sender.member(2))
    with refused(world["m0"], "FramedContentTBS", NotAuthentic):
        world["m0"].receive(message)


def test_a_member_does_not_propose_an_external_init(world: World) -> None:
    message = forged_proposal(world["m1"], ExternalInit(bytes(32)))
    with refused(world["m0"], "ExternalInit"):
        world["m0"].receive(message)


def test_an_external_sender_is_known_to_the_group_and_sends_no_commit() -> None:
    outside = signer()
    known = ExternalSender.extension([ExternalSender(outside.public, Credential.basic(b"out"))])
    group = founded(extensions=(known,))
    for index, match in ((0, "must not send"), (1, "no external sender")):
        sender = Sender(SenderType.EXTERNAL, index)
        message = forged(group, [], path_of(group), sender, outside)
        with refused(group, match):
            group.receive(message)


def test_parent_nodes_list_their_unmerged_leaves_in_order() -> None:
    encoded = ParentNode(b"key", b"", (2, 1)).encode()
    with pytest.raises(DecodeError, match="order"):
        decode(ParentNode.read, encoded)
