"""What cannot be used is told in a sentence, never by a traceback."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest

from careseal.client import Store
from careseal.e2ee.identifiers import SessionId
from tests.cli.conftest import Shell

NOWHERE = "--database-url=postgresql://careseal:secret@127.0.0.1:9/careseal"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An operator's, with a data folder."""
    made = Shell(tmp_path, "http://localhost:9", "Dr Roe")
    made.run("api-token", "--data=data")
    return made


def told(shell: Shell, *arguments: str) -> str:
    """The one line of stderr."""
    (line,) = shell.run(*arguments, code=1).decode().splitlines()
    return line


@pytest.mark.small
@pytest.mark.parametrize("command", ["api-token", "sign-in-link"])
def test_a_database_that_is_none_or_does_not_answer(shell: Shell, command: str) -> None:
    assert "looks like postgresql" in told(shell, command, "--database-url=nonsense")
    line = told(shell, command, "--data=elsewhere", NOWHERE)
    assert "The database cannot be used" in line
    assert "secret" not in line
    assert "data/secrets.json: " in told(shell, command, "--data=data/secrets.json")
    with sqlite3.connect(shell.folder / "data" / "careseal.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "of a later release" in told(shell, command, "--data=data")


@pytest.mark.small
def test_a_move_whose_target_does_not_answer(shell: Shell) -> None:
    folders = (f"--from={shell.folder / 'data'}", f"--to={shell.folder / 'target'}")
    assert "The database cannot be used" in told(shell, "move", *folders, f"--to-{NOWHERE[2:]}")


@pytest.mark.small
def test_a_move_from_the_folder_here(shell: Shell) -> None:
    assert (
        "Start the server at the new place" in shell.run("move", "--from=data", "--to=new").decode()
    )


@pytest.mark.small
def test_a_backup_of_what_is_damaged_or_cannot_be_read(shell: Shell) -> None:
    shell.run("backup", "--data=data", "copy")
    copy = shell.folder / "copy" / "careseal.sqlite3"
    with sqlite3.connect(copy) as database:
        database.execute("DROP TABLE part")
    assert "cannot be read or copied: no such table" in told(shell, "restore", "--verify", "copy")
    assert "cannot be read or copied: no such" in told(shell, "restore", "--data=new", "copy")
    copy.write_bytes(b"no database at all")
    assert "The database cannot be copied" in told(shell, "backup", "--data=copy", "another")


def test_a_store_that_another_key_sealed(shell: Shell) -> None:
    with Store.open(shell.folder / shell.name) as store:
        store.put(SessionId(b"s" * 16), "state", b"anything")
    (shell.folder / shell.name / "key").unlink()
    assert "sealed by another key" in told(shell, "sessions")


@pytest.mark.small
def test_a_server_that_is_refused_says_why_and_leaves_no_mark(shell: Shell) -> None:
    data = shell.folder / "data"
    with sqlite3.connect(data / "careseal.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "of a later release" in told(shell, "serve", "--data=data", "--port=0")
    assert "The database cannot be used" in told(
        shell, "serve", "--data=other", "--port=0", NOWHERE
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "in use" in told(shell, "serve", "--data=third", f"--port={port}")
    assert list(shell.folder.rglob("running")) == []


def test_a_sign_in_link_leads_to_the_port_that_is_given(shell: Shell) -> None:
    link = shell.run("sign-in-link", "--data=data", "--port=9123").decode()
    assert link.startswith("http://localhost:9123/sign-in#")


def test_a_secret_that_is_a_folder(shell: Shell) -> None:
    said = shell.run("serve", "--data=data", "--turn-secret-file=.", code=2).decode()
    assert "is a directory" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["CARESEAL_DATABASE_URLS", "CARESEAL_OBJECTS_URL"])
def test_a_backup_of_a_server_whose_data_is_elsewhere(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "elsewhere")
    assert name in told(shell, "backup", "--data=data", "copy")
    assert not (shell.folder / "copy").exists()
