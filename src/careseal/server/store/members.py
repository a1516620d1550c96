"""Invites and members, and what their tokens open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from careseal.server.problems import Problem, forbidden, malformed, not_authorised, too_many
from careseal.server.store import sessions
from careseal.server.store.rows import select_at_once
from careseal.server.store.schema import invite, member, session
from careseal.server.wire import NewInvite, Role


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks: a member (**M**), or whoever holds an open invite's access token (**I**)."""

    session: sessions.Session
    invite_id: bytes  # 16
    role: Role
    member_id: bytes | None  # 16; None for **I**
    token_hash: bytes  # 32

    @property
    def is_host(self) -> bool:
        """A member who came by a host invite (**H**)."""
        return self.member_id is not None and self.role == "host"


# Made once, because every request runs one of them.
_THERE = (session.c.id == bindparam("wanted"), session.c.expires_at > bindparam("now"))
_BY_MEMBER = (
    select(session, invite.c.id, invite.c.role, member.c.id)
    .join(member, member.c.session_id == session.c.id)
    .join(invite, (invite.c.session_id == session.c.id) & (invite.c.id == member.c.invite_id))
    .where(*_THERE, member.c.token_hash == bindparam("hash"), member.c.revoked.is_(False))
)
_BY_INVITE = (
    select(session, invite.c.id, invite.c.role)
    .join(invite, invite.c.session_id == session.c.id)
    .where(*_THERE, invite.c.access_token_hash == bindparam("hash"), invite.c.open.is_(True))
)
_WRITERS = """
FROM session JOIN member ON member.session_id = session.id
WHERE session.id IN {rows} AND session.expires_at > {} AND NOT member.revoked
ORDER BY session.id
"""  # locks come in one order at all workers
_HOLDING = (_BY_MEMBER.with_for_update(of=session), _BY_INVITE.with_for_update(of=session))


def bearer(
    connection: Connection, session_id: bytes, token_hash: bytes, now: int, *, hold: bool = False
) -> Bearer:
    """Whose token it is. Raises ``not-authorised``, the same for whatever is wrong.

    With ``hold`` nobody else changes the session until the transaction ends.
    """
    by_member, by_invite = _HOLDING if hold else (_BY_MEMBER, _BY_INVITE)
    asked = {"wanted": session_id, "hash": token_hash, "now": now}
    if row := connection.execute(by_member, asked).first():
        return Bearer(sessions.of_row(row), row[-3], row[-2], row[-1], token_hash)
    if row := connection.execute(by_invite, asked).first():
        return Bearer(sessions.of_row(row), row[-2], row[-1], None, token_hash)
    raise not_authorised()


def writers(
    connection: Connection, session_ids: Collection[bytes], now: int
) -> dict[tuple[bytes, bytes], sessions.Session]:
    """Sessions by their id and the hash of each member's token; nobody else changes them."""
    lock = "FOR UPDATE OF session" if connection.dialect.name == "postgresql" else ""
    columns = [*session.c, member.c.token_hash]
    found = select_at_once(connection, columns, _WRITERS + lock, [tuple(session_ids)], now)
    return {(row[0], row[-1]): sessions.of_row(row) for row in found}


def require_host(connection: Connection, session_id: bytes, token_hash: bytes, now: int) -> Bearer:
    """Raises ``not-authorised``, and ``forbidden`` for who is no host.

    Nobody else changes the session until the transaction ends.
    """
    found = bearer(connection, session_id, token_hash, now, hold=True)
    if not found.is_host:
        raise forbidden("Only hosts may do this.")
    return found


def open_invites(
    connection: Connection, session_id: bytes, invites: Sequence[NewInvite], most: int | None = None
) -> None:
    """Open new invites, or again those that were closed. At most ``most`` may be open."""
    for wanted in invites:
        same_id = (invite.c.session_id == session_id) & (invite.c.id == wanted.id)
        row = connection.execute(select(invite).where(same_id)).first()
        if row is None:
            _refuse_known_token(connection, session_id, wanted.access_token_hash)
            values = {
                "session_id": session_id,
                "id": wanted.id,
                "role": wanted.role,
                "access_token_hash": wanted.access_token_hash,
                "open": True,
                "used": False,
            }
            connection.execute(insert(invite).values(values))
        elif (row.role, row.access_token_hash) == (wanted.role, wanted.access_token_hash):
            connection.execute(update(invite).where(same_id).values(open=True))
        else:
            raise malformed("An invite keeps its role and access token.")
    count = select(func.count()).where(invite.c.session_id == session_id, invite.c.open.is_(True))
    if most is not None and connection.execute(count).scalar_one() > most:
        raise too_many("invites", 60)


