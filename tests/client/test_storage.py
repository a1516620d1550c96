"""What a device keeps: sealed, whole, and gone when it is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from careseal.client import StorageError, Store
from careseal.e2ee.identifiers import SessionId

SESSION, OTHER = SessionId(b"s" * 16), SessionId(b"o" * 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_values_come_back_after_reopening(folder: Path) -> None:
    with Store.open(folder) as store:
        store.put(SESSION, "state", b"one")
        store.put(SESSION, "state", b"two")
        store.put(OTHER, "state", b"three")
        store.put(None, "last", b"four")
        assert store.version(SESSION, "state") == 2
    with Store.open(folder) as store:
        assert store.get(SESSION, "state") == b"two"
        assert store.get(OTHER, "state") == b"three"
        assert store.get(None, "last") == b"four"
        assert store.get(SESSION, "nothing") is None
        assert sorted(store.sessions()) == [OTHER, SESSION]


def test_nothing_lies_readable_on_disk(folder: Path) -> None:
    with Store.open(folder) as store:
        store.put(SESSION, "state", b"a readable sentence")
        assert b"readable" not in everything(folder)


def test_only_the_owner_may_look(folder: Path) -> None:
    with Store.open(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "key").stat().st_mode & 0o777 == 0o600


def test_a_value_moved_to_another_name_or_session_does_not_open(folder: Path) -> None:
    with Store.open(folder) as store:
        store.put(SESSION, "state", b"mine")
        store._database.execute("UPDATE sealed SET name = 'profile'")
        with pytest.raises(StorageError):
            store.get(SESSION, "profile")
        store._database.execute("UPDATE sealed SET name = 'state', session = ?", (OTHER,))
        with pytest.raises(StorageError):
            store.get(OTHER, "state")


def test_another_key_opens_nothing(folder: Path) -> None:
    with Store.open(folder) as store:
        store.put(SESSION, "state", b"mine")
    (folder / "key").unlink()
    with Store.open(folder) as store, pytest.raises(StorageError):
        store.get(SESSION, "state")


@pytest.mark.parametrize("wrong", [None, "wrong", ""])
def test_a_passphrase_is_needed_and_must_be_right(folder: Path, wrong: str | None) -> None:
    with Store.open(folder, "right") as store:
        store.put(SESSION, "state", b"mine")
    with pytest.raises(StorageError):
        Store.open(folder, wrong)
    with Store.open(folder, "right") as store:
        assert store.get(SESSION, "state") == b"mine"


def test_a_damaged_key_file_is_said_so(folder: Path) -> None:
    Store.open(folder).close()
    (folder / "key").write_bytes(b"damaged")
    with pytest.raises(StorageError):
        Store.open(folder)


def test_a_failed_change_leaves_everything_as_it_was(folder: Path) -> None:
    with Store.open(folder) as store:
        store.put(SESSION, "state", b"before")
        with pytest.raises(ZeroDivisionError):
            change_and_fail(store)
        assert store.get(SESSION, "state") == b"before"
        assert store.names(SESSION, "") == ["state"]


def test_a_full_disk_is_said_and_nothing_is_half_changed(folder: Path) -> None:
    """The store may grow no further, which SQLite tells as it tells of a full disk."""
    with Store.open(folder) as store:
        store.put(SESSION, "state", b"before")
        store._database.execute("PRAGMA max_page_count = 4")
        with pytest.raises(StorageError, match="full"):
            store.put(SESSION, "more", os.urandom(100_000))
        with pytest.raises(StorageError, match="full"):
            change_much(store)
        assert store.get(SESSION, "state") == b"before"
        store._database.execute("PRAGMA max_page_count = 4000")
        change_much(store)
        assert store.get(SESSION, "state") == b"after"


def change_much(store: Store) -> None:
    with store.transaction():
        store.put(SESSION, "state", b"after")
        store.put(SESSION, "more", os.urandom(100_000))


def test_a_store_that_another_process_holds_is_said(folder: Path) -> None:
    with Store.open(folder) as store, Store.open(folder) as other:
        other._database.execute("PRAGMA busy_timeout = 0")
        with store.transaction():
            with pytest.raises(StorageError, match="locked"):
                other.put(SESSION, "state", b"mine")
            with pytest.raises(StorageError, match="locked"), other.transaction():
                pass
        other.put(SESSION, "state", b"mine")
        assert store.get(SESSION, "state") == b"mine"


def change_and_fail(store: Store) -> None:
    with store.transaction():
        store.put(SESSION, "state", b"after")
        store.put(SESSION, "more", b"x")
        _ = 1 / 0


def test_what_is_forgotten_is_gone_from_the_disk(folder: Path) -> None:
    with Store.open(folder) as store:
        for number in range(20):
            store.put(SESSION, f"value {number}", os.urandom(2000))
        store.put(OTHER, "state", b"stays")
        rows = store._database.execute("SELECT value FROM sealed WHERE session = ?", (SESSION,))
        sealed = [bytes(row[0]) for row in rows]
        store.forget(SESSION)
        kept = everything(folder)
        assert not [each for each in sealed if each[:64] in kept]
        assert store.get(OTHER, "state") == b"stays"


def test_two_processes_take_turns(folder: Path) -> None:
    program = """
import sys
from pathlib import Path
from careseal.client import Store
from careseal.e2ee.identifiers import SessionId
with Store.open(Path(sys.argv[1])) as store:
    for _ in range(200):
        with store.transaction():
            count = int(store.get(SessionId(b"s" * 16), "count") or b"0")
            store.put(SessionId(b"s" * 16), "count", str(count + 1).encode())
"""
    command = [sys.executable, "-c", program, str(folder)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    with Store.open(folder) as store:
        assert store.get(SESSION, "count") == b"400"
