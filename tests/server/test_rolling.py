"""Two releases side by side on one PostgreSQL and Redis, as in an upgrade without downtime.

The old one is this release. The next one is a copy of it with what a later release may bring: a
migration that adds to every table, and settings that were not there before.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

import careseal
from careseal.client import ApiToken, Event, File, MessageReceived, Session, Store, Text
from careseal.client.errors import ServerUnreachable
from careseal.server.store import migration, schema
from careseal.server.store.engines import parse
from tests.eventually import eventually
from tests.postgresql import postgresql
from tests.redis_server import redis_server
from tests.server.test_migration import connected
from tests.serving import ServerProcess

GENEROUS = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")
INSTALLED = Path(careseal.__file__).parent
LATER = f"{int(migration.LATEST) + 1:04}"
ENOUGH = 20  # messages each way in each stretch

MIGRATION = f'''"""What a later release may bring."""

import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{migration.LATEST}"


def upgrade() -> None:
    for table in {sorted(schema.metadata.tables)!r}:
        op.add_column(table, sa.Column("later", sa.String))
        op.add_column(table, sa.Column("counted", sa.Integer, nullable=False, server_default="7"))
        op.create_index(f"ix_{{table}}_later", table, ["later"])
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
'''


def install(folder: Path) -> None:
    """This release, as a package of its own."""
    shutil.copytree(INSTALLED, folder / "careseal")


def install_next(folder: Path) -> None:
    """The next release over it, while it may be running."""
    package = folder / "careseal"
    migrations = package / "server/store/migrations/versions"
    (migrations / f"{LATER}_later.py").write_text(MIGRATION)
    for file, before, after in (
        ("server/store/migration.py", f'"{migration.LATEST}"', f'"{LATER}"'),
        ("__init__.py", f'"{careseal.__version__}"', '"99.0.0"'),
        (
            "server/settings.py",
            "    door: int = MIB\n",
            "    later: int = 7\n    door: int = MIB\n",
        ),
        ("server/settings.py", "    port: int", '    later: str = "new"\n    port: int'),
    ):
        source = (package / file).read_text()
        assert before in source
        (package / file).write_text(source.replace(before, after))


def version_of(server: ServerProcess) -> str:
    with server.client() as client:
        return str(client.get("/api/server").raise_for_status().json()["version"])


class Writer:
    """Writes one message after the other, and meets a failure as a program would: once more."""

    def __init__(self, session: Session, name: str) -> None:
        self.said: list[str] = []
        self._session = session
        self._name = name

    async def write(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            self.said.append(f"{self._name} {len(self.said)}")
            try:
                await self._session.send(self.said[-1])
            except ServerUnreachable:  # it is kept, and goes out with what follows
                continue


class Ear:
    """What one who follows was told: the texts of the other, and the files."""

    def __init__(self, other: str) -> None:
        self.texts: list[str] = []
        self.files: list[File] = []
        self._other = other

    async def listen(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            match event:
                case MessageReceived(payload=Text(text=said)) if said.startswith(self._other):
                    self.texts.append(said)
                case MessageReceived(payload=File() as file):
                    self.files.append(file)


async def until(what: Callable[[], object]) -> None:
    await asyncio.to_thread(eventually, what, 90)


@pytest.mark.long
async def test_old_and_new_workers_serve_one_session_and_nothing_is_lost(tmp_path: Path) -> None:
    with ExitStack() as parts:
        database = parts.enter_context(postgresql()).new_database()
        shared = {
            "CARESEAL_DATABASE_URLS": database,
            "CARESEAL_REDIS_URL": parts.enter_context(redis_server()).url,
            "CARESEAL_OBJECTS_URL": (tmp_path / "objects").as_uri(),
            "CARESEAL_SECRETS_FILE": str(tmp_path / "secrets.json"),
        }
        releases = [tmp_path / "release 0", tmp_path / "release 1"]
        for folder in releases:
            install(folder)
        servers = [
            ServerProcess(
                tmp_path / str(workers),
                (*GENEROUS, f"--workers={workers}"),
                {**shared, "PYTHONPATH": str(release)},
            )
            for release, workers in zip(releases, (2, 1), strict=True)
        ]
        stays, goes_first = (parts.enter_context(server) for server in servers)
        account = ApiToken(stays.careseal("api-token"))
        stores = [parts.enter_context(Store.open(tmp_path / name)) for name in ("host", "guest")]
        host, (link,) = await Session.create(stores[0], stays.base_url, account, name="Dr Roe")
        far = link.reveal().replace(f":{stays.port}", f":{goes_first.port}")
        async with AsyncExitStack() as people:
            await people.enter_async_context(host)
            guest = await people.enter_async_context(await Session.join(stores[1], far, name="Ann"))
            writers = [Writer(host, "host"), Writer(guest, "guest")]
            ears = [Ear("guest"), Ear("host")]
            enough = asyncio.Event()
            writing = [asyncio.create_task(writer.write(enough)) for writer in writers]
            hearing = [
                asyncio.create_task(
                    ear.listen(await people.enter_async_context(session.following()))
                )
                for ear, session in zip(ears, (host, guest), strict=True)
            ]

            async def a_stretch() -> None:
                """Each hears enough of what the other begins to say now, and a file."""
                heard = [len(writer.said) + ENOUGH for writer in writers]
                files = len(ears[0].files)
                sent = (tmp_path / f"{files}.bin", os.urandom(100_000))
                sent[0].write_bytes(sent[1])
                await guest.send_file(sent[0])
                await until(lambda: len(ears[0].files) > files)
                got = await host.receive_file(ears[0].files[-1], tmp_path / "received")
                assert got is not None
                assert got.read_bytes() == sent[1]
                await until(
                    lambda: len(ears[0].texts) >= heard[1] and len(ears[1].texts) >= heard[0]
                )

            await a_stretch()
            assert [version_of(each) for each in servers] == [careseal.__version__] * 2

            install_next(releases[1])
            await asyncio.to_thread(goes_first.restart)
            assert [version_of(each) for each in servers] == [careseal.__version__, "99.0.0"]
            await a_stretch()
            with connected(parse(database)) as connection:
                assert migration.revision(connection) == LATER
                query = "SELECT count(*) FROM entry WHERE counted = 7 AND later IS NULL"
                assert int(connection.scalar(text(query)) or 0) > 2 * ENOUGH

            install_next(releases[0])
            assert stays.process is not None
            stays.process.send_signal(signal.SIGHUP)
            await until(lambda: "workers replaced" in stays.log)
            assert [version_of(each) for each in servers] == ["99.0.0"] * 2
            await a_stretch()

            (releases[0] / "careseal/server/app.py").write_text("raise ImportError")
            stays.process.send_signal(signal.SIGHUP)
            await until(lambda: "workers not replaced" in stays.log)
            assert version_of(stays) == "99.0.0"

            enough.set()
            await asyncio.gather(*writing)
            await asyncio.gather(host.catch_up(), guest.catch_up())
            assert (host.unsent, guest.unsent) == (0, 0)
            await until(
                lambda: (
                    [len(ear.texts) for ear in ears]
                    == [len(writer.said) for writer in reversed(writers)]
                )
            )
            assert [ear.texts for ear in ears] == [writers[1].said, writers[0].said]
            for one in hearing:
                one.cancel()
