"""A browser and a terminal in one session: the web client, the command line and the SDK."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.people import clinician, new_session, patient
from tests.serving import ServerProcess


@dataclass
class Terminal:
    """Somebody who has the command line and nothing else."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        kept = {"CARESEAL_STORE": str(self.folder / "store")}
        return subprocess.Popen(
            [sys.executable, "-m", "careseal.cli", *arguments],
            env=os.environ | kept | self.environment,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> bytes:
        process = self.start(*arguments)
        out, error = process.communicate(stdin, timeout=60)
        assert process.returncode == code, (arguments, process.returncode, out, error)
        return out

    def json(self, *arguments: str, stdin: bytes = b"") -> list[dict[str, Any]]:
        return [json.loads(row) for row in self.run(*arguments, "--json", stdin=stdin).splitlines()]


@pytest.fixture
def nurse(tmp_path: Path) -> Terminal:
    folder = tmp_path / "nurse"
    folder.mkdir()
    return Terminal(folder, {"CARESEAL_NAME": "Nurse Joy"})


def test_a_nurse_at_a_terminal_takes_part_in_a_visit(
    server: ServerProcess, first_browser: Browser, nurse: Terminal, tmp_path: Path
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    link = new_session(doctor, "Knee")
    doctor.write("before you came")
    doctor.sees("before you came")
    (joined,) = nurse.json("join", "-", stdin=link.encode())
    assert joined["title"] == "Knee"
    assert [row["text"] for row in nurse.json("log") if row["event"] == "text"] == [
        "before you came"
    ]
    nurse.run("send", "the blood count is in")
    doctor.sees("the blood count is in")
    doctor.write("thank you")
    doctor.sees("thank you")
    assert [row["text"] for row in nurse.json("log") if row["event"] == "text"][-1] == "thank you"

    doctor.open_panel("Security")
    for group in nurse.json("code")[0]["code"]:
        expect(doctor.page.get_by_text(group, exact=True)).to_have_count(1)
    doctor.open_panel("Chat")

    sent = os.urandom(300_000)
    (nurse.folder / "count.pdf").write_bytes(sent)
    nurse.run("send-file", "count.pdf")
    expect(doctor.chat.get_by_text("count.pdf")).to_be_visible()
    photo = tmp_path / "knee.bin"
    photo.write_bytes(os.urandom(5_000_000))
    doctor.page.locator("input[type=file]").first.set_input_files(photo)
    expect(doctor.chat.get_by_text("knee.bin")).to_be_visible()
    received = nurse.run("receive", "--wait", "-o", "-")
    assert received == photo.read_bytes()
    assert doctor.complaints == []


def test_who_watches_at_a_terminal_is_seen_to_be_here_and_hears_what_is_said(
    server: ServerProcess, first_browser: Browser, nurse: Terminal
) -> None:
    doctor = clinician(first_browser, server.sign_in_link)
    nurse.run("join", "-", stdin=new_session(doctor).encode())
    watching = nurse.start("watch", "--json")
    assert watching.stdout is not None
    doctor.open_panel("Participants")
    row = doctor.page.locator("li.person", has_text="Nurse Joy")
    expect(row).to_have_attribute("data-here", "true")
    doctor.open_panel("Chat")
    doctor.write("are you there?")
    for line in watching.stdout:
        told = json.loads(line)
        if told["event"] == "text":
            assert told["text"] == "are you there?"
            break
    watching.terminate()
    watching.wait(20)
    doctor.open_panel("Participants")
    expect(row).not_to_have_attribute("data-here", "true")
    assert doctor.complaints == []


def test_a_browser_joins_a_session_that_a_script_has_made(
    server: ServerProcess, first_browser: Browser, tmp_path: Path
) -> None:
    token = server.careseal("api-token")
    where = {"CARESEAL_SERVER": server.base_url, "CARESEAL_TOKEN": token}
    script = Terminal(tmp_path, {"CARESEAL_NAME": "Dr Roe", **where})
    (made,) = script.json("new", "--title", "Shoulder")
    script.run("send", "please fill in the form")
    ann = patient(first_browser, made["link"])
    ann.sees("please fill in the form")
    ann.write("done")
    ann.sees("done")
    rows = [row for row in script.json("log") if row["event"] == "text"]
    assert [(row["from"]["name"], row["text"]) for row in rows] == [
        ("Dr Roe", "please fill in the form"),
        ("Ann", "done"),
    ]
    assert {d["name"] for row in script.json("members") for d in row["devices"]} == {
        "Dr Roe",
        "Ann",
    }
    script.run("remove", "Ann", "--yes")
    expect(
        ann.page.get_by_text(re.compile("removed|no longer", re.IGNORECASE)).first
    ).to_be_visible()
    assert ann.complaints == []
