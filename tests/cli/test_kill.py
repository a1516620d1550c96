"""kill -9 at random instants: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

Person = Callable[[str], Shell]
LONGEST = 1.2  # s, about what a command takes


def killed(shell: Shell, dice: random.Random, *arguments: str, stdin: bytes = b"") -> bool:
    """Starts a command and kills it at a random instant; whether it had finished before."""
    process = shell.start(*arguments)
    try:
        process.communicate(stdin, timeout=dice.uniform(0.05, LONGEST))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    return process.returncode == 0


@pytest.fixture
def link(person: Person) -> str:
    (made,) = person("Dr Roe").json("new")
    return str(made["link"])


@pytest.mark.timeout(300)
def test_messages_killed_while_they_are_sent_arrive_once(
    person: Person, link: str, long: bool
) -> None:
    host, patient, dice = person("Dr Roe"), person("Ann"), random.Random(20)
    patient.run("join", "-", stdin=link.encode())
    finished = [
        n for n in range(20 if long else 10) if killed(patient, dice, "send", f"message {n}")
    ]
    patient.run("send", "the last")  # takes what waits along
    arrived = Counter(row["text"] for row in host.json("log") if row["event"] == "text")
    assert set(arrived.values()) == {1}
    assert {f"message {n}" for n in finished} | {"the last"} <= set(arrived)


@pytest.mark.timeout(300)
def test_joins_killed_on_the_way_are_finished_by_the_next_try(
    person: Person, link: str, long: bool
) -> None:
    host, dice = person("Dr Roe"), random.Random(15)
    names = [f"person {n}" for n in range(4 if long else 2)]
    for name in names:
        shell = person(name)
        for _ in range(4):
            killed(shell, dice, "join", "-", stdin=link.encode())
        shell.run("join", "-", stdin=link.encode())
        shell.run("send", f"{name} is here")
    inside = Counter(device["name"] for row in host.json("members") for device in row["devices"])
    assert inside == Counter(["Dr Roe", *names])
    told = Counter(row["text"] for row in host.json("log") if row["event"] == "text")
    assert told == Counter(f"{name} is here" for name in names)


@pytest.mark.timeout(300)
def test_transfers_killed_on_the_way_go_on_and_arrive_once(
    person: Person, link: str, tmp_path: Path
) -> None:
    host, patient, dice = person("Dr Roe"), person("Ann"), random.Random(15)
    patient.run("join", "-", stdin=link.encode())
    data = os.urandom(60_000_000)
    (tmp_path / "scan.bin").write_bytes(data)
    sent = any(killed(host, dice, "send-file", "scan.bin") for _ in range(8))
    if not sent:
        host.run("send-file", "scan.bin")
    host.run("send", "that was all")
    files = [row for row in patient.json("log") if row["event"] == "file"]
    for _ in range(8):
        killed(patient, dice, "receive", "-o", "got.bin")
    if not (tmp_path / "got.bin").exists():
        patient.run("receive", "-o", "got.bin")
    assert (tmp_path / "got.bin").read_bytes() == data
    assert len({row["message"] for row in files}) == len(files)
