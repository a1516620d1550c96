"""The log of a session: dense, ordered, idempotent by entry id (docs/protocol.md §4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, bindparam, select

from careseal.server.problems import Problem, forbidden
from careseal.server.settings import Limits
from careseal.server.store import doors, knocks, members, sessions
from careseal.server.store.rows import run
from careseal.server.store.schema import entry, session
from careseal.server.wire import AppendChat, AppendCommit, NewMember

COMMIT: Final = 1
CHAT: Final = 2
KINDS: Final = {COMMIT: "commit", CHAT: "chat"}
PAGE_BYTES: Final = 4 * 1024 * 1024


class Entry(NamedTuple):
    """``body`` is absent where only digests were asked for."""

    seq: int
    kind: int
    parent: int
    id: bytes  # 16
    digest: bytes  # 64, SHA-512 of the body
    at: int  # ms
    body: bytes = b""


class Appended(NamedTuple):
    entry: Entry
    new: bool
    replaced_token: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Entry]
    head: int
    last_commit: int
    ended: bool


class AskedChat(NamedTuple):
    """A member's entry to append."""

    session_id: bytes  # 16
    token_hash: bytes  # 32
    sent: AppendChat
    limits: Limits
    now: int


def append_chats(connection: Connection, asked: Sequence[AskedChat]) -> list[Appended]:
    """Append members' entries, or return those that are there; refuses all if it refuses any."""
    now = max(each.now for each in asked)
    writers = members.writers(connection, {each.session_id for each in asked}, now)
    for each in asked:
        if (each.session_id, each.token_hash) not in writers:
            members.bearer(connection, each.session_id, each.token_hash, each.now)
            raise forbidden("Only members write.")
    held = {session.id: session for session in writers.values()}
    made: list[_Made] = []
    try:
        for each in asked:
            session, sent = held[each.session_id], each.sent
            _check_room(session, sent, each.limits)
            made.append(_make(session, CHAT, sent.id, sent.encrypted_message, each.now))
            held[session.id] = made[-1].session
        _store(connection, made)
    except Problem:  # most are new, so that only now it is looked whether this one is there
        if len(asked) > 1:
            raise
        if there := _already(
            connection, session.id, CHAT, sent.parent, sent.id, sent.encrypted_message
        ):
            return [Appended(_in_place(there, sent.seq), new=False)]
        raise
    return [Appended(each.entry, new=True) for each in made]


def append_commit(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    sent: AppendCommit,
    *,
    limits: Limits,
    now: int,
) -> Appended:
    """Append a commit with door, key boxes, invites, member and revocations, or nothing.

    A join that is there already, of a member that is not known here, makes it known: the log was
    restored, and another member has put the join back.
    """
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    if there := _already(connection, session_id, COMMIT, sent.parent, sent.id, sent.commit):
        if sent.member is not UNSET and not members.is_known(
            connection, session_id, sent.member.id
        ):
            _admit(connection, bearer, sent.member, limits, now)
        return Appended(_in_place(there, sent.seq), new=False)
    _check_room(bearer.session, sent, limits)
    made = _make(bearer.session, COMMIT, sent.id, sent.commit, now)
    _store(connection, [made])
    members.close_invites(connection, session_id, sent.close)
    members.open_invites(connection, session_id, sent.open, limits.invites)
    members.revoke(connection, session_id, sent.revoke)
    replaced = False
    if bearer.member_id is None and sent.member is not UNSET:
        replaced = _admit(connection, bearer, sent.member, limits, now)
    knocks.forget_boxes(connection, session_id)
    knocks.close(connection, session_id, sent.close)
    doors.replace(connection, session_id, sent.door, sent.key_boxes)
    doors.keep_letters(connection, session_id, sent.letters)
    return Appended(made.entry, new=True, replaced_token=replaced)


def _admit(
    connection: Connection, bearer: members.Bearer, sent: NewMember, limits: Limits, now: int
) -> bool:
    return members.admit(
        connection,
        bearer.session.id,
        sent.id,
        bearer.invite_id,
        sent.token_hash,
        now,
        limits.members,
    )


def require_parent(held: sessions.Session, parent: int) -> None:
    """Raises ``stale-parent`` with what to go on from."""
    if parent != held.last_commit:
        raise Problem(
            "stale-parent",
            "The last commit is another one; catch up and seal again.",
            head=held.head,
            lastCommit=held.last_commit,
        )


