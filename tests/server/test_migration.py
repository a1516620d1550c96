"""Upgrading a database that is in use, on both kinds of database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect, text

from careseal.client import (
    ApiToken,
    Disconnected,
    Event,
    MessageReceived,
    Session,
    Store,
    Text,
)
from careseal.server.store import migration, schema
from careseal.server.store.engines import open_engines, parse
from tests.eventually import eventually
from tests.form import Large
from tests.postgresql import PostgreSQL, postgresql, somebody_waits_for_a_lock
from tests.serving import ServerProcess, serving

FIRST_RELEASE = Path(__file__).with_name("first_release.sql")
GENEROUS = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")
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


def test_each_migration_only_adds(url: URL) -> None:
    """Workers of the release before go on meanwhile: what they read stays, and what they do not
    write has a default or may be missing."""
    scripts = ScriptDirectory(str(SCRIPTS))
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    before: dict[str, Shape] = {}
    for script in reversed(list(scripts.walk_revisions())):
        with connected(url) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, script.revision)
        with connected(url) as connection:
            after = shapes(connection)
        for table, shape in before.items():
            assert shape.columns.items() <= after[table].columns.items(), (script, table)
            assert after[table].needed == shape.needed, (script, table)
            assert after[table].rules == shape.rules, (script, table)
        before = after
    assert len(before) > 10


@dataclass
class Shape:
    """Of a table: its columns' types, those that a row must give, and what rows must obey."""

    columns: dict[str, str]
    needed: set[str]
    rules: set[str]


def shapes(connection: Connection) -> dict[str, Shape]:
    looking = inspect(connection)
    found = {}
    for table in set(looking.get_table_names()) - {"alembic_version"}:
        columns = looking.get_columns(table)
        rules = [*looking.get_unique_constraints(table), *looking.get_foreign_keys(table)]
        found[table] = Shape(
            {each["name"]: str(each["type"]) for each in columns},
            {each["name"] for each in columns if not each["nullable"] and not each["default"]},
            {
                str(sorted(each.items(), key=str))
                for each in [*rules, looking.get_pk_constraint(table)]
            },
        )
    return found


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


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_devices_go_on_by_themselves_over_an_upgrade(end: str, tmp_path: Path) -> None:
    """One writes and one follows while the server ends and starts on the first release's tables."""
    with serving(tmp_path / "server", *GENEROUS) as server:
        stores = [Store.open(tmp_path / name) for name in ("host", "guest")]
        account = ApiToken(server.careseal("api-token"))
        host, (link,) = await Session.create(stores[0], server.base_url, account, name="Dr Roe")
        async with (
            host,
            await Session.join(stores[1], link, name="Ann") as guest,
            host.following() as of_host,
            guest.following() as of_guest,
        ):
            said: list[str] = []
            heard = Heard()
            enough = asyncio.Event()
            writing = asyncio.create_task(write(guest, said, enough))
            hearing = [
                asyncio.create_task(each)
                for each in (heard.listen(of_host), Heard().listen(of_guest))
            ]
            await asyncio.to_thread(eventually, lambda: len(heard.texts) > 10)
            await asyncio.to_thread(getattr(server, end))
            make_first(url_of(server))
            await asyncio.to_thread(eventually, lambda: heard.lost)
            there = len(heard.texts)
            assert not writing.done()
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(eventually, lambda: len(heard.texts) > there + 10, 60)
            enough.set()
            await writing
            await asyncio.to_thread(eventually, lambda: len(heard.texts) >= len(said))
            assert heard.texts == said
            assert guest.unsent == 0
            for one in hearing:
                one.cancel()
        for store in stores:
            store.close()
        with connected(url_of(server)) as connection:
            assert migration.revision(connection) == migration.LATEST
        assert differences(url_of(server)) == []


async def write(session: Session, said: list[str], enough: asyncio.Event) -> None:
    """Without a pause; no failure is met here, so that the SDK has to."""
    while not enough.is_set():
        said.append(f"number {len(said)}")
        await session.send(said[-1])


class Heard:
    """What one who follows was told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.lost = 0  # how many times the line

    async def listen(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            if isinstance(event, Disconnected):
                self.lost += 1
            elif isinstance(event, MessageReceived) and isinstance(event.payload, Text):
                self.texts.append(event.payload.text)


def url_of(server: ServerProcess) -> URL:
    file = f"sqlite:///{server.data / 'careseal.sqlite3'}"
    return parse(server.environment.get("CARESEAL_DATABASE_URLS", file))


def tables_of_the_first_release() -> dict[str, set[str]]:
    """Their columns, by name."""
    with closing(sqlite3.connect(":memory:")) as old:
        old.executescript(FIRST_RELEASE.read_text())
        names = [
            name for (name,) in old.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        return {
            name: {row[1] for row in old.execute(f'PRAGMA table_info("{name}")')} for name in names
        }


def make_first(url: URL) -> None:
    """Take away what later releases added."""
    first = tables_of_the_first_release()
    with connected(url) as connection:
        looking = inspect(connection)
        for table in looking.get_table_names():
            if table not in first:
                connection.execute(text(f'DROP TABLE "{table}"'))
                continue
            later = {column["name"] for column in looking.get_columns(table)} - first[table]
            for column in later:
                connection.execute(text(f'ALTER TABLE "{table}" DROP COLUMN "{column}"'))
    with connected(url) as connection:
        assert migration.revision(connection) == migration.FIRST


def test_tables_of_a_later_release_are_left_alone(url: URL) -> None:
    migration.upgrade(url)
    make_later(url)
    with pytest.raises(migration.TooNew, match="later release"):
        migration.upgrade(url)


def test_a_server_says_so_and_does_not_start(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.stop()
        make_later(url_of(server))
        with pytest.raises(RuntimeError, match="did not start") as refused:
            server.start()
        server.process = None
    assert "of a later release" in str(refused.value)


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgreSQL]:
    with postgresql() as running:
        yield running


def test_behind_a_backup_an_upgrade_stops_nobody(cluster: PostgreSQL) -> None:
    """pg_dump holds what it reads until it ends; the release before is in use meanwhile."""
    plain = cluster.new_database()
    url = parse(plain)
    migration.upgrade(url)
    make_first(url)
    with ThreadPoolExecutor(1) as upgrading, psycopg.connect(plain) as dump:
        dump.execute("SELECT count(*) FROM session")
        upgraded = upgrading.submit(migration.upgrade, url)
        eventually(lambda: somebody_waits_for_a_lock(plain))
        with psycopg.connect(plain) as worker:
            worker.execute("SET statement_timeout = '10s'")
            worker.execute("SELECT count(*) FROM session")
        assert not upgraded.done()
        dump.rollback()
        assert upgraded.result(60) == migration.FIRST
    assert differences(url) == []


def test_a_backup_that_does_not_end_is_said(
    cluster: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "TRIES", 2)
    plain = cluster.new_database()
    url = parse(plain)
    migration.upgrade(url)
    make_first(url)
    with psycopg.connect(plain) as dump:
        dump.execute("SELECT count(*) FROM session")
        with pytest.raises(migration.Held, match="Start again when it is over"):
            migration.upgrade(url)


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
