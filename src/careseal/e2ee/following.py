"""Applying the log, entry by entry: bytes in, events out (docs/protocol.md §4)."""

from __future__ import annotations

from dataclasses import replace

from careseal.mls.errors import MLSError, RemovedFromGroup

from . import payload as payloads
from .epoch import Member
from .errors import Malformed, NotAllowed, NotOurs, OutOfOrder, SealError, Tampered, VoidCommit
from .events import (
    CommitVoid,
    Duplicate,
    EntryEvent,
    Forked,
    GroupChanged,
    JoinLost,
    MessageReceived,
    MessageRefused,
    MessageUnreadable,
    MessageUnsupported,
    SelfRemoved,
    WrongParent,
)
from .identifiers import InviteId
from .log import Chain, Entry, Kind, Position
from .message import Message, open_message
from .state import Contradiction, Epoch, KeptRecord, Pending, Phase, SessionState
from .validity import JudgedCommit, VoidCause, judge

Followed = tuple[SessionState, tuple[EntryEvent, ...]]


def follow(state: SessionState, entry: Entry) -> Followed:
    """The state after the next entry of the log, and what the entry was.

    Never raises for what the entry holds; raises `OutOfOrder` if it is not the next one.
    """
    if entry.seq <= state.chain.head.seq:
        return _seen_before(state, entry)
    if entry.seq > state.chain.head.seq + 1:
        raise OutOfOrder(f"entry {entry.seq} came after {state.chain.head.seq}")
    extended = state.chain.extend(entry)
    if entry.parent != state.chain.last_commit:
        return replace(state, chain=extended), (WrongParent(entry.seq),)
    if entry.kind is Kind.CHAT:
        return _follow_chat(replace(state, chain=extended), entry)
    if state.phase is Phase.REMOVED:
        return replace(state, chain=extended), (MessageUnreadable(entry.seq, "not-ours"),)
    pending = state.pending
    if pending is not None and (pending.entry, pending.body) == (entry.id, entry.body):
        return _adopt(state, extended, pending, entry)
    if state.phase is Phase.JOINING:
        return replace(state, chain=extended, pending=None), (JoinLost(entry.seq),)
    return _follow_commit(state, extended, entry)


def check_head(state: SessionState, head: int) -> Followed:
    """A head that the server tells: behind what was verified, it is a fork."""
    if head >= state.chain.head.seq:
        return state, ()
    return contradict(state, head)


def contradict(state: SessionState, seq: int) -> Followed:
    """The server contradicts at `seq` what was verified: a fork, and nothing is sent any more."""
    return _forked(state, seq), (Forked(seq),)


def read_entry(state: SessionState, entry: Entry) -> EntryEvent:
    """A chat entry of the past, opened with the records that are here; the state stays."""
    message = _open(state, entry)
    return message if isinstance(message, MessageUnreadable) else _read(state, entry, message)


def _open(state: SessionState, entry: Entry) -> Message | MessageUnreadable:
    try:
        record = state.record_at(entry.parent)
    except NotOurs:
        return MessageUnreadable(entry.seq, "not-ours")
    try:
        return open_message(state.session, record, entry)
    except (Tampered, Malformed, NotOurs):
        # Where epochs are missing behind the record, it may be of one of those.
        missing = state.misses_epochs_after(record)
        return MessageUnreadable(entry.seq, "not-ours" if missing else "tampered")


def _read(state: SessionState, entry: Entry, message: Message) -> EntryEvent:
    sender, time = message.sender, message.time
    try:
        payload = payloads.decode(message.payload)
        payloads.check_sender(payload, sender, state.record_at(entry.parent).members)
    except (Malformed, NotAllowed) as error:
        return MessageRefused(entry.seq, sender, time, str(error))
    if isinstance(payload, payloads.Unsupported):
        return MessageUnsupported(entry.seq, sender, time, payload.type)
    own = sender.key == state.leaf_key
    return MessageReceived(entry.seq, entry.id, sender, time, payload, own)


def _follow_chat(state: SessionState, entry: Entry) -> Followed:
    if state.phase is not Phase.IN:
        return state, (MessageUnreadable(entry.seq, "not-ours"),)
    message = _open(state, entry)
    if isinstance(message, MessageUnreadable):
        return state, (message,)
    event = _read(state, entry, message)
    return _check_position(state, entry, message.at, message.sender, event)