def page(
    connection: Connection, session_id: bytes, *, after: int, limit: int, digests: bool = False
) -> Page:
    """Entries behind ``after``; fewer than ``limit`` when they are large."""
    held = connection.execute(select(session).where(session.c.id == session_id)).first()
    if held is None:
        return Page([], 0, 0, ended=True)
    columns = [column for column in entry.c if column.name != "session_id"]
    query = (
        select(*(columns[:-1] if digests else columns))
        .where(entry.c.session_id == session_id, entry.c.seq > after)
        .order_by(entry.c.seq)
        .limit(limit)
    )
    entries: list[Entry] = []
    size = 0
    with connection.execute(query.execution_options(yield_per=50)) as rows:
        for row in rows:
            entries.append(Entry(*row))
            size += len(entries[-1].body)
            if size >= PAGE_BYTES:
                break
    return Page(entries, held.head, held.last_commit, held.ended)


# Made once, because every append runs them.
_FIND = select(*[column for column in entry.c if column.name not in ("session_id", "body")]).where(
    entry.c.session_id == bindparam("wanted"), entry.c.id == bindparam("entry")
)
_INSERT: Final = f"""
INSERT INTO entry (session_id, {", ".join(Entry._fields)}) VALUES {{rows}}
ON CONFLICT (session_id, id) DO NOTHING
"""  # noqa: S608 - names of columns
_MOVE_HEADS: Final = """
UPDATE session SET head = moved.column2, last_commit = moved.column3,
  stored_bytes = moved.column4, last_activity_at = moved.column5
FROM (VALUES {rows}) AS moved WHERE session.id = moved.column1
"""


def _already(
    connection: Connection, session_id: bytes, kind: int, parent: int, entry_id: bytes, body: bytes
) -> Entry | None:
    row = connection.execute(_FIND, {"wanted": session_id, "entry": entry_id}).first()
    if row is None:
        return None
    there = Entry(*row)
    if (there.kind, there.parent, there.digest) != (kind, parent, hashlib.sha512(body).digest()):
        raise _exists()
    return there


def _exists() -> Problem:
    return Problem("entry-exists", "Another entry has this id; seal again under a new one.")


def _in_place(there: Entry, seq: int | UnsetType) -> Entry:
    """Raises ``wrong-place`` if the entry was to have another place."""
    if seq is not UNSET and seq != there.seq:
        raise Problem("wrong-place", "The entry is in the log at another place.")
    return there


def _check_room(held: sessions.Session, sent: AppendChat | AppendCommit, limits: Limits) -> None:
    if held.ended:
        raise Problem("session-ended", "The session has ended; it can only be read.")
    elsewhere = sent.seq is not UNSET and sent.seq != held.head + 1
    if elsewhere or (sent.after is not UNSET and sent.after > held.head):
        raise Problem(
            "wrong-place",
            "The log goes on at another place.",
            head=held.head,
            lastCommit=held.last_commit,
        )
    require_parent(held, sent.parent)
    if held.head >= limits.entries:
        raise Problem("storage-full", "The log is full.", limit="entries")
    if held.stored_bytes >= limits.stored_bytes:
        raise Problem("storage-full", "The session's storage is full.", limit="storedBytes")


def heads(connection: Connection, sessions: list[bytes]) -> dict[bytes, tuple[int, bool]]:
    """Where each log ends, and whether the session has; those that are gone are left out."""
    query = select(session.c.id, session.c.head, session.c.ended).where(session.c.id.in_(sessions))
    return {id_: (head, ended) for id_, head, ended in connection.execute(query)}


class _Made(NamedTuple):
    """An entry that is to be stored, and its session as it is then."""

    entry: Entry
    session: sessions.Session


def _make(held: sessions.Session, kind: int, entry_id: bytes, body: bytes, now: int) -> _Made:
    """The next entry of the session."""
    seq = held.head + 1
    digest = hashlib.sha512(body).digest()
    after = held._replace(
        head=seq,
        last_commit=seq if kind == COMMIT else held.last_commit,
        stored_bytes=held.stored_bytes + len(body),
        last_activity_at=now,
    )
    entry = Entry(seq, kind, held.last_commit, bytes(entry_id), digest, now, bytes(body))
    return _Made(entry, after)


def _store(connection: Connection, made: Sequence[_Made]) -> None:
    """Raises ``entry-exists`` where an entry has the id of one."""
    entries = [(session.id, *entry) for entry, session in made]
    if run(connection, _INSERT, entries).rowcount < len(entries):
        raise _exists()
    last = {session.id: session for _, session in made}
    heads = [
        (id_, held.head, held.last_commit, held.stored_bytes, held.last_activity_at)
        for id_, held in last.items()
    ]
    run(connection, _MOVE_HEADS, heads)
