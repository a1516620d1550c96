"""The log of a session: dense, ordered, idempotent by entry id (docs/protocol.md §4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET
from sqlalchemy import Connection, bindparam, insert, select, update

from careseal.server.problems import Problem, forbidden
from careseal.server.settings import Limits
from careseal.server.store import doors, members, sessions
from careseal.server.store.schema import entry, session
from careseal.server.wire import AppendChat, AppendCommit

COMMIT: Final = 1
CHAT: Final = 2
KINDS: Final = {COMMIT: "commit", CHAT: "chat"}
PAGE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """``body`` is absent where only digests were asked for."""

    seq: int
    kind: int
    parent: int
    id: bytes  # 16
    digest: bytes  # 64, SHA-512 of the body
    at: int  # ms
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Appended:
    entry: Entry
    new: bool
    replaced_token: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Entry]
    head: int
    last_commit: int
    ended: bool


def append_chat(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    sent: AppendChat,
    *,
    limits: Limits,
    now: int,
) -> Appended:
    """Append a member's entry, or return the one that is there."""
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    if bearer.member_id is None:
        raise forbidden("Only members write.")
    body = sent.encrypted_message
    if there := _already(connection, session_id, CHAT, sent.parent, sent.id, body):
        return Appended(there, new=False)
    _check_room(bearer.session, sent.parent, limits)
    return Appended(_append(connection, bearer.session, CHAT, sent.id, body, now), new=True)


def append_commit(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    sent: AppendCommit,
    *,
    limits: Limits,
    now: int,
) -> Appended:
    """Append a commit with door, key boxes, invites, member and revocations, or nothing."""
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    if there := _already(connection, session_id, COMMIT, sent.parent, sent.id, sent.commit):
        return Appended(there, new=False)
    _check_room(bearer.session, sent.parent, limits)
    made = _append(connection, bearer.session, COMMIT, sent.id, sent.commit, now)
    members.close_invites(connection, session_id, sent.close)
    members.open_invites(connection, session_id, sent.open, limits.invites)
    members.revoke(connection, session_id, sent.revoke)
    replaced = False
    if bearer.member_id is None and sent.member is not UNSET:
        replaced = members.admit(
            connection,
            session_id,
            sent.member.id,
            bearer.invite_id,
            sent.member.token_hash,
            now,
            limits.members,
        )
    doors.replace(connection, session_id, sent.door, sent.key_boxes)
    doors.keep_letters(connection, session_id, sent.letters)
    return Appended(made, new=True, replaced_token=replaced)


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
_INSERT = insert(entry)
_MOVE_HEAD = (
    update(session)
    .where(session.c.id == bindparam("wanted"))
    .values(
        head=bindparam("seq"),
        last_commit=bindparam("commit"),
        stored_bytes=bindparam("bytes"),
        last_activity_at=bindparam("now"),
    )
)


def _already(
    connection: Connection, session_id: bytes, kind: int, parent: int, entry_id: bytes, body: bytes
) -> Entry | None:
    row = connection.execute(_FIND, {"wanted": session_id, "entry": entry_id}).first()
    if row is None:
        return None
    there = Entry(*row)
    if (there.kind, there.parent, there.digest) != (kind, parent, hashlib.sha512(body).digest()):
        raise Problem("entry-exists", "Another entry has this id; seal again under a new one.")
    return there


def _check_room(held: sessions.Session, parent: int, limits: Limits) -> None:
    if held.ended:
        raise Problem("session-ended", "The session has ended; it can only be read.")
    require_parent(held, parent)
    if held.head >= limits.entries:
        raise Problem("storage-full", "The log is full.", limit="entries")
    if held.stored_bytes >= limits.stored_bytes:
        raise Problem("storage-full", "The session's storage is full.", limit="storedBytes")


def _append(
    connection: Connection,
    held: sessions.Session,
    kind: int,
    entry_id: bytes,
    body: bytes,
    now: int,
) -> Entry:
    made = Entry(
        seq=held.head + 1,
        kind=kind,
        parent=held.last_commit,
        id=bytes(entry_id),
        digest=hashlib.sha512(body).digest(),
        at=now,
        body=bytes(body),
    )
    row = {name: getattr(made, name) for name in Entry.__slots__}
    connection.execute(_INSERT, row | {"session_id": held.id})
    connection.execute(
        _MOVE_HEAD,
        {
            "wanted": held.id,
            "seq": made.seq,
            "commit": made.seq if kind == COMMIT else held.last_commit,
            "bytes": held.stored_bytes + len(body),
            "now": now,
        },
    )
    return made
