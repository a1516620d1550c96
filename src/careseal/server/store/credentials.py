"""Accounts and what opens them: sign-in codes, cookies, API tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from careseal.server.store.schema import account, credential

Kind = Literal["code", "cookie", "api"]
NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Account:
    id: bytes  # 16
    name: str


def only_account(connection: Connection, now: int) -> Account:
    """The account of whoever runs this server, made on the first start."""
    if there := _first(connection):
        return there
    if connection.dialect.name == "postgresql":  # another machine's first start may be under way
        connection.exec_driver_sql("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE")
        if there := _first(connection):
            return there
    made = Account(secrets.token_bytes(16), "Clinician")
    connection.execute(insert(account).values(id=made.id, name=made.name, created_at=now))
    return made


def keep(
    connection: Connection, hashed: bytes, kind: Kind, owner: Account, now: int, expires_at: int
) -> None:
    """Keep a credential's hash until ``expires_at``, and drop what has expired."""
    connection.execute(delete(credential).where(credential.c.expires_at <= now))
    made = insert(credential).values(hash=hashed, kind=kind, account_id=owner.id)
    connection.execute(made.values(created_at=now, expires_at=expires_at))


def find(connection: Connection, hashed: bytes, kind: Kind, now: int) -> Account | None:
    """The account that a credential opens."""
    query = (
        select(account.c.id, account.c.name)
        .join(credential, credential.c.account_id == account.c.id)
        .where(
            credential.c.hash == hashed, credential.c.kind == kind, credential.c.expires_at > now
        )
    )
    row = connection.execute(query).first()
    return Account(row.id, row.name) if row else None


def use_up(connection: Connection, hashed: bytes, kind: Kind, now: int) -> Account | None:
    """The account that a credential opens, for the last time."""
    same = (credential.c.hash == hashed) & (credential.c.kind == kind)
    used = delete(credential).where(same).returning(credential.c.expires_at)
    # Of two who come with it at once, the one whose deletion counts is in.
    found = find(connection, hashed, kind, now)
    return found if connection.execute(used).first() else None


def _first(connection: Connection) -> Account | None:
    row = connection.execute(select(account).order_by(account.c.created_at).limit(1)).first()
    return Account(row.id, row.name) if row else None
