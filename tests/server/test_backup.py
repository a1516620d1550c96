"""Backups of a server that runs, and what comes back from them."""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from careseal.server import backup
from careseal.server.single import only_server_of
from tests.server.visits import CHAT_SIZE, Visit, chat, new_id
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.small
GENEROUS = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")


def careseal(*arguments: str | Path, code: int = 0) -> str:
    """What the command said; the test fails when it exits otherwise."""
    command = [sys.executable, "-m", "careseal.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done
    return done.stderr if code else done.stdout


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(tmp_path / "server", *GENEROUS) as server:
        yield server


def upload(client: httpx.Client, visit: Visit) -> tuple[str, bytes]:
    """A file of one part by the host: its id and bytes."""
    file, body = new_id(), secrets.token_bytes(CHAT_SIZE)
    files = f"{visit.path}/files"
    about = {"id": file, "parts": 1, "size": len(body)}
    client.post(files, json=about, headers=visit.host.token.header).raise_for_status()
    part = f"{files}/{file}/parts/0"
    client.put(part, content=body, headers=visit.host.token.header).raise_for_status()
    return file, body


def log_of(client: httpx.Client, visit: Visit) -> list[str]:
    answer = client.get(
        f"{visit.path}/chat", params={"limit": 1000}, headers=visit.host.token.header
    )
    return [entry["id"] for entry in answer.raise_for_status().json()["entries"]]


def test_what_was_acknowledged_before_a_backup_comes_back_from_it(
    running: ServerProcess, tmp_path: Path
) -> None:
    """While others go on writing: the copy is of one instant."""
    with running.sign_in() as signed_in, running.client() as client:
        visit, busy = Visit().create(signed_in), Visit().create(signed_in)
        file, body = upload(client, visit)
        visit.write(client, visit.host)
        before = log_of(client, visit)

        stop = threading.Event()

        def write_on() -> None:
            with running.client() as other:
                while not stop.is_set():
                    busy.write(other, busy.host)

        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            said = careseal("backup", tmp_path / "copy", "--data", running.data)
        finally:
            stop.set()
            writer.join()
        assert "1 objects were new" in said
        second, _ = upload(client, visit)
        renewed = careseal("backup", tmp_path / "copy", "--data", running.data)
        assert "2 objects" in renewed
        assert "1 objects were new" in renewed
        client.delete(f"{visit.path}/files/{second}", headers=visit.host.token.header)
        careseal("backup", tmp_path / "copy", "--data", running.data)
    assert "is whole" in careseal("restore", "--verify", tmp_path / "copy")
    assert len([each for each in (tmp_path / "copy/objects").rglob("*") if each.is_file()]) == 1

    restored = tmp_path / "restored/data"
    careseal("restore", tmp_path / "copy", "--data", restored)
    with serving(restored.parent, *GENEROUS) as server, server.client() as client:
        assert log_of(client, visit) == before
        part = f"{visit.path}/files/{file}/parts/0"
        assert client.get(part, headers=visit.host.token.header).content == body
        client.post(
            f"{visit.path}/chat", json=chat(), headers=visit.host.token.header
        ).raise_for_status()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with an entry and an object in it."""
    folder = tmp_path_factory.mktemp("backup")
    with serving(folder / "server") as server, server.sign_in() as signed_in:
        visit = Visit().create(signed_in)
        with server.client() as client:
            visit.write(client, visit.host)
            upload(client, visit)
        careseal("backup", folder / "copy", "--data", server.data)
    return folder / "copy"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("object changed", "has other bytes than were stored"),
        ("object missing", "is missing"),
        ("entry missing", "have gaps"),
        ("entry changed", "An entry (number 1 of its session) has other bytes"),
        ("door missing", "have gaps"),
        ("database torn", "The database"),
        ("secrets missing", "secrets.json is missing"),
    ],
)
def test_a_damaged_backup_is_said_to_be_and_not_restored(
    copy: Path, tmp_path: Path, damage: str, sentence: str
) -> None:
    damaged = tmp_path / "damaged"
    subprocess.run(["cp", "-a", copy, damaged], check=True)
    (part,) = (each for each in (damaged / "objects").rglob("*") if each.is_file())
    database = damaged / "careseal.sqlite3"
    match damage:
        case "object changed":
            part.write_bytes(bytes(part.stat().st_size))
        case "object missing":
            part.unlink()
        case "database torn":
            octets = bytearray(database.read_bytes())
            octets[4096 : len(octets) // 2] = bytes(len(octets) // 2 - 4096)
            database.write_bytes(octets)
        case "secrets missing":
            (damaged / "secrets.json").unlink()
        case _:
            change = {
                "entry missing": "DELETE FROM entry",
                "entry changed": "UPDATE entry SET body = zeroblob(length(body))",
                "door missing": "DELETE FROM door",
            }
            with sqlite3.connect(database) as connection:
                connection.execute(change[damage])
    assert "cannot be restored" in careseal("restore", "--verify", damaged, code=1)
    told = careseal("restore", damaged, "--data", tmp_path / "data", code=1)
    assert sentence in told
    assert not (tmp_path / "data/careseal.sqlite3").exists()


def test_a_backup_goes_neither_over_data_nor_from_nothing(copy: Path, tmp_path: Path) -> None:
    careseal("restore", copy, "--data", tmp_path / "data")
    assert "holds data already" in careseal("restore", copy, "--data", tmp_path / "data", code=1)
    assert "holds no data" in careseal("backup", tmp_path / "x", "--data", tmp_path / "y", code=1)
    assert "holds no backup" in careseal(
        "restore", tmp_path / "y", "--data", tmp_path / "z", code=1
    )


def test_a_backup_takes_no_servers_folder(
    running: ServerProcess, copy: Path, tmp_path: Path
) -> None:
    database = running.data / "careseal.sqlite3"
    before = database.stat().st_ino
    (tmp_path / "link").symlink_to(running.data)
    for target in (running.data, tmp_path / "link"):
        told = careseal("backup", target, "--data", running.data, code=1)
        assert "another folder than the data are in" in told
    told = careseal("backup", running.data, "--data", copy, code=1)
    assert f"A server runs on {running.data}" in told
    assert database.stat().st_ino == before


def test_of_two_backups_to_one_folder_one_is_made(copy: Path, tmp_path: Path) -> None:
    with only_server_of(tmp_path / "target"):  # as the other holds it
        told = careseal("backup", tmp_path / "target", "--data", copy, code=1)
        assert "another backup to it is under way" in told
        assert [each.name for each in (tmp_path / "target").iterdir()] == ["lock"]
    assert "Backed up 1 sessions" in careseal("backup", tmp_path / "target", "--data", copy)
    assert "is whole" in careseal("restore", "--verify", tmp_path / "target")


def test_an_object_that_the_data_lost_is_said(copy: Path, tmp_path: Path) -> None:
    careseal("restore", copy, "--data", tmp_path / "data")
    for each in (tmp_path / "data/objects").rglob("*"):
        if each.is_file():
            each.unlink()
    told = careseal("backup", tmp_path / "copy", "--data", tmp_path / "data", code=1)
    assert "1 objects that the database names" in told
    assert not (tmp_path / "copy/careseal.sqlite3").exists()


def killed_on(folder: Path) -> None:
    """A server that somebody tried on these data."""
    with serving(folder.parent) as server, server.sign_in() as signed_in:
        Visit().create(signed_in)
        server.kill()
    assert (folder / "careseal.sqlite3-wal").exists()


def test_a_backup_renews_one_on_which_a_server_was_killed(
    running: ServerProcess, tmp_path: Path
) -> None:
    target = tmp_path / "tried/data"
    with running.sign_in() as signed_in:
        careseal("backup", target, "--data", running.data)
        killed_on(target)
        for _ in range(50):
            Visit().create(signed_in)
        assert "Backed up 50 sessions" in careseal("backup", target, "--data", running.data)
    assert "is whole" in careseal("restore", "--verify", target)
    assert not list(target.glob("careseal.sqlite3-*"))


def test_an_earlier_backup_stays_whole_when_a_renewal_ends_before_its_last_step(
    running: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server was killed on it: what that wrote is there still."""
    target = tmp_path / "tried/data"
    careseal("backup", target, "--data", running.data)
    killed_on(target)

    def power_cut(_: Path, __: Path) -> Path:
        raise OSError("a power cut")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", power_cut)
        patched.setattr(backup, "write_private", lambda _, __: None)
        with pytest.raises(OSError, match="power cut"):
            backup.back_up(running.data, target, print)
    assert "is whole" in careseal("restore", "--verify", target)
    with closing(sqlite3.connect(target / "careseal.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM session").fetchone() == (1,)


def test_data_are_not_restored_beside_what_a_killed_server_left(copy: Path, tmp_path: Path) -> None:
    data = tmp_path / "server/data"
    careseal("restore", copy, "--data", data)
    killed_on(data)
    (data / "careseal.sqlite3").unlink()
    told = careseal("restore", copy, "--data", data, code=1)
    assert "careseal.sqlite3-wal of a database that is gone" in told
    (data / "careseal.sqlite3-wal").unlink()
    (data / "careseal.sqlite3-shm").unlink()
    careseal("restore", copy, "--data", data)
    assert "is whole" in careseal("restore", "--verify", data)


def test_a_damaged_database_does_not_replace_an_earlier_backup(copy: Path, tmp_path: Path) -> None:
    careseal("restore", copy, "--data", tmp_path / "data")
    careseal("backup", tmp_path / "copy", "--data", tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data/careseal.sqlite3")) as database:
        page = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'entry'"
        ).fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    with (tmp_path / "data/careseal.sqlite3").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    told = careseal("backup", tmp_path / "copy", "--data", tmp_path / "data", code=1)
    assert "No backup was made. The database" in told
    assert "is whole" in careseal("restore", "--verify", tmp_path / "copy")
