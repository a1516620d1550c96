"""Groups as their members live them."""

from __future__ import annotations

import pytest

from careseal.mls import (
    SUITES,
    Add,
    CipherSuite,
    Credential,
    ExternalPskId,
    Group,
    GroupContextExtensions,
    LeafChange,
    MissingPsk,
    OtherEpoch,
    PreSharedKey,
    Psk,
    PskId,
    ReceivedApplication,
    Remove,
    RemovedFromGroup,
    RequiredCapabilities,
    ResumptionPskId,
    ResumptionUsage,
    UsageError,
    decode_message,
    encode_message,
    external_psk_id,
)
from tests.unit.mls.world import (
    FAST,
    RNG,
    XWING,
    World,
    follow,
    founded,
    joined,
    key_package,
    received_commit,
    refused,
    remember,
    signer,
)

suites = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)


@suites
def test_members_agree_through_joins_welcomes_updates_and_removals(suite: CipherSuite) -> None:
    world = World(2, suite)
    world.add("m1", "m2", "m3")
    world.commit("m3")
    group, message = world["m2"].propose_update(RNG)
    world.propose("m2", message, group)
    world.commit("m0")
    world.resync("m1")
    world.commit("m3", [Remove(world["m0"].own_leaf)])
    assert world.groups.keys() == {"m1", "m2", "m3"}


def test_a_group_of_one_commits_to_itself() -> None:
    group = founded()
    for _ in range(3):
        group = group.commit(RNG).group
    assert group.epoch == 3


def test_the_epoch_changes_every_secret() -> None:
    before = World(2)["m0"]
    after = before.commit(RNG).group
    assert before.export("a", b"b", 32) != after.export("a", b"b", 32)
    assert before.epoch_authenticator != after.epoch_authenticator


def test_an_export_depends_on_label_context_and_length() -> None:
    group = founded()
    exports = {
        group.export("a", b"b", 32),
        group.export("b", b"b", 32),
        group.export("a", b"c", 32),
    }
    assert len(exports) == 3
    assert group.export("a", b"b", 16) != group.export("a", b"b", 32)[:16]
    with pytest.raises(UsageError):
        group.export("a", b"b", 255 * 32 + 1)


def test_a_commit_shows_what_it_would_do_before_it_does_it() -> None:
    world = World(3)
    made = world["m1"].commit(
        RNG,
        [Remove(2)],
        authenticated_data=b"policy",
        leaf=LeafChange(credential=Credential.basic(b"renamed")),
    )
    group, received = received_commit(world["m0"], made.message)
    assert group == world["m0"]
    assert received.leaf_index == 1
    assert received.authenticated_data == b"policy"
    assert [each.proposal for each in received.proposals] == [Remove(2)]
    assert received.path_leaf is not None
    assert received.path_leaf.credential.identity == b"renamed"
    assert not received.external
    assert group.apply(received).roster[1].credential.identity == b"renamed"


def test_an_external_commit_shows_who_would_join_and_where() -> None:
    world = World(3)
    world.commit("m0", [Remove(1)])
    newcomer, message = joined(world["m2"], b"newcomer")
    _, received = received_commit(world["m0"], message)
    assert received.external
    assert received.leaf_index == newcomer.own_leaf == 1
    assert received.path_leaf == newcomer.roster[1]


def test_a_resync_takes_the_place_of_the_old_leaf_and_its_signature_key() -> None:
    world = World(4)
    before = world["m2"]
    world.resync("m2")
    assert world["m2"].own_leaf == before.own_leaf
    assert world["m0"].roster.keys() == {0, 1, 2, 3}
    assert world["m0"].roster[2].signature_key == before.signer.public
    assert world["m0"].roster[2].encryption_key != before.roster[2].encryption_key


def test_a_joiner_may_resync_when_it_was_the_last_leaf_of_a_full_tree() -> None:
    world = World(5)
    world.resync("m4")
    world.join("m5")
    assert world["m5"].own_leaf == 5


