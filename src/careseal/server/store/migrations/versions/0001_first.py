"""The first release's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "credential",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("account_id", sa.LargeBinary(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("account_id", sa.LargeBinary(16), nullable=False, index=True),
        sa.Column("founding", sa.LargeBinary(32), nullable=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("last_commit", sa.BigInteger, nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("last_activity_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "door",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("door", sa.LargeBinary, nullable=False),
        _of_session(),
    )
    op.create_table(
        "invite",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("access_token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("used", sa.Boolean, nullable=False),
        sa.Column("key_box", sa.LargeBinary),
        sa.Column("letter", sa.LargeBinary),
        _of_session(),
        sa.UniqueConstraint("session_id", "access_token_hash"),
    )
    op.create_table(
        "member",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("invite_id", sa.LargeBinary(16), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        _of_session(),
        sa.UniqueConstraint("session_id", "token_hash"),
    )
    op.create_table(
        "entry",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("parent", sa.BigInteger, nullable=False),
        sa.Column("id", sa.LargeBinary(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _of_session(),
        sa.UniqueConstraint("session_id", "id"),
    )
    op.create_table(
        "file",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("uploader", sa.LargeBinary(16), nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("present", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        _of_session(),
    )
    op.create_index("ix_file_uploader", "file", ["session_id", "uploader"])
    op.create_table(
        "part",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("file_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("object", sa.String, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id", "file_id"], ["file.session_id", "file.id"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger),
    )


def _of_session() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["session_id"], ["session.id"], ondelete="CASCADE")
