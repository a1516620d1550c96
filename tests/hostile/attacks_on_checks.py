"""Attacks that one check stops, each on the smallest stage: a group without a network.

An attack answers whether it had its way. With the check it must not, without it must.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from careseal.e2ee import (
    base64url,
    compact,
    door,
    file,
    following,
    frame,
    joining,
    log,
    message,
    past,
    payload,
    policy,
    sending,
    signal,
    validity,
)
from careseal.e2ee.commit import CommitData, JoinProof
from careseal.e2ee.compact import Members
from careseal.e2ee.errors import SealError
from careseal.e2ee.events import (
    Duplicate,
    EntryEvent,
    Forked,
    GroupChanged,
    MessageReceived,
)
from careseal.e2ee.file import FileSeal
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer
from careseal.e2ee.identifiers import CallId, EntryId, FileId
from careseal.e2ee.identity import Identity
from careseal.e2ee.invite import Invite, new_secret
from careseal.e2ee.joining import Introduction, join
from careseal.e2ee.knock import Knock
from careseal.e2ee.log import Entry, Kind, Position
from careseal.e2ee.message import seal_message
from careseal.e2ee.policy import Policy, Role
from careseal.e2ee.secret import FileKey, FrameKey
from careseal.e2ee.signal import EVERYBODY, Counters, Peer
from careseal.e2ee.signal_payload import CallSignal, encode
from careseal.e2ee.state import CAPABILITIES
from careseal.e2ee.suite import SUITE
from careseal.mls.credential import Credential
from careseal.mls.group import Group
from careseal.mls.signer import Signer
from tests.interop.bad_commits import Attacker
from tests.unit.e2ee.world import NOW, Device, World

from .taken_out import Check, both, branch, call

ID = base64url.encode(bytes(16))


@dataclass
class Stage:
    """Dr Roe, Ann and Eve in one group; Eve and the server do what they want."""

    world: World = field(default_factory=World.begin)

    def __post_init__(self) -> None:
        self.roe = self.world.host
        self.ann = self.world.join(name="Ann")
        self.eve = self.world.join(name="Eve")
        self.everybody_reads()

    def everybody_reads(self) -> None:
        for device in (self.roe, self.ann, self.eve):
            device.catch_up()

    def attacker(self, device: Device | None = None) -> Attacker:
        by = device or self.eve
        return Attacker(by.state, by.state.invite, by.rng, Random(7))

    # What is put into the log, and what becomes of it ---------------------------------------

    def commits(self, made: Any, attacker: Attacker | None = None) -> list[EntryEvent]:
        sealed = made if isinstance(made, dict) else (attacker or self.attacker()).sealed(made)
        body = base64url.decode(str(sealed["body"]))
        entry = EntryId.parse(str(sealed["id"]))
        self.world.log.append(Kind.COMMIT, entry, self.world.log.last_commit, body)
        return self.roe.catch_up()

    def has_effect(self, made: Any, attacker: Attacker | None = None) -> bool:
        """Whether a commit counts for Dr Roe."""
        return any(isinstance(event, GroupChanged) for event in self.commits(made, attacker))

    def says(self, plain: Any, **forged: Any) -> list[EntryEvent]:
        """A message by Eve with any payload, position and claimed sender."""
        state = self.eve.state
        text = plain if isinstance(plain, bytes) else json.dumps(plain, separators=(",", ":"))
        entry, parent = EntryId(os.urandom(16)), state.chain.last_commit
        body = seal_message(
            state.session,
            state.present.record,
            forged.get("leaf", state.present.group.own_leaf),
            state.signature_key,
            parent,
            entry,
            forged.get("at", state.chain.head),
            NOW,
            text if isinstance(text, bytes) else text.encode(),
        )
        self.world.log.append(Kind.CHAT, entry, parent, body)
        return self.roe.catch_up()

    def is_believed(self, plain: Any, **forged: Any) -> bool:
        """Whether Dr Roe takes it for a message, without an alarm."""
        events = self.says(plain, **forged)
        alarmed = any(isinstance(event, Forked) for event in events)
        return not alarmed and any(isinstance(event, MessageReceived) for event in events)

    def last(self) -> Entry:
        return self.world.log.entries[-1]


Attacking = Callable[[Stage], bool]


@dataclass(frozen=True)
class Attack:
    name: str
    check: Check
    succeeds: Attacking


ATTACKS: list[Attack] = []


def stopped_by(check: Check) -> Callable[[Attacking], Attacking]:
    def register(attacking: Attacking) -> Attacking:
        ATTACKS.append(Attack(attacking.__name__.replace("_", " "), check, attacking))
        return attacking

    return register


def commit(kind: str, check: Check, *, by_roe: bool = False) -> None:
    """One of the bad commits that both implementations are tested with."""

    def attacking(stage: Stage) -> bool:
        attacker = stage.attacker(stage.roe if by_roe else None)
        if by_roe:
            sealed = attacker.sealed(getattr(attacker, kind)())
            body = base64url.decode(str(sealed["body"]))
            entry = EntryId.parse(str(sealed["id"]))
            stage.world.log.append(Kind.COMMIT, entry, stage.world.log.last_commit, body)
            return any(isinstance(event, GroupChanged) for event in stage.ann.catch_up())
        return stage.has_effect(getattr(attacker, kind)(), attacker)

    ATTACKS.append(Attack(f"a commit: {kind.replace('_', ' ')}", check, attacking))


# Commits (§3.4) ------------------------------------------------------------------------------

OWN_ROLE = branch(Policy, "check_successor", "committer's own role")
NOT_A_HOST = branch(validity, "_judge_member", "NOT_A_HOST")
LEAF_CHANGED = branch(validity, "_judge_member", "LEAF_CHANGED")
LEAF = branch(validity, "_identity", "VoidCause.LEAF,")
PROPOSAL = branch(validity, "_judge_member", "PROPOSAL")
JOIN_PROOF = call(JoinProof, "verify")

commit("guests_removal", NOT_A_HOST)
commit("guests_policy", both(NOT_A_HOST, OWN_ROLE))
commit("another_leaf_key", LEAF_CHANGED)
commit("another_invite", LEAF_CHANGED)
commit("gained_identity_key", LEAF_CHANGED)
commit("leaf_with_extensions", LEAF)
commit("leaf_with_other_capabilities", LEAF)
commit("join_with_leaf_extensions", LEAF)
commit("knows_beyond_itself", branch(validity, "_commit_data", "POSITION"))
commit("join_in_a_members_commit", branch(validity, "_judge_member", "JOIN_IN_MEMBER_COMMIT"))
commit("void_over_another_log", branch(validity, "_judge_member", "JOIN_IN_MEMBER_COMMIT"))
commit("wrong_join_signature", JOIN_PROOF)
commit("leaf_of_another_invite", branch(validity, "_judge_join", "INVITE_UNKNOWN"))
commit("join_with_a_policy", branch(validity, "_judge_join", "VoidCause.POLICY"))
commit("join_that_removes_somebody_else", branch(validity, "_judge_join", "somebody else's leaf"))
commit("join_with_a_false_identity_key", call(Identity, "verify"))


@stopped_by(branch(validity, "_judge_join", "INVITE_CLOSED"))
def a_join_by_a_closed_link(stage: Stage) -> bool:
    now = stage.roe.state.present.policy
    stage.roe.commit(policy=now.closing(stage.world.guest_invite.id))
    stage.everybody_reads()
    return stage.has_effect(stage.attacker().external_commit())


@stopped_by(branch(validity, "_judge_join", "INVITE_FULL"))
def a_join_by_a_link_that_is_full(stage: Stage) -> bool:
    for name in ("Bob", "Cid"):
        stage.world.join(name=name)
        stage.everybody_reads()
    return stage.has_effect(stage.attacker().external_commit())


def _with_policy(stage: Stage, made: Policy) -> bool:
    """A host whose client does what it wants."""
    attacker = stage.attacker(stage.roe)
    sealed = attacker.sealed(
        attacker.member_commit(data=CommitData(attacker.head, policy=made.text))
    )
    body = base64url.decode(str(sealed["body"]))
    entry = EntryId.parse(str(sealed["id"]))
    stage.world.log.append(Kind.COMMIT, entry, stage.world.log.last_commit, body)
    return any(isinstance(event, GroupChanged) for event in stage.ann.catch_up())


NEVER_CHANGES = branch(Policy, "check_successor", "never change")


@stopped_by(NEVER_CHANGES)
def a_policy_that_makes_a_guest_a_host(stage: Stage) -> bool:
    now = stage.roe.state.present.policy
    raised = [
        replace(each, role=Role.HOST) if each.role is Role.GUEST else each for each in now.invites
    ]
    return _with_policy(stage, Policy.make(raised, now.settings))


@stopped_by(NEVER_CHANGES)
def a_policy_that_swaps_the_key_of_a_link(stage: Stage) -> bool:
    now = stage.roe.state.present.policy
    other = Invite.derive(stage.roe.state.session, new_secret(os.urandom))
    swapped = [
        replace(each, join=other.join) if each.role is Role.GUEST else each for each in now.invites
    ]
    return _with_policy(stage, Policy.make(swapped, now.settings))


@stopped_by(branch(Policy, "check_successor", "begin with the new epoch"))
def a_policy_that_dates_a_link_back(stage: Stage) -> bool:
    now, state = stage.roe.state.present, stage.roe.state
    other = Invite.derive(state.session, new_secret(os.urandom))
    return _with_policy(stage, now.policy.with_invite(other.policy_entry(Role.GUEST, 0)))


@stopped_by(OWN_ROLE)
def a_policy_without_its_own_maker(stage: Stage) -> bool:
    now, state = stage.roe.state.present, stage.roe.state
    other = Invite.derive(state.session, new_secret(os.urandom))
    more = now.policy.with_invite(other.policy_entry(Role.HOST, now.number + 1))
    lowered = [
        replace(each, role=Role.GUEST) if each.id == state.invite.id else each
        for each in more.invites
    ]
    with_both = Policy.make(lowered, more.settings)
    # The own invite's role may not change either: that check is out of the way here.
    original = policy.PolicyInvite.same_invite
    policy.PolicyInvite.same_invite = lambda self, other: True  # type: ignore[method-assign]
    try:
        return _with_policy(stage, with_both)
    finally:
        policy.PolicyInvite.same_invite = original  # type: ignore[method-assign]


# Messages (§4.1, §5) -------------------------------------------------------------------------

HOSTS_ONLY = branch(payload, "check_sender", "only a host may send")
SHAPE = branch(Members, "__init__", "do not belong there")
TEXT = {"type": "text", "message": ID, "text": "hello"}


@stopped_by(HOSTS_ONLY)
def a_guest_writes_a_note(stage: Stage) -> bool:
    return stage.is_believed({"type": "note", "message": ID, "text": "cured"})


@stopped_by(HOSTS_ONLY)
def a_guest_ends_the_session(stage: Stage) -> bool:
    return stage.is_believed({"type": "end"})


@stopped_by(HOSTS_ONLY)
def a_guest_admits_somebody(stage: Stage) -> bool:
    return stage.is_believed({"type": "admit", "member": ID})


@stopped_by(branch(payload, "check_sender", "its own devices only"))
def a_guest_gives_history_to_a_host(stage: Stage) -> bool:
    to = str(stage.roe.state.member_id)
    return stage.is_believed({"type": "history", "to": to, "box": ID})


@stopped_by(SHAPE)
def a_message_with_a_member_more(stage: Stage) -> bool:
    return stage.is_believed({**TEXT, "role": "host"})


@stopped_by(branch(Members, "text", "_wrong"))
def an_empty_message(stage: Stage) -> bool:
    return stage.is_believed({**TEXT, "text": ""})


@stopped_by(branch(Members, "text", "_wrong"))
def a_message_over_the_limit(stage: Stage) -> bool:
    return stage.is_believed({**TEXT, "text": "x" * 16385})


@stopped_by(branch(compact, "decode", "not compact"))
def a_message_in_loose_json(stage: Stage) -> bool:
    loose = b'{"type": "text","message":"' + ID.encode() + b'","text":"x"}'
    return stage.is_believed(loose)


@stopped_by(branch(Members, "integer", "_wrong"))
def a_file_of_less_than_no_parts(stage: Stage) -> bool:
    claim = {"size": 5, "parts": 0, "name": "x", "mime": "x", "file": ID}
    key = base64url.encode(bytes(32))
    return stage.is_believed({"type": "file", "message": ID, "key": key, **claim})


@stopped_by(branch(Members, "one_of", "_wrong"))
def a_call_event_that_there_is_not(stage: Stage) -> bool:
    return stage.is_believed({"type": "call", "call": ID, "event": "paused"})


@stopped_by(call(message, "verify"))
def a_message_in_the_name_of_the_host(stage: Stage) -> bool:
    events = stage.says(TEXT, leaf=0)
    return any(
        isinstance(event, MessageReceived) and event.sender.role is Role.HOST for event in events
    )


POSITION = call(following, "_check_position", lambda state, entry, at, by, event: (state, (event,)))


@stopped_by(POSITION)
def a_message_over_another_log(stage: Stage) -> bool:
    return stage.is_believed(TEXT, at=Position(1, os.urandom(64)))


@stopped_by(POSITION)
def a_message_that_knows_itself(stage: Stage) -> bool:
    seq = stage.world.log.head + 1
    return stage.is_believed(TEXT, at=Position(seq, os.urandom(64)))


@stopped_by(POSITION)
def a_valid_commit_over_another_log(stage: Stage) -> bool:
    made = stage.attacker().member_commit(data=CommitData(Position(1, os.urandom(64))))
    events = stage.commits(made)
    return not any(isinstance(event, Forked) for event in events)


@stopped_by(branch(following, "follow", "WrongParent"))
def a_removed_guest_writes_late_with_the_help_of_the_server(stage: Stage) -> bool:
    stage.eve.say("from before")
    late = stage.world.log.entries.pop()
    stage.roe.commit(removes=[stage.eve.state.me.leaf])
    head = stage.world.log.head
    stage.world.log.entries.append(replace(late, seq=head + 1))
    events = stage.roe.catch_up()
    return any(isinstance(event, MessageReceived) for event in events)


# The server and the log (§4) -----------------------------------------------------------------


@stopped_by(POSITION)
def the_server_leaves_a_message_out(stage: Stage) -> bool:
    stage.ann.say("kept from the host")
    kept = stage.world.log.entries.pop()
    stage.ann.state = replace(stage.ann.state, chain=stage.ann.state.chain.extend(kept))
    said = stage.ann.say("and then")
    assert said is not None
    stage.world.log.entries[-1] = replace(said, seq=kept.seq)
    return not any(isinstance(event, Forked) for event in stage.roe.catch_up())


@stopped_by(POSITION)
def the_server_tells_two_messages_in_another_order(stage: Stage) -> bool:
    entries = stage.world.log.entries
    for text in ("one", "two"):
        stage.ann.say(text)
        stage.ann.catch_up()
    one, two = entries[-2:]
    entries[-2:] = [replace(two, seq=one.seq), replace(one, seq=two.seq)]
    return not any(isinstance(event, Forked) for event in stage.roe.catch_up())


@stopped_by(POSITION)
def the_server_tells_a_message_twice(stage: Stage) -> bool:
    entries = stage.world.log.entries
    for text in ("one", "two", "three"):
        stage.ann.say(text)
        stage.ann.catch_up()
    one, two, three = entries[-3:]
    again = [one, two, three]
    entries[-3:] = [one, *(replace(each, seq=each.seq + 1) for each in again)]
    return not any(isinstance(event, Forked) for event in stage.roe.catch_up())


@stopped_by(call(following, "_seen_before", lambda state, entry: (state, (Duplicate(entry.seq),))))
def the_server_rewrites_what_was_read(stage: Stage) -> bool:
    said = stage.ann.say("as it was")
    assert said is not None
    stage.roe.catch_up()
    _, events = following.follow(stage.roe.state, replace(said, body=bytes(288)))
    return not any(isinstance(event, Forked) for event in events)


@stopped_by(call(following, "contradict", lambda state, seq: (state, ())))
def the_server_rolls_the_log_back(stage: Stage) -> bool:
    state, events = following.check_head(stage.roe.state, 0)
    return state.fork is None and not events


@stopped_by(branch(past, "extend_past", "is not what it was before"))
def the_server_changes_what_is_scrolled_back_to(stage: Stage) -> bool:
    said = stage.ann.say("as it was")
    assert said is not None
    stage.roe.catch_up()
    chain = past.anchor(stage.roe.state, said.seq - 1)
    with suppress(SealError):
        past.extend_past(stage.roe.state, chain, replace(said, body=bytes(288)))
        return True
    return False


@stopped_by(branch(past, "take_history", "is not what it was"))
def the_server_changes_the_past_of_a_newcomer(stage: Stage) -> bool:
    before = stage.roe.state.history(0)
    assert before is not None
    stage.ann.say("before Bob")
    stage.everybody_reads()
    bob = stage.world.join(name="Bob")
    digests = stage.world.log.digests(before.start.seq)
    digests[0] = replace(digests[0], body_hash=bytes(64))
    with suppress(SealError):
        past.take_history(bob.state, before, digests)
        return True
    return False


# Doors (§3.5) --------------------------------------------------------------------------------


def _joins(stage: Stage, entries: list[log.Digested], head: int, last_commit: int) -> bool:
    """Whether somebody who comes now would join."""
    opened = stage.world.open(stage.world.guest_invite)
    with suppress(SealError):
        join(opened, entries, head, last_commit, Introduction("Bob", "phone"), os.urandom)
        return True
    return False


@stopped_by(branch(door.Door, "fit", "present state"))
def an_old_door_over_the_new_log(stage: Stage) -> bool:
    old = stage.world.log.upload
    stage.roe.commit()
    stage.world.log.upload = old
    opened = stage.world.open(stage.world.guest_invite)
    entries = stage.world.log.digests(opened.position.seq)
    return _joins(stage, entries, stage.world.log.head, stage.world.log.last_commit)


@stopped_by(branch(door.Door, "fit", "from the door to its head"))
def a_log_that_is_longer_than_what_is_shown(stage: Stage) -> bool:
    stage.roe.say("not for you")
    stage.roe.say("nor this")
    opened = stage.world.open(stage.world.guest_invite)
    entries = stage.world.log.digests(opened.position.seq)
    return _joins(stage, entries[:-1], stage.world.log.head, stage.world.log.last_commit)


@stopped_by(branch(door.Door, "fit", "before the last commit"))
def a_door_from_before_a_commit_that_is_hidden(stage: Stage) -> bool:
    stage.roe.heal()
    opened = stage.world.open(stage.world.guest_invite)
    stage.roe.say("behind the door")
    entries = stage.world.log.digests(opened.position.seq)
    hidden = [replace(each, parent=opened.position.seq + 1) for each in entries]
    with suppress(SealError):
        opened.door.fit(stage.roe.state.session, hidden, stage.world.log.head, hidden[0].parent)
        return True
    return False


@stopped_by(branch(joining, "open_door", "into another group"))
def a_door_into_another_group(stage: Stage) -> bool:
    state, now = stage.roe.state, stage.roe.state.present
    who = Identity.make("Dr Roe", "laptop", stage.world.host_invite.id)
    signer = Signer.generate(SUITE, os.urandom)
    credential = Credential.basic(who.text)
    other = Group.create(
        SUITE, bytes(16), credential, signer, os.urandom, capabilities=CAPABILITIES
    )
    info = other.group_info().encode()
    false = door.Door(info, now.policy, True, now.commit, state.chain.head, state.used)
    key = now.keys.door
    sealed = false.seal(stage.roe.state.session, key, os.urandom)
    box = stage.world.log.key_box(stage.world.guest_invite)
    with suppress(SealError):
        joining.open_door(stage.world.guest_invite, sealed, box)
        return True
    return False


@stopped_by(branch(joining, "open_door", "does not have this invite"))
def a_door_whose_policy_has_another_link(stage: Stage) -> bool:
    now, state = stage.roe.state.present, stage.roe.state
    swapped = [
        replace(each, join=bytes(32)) if each.role is Role.GUEST else each
        for each in now.policy.invites
    ]
    false = door.Door(
        now.group.group_info().encode(),
        Policy.make(swapped, now.policy.settings),
        True,
        now.commit,
        state.chain.head,
        state.used,
    )
    sealed = false.seal(state.session, now.keys.door, os.urandom)
    with suppress(SealError):
        box = stage.world.log.key_box(stage.world.guest_invite)
        joining.open_door(stage.world.guest_invite, sealed, box)
        return True
    return False


@stopped_by(branch(joining, "join", "the invite is used up"))
def a_device_more_than_the_link_lets_in(stage: Stage) -> bool:
    for name in ("Bob", "Cid"):
        stage.world.join(name=name)
        stage.everybody_reads()
    opened = stage.world.open(stage.world.guest_invite)
    entries = stage.world.log.digests(opened.position.seq)
    return _joins(stage, entries, stage.world.log.head, stage.world.log.last_commit)


def _stays(stage: Stage, **wrong: Any) -> bool:
    """Whether a host takes a door that a guest has spoilt for a right one."""
    now, state = stage.roe.state.present, stage.roe.state
    right = door.Door(
        now.group.group_info().encode(),
        now.policy,
        True,
        now.commit,
        state.chain.head,
        state.used,
    )
    spoilt = replace(right, **wrong).seal(state.session, now.keys.door, os.urandom)
    with suppress(SealError):
        sending.check_door(state, spoilt)
        return True
    return False


@stopped_by(branch(sending, "check_door", "another policy or beginning"))
def a_guest_puts_another_policy_into_the_door(stage: Stage) -> bool:
    now = stage.roe.state.present.policy
    return _stays(stage, policy=now.with_settings(replace(now.settings, title="mine")))


@stopped_by(branch(sending, "check_door", "other used invites"))
def a_guest_hides_that_a_link_was_used(stage: Stage) -> bool:
    return _stays(stage, used=frozenset({stage.world.host_invite.id}))


@stopped_by(branch(sending, "check_door", "does not fit the log"))
def a_guest_puts_a_door_before_the_log(stage: Stage) -> bool:
    return _stays(stage, position=Position.start(stage.roe.state.session))


@stopped_by(branch(sending, "check_door", "made over another log"))
def a_guest_puts_a_door_over_another_log(stage: Stage) -> bool:
    return _stays(stage, position=Position(stage.roe.state.chain.head.seq, os.urandom(64)))


@stopped_by(branch(door.Door, "check_group", "leads into another group"))
def a_guest_puts_a_door_into_its_own_group(stage: Stage) -> bool:
    other = World.begin("another world").host.state.present.group
    return _stays(stage, group_info=other.group_info().encode())


# Signals (§7.1) ------------------------------------------------------------------------------

HANGUP = encode(CallSignal("hangup", CallId(bytes(16))))
EVES, ANNS, ROES = (bytes([number]) * 8 for number in (1, 2, 3))


def _signal(stage: Stage, sender: int, recipient: Peer, counter: int = 1) -> bytes:
    state = stage.eve.state
    peer = Peer(sender, EVES)
    return state.present.signals.seal(
        state.signature_key, peer, recipient, counter, HANGUP, os.urandom
    )


def _is_taken(stage: Stage, *signals: bytes) -> bool:
    """Whether Dr Roe's page takes the last of them."""
    state = stage.roe.state
    counters = Counters(Peer(0, ROES))
    taken = False
    for each in signals:
        taken = False
        with suppress(SealError):
            counters = counters.take(state.present.signals.open(each))
            taken = True
    return taken


