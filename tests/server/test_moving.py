"""``careseal move`` between real stores of both forms, with a visit that goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import obstore
import pytest
from sqlalchemy import URL, Connection, LargeBinary, Numeric

from careseal.client import ApiToken, Event, MessageReceived, Session, Store, Text
from careseal.server import moving
from careseal.server.settings import Settings
from careseal.server.single import InUse
from careseal.server.store import marks, migration, reconcile, schema
from tests.form import Large, large, without_marks
from tests.server.following import following
from tests.server.test_backup import log_of, upload
from tests.server.visits import Visit
from tests.serving import ServerProcess

pytestmark = pytest.mark.small  # that brings the large form along by itself
SESSIONS = 120
GENEROUS = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    with large(tmp_path_factory.mktemp("large")) as running:
        yield running


class Place:
    """A place for an installation, as ``careseal move`` and ``careseal serve`` are told of it."""

    def __init__(self, folder: Path, parts: Large | None = None, databases: int = 1) -> None:
        self.folder = folder
        self.parts = parts
        self.stores: dict[str, str] = {}
        if parts is not None:
            urls = [parts.postgresql.new_database() for _ in range(databases)]
            self.stores = parts.new_stores() | {
                "CARESEAL_DATABASE_URLS": " ".join(urls),
                "CARESEAL_WORKERS": "1",
            }

    @property
    def settings(self) -> Settings:
        """For moving in this process."""
        urls = self.stores.get("CARESEAL_DATABASE_URLS", "").split()
        objects = self.stores.get("CARESEAL_OBJECTS_URL")
        return Settings(data=self.folder / "data", database_urls=tuple(urls), objects_url=objects)

    @property
    def url(self) -> URL:
        return self.settings.databases()[0]

    def server(self, port: int = 0) -> ServerProcess:
        return ServerProcess(self.folder, GENEROUS, self.stores, port)

    def objects(self) -> set[str]:
        """Names of those in the bucket."""
        assert self.parts is not None
        prefix = self.stores["CARESEAL_OBJECTS_URL"].rpartition("/")[2]
        pages = obstore.list(self.parts.seaweed.store(prefix))
        return without_marks(each["path"] for page in pages for each in page)

    def options(self, which: str) -> list[str]:
        chosen = [f"--{which}={self.folder / 'data'}"]
        for url in self.stores.get("CARESEAL_DATABASE_URLS", "").split():
            chosen.append(f"--{which}-database-url={url}")
        if objects := self.stores.get("CARESEAL_OBJECTS_URL"):
            chosen.append(f"--{which}-objects-url={objects}")
        return chosen


def started(source: Place, target: Place, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "careseal.cli", "move"]
    command += [*source.options("from"), *target.options("to"), *more]
    return subprocess.Popen(
        command,
        env=os.environ | source.stores | target.stores,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def move(source: Place, target: Place, *more: str, code: int = 0) -> str:
    """What it said."""
    process = started(source, target, *more)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, out + err
    return err if code else out


def carry(source: Place, target: Place) -> moving.Carried:
    return moving.move(source.settings, target.settings, print, running=False)


@asynccontextmanager
async def visit_of_two(
    server: ServerProcess, folder: Path
) -> AsyncIterator[tuple[Session, Session]]:
    account = ApiToken(server.careseal("api-token"))
    with Store.open(folder / "host") as here, Store.open(folder / "guest") as there:
        host, (link,) = await Session.create(here, server.base_url, account, name="Dr Roe")
        async with host, await Session.join(there, link, name="Ann") as guest:
            yield host, guest


async def heard(events: AsyncIterator[Event], text: str) -> None:
    async for event in events:
        match event:
            case MessageReceived(payload=Text(text=found)) if found == text:
                return
    raise AssertionError("the events ended before")


@pytest.mark.long
async def test_a_visit_goes_from_small_to_large_and_back(
    tmp_path: Path, parts: Large, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its people are connected all the time; the move is killed in the middle once."""
    for name, value in parts.seaweed.environment.items():
        monkeypatch.setenv(name, value)
    small, big = Place(tmp_path / "small"), Place(tmp_path / "big", parts, databases=2)
    back = Place(tmp_path / "back")
    server = small.server().start()
    async with (
        visit_of_two(server, tmp_path) as (host, guest),
        host.following() as at_host,
        guest.following() as at_guest,
    ):
        await host.send("before")
        await heard(at_guest, "before")
        with server.sign_in() as signed_in:
            cookie = signed_in.cookies
            visits = [Visit().create(signed_in) for _ in range(SESSIONS)]
            for each in visits:
                each.write(signed_in, each.host)
            held, deleted, kept = visits[:3]
            file, body = upload(signed_in, kept)
            upload(signed_in, deleted)

            killed = started(small, big, "--while-running")
            assert killed.stderr is not None
            assert killed.stderr.readline()  # that it is under way
            killed.send_signal(signal.SIGKILL)
            killed.communicate()
            assert killed.returncode == -signal.SIGKILL
            with pytest.raises(InUse, match="Another careseal server runs"):
                carry(small, big)
            assert "Stop the server and run this again" in move(small, big, "--while-running")
            with pytest.raises(migration.Elsewhere, match="being moved to this place"):
                migration.upgrade(big.url)
            held.write(signed_in, held.host)
            signed_in.delete(deleted.path).raise_for_status()
        await guest.send("between")
        await heard(at_host, "between")
        port = server.port
        server.stop()

        said = move(small, big)
        assert f"{SESSIONS} sessions are there" in said
        assert "All is the same at both" in said
        with pytest.raises(RuntimeError, match="were moved"):
            start_in_vain(small)
        with big.server(port) as server:
            await host.send("at the new place")
            await heard(at_guest, "at the new place")
            with server.client(cookies=cookie) as client:
                part = f"{kept.path}/files/{file}/parts/0"
                assert client.get(part, headers=kept.host.token.header).content == body
                assert len(log_of(client, held)) == 2
                assert client.get("/api/accounts/me").is_success
                gone = client.get(deleted.path, headers=deleted.host.token.header)
                assert gone.status_code == 401
                with following(server, visits[-1], visits[-1].host) as follower:
                    assert follower.next("entry")["seq"] == 1
            assert len(big.objects()) == 1
            elsewhere = replace(
                big.settings, data=tmp_path / "x", secrets_file=server.data / "secrets.json"
            )
            with pytest.raises(moving.MoveError, match="still runs at the source"):
                moving.move(elsewhere, back.settings, print, running=False)
        await asyncio.to_thread(carry, big, back)
        with back.server(port) as server:
            await guest.send("back again")
            await heard(at_host, "back again")
            assert len(server.objects) == 1
    check_everything(back)


