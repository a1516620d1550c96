"""Upgrading a database that is in use, on both kinds of database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect, text

from careseal.server.store import migration, schema
from careseal.server.store.engines import open_engines, parse
from tests.form import Large
from tests.serving import serving

FIRST_RELEASE = Path(__file__).with_name("first_release.sql")
SCRIPTS = Path(migration.__file__).with_name("migrations")


@pytest.fixture
def url(tmp_path: Path) -> URL:
    if Large.chosen is not None:
        return parse(Large.chosen.postgresql.new_database())
    return parse(f"sqlite:///{tmp_path / 'test.sqlite3'}")


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    engines = open_engines(url)
    with engines.writing.begin() as connection:
        yield connection
    engines.dispose()


def differences(url: URL) -> list[object]:
    """Between the tables that are there and those that the code knows."""
    with connected(url) as connection:
        return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))


def test_the_migrations_lead_to_the_tables_that_the_code_knows(url: URL) -> None:
    assert migration.upgrade(url) is None
    assert differences(url) == []
    assert migration.upgrade(url) == migration.LATEST


def test_the_latest_revision_is_the_last_script() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_heads() == [migration.LATEST]


@pytest.mark.small
def test_data_of_the_first_release_are_there_after_the_upgrade(url: URL) -> None:
    """Its schema as it was then, before there were revisions, with a row in each table."""
    with sqlite3.connect(str(url.database)) as old:
        old.executescript(FIRST_RELEASE.read_text())
    before = rows(url)
    assert all(before.values())
    assert migration.upgrade(url) == "0001"
    assert migration.upgrade(url) == migration.LATEST
    after = rows(url)
    assert {table: after[table] for table in before} == before
    assert differences(url) == []


def test_tables_of_a_later_release_are_left_alone(url: URL) -> None:
    migration.upgrade(url)
    make_later(url)
    with pytest.raises(migration.TooNew, match="later release"):
        migration.upgrade(url)


def test_a_server_says_so_and_does_not_start(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.stop()
        file = f"sqlite:///{server.data / 'careseal.sqlite3'}"
        make_later(parse(server.environment.get("CARESEAL_DATABASE_URLS", file)))
        with pytest.raises(RuntimeError, match="did not start") as refused:
            server.start()
        server.process = None
    assert "of a later release" in str(refused.value)


def make_later(url: URL) -> None:
    with connected(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def rows(url: URL) -> dict[str, int]:
    """How many each table has."""
    with connected(url) as connection:
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        return {
            table: connection.scalar(text(f'SELECT count(*) FROM "{table}"')) or 0
            for table in tables
        }