def _eves_leaf(stage: Stage) -> int:
    return stage.eve.state.me.leaf


@stopped_by(branch(Counters, "take", "taken before"))
def the_server_plays_a_hang_up_again(stage: Stage) -> bool:
    hangup = _signal(stage, _eves_leaf(stage), Peer(0, ROES))
    return _is_taken(stage, hangup, hangup)


@stopped_by(branch(Counters, "take", "taken before"))
def the_server_holds_a_signal_back_and_plays_it_late(stage: Stage) -> bool:
    first, second = (_signal(stage, _eves_leaf(stage), Peer(0, ROES), n) for n in (1, 2))
    return _is_taken(stage, second, first)


@stopped_by(branch(Counters, "take", "for somebody else"))
def the_server_plays_a_hang_up_to_another_page(stage: Stage) -> bool:
    return _is_taken(stage, _signal(stage, _eves_leaf(stage), Peer(0, bytes([9]) * 8)))


@stopped_by(branch(Counters, "take", "for somebody else"))
def the_server_plays_a_hang_up_to_another_member(stage: Stage) -> bool:
    return _is_taken(stage, _signal(stage, _eves_leaf(stage), Peer(1, ANNS)))


@stopped_by(call(signal, "verify"))
def a_guest_hangs_up_in_the_name_of_another(stage: Stage) -> bool:
    return _is_taken(stage, _signal(stage, stage.ann.state.me.leaf, Peer(0, ROES)))


