"""Objects that clients may put into the bucket themselves, until they are parts (§6.1).

There are at most so many of a member, whatever becomes of its files: an address that was handed out
takes its place until its object is a part, or was removed after its time. When a file is removed
the addresses of its parts that may still be good take their places again (``files.remove``).
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update

from careseal.server.problems import Problem
from careseal.server.store import files, members
from careseal.server.store.schema import addressed


def hand_out(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    file_id: bytes,
    number: int,
    digest: bytes,
    name: str,
    *,
    most: int,
    until: int,
    now: int,
) -> str | None:
    """The object that a part with this digest is to be; None when it is stored already.

    ``name`` is for a new one. Raises ``part-exists``, ``too-many-open`` and what all writing does.
    """
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    found, there = files.part_to_send(connection, bearer, file_id, number)
    if there is not None:
        files.require_same(there, digest)
        return None
    known = find(connection, session_id, file_id, number, digest, now=now)
    if known is not None:
        same = update(addressed).where(addressed.c.object == known)
        connection.execute(same.values(until=until))
        return known
    taken = select(func.count()).where(
        addressed.c.session_id == session_id, addressed.c.uploader == found.uploader
    )
    if connection.execute(taken).scalar_one() >= most:
        detail = "Confirm what is under way first, or send parts through the server."
        raise Problem("too-many-open", detail, limit="openUploads")
    row = insert(addressed).values(object=name, session_id=session_id, file_id=file_id)
    row = row.values(number=number, uploader=found.uploader, digest=digest, until=until)
    connection.execute(row)
    return name


def find(
    connection: Connection,
    session_id: bytes,
    file_id: bytes,
    number: int,
    digest: bytes,
    *,
    now: int,
) -> str | None:
    """The object that was handed out for these bytes, while it may be confirmed."""
    query = select(addressed.c.object).where(
        addressed.c.session_id == session_id,
        addressed.c.file_id == file_id,
        addressed.c.number == number,
        addressed.c.digest == digest,
        addressed.c.until > now,
    )
    return connection.execute(query).scalar()


def confirm(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    file_id: bytes,
    number: int,
    stored: files.Part,
    *,
    now: int,
) -> bool:
    """Make an object the part, once. False when the same bytes are the part already.

    Raises ``not-found`` for one whose time was over meanwhile.
    """
    new = files.create_part(connection, session_id, token_hash, file_id, number, stored, now=now)
    if new:
        this = delete(addressed).where(addressed.c.object == stored.object)
        if connection.execute(this).rowcount == 0:  # the sweep was faster: the object is gone
            raise not_put()
    return new


def not_put() -> Problem:
    return Problem("not-found", "There are no such bytes, or their address is not valid any more.")


def take_old(connection: Connection, now: int) -> list[str]:
    """The objects whose time is over; they are the caller's to remove."""
    over = delete(addressed).where(addressed.c.until <= now)
    return list(connection.execute(over.returning(addressed.c.object)).scalars())
