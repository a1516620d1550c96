"""What a member sends: messages, commits, doors, letters, grants (docs/protocol.md §3, §5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from careseal.mls.errors import MLSError
from careseal.mls.group import Group
from careseal.mls.proposal import Remove

from . import payload as payloads
from .boxes import seal_grant, seal_key_box, seal_letter
from .commit import CommitData, seal_commit
from .door import Door
from .epoch import EpochRecord, Member
from .errors import Malformed, NotAllowed, SealError
from .history import History
from .identifiers import EntryId, InviteId, MemberId
from .log import Position
from .message import seal_message
from .payload import HistoryGrant, Payload
from .policy import Policy, PolicyInvite, Role
from .state import DoorUpload, Epoch, KeptRecord, KeyBoxFor, LetterFor, Pending, SessionState
from .suite import Rng

MAX_GRANTED = 32_000
"""Bytes of history in one grant: boxed and as base64url it must fit into a message."""


@dataclass(frozen=True, slots=True)
class SealedChat:
    """A chat entry to be posted; a retry posts the same one, after 409 it is sealed anew."""

    id: EntryId
    parent: int
    body: bytes = field(repr=False)


def seal_chat(state: SessionState, payload: Payload, time: int, rng: Rng) -> SealedChat:
    """`time` in ms since 1970. Raises `NotAllowed` or `Malformed`."""
    epoch = state.check_sending()
    payloads.check_sender(payload, state.me, epoch.members)
    entry, chain = EntryId(rng(16)), state.chain
    body = seal_message(
        state.session,
        epoch.record,
        epoch.group.own_leaf,
        state.signature_key,
        chain.last_commit,
        entry,
        chain.head,
        time,
        payloads.encode(payload),
    )
    return SealedChat(entry, chain.last_commit, body)


def make_commit(
    state: SessionState,
    rng: Rng,
    removes: Iterable[int] = (),
    policy: Policy | None = None,
) -> SessionState:
    """The state with a pending commit; without changes it renews the epoch.

    Keep it durably, then post `pending`. Raises `NotAllowed` for what others would call void,
    while another commit is pending, and when nothing may be sent (§4.1).
    """
    removed = sorted(set(removes))
    epoch = state.check_committing(removed)
    if state.pending is not None:
        raise NotAllowed("another commit is on its way")
    after = epoch.policy if policy is None else policy
    _check_commit(state, epoch, removed, after)
    changed = after.text != epoch.policy.text
    data = CommitData(state.chain.head, policy=after.text if changed else None)
    try:
        committed = epoch.group.commit(
            rng,
            [Remove(leaf) for leaf in removed],
            authenticated_data=data.encode(),
            references=(),
        )
    except MLSError as error:
        raise NotAllowed(str(error)) from error
    entry, parent = EntryId(rng(16)), state.chain.last_commit
    body = seal_commit(state.session, epoch.keys.door, parent, entry, committed.message)
    upload = door_after(committed.group, after, entry, parent, state.chain.head, state.used, rng)
    pending = Pending(entry, body, upload, committed.group, after, joins=False)
    return replace(state, pending=pending)


def drop_pending(state: SessionState) -> SessionState:
    """After a 409: the pending commit will never be in the log."""
    return replace(state, pending=None)


def _check_commit(state: SessionState, epoch: Epoch, removed: list[int], policy: Policy) -> None:
    if (removed or policy.text != epoch.policy.text) and not state.is_host:
        raise NotAllowed("only hosts remove and change the policy")
    if epoch.group.own_leaf in removed:
        raise NotAllowed("nobody removes itself; leave instead")
    gone = {epoch.member(leaf).leaf for leaf in removed}
    left = [each.invite for each in epoch.members if each.leaf not in gone]
    if policy.text != epoch.policy.text:
        epoch.policy.check_successor(policy, epoch.number, left, state.invite.id)


# Doors -------------------------------------------------------------------------------------


def door_after(
    group: Group,
    policy: Policy,
    commit: EntryId,
    parent: int,
    position: Position,
    used: frozenset[InviteId],
    rng: Rng,
) -> DoorUpload:
    """Door and key boxes of the epoch that a commit begins, made before it is in the log."""
    epoch = Epoch.begin(group, policy, position.seq + 1, parent, commit)
    door = Door(group.group_info().encode(), policy, False, commit, position, used)
    return _upload(epoch, door, parent, (), rng)


def door_now(state: SessionState, rng: Rng) -> DoorUpload:
    """Door, key boxes and, from a host, letters of the present epoch.

    For after an own commit or founding, and for healing.
    """
    epoch = state.present
    info = epoch.group.group_info().encode()
    door = Door(info, epoch.policy, True, epoch.commit, state.chain.head, state.used)
    return _upload(epoch, door, state.chain.last_commit, _letters(state, rng), rng)


def check_door(state: SessionState, sealed: bytes) -> None:
    """Raises a `SealError` saying why, unless a door is right for the present epoch and log."""
    epoch = state.present
    door = Door.open(state.session, epoch.keys.door, sealed)
    door.check_group(epoch.group)
    if door.policy.text != epoch.policy.text or door.commit != epoch.commit:
        raise Malformed("the door has another policy or beginning")
    if door.used != state.used:
        raise Malformed("the door has other used invites")
    earliest = state.chain.last_commit if door.covers else epoch.parent
    latest = state.chain.head.seq if door.covers else epoch.start - 1
    covered = door.covers or state.chain.last_commit == epoch.start
    if not covered or not earliest <= door.position.seq <= latest:
        raise Malformed("the door does not fit the log")
    if state.chain.contradicts(door.position):
        raise Malformed("the door was made over another log")


def letters_due(state: SessionState) -> tuple[PolicyInvite, ...]:
    """Invites that should have a letter at the server now."""
    if not state.is_host:
        return ()
    return tuple(
        invite
        for invite in state.present.policy.invites
        if invite.open and not invite.knock and invite.id not in state.used
    )


def _letters(state: SessionState, rng: Rng) -> tuple[LetterFor, ...]:
    letters = []
    for invite in letters_due(state):
        history = state.history(invite.since)
        if history is not None:
            letter = seal_letter(invite.box, state.session, invite.id, history, rng)
            letters.append(LetterFor(invite.id, letter))
    return tuple(letters)


def _upload(
    epoch: Epoch, door: Door, parent: int, letters: tuple[LetterFor, ...], rng: Rng
) -> DoorUpload:
    session, key = epoch.signals.session, epoch.keys.door
    boxes = []
    inside = {member.invite for member in epoch.members}
    for invite in epoch.policy.invites:
        if invite.knock or not (invite.open or invite.id in inside):
            continue
        try:
            box = seal_key_box(invite.box, session, invite.id, epoch.number, key, rng)
        except SealError:  # a host may have put a key there that is none
            continue
        boxes.append(KeyBoxFor(invite.id, box))
    return DoorUpload(parent, door.seal(session, key, rng), tuple(boxes), letters)


# History -----------------------------------------------------------------------------------


def may_grant(state: SessionState, member: MemberId) -> bool:
    """Whether this device may give history to that member (docs/protocol.md §5.2)."""
    other = state.present.find(member)
    if other is None or member == state.member_id:
        return False
    return state.me.role is Role.HOST or other.invite == state.invite.id


def grants(state: SessionState, member: MemberId, rng: Rng) -> tuple[HistoryGrant, ...]:
    """What this device can read and that member cannot: newest first, as many as it takes.

    Raises `NotAllowed`.
    """
    epoch = state.check_sending()
    recipient = epoch.find(member)
    if recipient is None or not may_grant(state, member):
        raise NotAllowed("this device may not give history to that member")
    invite = epoch.policy.find(recipient.invite)
    if invite is None:
        raise NotAllowed("that member's invite is gone")
    return tuple(
        HistoryGrant(member, seal_grant(invite.box, state.session, member, part, rng))
        for part in _parts(_unknown_to(state, recipient))
    )


def _unknown_to(state: SessionState, member: Member) -> tuple[KeptRecord, ...]:
    """The records of the epochs before the ones in a row that the member was in."""
    records = state.records
    while records and any(each.key == member.key for each in records[-1].record.members):
        records = records[:-1]
    return records


def _parts(kept_records: tuple[KeptRecord, ...]) -> list[History]:
    """Records cut so that each piece fits into a message, newest first."""
    parts: list[History] = []
    records: tuple[EpochRecord, ...] = ()
    for kept in reversed(kept_records):
        start = Position(kept.record.start, kept.start_hash)
        single = History(start, (kept.record,))
        together = single
        if records and kept.record.epoch + 1 == records[0].epoch:
            together = History(start, (kept.record, *records))
        if parts and len(together.epochs) > 1 and len(together.encode()) <= MAX_GRANTED:
            parts[-1] = together
        elif len(single.encode()) <= MAX_GRANTED:
            parts.append(single)
            together = single
        else:
            raise NotAllowed("an epoch has too many members to be told in one message")
        records = together.epochs
    return parts