@stopped_by(call(signal, "_check_recipient"))
def a_guest_hangs_up_for_everybody_at_once(stage: Stage) -> bool:
    original = signal._check_recipient
    signal._check_recipient = lambda recipient, payload: None
    try:
        everybody = _signal(stage, _eves_leaf(stage), EVERYBODY)
    finally:
        signal._check_recipient = original
    return _is_taken(stage, everybody)


# Frames (§7.3) -------------------------------------------------------------------------------

KEY = FrameKey(bytes(range(32)))
CONTEXT = bytes(5)


def _opens(opener: FrameOpener, *frames: bytes) -> bool:
    opened = False
    for each in frames:
        opened = False
        with suppress(SealError):
            opener.open(each)
            opened = True
    return opened


def _sealer(leaf: int = 1, context: bytes = CONTEXT) -> FrameSealer:
    return FrameSealer(Codec.OPUS, context, leaf, 7, KEY)


@stopped_by(call(frame.ReplayWindow, "check"))
def the_server_plays_a_frame_again(stage: Stage) -> bool:
    sealed = _sealer().seal(b"yes")
    return _opens(FrameOpener(Codec.OPUS, 1, {7: KEY}), sealed, sealed)


@stopped_by(call(frame.ReplayWindow, "check"))
def the_server_plays_a_frame_of_long_ago(stage: Stage) -> bool:
    sealer = _sealer()
    frames = [sealer.seal(b"x") for _ in range(2000)]
    return _opens(FrameOpener(Codec.OPUS, 1, {7: KEY}), *frames, frames[3])


