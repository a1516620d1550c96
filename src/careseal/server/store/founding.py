"""Making a session with all that its founder brings (docs/protocol.md §8, `POST /sessions`)."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from careseal.server.problems import Problem
from careseal.server.store import doors, members, sessions
from careseal.server.store.schema import session
from careseal.server.wire import CreateSession


def create(
    connection: Connection,
    asked: CreateSession,
    *,
    account_id: bytes,
    founding: bytes,
    now: int,
    expires_at: int,
) -> tuple[sessions.Session, bool]:
    """The session and whether it is new. Raises ``session-exists``."""
    there = sessions.find(connection, asked.id, now)
    if there is not None:
        if (there.account_id, there.founding) != (account_id, founding):
            raise Problem("session-exists", "Another session has this id; choose a random one.")
        return there, False
    sessions.erase(connection, asked.id)  # an expired one that was not swept yet
    made = sessions.Session(asked.id, account_id, founding, 0, 0, 0, False, now, expires_at, now)
    names = [column.name for column in session.c]
    connection.execute(insert(session), {name: getattr(made, name) for name in names})
    members.open_invites(connection, asked.id, asked.invites)
    founder = asked.member
    members.admit(connection, asked.id, founder.id, founder.invite, founder.token_hash, now)
    doors.replace(connection, asked.id, asked.door, asked.key_boxes)
    return made, True