def start_in_vain(place: Place) -> None:
    server = place.server()
    try:
        server.start()
    finally:
        server.process = None


def check_everything(place: Place) -> None:
    """As a backup's check does: each log without gaps, each entry and object by its hash."""
    command = [sys.executable, "-m", "careseal.cli", "restore", "--verify"]
    subprocess.run([*command, place.folder / "data"], check=True)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A stopped small installation with an entry and an object."""
    place = Place(tmp_path_factory.mktemp("filled"))
    with place.server() as server, server.sign_in() as signed_in:
        visit = Visit().create(signed_in)
        visit.write(signed_in, visit.host)
        upload(signed_in, visit)
    return place


def copy_of(place: Place, folder: Path) -> Place:
    subprocess.run(["cp", "-a", place.folder, folder], check=True)
    return Place(folder)


def test_a_target_with_other_data_is_refused(filled: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    with other.server():
        pass
    assert "holds other data" in move(filled, other, code=1)
    assert migration.upgrade(other.url) == migration.LATEST  # left as it was
    nothing = move(Place(tmp_path / "x"), Place(tmp_path / "y"), code=1)
    assert "secrets belong to it" in nothing


@pytest.mark.parametrize("damage", ["entry", "object", "object gone"])
def test_what_is_damaged_at_the_source_is_said(filled: Place, tmp_path: Path, damage: str) -> None:
    """No server starts on either side then, until it is given up."""
    source, target = copy_of(filled, tmp_path / "source"), Place(tmp_path / "target")
    part = part_of(source)
    match damage:
        case "entry":
            with sqlite3.connect(source.folder / "data/careseal.sqlite3") as database:
                database.execute("UPDATE entry SET body = zeroblob(length(body))")
            sentence = "has other bytes than were stored"
        case "object":
            part.write_bytes(bytes(part.stat().st_size))
            sentence = "is not what was stored"
        case _:
            part.unlink()
            sentence = "is not at the source"
    with pytest.raises(moving.MoveError, match=sentence):
        carry(source, target)
    with pytest.raises(migration.Elsewhere, match="being moved to this place"):
        migration.upgrade(target.url)
    with pytest.raises(migration.Elsewhere, match="are about to be"):
        migration.upgrade(source.url)
    moving.give_up(source.settings, target.settings)
    migration.upgrade(source.url)


def test_back_to_where_it_came_from_only_what_is_new_is_carried(
    filled: Place, tmp_path: Path
) -> None:
    here, there = copy_of(filled, tmp_path / "here"), Place(tmp_path / "there")
    assert carry(here, there).objects == 1
    with pytest.raises(moving.MoveError, match="may have gone on there"):
        moving.give_up(here.settings, there.settings)
    with there.server() as server, server.sign_in() as signed_in:
        visit = Visit().create(signed_in)
        visit.write(signed_in, visit.host)
    carried = carry(there, here)
    assert (carried.sessions, carried.objects) == (2, 0)
    with here.server() as server, server.client() as client:
        assert len(log_of(client, visit)) == 1


def test_what_was_moved_goes_on_in_one_place_only(filled: Place, tmp_path: Path) -> None:
    here, there, abandoned = copy_of(filled, tmp_path / "here"), *new_places(tmp_path, 2)
    moving.move(here.settings, abandoned.settings, print, running=True)
    carry(here, there)
    for target in (abandoned, there, Place(tmp_path / "another")):
        with pytest.raises(moving.MoveError, match="was moved, and may have gone on"):
            carry(here, target)
    with pytest.raises(moving.MoveError, match="may have gone on there"):
        moving.give_up(here.settings, abandoned.settings)
    with pytest.raises(migration.Elsewhere, match="were moved"):
        migration.upgrade(here.url)
    assert migration.upgrade(there.url) == migration.LATEST
    carry(there, abandoned)
    assert migration.upgrade(abandoned.url) == migration.LATEST


def test_a_move_that_was_interrupted_can_lead_elsewhere(filled: Place, tmp_path: Path) -> None:
    here, broken, there = copy_of(filled, tmp_path / "here"), *new_places(tmp_path, 2)
    part = part_of(here)
    part.rename(tmp_path / "part")
    with pytest.raises(moving.MoveError, match="is not at the source"):
        carry(here, broken)
    moving.move(here.settings, there.settings, print, running=True)
    with pytest.raises(moving.MoveError, match="of another move"):
        moving.give_up(here.settings, there.settings)
    (tmp_path / "part").rename(part)
    assert carry(here, there).objects == 1


@pytest.mark.parametrize("before", [0, 1])
def test_a_move_that_was_interrupted_while_the_target_was_opened_goes_on(
    filled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    here, urls = copy_of(filled, tmp_path / "here"), two_databases(tmp_path)
    there = Settings(data=tmp_path / "there", database_urls=urls)
    put, opened = marks.put, list[None]()

    def interrupted(connection: Connection, mark: marks.Mark | None) -> None:
        if mark is None and len(opened) == before:
            raise ConnectionError
        put(connection, mark)
        if mark is None:
            opened.append(None)

    monkeypatch.setattr(marks, "put", interrupted)
    with pytest.raises(ConnectionError):
        moving.move(here.settings, there, print, running=False)
    monkeypatch.undo()
    with pytest.raises(migration.Elsewhere, match="being moved to this place"):
        migration.upgrade(there.databases()[0])
    if before:
        with pytest.raises(moving.MoveError, match="may have gone on there"):
            moving.give_up(here.settings, there)
    else:
        moving.give_up(here.settings, there)
    assert moving.move(here.settings, there, print, running=False) == moving.Carried(sessions=1)
    for url in there.databases():
        assert migration.upgrade(url) == migration.LATEST


@pytest.mark.parametrize("damage", ["gone", "shorter"])
def test_an_object_that_the_target_lost_is_carried_again(
    filled: Place, tmp_path: Path, damage: str
) -> None:
    here, there = copy_of(filled, tmp_path / "here"), Place(tmp_path / "there")
    moving.move(here.settings, there.settings, print, running=True)
    part = part_of(there)
    body = part.read_bytes()
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(body[1:])
    assert carry(here, there).objects == 1
    assert part.read_bytes() == body
    check_everything(there)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("file:///{0}/bucket", "file:///{0}/bucket/objects"),
        ("file:///{0}/bucket/objects", "file:///{0}/bucket/"),
        ("s3://bucket", "s3://bucket/objects"),
        ("s3://bucket/objects/of/here", "s3://bucket/objects/"),
    ],
)
def test_objects_are_not_moved_within_their_place(
    filled: Place, tmp_path: Path, source: str, target: str
) -> None:
    """A sweep at one would remove what the other has."""
    here = replace(filled.settings, objects_url=source.format(tmp_path))
    there = Settings(data=tmp_path / "there", objects_url=target.format(tmp_path))
    with pytest.raises(moving.MoveError, match="within"):
        moving.move(here, there, print, running=True)
    assert not there.data.exists()


@pytest.mark.parametrize("name", ["file://{0}/data/objects/", "file://{0}/x/../data//objects"])
def test_objects_that_stay_are_known_by_any_name(filled: Place, tmp_path: Path, name: str) -> None:
    here = copy_of(filled, tmp_path / "here")
    there = Settings(data=tmp_path / "there", objects_url=name.format(here.folder))
    assert moving.move(here.settings, there, print, running=False).objects == 0


@pytest.mark.parametrize("first", [0, 1])
def test_an_earlier_time_to_fewer_databases_leaves_nothing(tmp_path: Path, first: int) -> None:
    here, urls = Place(tmp_path / "here"), two_databases(tmp_path)
    with here.server() as server, server.sign_in() as signed_in:
        visits = [Visit().create(signed_in) for _ in range(8)]
        file, body = upload(signed_in, visits[0])
    there = Settings(data=tmp_path / "there/data", database_urls=urls)
    fewer = replace(there, database_urls=(urls[first],))
    moving.move(here.settings, fewer, print, running=True)
    assert moving.move(here.settings, there, print, running=False).sessions == len(visits)
    environment = {"CARESEAL_DATABASE_URLS": " ".join(urls)}
    with ServerProcess(tmp_path / "there", GENEROUS, environment) as server:
        assert len(server.objects) == 1
        with server.client() as client:
            headers = visits[0].host.token.header
            part = client.get(f"{visits[0].path}/files/{file}/parts/0", headers=headers)
            assert part.content == body
            assert all(log_of(client, each) == [] for each in visits)


def part_of(place: Place) -> Path:
    """The file of the one object there is."""
    (name,) = place.server().objects
    return place.folder / "data/objects" / name


def two_databases(folder: Path) -> tuple[str, ...]:
    return tuple(f"sqlite:///{folder}/{number}.sqlite3" for number in range(2))


def new_places(folder: Path, count: int) -> list[Place]:
    return [Place(folder / f"place{number}") for number in range(count)]


def test_every_table_is_carried_or_said_to_pass() -> None:
    """A new table is, by itself; its key must sort alike in all databases."""
    carried = {*reconcile.tables_of_sessions(), *reconcile.other_tables()}
    left = {table.name for table in schema.metadata.sorted_tables if table not in carried}
    assert left == {"addressed", "bucket", "installation", "pulse"}
    for table in carried:
        kinds = [type(column.type) for column in table.primary_key]
        assert kinds
        assert all(
            issubclass(kind, LargeBinary | Numeric) or "Int" in kind.__name__ for kind in kinds
        )
