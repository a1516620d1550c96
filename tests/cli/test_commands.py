"""What each command does, prints and exits with."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from careseal.client import Session, Store
from careseal.e2ee.identifiers import MessageId
from tests.cli.conftest import Shell
from tests.serving import serving

Person = Callable[[str], Shell]


@pytest.fixture
def host(person: Person) -> Shell:
    return person("Dr Roe")


@pytest.fixture
def link(host: Shell) -> str:
    (made,) = host.json("new", "--title", "Knee")
    return str(made["link"])


@pytest.fixture
def patient(person: Person, link: str) -> Shell:
    shell = person("Ann")
    shell.run("join", "-", stdin=link.encode() + b"\n")
    return shell


def test_a_message_goes_from_one_machine_to_another(host: Shell, patient: Shell) -> None:
    patient.run("send", "hello", "doctor")
    host.run("send", stdin=b"zweite\nZeile")
    told = [line["text"] for line in patient.json("log")]
    assert told == ["hello doctor", "zweite\nZeile"]
    assert b"guest Ann: hello doctor" in host.run("log")


def test_a_guest_writes_nothing_onto_the_terminal_but_its_own(
    host: Shell, person: Person, link: str
) -> None:
    """Neither escape codes nor a line that looks like one of somebody else."""
    eve = person("Eve\x1b[2J\nhost Dr Roe")
    eve.run("join", "-", stdin=link.encode() + b"\n")
    eve.run("send", stdin=b"\x1b]0;owned\x07hi\n00:00 host Dr Roe: take ten")
    for shown in (host.run("log"), host.run("members")):
        assert b"\x1b" not in shown
        assert b"\x07" not in shown
        assert not [line for line in shown.splitlines() if line.lstrip().startswith(b"host Dr")]
    lines = host.run("log").splitlines()
    assert [line for line in lines if line.endswith(b"Dr Roe: take ten") and line[:1] != b" "] == []


def test_the_log_shows_messages_as_they_stand(host: Shell, patient: Shell) -> None:
    for text in ("kept", "wrong", "secret"):
        patient.run("send", text)
    kept, wrong, secret = patient.json("log")
    asyncio.run(_change(patient, wrong["message"], secret["message"]))
    log = host.json("log")
    assert [line["event"] for line in log] == ["text", "text", "withdrawn"]
    assert (log[1]["text"], log[1]["edited"]) == ("right", True)
    assert [felt["emoji"] for felt in log[0]["reactions"]] == ["👍"]
    assert "text" not in log[2]
    shown = host.run("log").decode()
    assert "kept [👍 guest Ann]" in shown
    assert "right (edited)" in shown
    assert "guest Ann withdrew this message" in shown
    assert "wrong" not in shown
    assert "secret" not in shown
    # What is told of messages before that place in the log is how they were changed after it.
    for place, told in (
        (secret["seq"], ["edit", "withdraw", "reaction"]),
        (kept["seq"], ["text", "withdrawn", "reaction"]),
    ):
        assert [line["event"] for line in host.json("log", f"--after={place}")] == told


async def _change(shell: Shell, wrong: str, secret: str) -> None:
    with Store.open(shell.folder / shell.name) as store:
        (known,) = store.sessions()
        async with await Session.open(store, known) as session:
            await session.edit(MessageId.parse(wrong), "right")
            await session.withdraw(MessageId.parse(secret))
            first = (await session.conversation()).messages[0]
            await session.react(first.sender.id, first.message, "👍")


def test_the_time_agreed_is_told_to_who_joins_and_to_who_asks(host: Shell, person: Person) -> None:
    (made,) = host.json("new", "--title", "Control", "--starts", "2031-02-03T14:30+01:00")
    assert made["starts"] == 1_927_891_800_000
    (joined,) = person("Ann").json("join", stdin=made["link"].encode())
    assert joined["starts"] == made["starts"]
    (listed,) = [each for each in host.json("sessions") if each["session"] == made["session"]]
    assert listed["starts"] == made["starts"]
    shown = host.start("members").communicate(timeout=60)[1]
    assert b"The visit starts on Mon 2031-02-03" in shown
    assert b"is no time" in host.run("new", "--starts", "tomorrow", code=2)


def test_the_link_is_taken_from_stdin_a_file_or_the_environment(
    person: Person, link: str, tmp_path: Path
) -> None:
    (tmp_path / "link").write_text(link + "\n")
    person("one").run("join", stdin=link.encode())
    person("two").run("join", "--link-file", "link")
    third = person("three")
    third.environment["CARESEAL_LINK"] = link
    (joined,) = third.json("join")
    assert joined["title"] == "Knee"
    assert joined["hosts"] == ["Dr Roe"]


def test_a_file_goes_over_stdin_and_stdout(host: Shell, patient: Shell) -> None:
    data = os.urandom(5_000_000)
    host.run("send-file", "-", "--name", "scan.bin", stdin=data)
    assert patient.run("receive", "-o", "-") == data
    assert b"There is no new file" in patient.run("receive", code=1)


def test_a_received_file_gets_its_own_name_in_a_folder(
    host: Shell, patient: Shell, tmp_path: Path
) -> None:
    (tmp_path / "befund.txt").write_bytes(b"all well")
    (tmp_path / "inbox").mkdir()
    host.run("send-file", "befund.txt")
    (got,) = patient.json("receive", "-o", "inbox")
    assert (got["name"], got["size"]) == ("befund.txt", 8)
    assert (tmp_path / "inbox" / "befund.txt").read_bytes() == b"all well"


def test_watch_shows_what_happens_one_object_a_line(host: Shell, patient: Shell) -> None:
    watching = host.start("watch", "--json", "--count", "1")
    assert watching.stdout is not None
    while json.loads(watching.stdout.readline())["event"] != "connected":
        pass
    patient.run("send", "are you there?")
    told = [json.loads(line) for line in watching.stdout]
    assert [line["text"] for line in told if line["event"] == "text"] == ["are you there?"]
    assert watching.wait(20) == 0


def test_watch_ends_with_130_on_interrupt(host: Shell, link: str) -> None:
    watching = host.start("watch", "--json")
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.wait(20) == 130


def test_members_and_code_are_the_same_for_both(host: Shell, patient: Shell) -> None:
    assert host.json("code")[0]["code"] == patient.json("code")[0]["code"]
    rows = host.json("members")
    assert [[d["name"] for d in row["devices"]] for row in rows] == [["Dr Roe"], ["Ann"]]
    assert patient.json("members") == [row | {"session": rows[0]["session"]} for row in rows]


def test_a_third_person_comes_by_a_new_link_with_a_passcode(
    host: Shell, person: Person, link: str
) -> None:
    host.environment["CARESEAL_PASSCODE"] = "blue fish"
    (made,) = host.json("invite", "--label", "Interpreter", "--passcode")
    third = person("Ivy")
    third.environment["CARESEAL_PASSCODE"] = "red fish"
    third.run("join", stdin=made["link"].encode(), code=3)
    third.environment["CARESEAL_PASSCODE"] = "blue fish"
    third.run("join", stdin=made["link"].encode())


def test_a_removed_person_is_told_so(host: Shell, patient: Shell, link: str) -> None:
    host.run("remove", "Ann", "--yes")
    assert b"not in the session" in patient.run("send", "hello?", code=4)
    assert b"does not work" in patient.run("join", "-", stdin=link.encode(), code=3)


def test_leaving_deletes_everything_here(patient: Shell) -> None:
    patient.run("leave", "--yes")
    assert patient.json("sessions") == []
    patient.run("send", "x", code=4)


def test_an_ended_session_can_be_read(host: Shell, patient: Shell) -> None:
    patient.run("send", "thanks")
    host.run("end", "--yes")
    assert b"has ended" in patient.run("send", "one more", code=4)
    assert [row["text"] for row in patient.json("log") if row["event"] == "text"] == ["thanks"]


def test_guests_are_told_what_only_hosts_may(patient: Shell) -> None:
    assert b"Only hosts" in patient.run("invite", code=6)


def test_an_unreachable_server_has_its_own_exit_code(host: Shell, person: Person) -> None:
    host.server = "http://localhost:9"
    host.environment["CARESEAL_PATIENCE"] = "0.2"
    assert b"does not answer" in host.run("new", code=5)


def test_what_is_no_link_is_said_plainly_and_not_repeated(person: Person) -> None:
    told = person("Eve").run("join", stdin=b"https://x/telemedicine/secret#stuff", code=1)
    assert b"not a link" in told
    assert b"stuff" not in told


def test_a_passphrase_seals_the_store(person: Person, link: str) -> None:
    shell = person("Pat")
    shell.environment["CARESEAL_PASSPHRASE"] = "correct horse"
    shell.run("join", stdin=link.encode())
    shell.environment["CARESEAL_PASSPHRASE"] = "wrong"
    assert b"passphrase is wrong" in shell.run("log", code=1)
    shell.environment["CARESEAL_PASSPHRASE"] = "correct horse"
    shell.run("log")


def test_nothing_of_a_session_lies_readable_in_the_store(
    host: Shell, patient: Shell, tmp_path: Path
) -> None:
    patient.run("send", "a very readable sentence")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "Ann").iterdir())
    for secret in (b"readable sentence", b"Dr Roe", b"Knee", b"localhost"):
        assert secret not in kept
    assert (tmp_path / "Ann").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "Ann" / "key").stat().st_mode & 0o777 == 0o600


def test_carrying_on_with_nothing_missing_says_so(host: Shell, patient: Shell) -> None:
    assert b"Nothing is missing" in patient.run("carry-on")


@pytest.mark.small  # it is a backup of the folder of data
def test_after_a_restore_the_way_on_is_said_and_works(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as own:
        account = {"CARESEAL_TOKEN": own.careseal("api-token")}
        shell = Shell(tmp_path, own.base_url, "Dr Roe", account)
        shell.run("new", "--no-qr")
        shell.run("backup", str(tmp_path / "copy"), "--data", str(own.data))
        shell.run("send", "the server will forget this")
        own.kill()
        shutil.rmtree(own.data)
        shell.run("restore", str(tmp_path / "copy"), "--data", str(own.data))
        own.start()
        assert b"careseal carry-on" in shell.run("send", "and this waits", code=7)
        told, shown = at_a_terminal(shell, "carry-on")
        assert b"1 entry was put back" in told
        assert "1/1" in shown
        said = [row["text"] for row in shell.json("log") if row["event"] == "text"]
        assert said == ["the server will forget this", "and this waits"]


def at_a_terminal(shell: Shell, *arguments: str) -> tuple[bytes, str]:
    """What it writes to stdout, and what a person sees of stderr."""
    ours, theirs = pty.openpty()
    process = shell.start(*arguments, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # how Linux says that nobody has the other end any more
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown
    return told, shown.decode()


def test_what_has_no_room_is_said(tmp_path: Path) -> None:
    limits = ("--limit=storedBytes=1000000", "--limit=allStoredBytes=500000")
    with serving(tmp_path / "server", *limits) as own:
        account = {"CARESEAL_TOKEN": own.careseal("api-token")}
        shell = Shell(tmp_path, own.base_url, "Dr Roe", account)
        shell.run("new", "--no-qr")
        told = shell.run("send-file", "-", "--name=scan.bin", stdin=bytes(1_100_000), code=1)
        assert told.endswith(b"Go on in a new one. (storage-full, limit storedBytes)\n")
        told = shell.run("send-file", "-", "--name=scan.bin", stdin=bytes(600_000), code=1)
        assert told.endswith(b"runs it to make room. (storage-full, limit allStoredBytes)\n")


def test_every_command_has_a_help_and_json(host: Shell) -> None:
    commands = ["new", "join", "send", "send-file", "receive", "watch", "log", "members"]
    commands += ["invite", "remove", "code", "sessions", "leave", "end", "carry-on"]
    for command in commands:
        assert b"--json" in host.run(command, "--help")
