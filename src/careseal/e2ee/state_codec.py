"""A session's state as bytes, for storage that is kept secret."""

from __future__ import annotations

import msgspec

from careseal.mls.errors import MLSError
from careseal.mls.group import Group
from careseal.mls.secret import SignaturePrivateKey

from . import compact
from .epoch import EpochRecord
from .errors import Malformed
from .identifiers import EntryId, InviteId, MemberId, SessionId
from .invite import Invite
from .log import Chain, Position
from .policy import Policy
from .secret import AccessToken, BoxKey, JoinKey
from .state import (
    Contradiction,
    DoorUpload,
    Epoch,
    KeptRecord,
    KeyBoxFor,
    LetterFor,
    Pending,
    Phase,
    SessionState,
)
from .suite import SUITE

VERSION = 1


class _Strict(msgspec.Struct, forbid_unknown_fields=True, array_like=True):
    pass


class _Invite(_Strict):
    id: bytes
    access_token: bytes
    join_key: bytes
    box_key: bytes


class _Epoch(_Strict):
    group: bytes
    policy: bytes
    start: int
    parent: int
    commit: bytes


class _Pending(_Strict):
    entry: bytes
    body: bytes
    parent: int
    door: bytes
    key_boxes: list[tuple[bytes, bytes]]
    letters: list[tuple[bytes, bytes]]
    group: bytes
    policy: bytes
    joins: bool


class _State(_Strict):
    version: int
    session: bytes
    phase: str
    invite: _Invite
    signature_key: bytes
    epoch: _Epoch | None
    head: tuple[int, bytes]
    last_commit: int
    recent: list[bytes]
    joined: tuple[int, bytes]
    records: list[tuple[bytes, bytes]]
    used: list[bytes]
    pending: _Pending | None
    fork: int | None
    contradictions: list[tuple[bytes, int]] = []


def encode_state(state: SessionState) -> bytes:
    """Everything, secrets too; only what is derived is left out."""
    invite, chain = state.invite, state.chain
    stored = _State(
        VERSION,
        bytes(state.session),
        state.phase.value,
        _Invite(*map(bytes, (invite.id, invite.access_token, invite.join_key, invite.box_key))),
        bytes(state.signature_key),
        None if state.epoch is None else _epoch(state.epoch),
        (chain.head.seq, chain.head.hash),
        chain.last_commit,
        list(chain.recent),
        (state.joined.seq, state.joined.hash),
        [(compact.encode(kept.record.json()), kept.start_hash) for kept in state.records],
        sorted(map(bytes, state.used)),
        None if state.pending is None else _pending(state.pending),
        state.fork,
        [(bytes(each.member), each.seq) for each in state.contradictions],
    )
    return msgspec.msgpack.encode(stored)


def decode_state(data: bytes) -> SessionState:
    """What `encode_state` was given. Raises `Malformed` for anything else."""
    try:
        stored = msgspec.msgpack.decode(data, type=_State)
        if stored.version != VERSION:
            raise Malformed("a state of another version")
        return _state(stored)
    except (msgspec.MsgspecError, MLSError, ValueError, RecursionError) as error:
        raise Malformed("not a stored session") from error


def _epoch(epoch: Epoch) -> _Epoch:
    return _Epoch(
        epoch.group.to_bytes(), epoch.policy.text, epoch.start, epoch.parent, bytes(epoch.commit)
    )


def _pending(pending: Pending) -> _Pending:
    upload = pending.upload
    return _Pending(
        bytes(pending.entry),
        pending.body,
        upload.parent,
        upload.door,
        [(bytes(each.invite), each.box) for each in upload.key_boxes],
        [(bytes(each.invite), each.letter) for each in upload.letters],
        pending.group.to_bytes(),
        pending.policy.text,
        pending.joins,
    )


def _state(stored: _State) -> SessionState:
    session = SessionId(stored.session)
    key = SignaturePrivateKey(stored.signature_key)
    chain = Chain(session, Position(*stored.head), stored.last_commit, tuple(stored.recent))
    records = (
        KeptRecord(EpochRecord.read(compact.decode(text)), start) for text, start in stored.records
    )
    return SessionState(
        session,
        Phase(stored.phase),
        _read_invite(session, stored.invite),
        key,
        SUITE.signatures.public_key(key),
        None if stored.epoch is None else _read_epoch(stored.epoch),
        chain,
        Position(*stored.joined),
        tuple(records),
        frozenset(map(InviteId, stored.used)),
        None if stored.pending is None else _read_pending(stored.pending),
        stored.fork,
        tuple(Contradiction(MemberId(member), seq) for member, seq in stored.contradictions),
    )


def _read_invite(session: SessionId, stored: _Invite) -> Invite:
    join_key, box_key = JoinKey(stored.join_key), BoxKey(stored.box_key)
    return Invite(
        session,
        InviteId(stored.id),
        AccessToken(stored.access_token),
        join_key,
        box_key,
        SUITE.signatures.public_key(join_key),
        SUITE.kem.public_key(box_key),
    )


def _read_epoch(stored: _Epoch) -> Epoch:
    group, policy = Group.from_bytes(stored.group), Policy.decode(stored.policy)
    return Epoch.begin(group, policy, stored.start, stored.parent, EntryId(stored.commit))


def _read_pending(stored: _Pending) -> Pending:
    boxes = (KeyBoxFor(InviteId(invite), box) for invite, box in stored.key_boxes)
    letters = (LetterFor(InviteId(invite), letter) for invite, letter in stored.letters)
    upload = DoorUpload(stored.parent, stored.door, tuple(boxes), tuple(letters))
    return Pending(
        EntryId(stored.entry),
        stored.body,
        upload,
        Group.from_bytes(stored.group),
        Policy.decode(stored.policy),
        stored.joins,
    )
