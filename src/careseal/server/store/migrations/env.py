"""Alembic's environment: the connection comes from ``careseal.server.store.migration``."""

from __future__ import annotations

from alembic import context

from careseal.server.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
