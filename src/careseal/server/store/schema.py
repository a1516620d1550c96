"""The tables. Times are ms since 1970; ids and hashes are raw bytes.

What ``info`` says is for ``careseal move``: ``passing`` rows need not be carried to another place,
a ``hashed_in`` column never changes without the one that holds its SHA-512, and ``object`` names a
column of objects' names.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# What opens an account: a sign-in code (once), a browser's cookie, an API token.
credential = Table(
    "credential",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("kind", String, nullable=False),
    Column("account_id", LargeBinary(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("account_id", LargeBinary(16), nullable=False, index=True),
    Column("founding", LargeBinary(32), nullable=False),  # digest of the request that made it
    Column("head", BigInteger, nullable=False),
    Column("last_commit", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("last_activity_at", BigInteger, nullable=False),
)


def _of_session() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["session_id"], ["session.id"], ondelete="CASCADE")


door = Table(
    "door",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("door", LargeBinary, nullable=False),
    _of_session(),
)

invite = Table(
    "invite",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("id", LargeBinary(16), primary_key=True),
    Column("role", String, nullable=False),
    Column("access_token_hash", LargeBinary(32), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("used", Boolean, nullable=False),  # a member has joined by it
    Column("key_box", LargeBinary),
    Column("letter", LargeBinary),
    _of_session(),
    UniqueConstraint("session_id", "access_token_hash"),
)

member = Table(
    "member",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("id", LargeBinary(16), primary_key=True),
    Column("invite_id", LargeBinary(16), nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("joined_at", BigInteger, nullable=False),
    _of_session(),
    UniqueConstraint("session_id", "token_hash"),
)

entry = Table(
    "entry",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("parent", BigInteger, nullable=False),
    Column("id", LargeBinary(16), nullable=False),
    Column("digest", LargeBinary(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False, info={"hashed_in": "digest"}),
    _of_session(),
    UniqueConstraint("session_id", "id"),
)

file = Table(
    "file",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("id", LargeBinary(16), primary_key=True),
    Column("uploader", LargeBinary(16), nullable=False),
    Column("parts", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("present", Integer, nullable=False),  # how many of its parts are stored
    Column("created_at", BigInteger, nullable=False),
    _of_session(),
)

part = Table(
    "part",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("file_id", LargeBinary(16), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("object", String, nullable=False),
    Column("addressed_until", BigInteger),  # as ``until`` of ``addressed``, where it was there
    ForeignKeyConstraint(
        ["session_id", "file_id"], ["file.session_id", "file.id"], ondelete="CASCADE"
    ),
    info={"object": "object"},
)

# Objects that a client may put into the bucket itself, until they are parts, and again when their
# file was removed. A row outlives its file and its session, for as long as the address that was
# handed out could be used.
addressed = Table(
    "addressed",
    metadata,
    Column("object", String, primary_key=True),
    Column("session_id", LargeBinary(16), nullable=False),
    Column("file_id", LargeBinary(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("uploader", LargeBinary(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
    info={"passing": True},
)

knock = Table(
    "knock",
    metadata,
    Column("session_id", LargeBinary(16), primary_key=True),
    Column("id", LargeBinary(16), primary_key=True),
    Column("invite_id", LargeBinary(16), nullable=False),
    Column("knock", LargeBinary, nullable=False),
    Column("key_box", LargeBinary),
    Column("refused", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False, index=True),
    _of_session(),
)

Index("ix_file_uploader", file.c.session_id, file.c.uploader)
Index("ix_addressed_uploader", addressed.c.session_id, addressed.c.uploader)

# How often each may do what, where several workers count together.
bucket = Table(
    "bucket",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("tokens", Double, nullable=False),
    Column("at", Double, nullable=False, index=True),  # s since 1970
    Column("refused", Boolean, nullable=False, server_default=false()),
    info={"passing": True},
)

# One row that a readiness check writes to.
pulse = Table(
    "pulse",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger),
    info={"passing": True},
)

# One row, which no other database has.
installation = Table(
    "installation",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    info={"passing": True},
)
