"""A session's life (docs/protocol.md §3.4 to §5.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careseal.e2ee.errors import DoorDoesNotFit, ForkDetected, NotAllowed, OutOfOrder, SealError
from careseal.e2ee.events import (
    CommitVoid,
    Duplicate,
    EntryEvent,
    Forked,
    GroupChanged,
    JoinLost,
    MessageReceived,
    MessageRefused,
    MessageUnreadable,
    SelfRemoved,
    WrongParent,
)
from careseal.e2ee.following import check_head, follow, read_entry
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.joining import Introduction, rejoin
from careseal.e2ee.log import Entry, Kind
from careseal.e2ee.past import grant, letter, take_history
from careseal.e2ee.payload import End, HistoryGrant, Text
from careseal.e2ee.policy import Role
from careseal.e2ee.security_code import SecurityCode
from careseal.e2ee.sending import check_door, door_now, grants, make_commit, may_grant, seal_chat
from careseal.e2ee.state import Phase, SessionState
from careseal.e2ee.state_codec import decode_state, encode_state
from tests.unit.e2ee.rng import seeded
from tests.unit.e2ee.world import Device, World


@pytest.fixture
def world() -> World:
    return World.begin()


def texts(events: list[EntryEvent]) -> list[str]:
    return [
        event.payload.text
        for event in events
        if isinstance(event, MessageReceived) and isinstance(event.payload, Text)
    ]


def agree(*devices: Device) -> None:
    epochs = [device.state.present for device in devices]
    assert len({epoch.group.epoch_authenticator for epoch in epochs}) == 1
    assert len({epoch.members for epoch in epochs}) == 1
    assert len({device.state.chain.head for device in devices}) == 1
    assert len({SecurityCode.derive(epoch.keys.code) for epoch in epochs}) == 1


def test_a_patient_joins_by_link_and_both_write(world: World) -> None:
    patient = world.join()
    patient.say("hello")
    (joined, said) = world.host.catch_up()
    assert isinstance(joined, GroupChanged)
    assert joined.joined is not None
    assert (joined.joined.identity.name, joined.joined.role) == ("Ann", Role.GUEST)
    assert texts([said]) == ["hello"]
    world.host.say("good morning")
    patient.catch_up()
    world.host.catch_up()
    agree(world.host, patient)
    assert texts(patient.events) == ["hello", "good morning"]


def test_members_agree_after_joins_renewals_and_removals(world: World) -> None:
    devices = [world.host]
    for name in ("Ann", "Bob", "Cid"):
        devices.append(world.join(name=name))
        for device in devices:
            device.catch_up()
        agree(*devices)
    devices[2].commit()
    for device in devices:
        device.catch_up()
    agree(*devices)
    leaf = devices[1].state.me.leaf
    assert world.host.commit(removes=[leaf])
    (gone,) = devices[1].catch_up()
    assert isinstance(gone, SelfRemoved)
    rest = [devices[0], *devices[2:]]
    for device in rest:
        device.catch_up()
    agree(*rest)
    with pytest.raises(NotAllowed):
        devices[1].say("still here?")


def test_the_removed_read_nothing_more(world: World) -> None:
    patient = world.join()
    world.host.catch_up()
    world.host.commit(removes=[patient.state.me.leaf])
    world.host.say("secret")
    events = patient.catch_up()
    assert isinstance(events[-1], MessageUnreadable)


def test_of_two_joins_at_once_one_wins_and_the_other_starts_again(world: World) -> None:
    first, second = (world.joining(world.guest_invite, name) for name in ("Ann", "Bob"))
    assert first.post_pending()
    assert not second.post_pending()
    (lost,) = second.catch_up()
    assert isinstance(lost, JoinLost)
    again = world.join(name="Bob")
    world.host.catch_up()
    first.catch_up()
    agree(world.host, first, again)


def test_a_join_goes_through_while_others_write(world: World) -> None:
    patient = world.joining(world.guest_invite)
    world.host.say("before you are in")
    assert patient.post_pending()
    assert texts(patient.events) == []
    world.host.catch_up()
    agree(world.host, patient)


def test_the_letter_holds_what_was_written_before_the_first_join(world: World) -> None:
    world.host.say("welcome")
    world.host.catch_up()
    world.host.commit()
    world.host.heal()
    world.host.say("please fill in the form")
    world.host.catch_up()
    patient = world.join()
    history = letter(patient.state, world.log.letters[world.guest_invite.id])
    digests = world.log.digests(history.start.seq)
    patient.state = take_history(patient.state, history, digests)
    past = [read_entry(patient.state, entry) for entry in world.log.entries[:3]]
    assert texts(past) == ["welcome", "please fill in the form"]


def test_no_letter_is_made_after_the_first_join(world: World) -> None:
    world.join()
    world.host.catch_up()
    upload = door_now(world.host.state, world.host.rng)
    assert world.guest_invite.id not in {each.invite for each in upload.letters}


def test_a_guest_makes_no_letters(world: World) -> None:
    assert door_now(world.join().state, seeded("x")).letters == ()


def test_a_history_over_a_changed_log_is_a_fork(world: World) -> None:
    world.host.say("welcome")
    world.host.catch_up()
    patient = world.join()
    history = letter(patient.state, world.log.letters[world.guest_invite.id])
    digests = world.log.digests(0)
    digests[0] = replace(digests[0], body_hash=bytes(64))
    with pytest.raises(ForkDetected):
        take_history(patient.state, history, digests)


def test_history_is_given_on_request_to_another_device_of_the_same_person(world: World) -> None:
    phone = world.join(name="Ann")
    world.host.catch_up()
    phone.say("from my phone")
    phone.catch_up()
    tablet = world.join(name="Ann again")
    phone.catch_up()
    tablet_id = tablet.state.member_id
    assert may_grant(phone.state, tablet_id)
    for payload in grants(phone.state, tablet_id, phone.rng):
        phone.send(payload)
        phone.catch_up()
    received = [e for e in tablet.catch_up() if isinstance(e, MessageReceived)]
    for event in received:
        assert isinstance(event.payload, HistoryGrant)
        history = grant(tablet.state, event.payload)
        digests = world.log.digests(history.start.seq)
        tablet.state = take_history(tablet.state, history, digests)
    assert "from my phone" in texts(
        [read_entry(tablet.state, e) for e in world.log.entries if e.kind is Kind.CHAT]
    )


def test_a_guest_gives_no_history_to_others(world: World) -> None:
    patient = world.join()
    world.host.catch_up()
    host_id = world.host.state.member_id
    assert not may_grant(patient.state, host_id)
    with pytest.raises(NotAllowed):
        patient.send(HistoryGrant(host_id, b"x"))


def test_what_a_guest_may_not_send_is_shown_as_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = world.join()
    monkeypatch.setattr("careseal.e2ee.payload.check_sender", lambda *_: None)
    patient.send(End())
    monkeypatch.undo()
    assert isinstance(world.host.catch_up()[-1], MessageRefused)


def test_guests_neither_remove_nor_change_the_policy(world: World) -> None:
    patient = world.join()
    with pytest.raises(NotAllowed):
        make_commit(patient.state, patient.rng, removes=[0])
    policy = patient.state.present.policy
    with pytest.raises(NotAllowed):
        make_commit(patient.state, patient.rng, policy=policy.closing(world.guest_invite.id))


def test_a_guests_removal_is_void_for_everybody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, other = world.join(name="Ann"), world.join(name="Bob")
    patient.catch_up()
    world.host.catch_up()
    monkeypatch.setattr("careseal.e2ee.sending._check_commit", lambda *_: None)
    patient.state = make_commit(patient.state, patient.rng, removes=[0])
    monkeypatch.undo()
    pending = patient.state.pending
    assert pending is not None
    world.log.append(Kind.COMMIT, pending.entry, pending.upload.parent, pending.body)
    for device in (world.host, other):
        (event,) = device.catch_up()
        assert isinstance(event, CommitVoid)
        assert event.cause == "not-a-host"
        assert event.sender is not None
        assert event.sender.identity.name == "Ann"
    agree(world.host, other)
    world.host.say("I am still here")
    other.catch_up()
    assert texts(other.events) == ["I am still here"]


def test_garbage_in_a_commits_place_is_void_and_stays_in_the_chain(world: World) -> None:
    patient = world.join()
    world.host.catch_up()
    world.log.append(Kind.COMMIT, EntryId(bytes(16)), world.log.last_commit, b"garbage")
    for device in (world.host, patient):
        (event,) = device.catch_up()
        assert isinstance(event, CommitVoid)
    agree(world.host, patient)
    with pytest.raises(DoorDoesNotFit):
        world.joining(world.guest_invite)
    with pytest.raises(SealError):
        check_door(world.host.state, world.log.upload.door)  # type: ignore[union-attr]
    world.host.heal()
    check_door(patient.state, world.log.upload.door)  # type: ignore[union-attr]
    world.join(name="Late")


def test_a_door_is_right_after_every_commit_and_wrong_after_the_next(world: World) -> None:
    assert world.log.upload is not None
    old = world.log.upload.door
    check_door(world.host.state, old)
    patient = world.join()
    world.host.catch_up()
    check_door(world.host.state, world.log.upload.door)
    check_door(patient.state, world.log.upload.door)
    with pytest.raises(SealError):
        check_door(world.host.state, old)


def test_an_entry_with_a_wrong_parent_is_void_and_an_alarm(world: World) -> None:
    world.join()
    world.host.catch_up()
    head = world.host.state.chain.head.seq
    late = Entry(head + 1, Kind.CHAT, 0, EntryId(bytes(16)), b"late")
    state, (event,) = follow(world.host.state, late)
    assert event == WrongParent(head + 1)
    assert state.chain.last_commit == 1


def test_an_entry_seen_before_is_a_duplicate_or_a_fork(world: World) -> None:
    world.host.say("one")
    world.host.say("two")
    world.host.catch_up()
    entry = world.log.entries[0]
    assert follow(world.host.state, entry)[1] == (Duplicate(1),)
    state, events = follow(world.host.state, replace(entry, body=entry.body + b"x"))
    assert events == (Forked(1),)
    with pytest.raises(NotAllowed):
        seal_chat(state, Text(b"m" * 16, "x"), 0, seeded("x"))  # type: ignore[arg-type]


def test_entries_must_come_in_order(world: World) -> None:
    entry = Entry(3, Kind.CHAT, 0, EntryId(bytes(16)), b"")
    with pytest.raises(OutOfOrder):
        follow(world.host.state, entry)


def test_a_head_behind_what_was_verified_is_a_fork(world: World) -> None:
    world.host.say("one")
    world.host.catch_up()
    state, events = check_head(world.host.state, 0)
    assert events == (Forked(0),)
    assert state.fork == 0


def test_a_log_shown_differently_to_two_members_is_found_by_the_next_message(
    world: World,
) -> None:
    patient = world.join()
    world.host.catch_up()
    told = world.host.say("the truth")
    assert told is not None
    forged = replace(told, body=told.body[:-1] + bytes([told.body[-1] ^ 1]))
    patient.state, (event,) = follow(patient.state, forged)
    assert event == MessageUnreadable(told.seq, "tampered")
    world.host.catch_up()
    world.host.say("and more")
    events = patient.catch_up()
    assert Forked(told.seq, patient.state.present.member(0)) in events
    assert patient.state.fork is None
    for state in (patient.state, decode_state(encode_state(patient.state))):
        assert [each.seq for each in state.contradictions] == [told.seq]
        with pytest.raises(NotAllowed):
            state.check_sending()


def test_a_device_that_lost_its_epoch_comes_back_by_a_resync(world: World) -> None:
    patient, other = world.join(name="Ann"), world.join(name="Bob")
    world.host.catch_up()
    old = patient.state  # as after restoring an old copy: it has missed what follows
    world.host.commit()
    other.catch_up()
    opened = world.open(world.guest_invite)
    start = min(opened.position.seq, old.chain.head.seq)
    patient.state = rejoin(
        old,
        opened,
        world.log.digests(start),
        world.log.head,
        world.log.last_commit,
        Introduction("Ann", "phone"),
        patient.rng,
    )
    assert patient.post_pending()
    for device in (world.host, other):
        (*_, event) = device.catch_up()
        assert isinstance(event, GroupChanged)
        assert event.resync
        assert event.joined is not None
        assert event.joined.id == patient.state.member_id
    agree(world.host, other, patient)


def test_a_closed_or_used_up_invite_lets_nobody_in(world: World) -> None:
    world.host.commit(policy=world.host.state.present.policy.closing(world.guest_invite.id))
    with pytest.raises(StopIteration):
        world.joining(world.guest_invite)
    full = World.begin(devices=1)
    full.join()
    with pytest.raises(NotAllowed):
        full.joining(full.guest_invite)


def test_a_state_comes_back_from_its_bytes_at_every_stage(world: World) -> None:
    def same(state: SessionState) -> SessionState:
        again = decode_state(encode_state(state))
        assert encode_state(again) == encode_state(state)
        return again

    patient = world.joining(world.guest_invite)
    patient.state = same(patient.state)
    assert patient.state.phase is Phase.JOINING
    assert patient.post_pending()
    world.host.state = same(world.host.state)
    world.host.catch_up()
    world.host.state = same(make_commit(world.host.state, world.host.rng))
    assert world.host.post_pending()
    patient.state = same(patient.state)
    patient.catch_up()
    agree(world.host, patient)


def test_nothing_secret_is_printed(world: World) -> None:
    patient = world.join()
    shown = repr(patient.state) + repr(patient.events) + repr(world.host.state)
    for secret in (
        patient.state.signature_key,
        patient.state.invite.box_key,
        patient.state.present.keys.content,
        patient.state.present.keys.door,
    ):
        assert repr(bytes(secret))[2:-1] not in shown
