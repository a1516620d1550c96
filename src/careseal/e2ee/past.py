"""Taking a history that somebody gave (docs/protocol.md §5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .boxes import open_grant, open_letter
from .errors import ForkDetected
from .history import History
from .log import Chain, Digested, Entry, Position
from .payload import HistoryGrant
from .state import KeptRecord, SessionState


def letter(state: SessionState, boxed: bytes) -> History:
    """What came before the join, from the letter of the invite. Raises `SealError`."""
    return open_letter(state.invite.box_key, state.session, state.invite.id, boxed)


def grant(state: SessionState, payload: HistoryGrant) -> History:
    """What a member gave this device. Raises `SealError`."""
    return open_grant(state.invite.box_key, state.session, state.member_id, payload.box)


def known_from(state: SessionState) -> Position:
    """The earliest position that this device can vouch for."""
    if not state.records:
        return state.joined
    first = state.records[0]
    return Position(first.record.start, first.start_hash)


def anchor(state: SessionState, seq: int) -> Chain:
    """The chain up to the latest position at or before `seq` that this device can vouch for."""
    known = state.chain.hash_at(seq)
    if known is not None:
        return Chain.at(state.session, Position(seq, known), 0)
    starts = [kept for kept in state.records if kept.record.start <= seq]
    if not starts:
        return Chain.at(state.session, known_from(state), 0)
    last = starts[-1]
    return Chain.at(state.session, Position(last.record.start, last.start_hash), 0)


def extend_past(state: SessionState, chain: Chain, entry: Entry) -> Chain:
    """The chain with the next entry of the past. Raises `ForkDetected` if it is another one."""
    longer = chain.extend(entry)
    known = state.chain.hash_at(entry.seq) or next(
        (kept.start_hash for kept in state.records if kept.record.start == entry.seq), None
    )
    if known is not None and known != longer.head.hash:
        raise ForkDetected(entry.seq, f"entry {entry.seq} is not what it was before")
    return longer


def take_history(
    state: SessionState, history: History, entries: Sequence[Digested]
) -> SessionState:
    """The state with the history's records among its own.

    `entries` are those after `history.start` up to `known_from`, fewer or more are sorted out
    here. Raises `ForkDetected` if the log does not lead from the one to the other: the log
    before the join is not the one that whoever gave the history saw.
    """
    hashes = {history.start.seq: history.start.hash}
    chain = Chain.at(state.session, history.start, entries[0].parent if entries else 0)
    goal = known_from(state)
    for entry in entries:
        if chain.head.seq >= goal.seq:
            break
        chain = chain.extend(entry)
        hashes[entry.seq] = chain.head.hash
    if goal.seq >= history.start.seq and hashes.get(goal.seq) != goal.hash:
        raise ForkDetected(goal.seq, "the log before the join is not what it was")
    mine = {kept.record.epoch: kept for kept in state.records}
    for record in history.epochs:
        if record.epoch not in mine and record.start in hashes:
            mine[record.epoch] = KeptRecord(record, hashes[record.start])
    return replace(state, records=tuple(mine[epoch] for epoch in sorted(mine)))
