"""Objects of one installation, and servers that were started on them with other databases."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careseal.server import moving
from careseal.server.blobs import Blobs, open_blobs
from careseal.server.settings import Settings
from tests.eventually import eventually
from tests.form import Large, large
from tests.server.test_backup import upload
from tests.server.visits import Visit
from tests.serving import ServerProcess

pytestmark = pytest.mark.small  # that brings the large form along by itself
AT_ONCE = ("--orphan-age=0",)  # with the sweep at the start
OTHER = "the objects' place is marked for other databases"
UNKNOWN = "the databases know none of the objects"
REMOVED = "orphan objects removed"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    with large(tmp_path_factory.mktemp("large")) as running:
        yield running


class Installation:
    """A server's stores, as it is told of them."""

    def __init__(self, folder: Path, databases: list[str], stores: dict[str, str]) -> None:
        self.folder = folder
        self.databases = databases
        self.stores = stores

    @property
    def blobs(self) -> Blobs:
        return open_blobs(self.stores["CARESEAL_OBJECTS_URL"], self.folder)

    @property
    def objects(self) -> set[str]:
        return set(asyncio.run(self.blobs.older_than(0)))

    def server(self, *databases: str, arguments: tuple[str, ...] = AT_ONCE) -> ServerProcess:
        urls = " ".join(databases or self.databases)
        stores = self.stores | {"CARESEAL_DATABASE_URLS": urls, "CARESEAL_WORKERS": "1"}
        return ServerProcess(self.folder, arguments, stores)

    def fill(self, *databases: str, visits: int = 1) -> None:
        with self.server(*databases, arguments=()) as server, server.sign_in() as signed_in:
            for _ in range(visits):
                upload(signed_in, Visit().create(signed_in))
            eventually(self.blobs.marks)

    def leave_orphan(self) -> None:
        name = f"{secrets.token_hex(16)}/{secrets.token_hex(16)}"

        async def octets() -> AsyncIterator[bytes]:
            yield b"left by a crash"

        asyncio.run(self.blobs.write_as(name, octets()))

    def require_swept(self, *databases: str) -> None:
        """Its own server removes an orphan, and nothing else."""
        kept = self.objects
        self.leave_orphan()
        with self.server(*databases):
            eventually(lambda: self.objects == kept)

    def require_left(self, server: ServerProcess, why: str = OTHER) -> None:
        """Another server says why it removes nothing."""
        kept = self.objects
        said = len(server.log) if (server.folder / "server.log").exists() else 0
        with server:
            eventually(lambda: why in server.log[said:] or REMOVED in server.log[said:])
            assert REMOVED not in server.log[said:]
        assert self.objects == kept


def small(folder: Path, databases: int = 1) -> Installation:
    urls = [f"sqlite:///{folder / f'{number}.sqlite3'}" for number in range(databases)]
    return Installation(folder, urls, {"CARESEAL_OBJECTS_URL": (folder / "there").as_uri()})


@pytest.fixture(params=["small", "large"])
def filled(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    if request.param == "small":
        made = small(tmp_path)
    else:
        parts: Large = request.getfixturevalue("parts")
        for name, value in parts.seaweed.environment.items():
            monkeypatch.setenv(name, value)
        stores = parts.new_stores()
        made = Installation(tmp_path, stores["CARESEAL_DATABASE_URLS"].split(), stores)
    made.fill()
    return made


def another_database(made: Installation, request: pytest.FixtureRequest) -> str:
    if made.databases[0].startswith("sqlite"):
        return f"sqlite:///{made.folder / 'other.sqlite3'}"
    parts: Large = request.getfixturevalue("parts")
    return parts.postgresql.new_database()


def test_an_empty_database_takes_no_objects_of_another(
    filled: Installation, request: pytest.FixtureRequest
) -> None:
    """A wrong name, or one that is not restored yet: the secrets are the same."""
    other = another_database(filled, request)
    filled.require_left(filled.server(other))
    filled.fill(other)  # people go on there
    filled.require_left(filled.server(other))


def test_new_data_take_no_objects_of_another(tmp_path: Path) -> None:
    first = small(tmp_path / "first")
    first.fill()
    second = Installation(tmp_path / "second", [], first.stores)
    first.require_left(second.server(f"sqlite:///{tmp_path / 'second.sqlite3'}"))
    first.require_swept()


def test_databases_that_are_not_all_there_take_no_objects(tmp_path: Path) -> None:
    made = small(tmp_path, databases=2)
    made.fill(visits=8)
    made.require_left(made.server(made.databases[0]))
    made.require_left(made.server(*reversed(made.databases)))
    made.require_swept()


def test_what_has_no_mark_yet_is_swept_by_who_knows_it(
    filled: Installation, request: pytest.FixtureRequest
) -> None:
    """As after an upgrade, or once an operator took the mark away."""
    (mark,) = filled.blobs.marks()
    filled.blobs.remove_mark(mark)
    filled.require_left(filled.server(another_database(filled, request)), UNKNOWN)
    assert not filled.blobs.marks()
    filled.require_swept()
    assert filled.blobs.marks() == {mark}


def test_who_moved_to_other_databases_goes_on_with_the_same_objects(tmp_path: Path) -> None:
    made = small(tmp_path)
    made.fill()
    source = Settings(
        data=tmp_path / "data",
        database_urls=tuple(made.databases),
        objects_url=made.stores["CARESEAL_OBJECTS_URL"],
    )
    urls = tuple(f"sqlite:///{tmp_path / f'moved{number}.sqlite3'}" for number in range(2))
    target = replace(source, data=tmp_path / "target/data", database_urls=urls)
    moving.move(source, target, print, running=False)
    moved = Installation(tmp_path / "target", list(urls), made.stores)
    assert len(moved.objects) == 1
    moved.require_swept()