@stopped_by(branch(FrameOpener, "_cipher", "another sender"))
def a_member_speaks_in_the_stream_of_another(stage: Stage) -> bool:
    return _opens(FrameOpener(Codec.OPUS, 1, {7: KEY}), _sealer(leaf=2).seal(b"yes"))


@stopped_by(branch(FrameOpener, "_cipher", "another stream"))
def the_screen_is_played_into_the_camera(stage: Stage) -> bool:
    opener = FrameOpener(Codec.OPUS, 1, {7: KEY}, CONTEXT)
    return _opens(opener, _sealer(context=bytes([1]) * 5).seal(b"yes"))


# Files, knocks (§6, §3.8) --------------------------------------------------------------------


@stopped_by(branch(FileSeal, "open_parts", "parts of the file are missing"))
def the_server_leaves_the_last_part_out(stage: Stage) -> bool:
    seal = FileSeal(FileId(bytes(16)), FileKey(bytes(32)), file.PART_SIZE + 10)
    parts = [
        seal.seal_part(0, bytes(file.PART_SIZE), os.urandom),
        seal.seal_part(1, bytes(10), os.urandom),
    ]
    with suppress(SealError):
        list(seal.open_parts(parts[:1]))
        return True
    return False


@stopped_by(branch(FileSeal, "open_into", "not zero"))
def a_sender_hides_bytes_behind_the_end_of_a_file(stage: Stage) -> bool:
    seal = FileSeal(FileId(bytes(16)), FileKey(bytes(32)), 10)
    whole = replace(seal, size=200)
    part = whole.seal_part(0, os.urandom(200), os.urandom)
    with suppress(SealError):
        seal.open_part(0, part)
        return True
    return False


@stopped_by(call(Knock, "verify"))
def a_stranger_knocks_without_the_link(stage: Stage) -> bool:
    state = stage.roe.state
    guest = stage.world.guest_invite
    other = Invite.derive(state.session, new_secret(os.urandom))
    knock, _ = Knock.make(other, "Mallory", os.urandom)
    try:
        knock.verify(state.session, guest.join)
    except SealError:
        return False
    return True
