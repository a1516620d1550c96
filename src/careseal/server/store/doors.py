"""The door of the current epoch, its key boxes, and letters (docs/protocol.md §3.5, §3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from careseal.server.problems import Problem, malformed
from careseal.server.store.schema import door, invite
from careseal.server.wire import KeyBox, Letter


@dataclass(frozen=True, slots=True)
class Door:
    door: bytes
    key_box: bytes | None
    letter: bytes | None


def read(connection: Connection, session_id: bytes, invite_id: bytes) -> Door:
    """The door as this invite needs it. Raises ``not-found`` for an unknown invite."""
    query = (
        select(door.c.door, invite.c.key_box, invite.c.letter)
        .join(invite, invite.c.session_id == door.c.session_id)
        .where(door.c.session_id == session_id, invite.c.id == invite_id)
    )
    row = connection.execute(query).first()
    if row is None:
        raise Problem("not-found", "This session has no such invite.")
    return Door(row.door, row.key_box, row.letter)


def replace(
    connection: Connection, session_id: bytes, sealed: bytes, boxes: Sequence[KeyBox]
) -> None:
    """Put this door and these key boxes in the place of all earlier ones."""
    connection.execute(delete(door).where(door.c.session_id == session_id))
    connection.execute(insert(door).values(session_id=session_id, door=bytes(sealed)))
    of_session = update(invite).where(invite.c.session_id == session_id)
    connection.execute(of_session.values(key_box=None))
    for box in boxes:
        change = of_session.where(invite.c.id == bindparam("wanted"))
        values = {"wanted": bytes(box.invite), "key_box": bytes(box.box)}
        if connection.execute(change, values).rowcount == 0:
            raise malformed("A key box is for an invite that does not exist.")


def keep_letters(connection: Connection, session_id: bytes, letters: Sequence[Letter]) -> None:
    """Keep letters for invites that are open and by which nobody has joined; drop the others."""
    for letter in letters:
        change = update(invite).where(
            invite.c.session_id == session_id,
            invite.c.id == letter.invite,
            invite.c.open.is_(True),
            invite.c.used.is_(False),
        )
        connection.execute(change.values(letter=bytes(letter.letter)))