def _follow_commit(state: SessionState, extended: Chain, entry: Entry) -> Followed:
    epoch = state.present
    try:
        judged = judge(state.session, epoch, entry)
        group = epoch.group.apply(judged.received)
    except VoidCommit as void:
        return _settle_void(state, extended, entry, void)
    except RemovedFromGroup:
        return _removed(state, extended, entry, judged)
    except MLSError as error:
        return _settle_void(state, extended, entry, _mls_void(judged, error))
    after = Epoch.begin(group, judged.policy, entry.seq, entry.parent, entry.id)
    joins = judged.received.external
    moved = _enter(state, extended, after, judged.identity.invite if joins else None)
    sender = after.member(judged.received.leaf_index)
    changed = GroupChanged(
        entry.seq,
        sender,
        own=False,
        joined=sender if joins else None,
        resync=judged.resync,
        removed=() if judged.resync else judged.removed,
        policy_before=epoch.policy,
        policy_after=judged.policy,
    )
    return _check_position(moved, entry, judged.data.at, sender, changed)


def _adopt(state: SessionState, extended: Chain, pending: Pending, entry: Entry) -> Followed:
    """The log shows this device's own commit: the epoch after it has begun."""
    before = state.epoch
    after = Epoch.begin(pending.group, pending.policy, entry.seq, entry.parent, entry.id)
    if pending.joins:
        state = replace(state, phase=Phase.IN, joined=extended.head)
    moved = _enter(state, extended, after, state.invite.id if pending.joins else None)
    mine = after.member(after.group.own_leaf)
    here = {each.key for each in after.members}
    removed = () if before is None else tuple(m for m in before.members if m.key not in here)
    changed = GroupChanged(
        entry.seq,
        mine,
        own=True,
        joined=mine if pending.joins else None,
        resync=pending.joins and before is not None,
        removed=removed,
        policy_before=pending.policy if before is None else before.policy,
        policy_after=pending.policy,
    )
    return moved, (changed,)


def _enter(
    state: SessionState, chain: Chain, after: Epoch, joined: InviteId | None
) -> SessionState:
    used = state.used if joined is None else state.used | {joined}
    records = (*state.records, KeptRecord(after.record, chain.head.hash))
    still = tuple(each for each in state.contradictions if after.find(each.member) is not None)
    return replace(
        state,
        chain=chain,
        epoch=after,
        records=records,
        used=used,
        pending=None,
        contradictions=still,
    )


def _removed(state: SessionState, extended: Chain, entry: Entry, judged: JudgedCommit) -> Followed:
    sender = None
    if not judged.received.external:
        sender = state.present.member(judged.received.leaf_index)
    gone = replace(state, chain=extended, phase=Phase.REMOVED, pending=None)
    return gone, (SelfRemoved(entry.seq, sender, judged.resync),)


def _check_position(
    state: SessionState, entry: Entry, at: Position, by: Member, event: EntryEvent
) -> Followed:
    """What an author had verified must lie before the entry, and be what was verified here."""
    if at.seq < entry.seq and not state.chain.contradicts(at):
        return state, (event,)
    if by.key == state.leaf_key:
        return _forked(state, at.seq), (event, Forked(at.seq))
    others = tuple(each for each in state.contradictions if each.member != by.id)
    contradictions = (*others, Contradiction(by.id, at.seq))
    return replace(state, contradictions=contradictions), (event, Forked(at.seq, by))


def _seen_before(state: SessionState, entry: Entry) -> Followed:
    before, here = state.chain.hash_at(entry.seq - 1), state.chain.hash_at(entry.seq)
    if before is not None and here is not None:
        known = Chain.at(state.session, Position(entry.seq - 1, before), 0)
        if known.extend(entry).head.hash != here:
            return _forked(state, entry.seq), (Forked(entry.seq),)
    return state, (Duplicate(entry.seq),)


def _forked(state: SessionState, seq: int) -> SessionState:
    return replace(state, fork=seq if state.fork is None else min(seq, state.fork))


def _mls_void(judged: JudgedCommit, error: MLSError) -> VoidCommit:
    join, leaf = judged.data.join, judged.received.sender.leaf_index
    invite = None if join is None else join.invite
    return VoidCommit(VoidCause.MLS, str(error), leaf=leaf, invite=invite)


def _settle_void(state: SessionState, extended: Chain, entry: Entry, void: VoidCommit) -> Followed:
    """The position that it names is nobody's word: whoever has the link could have named it."""
    return replace(state, chain=extended, pending=None), (_void(state.present, entry, void),)


def _void(epoch: Epoch, entry: Entry, void: VoidCommit) -> CommitVoid:
    sender: Member | None = None
    if void.leaf is not None:
        try:
            sender = epoch.member(void.leaf)
        except SealError:
            sender = None
    invite = None if void.invite is None else InviteId(void.invite)
    return CommitVoid(entry.seq, void.cause, sender, invite)
