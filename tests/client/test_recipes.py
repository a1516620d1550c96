"""The recipes of docs/sdk.md, run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from careseal.client import (
    ApiToken,
    Event,
    File,
    GroupChanged,
    LinkRefused,
    MessageReceived,
    Session,
    Store,
)
from tests.hostile.scene import saying, texts
from tests.serving import ServerProcess

SDK = Path(__file__).parents[2] / "docs" / "sdk.md"
RECIPES = {
    name: code
    for code in re.findall(r"```python\n(.*?)```", SDK.read_text(), re.DOTALL)
    for name in re.findall(r"\A# recipe: (\w+)\n", code)
}


class Programs:
    """Runs recipes as programs of their own."""

    def __init__(self, folder: Path, server: ServerProcess, account: ApiToken) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []
        self._common = {"CARESEAL_SERVER": server.base_url, "CARESEAL_TOKEN": account.text}

    def start(self, recipe: str, **environment: object) -> subprocess.Popen[str]:
        values = {name: str(value) for name, value in environment.items()}
        program = subprocess.Popen(
            [sys.executable, "-c", RECIPES[recipe]],
            env={**os.environ, **self._common, **values},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started.append(program)
        return program

    def stop(self) -> None:
        """What a failed test has left running."""
        for program in self._started:
            program.kill()
            program.wait()

    async def run(self, recipe: str, **environment: object) -> str:
        return await self.end(self.start(recipe, **environment))

    async def end(self, program: subprocess.Popen[str]) -> str:
        out, _ = await asyncio.to_thread(program.communicate, timeout=60)
        assert program.returncode == 0
        return out


@pytest.fixture
async def programs(
    tmp_path: Path, server: ServerProcess, account: ApiToken
) -> AsyncIterator[Programs]:
    """With a session that the first recipe has made, its link in the file `link`."""
    made = Programs(tmp_path, server, account)
    await made.run("open_visit", STORE=tmp_path / "clinic", LINK_FILE=tmp_path / "link")
    yield made
    made.stop()


@pytest.fixture
async def patient(programs: Programs) -> AsyncIterator[Session]:
    with Store.open(programs.folder / "patient") as store:
        link = (programs.folder / "link").read_text()
        async with await Session.join(store, link, name="Ann", patience=30) as session:
            yield session


async def until(session: Session, wanted: Callable[[Event], bool]) -> None:
    async with asyncio.timeout(30), session.following() as events:
        if any([wanted(past) async for past in session.history()]):
            return
        async for event in events:
            if wanted(event):
                return


def is_there(name: str) -> Callable[[Event], bool]:
    def wanted(event: Event) -> bool:
        match event:
            case GroupChanged(joined=newcomer) if newcomer is not None:
                return newcomer.identity.name == name
        return False

    return wanted


def has_invites(count: int) -> Callable[[Event], bool]:
    return lambda event: (
        isinstance(event, GroupChanged) and len(event.policy_after.invites) == count
    )


def wait_for_text(file: Path) -> None:
    while not file.exists() or not file.read_text():
        time.sleep(0.02)


def test_there_are_five_recipes() -> None:
    assert len(RECIPES) == 5


async def test_open_visit(patient: Session) -> None:
    assert patient.title == "Knee"
    assert texts([event async for event in patient.history()]) == [
        "Welcome. Please tell me here what has changed since last week."
    ]


async def test_deliver_result(programs: Programs, patient: Session) -> None:
    report = programs.folder / "report.pdf"
    report.write_bytes(b"%PDF" + os.urandom(100_000))
    link = programs.folder / "link"
    told = await programs.run(
        "deliver_result", STORE=programs.folder / "lab", LINK_FILE=link, REPORT=report
    )
    assert "delivered as entry" in told
    events = await patient.catch_up()
    assert "Your blood count is in." in texts(events)[0]
    (file,) = [
        e.payload for e in events if isinstance(e, MessageReceived) and isinstance(e.payload, File)
    ]
    path = await patient.receive_file(file, programs.folder)
    assert path is not None
    assert path.read_bytes() == report.read_bytes()


async def test_file_records(programs: Programs, patient: Session) -> None:
    record, photo = programs.folder / "record", programs.folder / "knee.jpg"
    photo.write_bytes(os.urandom(50_000))
    with Store.open(programs.folder / "clinic") as store:
        async with await Session.open(store, store.sessions()[0]) as host:
            await host.catch_up()
            bot_link = await host.invite()
            (programs.folder / "bot-link").write_text(bot_link.reveal())
            about = {
                "STORE": programs.folder / "bot",
                "LINK_FILE": programs.folder / "bot-link",
                "RECORD": record,
            }
            bot = programs.start("file_records", **about)
            await until(patient, is_there("Record system"))
            await patient.send("It is swollen.")
            await patient.send_file(photo)
            await asyncio.to_thread(lambda: bot.stdout and bot.stdout.readline())
            await host.end()
            await programs.end(bot)
    assert (record / "messages.txt").read_text() == "Ann: It is swollen.\n"
    assert (record / "knee.jpg").read_bytes() == photo.read_bytes()


async def test_night_desk(programs: Programs) -> None:
    desk = programs.start("night_desk", STORE=programs.folder / "clinic")
    with Store.open(programs.folder / "patient") as store:
        link = (programs.folder / "link").read_text()
        async with await Session.join(store, link, name="Ann", patience=30) as session:
            await session.send("I have chest pain")
            await until(session, saying("If this is new or strong, call 112 now."))
            await programs.end(desk)


async def test_interpreter(programs: Programs, patient: Session) -> None:
    link_file = programs.folder / "interpreter-link"
    about = {"STORE": programs.folder / "clinic", "PASSCODE": "blue fish", "LINK_FILE": link_file}
    host = programs.start("interpreter", **about)
    await until(patient, has_invites(3))
    await asyncio.to_thread(wait_for_text, link_file)
    with Store.open(programs.folder / "interpreter") as store:
        link = link_file.read_text()
        async with await Session.join(store, link, name="Ivy", passcode="blue fish") as session:
            await session.send("done")
            assert "Ivy is here; compare" in await programs.end(host)
            with pytest.raises(LinkRefused):
                await Session.join(store, link, name="Ivy", passcode="blue fish")
    await patient.catch_up()
    assert [member.identity.name for member in patient.members] == ["Dr Roe", "Ann"]
