"""Which database it is, so that one without its rows does not sweep its objects away."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    table = op.create_table("installation", sa.Column("id", sa.LargeBinary(16), primary_key=True))
    op.bulk_insert(table, [{"id": secrets.token_bytes(16)}])