def test_the_tree_shrinks_and_grows_again() -> None:
    world = World(5)
    assert world["m0"].tree.size == 8
    world.commit("m0", [Remove(4)])
    assert world["m0"].tree.size == 4
    world.join("m5")
    assert world["m0"].tree.size == 8
    world.commit("m5", [Remove(1), Remove(2), Remove(3)])
    world.commit("m0")
    world.add("m0", "m6", "m7")
    assert {group.own_leaf for group in world.groups.values()} == {0, 1, 2, 4}


def test_a_commit_from_an_otherwise_empty_half_reaches_everybody() -> None:
    world = World(4)
    world.commit("m0", [Remove(1)])
    world.commit("m2", [Remove(0)])
    world.commit("m3")
    world.commit("m2")
    assert world["m2"].roster.keys() == {2, 3}


def test_proposals_by_reference_take_effect_with_the_commit() -> None:
    world = World(4)
    group, message = world["m1"].propose(Remove(3), RNG)
    world.propose("m1", message, group)
    newcomer = key_package()
    group, message = world["m2"].propose(Add(newcomer.key_package), RNG, private=True)
    world.propose("m2", message, group)
    world.commit("m0", newcomers={"new": newcomer})
    assert world.groups.keys() == {"m0", "m1", "m2", "new"}
    assert world["m0"].proposals == {}


def test_members_added_without_a_path_are_reached_by_the_paths_of_others() -> None:
    world = World(4)
    world.commit("m2", [Remove(3)])
    world.add("m0", "m4", "m5", force_path=False)
    root = world["m4"].tree.parent(3)
    assert root is not None
    assert root.unmerged_leaves == (3,)
    for name in ("m5", "m1", "m4"):
        world.commit(name)
    world.join("m6")


def test_a_committer_chooses_which_proposals_to_commit() -> None:
    world = World(3)
    group, message = world["m1"].propose(Remove(2), RNG)
    reference = next(iter(group.proposals))
    group = remember(world["m0"], message)
    assert 2 in group.commit(RNG, references=()).group.roster
    assert 2 not in group.commit(RNG, references=[reference]).group.roster
    assert 2 in group.forget([reference]).commit(RNG).group.roster
    with pytest.raises(UsageError):
        world["m0"].commit(RNG, references=[reference])


def test_an_own_update_is_left_out_of_an_own_commit() -> None:
    world = World(2)
    group, message = world["m1"].propose_update(RNG)
    world.propose("m1", message, group)
    world.commit("m1")


def test_an_update_may_bring_a_new_signature_key() -> None:
    world = World(3)
    fresh = signer()
    group, message = world["m1"].propose_update(RNG, LeafChange(signer=fresh))
    world.propose("m1", message, group)
    world.commit("m0")
    assert world["m1"].signer == fresh
    world.commit("m1")


def test_a_commit_may_bring_a_new_signature_key() -> None:
    world = World(2)
    fresh = signer()
    made = world["m1"].commit(RNG, leaf=LeafChange(signer=fresh), force_path=False)
    world.deliver(made.message, "m1")
    world.groups["m1"] = made.group
    world.commit("m1")
    assert world["m0"].roster[1].signature_key == fresh.public


def test_private_commits_work_like_public_ones() -> None:
    world = World(3)
    for name in ("m1", "m0", "m2"):
        world.commit(name, private=True)


def test_a_removed_member_learns_so_and_can_follow_no_further() -> None:
    world = World(3)
    gone = world["m2"]
    made = world.commit("m0", [Remove(2)])
    with refused(gone, "removed", RemovedFromGroup):
        follow(gone, made.message)
    with refused(gone, "epoch", OtherEpoch):
        gone.receive(world["m0"].commit(RNG).message)


def test_a_member_removed_and_added_again_in_one_commit_comes_back_by_welcome() -> None:
    world = World(2)
    again = key_package()
    made = world["m0"].commit(RNG, [Remove(1), Add(again.key_package)])
    with refused(world["m1"], "removed", RemovedFromGroup):
        follow(world["m1"], made.message)
    assert made.welcome is not None
    returned = Group.join(made.welcome, again)
    assert returned.epoch_authenticator == made.group.epoch_authenticator
    assert returned.own_leaf == 1


