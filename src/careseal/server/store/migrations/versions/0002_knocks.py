"""Knocks: who stands before the door."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "knock",
        sa.Column("session_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("invite_id", sa.LargeBinary(16), nullable=False),
        sa.Column("knock", sa.LargeBinary, nullable=False),
        sa.Column("key_box", sa.LargeBinary),
        sa.Column("refused", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False, index=True),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], ondelete="CASCADE"),
    )
