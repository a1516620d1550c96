"""Objects that clients put into the bucket themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "addressed",
        sa.Column("object", sa.String, primary_key=True),
        sa.Column("session_id", sa.LargeBinary(16), nullable=False),
        sa.Column("file_id", sa.LargeBinary(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("uploader", sa.LargeBinary(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False, index=True),
    )
    op.create_index("ix_addressed_uploader", "addressed", ["session_id", "uploader"])