def test_group_extensions_change_for_all_and_bind_those_who_join() -> None:
    world = World(2)
    required = RequiredCapabilities(credentials=(1,)).extension()
    world.commit("m1", [GroupContextExtensions((required,))])
    assert world["m0"].context.extensions == (required,)
    world.join("m2")
    world.add("m0", "m3")


def test_external_and_resumption_psks_are_mixed_in() -> None:
    world = World(3)
    first, second = world["m0"].context, Psk(b"shared secret")
    world.commit("m0")
    nonce = RNG(FAST.secret_size)
    resumption = ResumptionPskId(ResumptionUsage.APPLICATION, first.group_id, first.epoch, nonce)
    external = external_psk_id(FAST, b"id", RNG)

    def psks(psk_id: PskId) -> Psk | None:
        return second if isinstance(psk_id, ExternalPskId) and psk_id.id == b"id" else None

    world.commit("m1", [PreSharedKey(resumption), PreSharedKey(external)], psks)
    world.commit("m2", [PreSharedKey(external)], psks, force_path=False)
    made = world["m0"].commit(RNG, [PreSharedKey(external)], psks=psks)
    with refused(world["m1"], "no key", MissingPsk):
        follow(world["m1"], made.message)
    with refused(world["m1"], "confirmation tag"):
        follow(world["m1"], made.message, lambda _: Psk(b"another secret"))


def test_application_data_opens_once_for_each_member() -> None:
    world = World(3)
    sender, message = world["m1"].encrypt(b"data", RNG, authenticated_data=b"ad", padding=100)
    for name in ("m0", "m2"):
        after, received = world[name].receive(message)
        assert received == ReceivedApplication(1, b"ad", b"data")
        with refused(after, "spent"):
            after.receive(message)
    assert b"data" not in message
    with refused(sender, "spent"):
        sender.receive(message)


def test_proposals_are_committed_before_more_is_said() -> None:
    world = World(3)
    _, message = world["m1"].propose(Remove(2), RNG)
    group = remember(world["m0"], message)
    with refused(group, "commit or forget", UsageError):
        group.encrypt(b"data", RNG)
    group.commit(RNG).group.encrypt(b"data", RNG)
    group.forget(group.proposals).encrypt(b"data", RNG)


def test_application_data_may_arrive_out_of_order() -> None:
    world = World(2)
    messages = []
    sender, receiver = world["m0"], world["m1"]
    for number in range(5):
        sender, message = sender.encrypt(bytes((number,)), RNG)
        messages.append(message)
    for number in (3, 0, 4, 2, 1):
        receiver, received = receiver.receive(messages[number])
        assert isinstance(received, ReceivedApplication)
        assert received.data == bytes((number,))


def test_a_commit_of_one_s_own_is_not_applied_but_replaced_by_its_group() -> None:
    world = World(2)
    made = world["m0"].commit(RNG)
    with refused(world["m0"], "own commit", UsageError):
        follow(world["m0"], made.message)


def test_of_two_commits_only_one_fits() -> None:
    world = World(3)
    first, second = world["m0"].commit(RNG), world["m1"].commit(RNG)
    receiver = follow(world["m2"], first.message)
    with refused(receiver, "epoch", OtherEpoch):
        receiver.receive(second.message)
    _, early = received_commit(world["m2"], second.message)
    with refused(receiver, "another epoch", OtherEpoch):
        receiver.apply(early)


def test_xwing_commits_have_the_expected_size() -> None:
    world = World(2, XWING)
    assert 4_000 < len(world["m0"].commit(RNG).message) < 6_000


def test_every_message_survives_decoding_and_encoding() -> None:
    world = World(3)
    newcomer = key_package()
    made = world["m0"].commit(RNG, [Add(newcomer.key_package)])
    _, private = world["m1"].encrypt(b"data", RNG)
    assert made.welcome is not None
    info = encode_message(world["m0"].group_info())
    package = encode_message(newcomer.key_package)
    for message in (made.message, made.welcome, private, info, package):
        assert encode_message(decode_message(message)) == message