def close_invites(connection: Connection, session_id: bytes, ids: Sequence[bytes]) -> None:
    """Close invites: their access tokens open nothing any more, their letters are gone."""
    for invite_id in ids:
        change = update(invite).where(invite.c.session_id == session_id, invite.c.id == invite_id)
        if connection.execute(change.values(open=False, letter=None)).rowcount == 0:
            raise malformed("An invite to close does not exist.")


def admit(
    connection: Connection,
    session_id: bytes,
    member_id: bytes,
    invite_id: bytes,
    token_hash: bytes,
    now: int,
    most: int | None = None,
) -> bool:
    """Register a member's token; whether it replaced another one of the same member (re-sync)."""
    same_id = (member.c.session_id == session_id) & (member.c.id == member_id)
    there = connection.execute(select(member).where(same_id)).first()
    if there is not None and there.invite_id != invite_id:
        raise forbidden("This member came by another invite.")
    if there is None or there.token_hash != token_hash:
        _refuse_known_token(connection, session_id, token_hash)
    live = select(func.count()).where(
        member.c.session_id == session_id, member.c.revoked.is_(False), member.c.id != member_id
    )
    if most is not None and connection.execute(live).scalar_one() >= most:
        raise too_many("members", 3600)
    if there is None:
        made = insert(member).values(session_id=session_id, id=member_id, invite_id=invite_id)
        connection.execute(made.values(token_hash=token_hash, revoked=False, joined_at=now))
    else:
        renewed = update(member).where(same_id)
        connection.execute(renewed.values(token_hash=token_hash, revoked=False))
    used = update(invite).where(invite.c.session_id == session_id, invite.c.id == invite_id)
    connection.execute(used.values(used=True, letter=None))
    return there is not None and there.token_hash != token_hash


def is_known(connection: Connection, session_id: bytes, member_id: bytes) -> bool:
    """Whether the session has or had this member; one whose token was revoked is known too."""
    query = select(member.c.id).where(member.c.session_id == session_id, member.c.id == member_id)
    return connection.execute(query).first() is not None


def revoke_one(
    connection: Connection, session_id: bytes, token_hash: bytes, member_id: bytes, now: int
) -> None:
    """Revoke a member's token, for itself or a host. Raises ``not-found``."""
    asking = bearer(connection, session_id, token_hash, now)
    if asking.member_id != member_id and not asking.is_host:
        raise forbidden("Only the member itself and hosts may do this.")
    if not revoke(connection, session_id, [member_id]):
        raise Problem("not-found", "The session has no such member.")


def revoke(connection: Connection, session_id: bytes, ids: Sequence[bytes]) -> int:
    """Revoke the tokens of those that are members; how many were."""
    change = update(member).where(
        member.c.session_id == session_id, member.c.id.in_(ids), member.c.revoked.is_(False)
    )
    return connection.execute(change.values(revoked=True)).rowcount


def tokens(
    connection: Connection, sessions: list[bytes]
) -> dict[tuple[bytes, bytes], bytes | None]:
    """The hash of each member's token, by session and member; None where it is revoked."""
    query = select(member.c.session_id, member.c.id, member.c.token_hash, member.c.revoked).where(
        member.c.session_id.in_(sessions)
    )
    return {
        (session_id, id_): None if revoked else hash_
        for session_id, id_, hash_, revoked in connection.execute(query)
    }


def _refuse_known_token(connection: Connection, session_id: bytes, token_hash: bytes) -> None:
    for table, column in ((member, member.c.token_hash), (invite, invite.c.access_token_hash)):
        query = select(column).where(table.c.session_id == session_id, column == token_hash)
        if connection.execute(query).first():
            raise Problem("malformed", "This token is in use; make a random one.")
