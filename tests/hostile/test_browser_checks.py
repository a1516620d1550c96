"""The same attack on the web client as it is and with one check taken out: noticed, and not.

The check is taken out of a build for these tests (`cut_pages.py`); the client has no such switch.
"""

# ruff: noqa: E501, F811 - checks as they stand in the client; fixtures of the browser tests

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Locator, expect

from careseal.client import ApiToken, InviteOptions, Link, Session, Store
from tests.browser.conftest import (  # noqa: F401 - the browsers of the browser tests
    chromium_options,
    first_browser,
    playwright,
)
from tests.browser.people import Person, join, new_context
from tests.serving import ServerProcess

from .cut_pages import Cut, give_pages, pages_without
from .eve import ID, Eve
from .liar import Json, Liar
from .lies_about_the_log import garbage
from .lies_on_the_line import entries
from .routes import lying_to

T = TypeVar("T")

FORK = "The server shows different people different things"
ROLLED_BACK = "The server took back what it had confirmed"
VOID = "A change to this visit was refused"
UNREADABLE = "A message that this device cannot open"
SOON = 10_000  # ms


class Beside:
    """A loop of its own for the SDK: Playwright's is this thread's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)


@dataclass
class Stage:
    """Dr Roe at the SDK, and Ann in a browser behind a liar; her pages are the ones under test."""

    beside: Beside
    folder: Path
    roe: Session
    link: Link
    ann: Person
    liar: Liar

    def ann_joins(self) -> None:
        self.ann.page.goto(self.link.reveal())
        join(self.ann)
        status = self.ann.page.get_by_role("status").filter(has_text="Connected")
        expect(status.first).to_be_visible()
        self.beside.do(self.roe.catch_up())

    def roe_says(self, text: str) -> None:
        """She has read on, so her next message signs that this one lies before it."""
        self.beside.do(self.roe.send(text))
        self.beside.do(self.roe.catch_up())

    def eve_joins(self) -> Eve:
        async def joins() -> Eve:
            link = await self.roe.invite(InviteOptions("Eve"))
            return Eve(await Session.join(Store.open(self.folder / "eve"), link, name="Eve"))

        eve = self.beside.do(joins())
        expect(self.ann.page.get_by_text("Eve joined").first).to_be_visible()
        return eve

    def is_first(self, wanted: Locator, other: Locator) -> bool:
        """Waits for either; whether it is the wanted one."""
        expect(wanted.or_(other).first).to_be_visible(timeout=SOON)
        return not other.is_visible()

    def alarm(self, title: str) -> Locator:
        return self.ann.page.get_by_role("alert").filter(has_text=title)

    def goes_on(self, alarm: str) -> bool:
        """Whether Ann is told what comes next, and what comes after that, without the alarm."""
        for line in ("and then", "and at last"):
            self.roe_says(line)
            told = self.ann.chat.get_by_text(line, exact=True)
            if not self.is_first(told, self.alarm(alarm)):
                return False
        return True


Attacking = Callable[[Stage], bool]
SetUp = Callable[[Path | None], AbstractContextManager[Stage]]


@dataclass(frozen=True)
class Attack:
    """Answers whether it had its way."""

    name: str
    cut: Cut
    succeeds: Attacking
    quick: bool = False  # each needs browsers of its own


ATTACKS: list[Attack] = []


def stopped_by(file: str, saying: str, instead: str) -> Callable[[Attacking], Attacking]:
    def register(attacking: Attacking) -> Attacking:
        name = attacking.__name__.replace("_", " ")
        cut = Cut(f"lib/{file}" if "/" in file else f"lib/encryption/{file}", saying, instead)
        ATTACKS.append(Attack(name, cut, attacking))
        return attacking

    return register


# The log -------------------------------------------------------------------------------------


@stopped_by(
    "member.ts",
    "if (at.seq < seq && agrees(before.chain, at) !== false) return applied",
    "return applied",
)
def the_server_keeps_a_message_from_one_member(stage: Stage) -> bool:
    stage.ann_joins()
    kept: list[int] = []

    def without(rows: list[Json]) -> list[Json]:
        kept.extend(row["seq"] for row in rows if row["kind"] == "chat" and not kept)
        return [
            {**row, "seq": row["seq"] - sum(row["seq"] > seq for seq in kept)}
            for row in rows
            if row["seq"] not in kept
        ]

    stage.liar.log(without)
    stage.roe_says("kept from Ann")
    return stage.goes_on(FORK)


@stopped_by(
    "member.ts",
    'return same === false ? contradicted(state, { kind: "duplicate" }, entry.seq) :',
    "return",
)
def the_server_rewrites_what_was_read(stage: Stage) -> bool:
    stage.ann_joins()
    entries(stage.liar, lambda frame: [frame, garbage(frame)])
    stage.roe_says("as it was")
    return stage.goes_on(FORK)


@stopped_by("session/log.ts", "if (row.head < knownHead) await this.rolledBack(row.head)", "")
def the_server_rolls_the_log_back(stage: Stage) -> bool:
    stage.ann_joins()
    stage.roe_says("soon gone")
    stage.ann.sees("soon gone")

    @stage.liar.tells
    def greet(frame: Json) -> list[Any]:
        return [{**frame, "head": 0}] if frame["type"] in ("ready", "beat") else [frame]

    stage.liar.says("GET", r"/sessions/[^/]+$")(lambda row: {**row, "head": 0})
    stage.ann.page.reload()
    stage.ann.sees("soon gone")
    return stage.goes_on(ROLLED_BACK)


@stopped_by(
    "member.ts",
    'if (entry.parent !== state.lastCommit) return settle(next, { kind: "wrong-parent" })',
    "",
)
def the_server_lets_an_entry_in_that_does_not_fit(stage: Stage) -> bool:
    stage.ann_joins()
    stage.liar.log(lambda rows: [{**row, "parent": 0} for row in rows])
    stage.roe_says("what does not fit")
    alarm = stage.alarm("The server let an entry in that does not fit")
    return stage.is_first(stage.ann.page.get_by_text(UNREADABLE).first, alarm)


# Messages ------------------------------------------------------------------------------------


@stopped_by(
    "message.ts",
    "if (!(await verify(sender.key, label, signed, read.signature))) return tampered",
    "",
)
def a_guest_writes_in_the_name_of_the_clinician(stage: Stage) -> bool:
    stage.ann_joins()
    eve = stage.eve_joins()
    order = {"type": "text", "message": ID, "text": "take ten"}
    stage.beside.do(eve.says(order, leaf=0))
    shown = stage.ann.chat.get_by_text("take ten", exact=True)
    return stage.is_first(shown, stage.ann.page.get_by_text(UNREADABLE).first)


@stopped_by(
    "message.ts",
    'case "end":\n      return sender.role === "host"',
    'case "end":\n      return true',
)
def a_guest_ends_the_visit(stage: Stage) -> bool:
    stage.ann_joins()
    eve = stage.eve_joins()
    stage.beside.do(eve.says({"type": "end"}))
    stage.roe_says("still here")
    ended = stage.ann.page.get_by_text("The clinic has ended this visit").first
    expect(ended.or_(stage.ann.chat.get_by_text("still here", exact=True)).first).to_be_visible()
    return ended.is_visible()  # it lies before the other


# Commits -------------------------------------------------------------------------------------


@stopped_by(
    "validity.ts",
    'demand(sender.role === "host" || (view.removes.length === 0 && data.policy === undefined), "not-a-host")',
    "",
)
def a_guest_removes_somebody(stage: Stage) -> bool:
    return commits(stage, "guests_removal", stage.ann.chat.get_by_text("was removed"))


def commits(stage: Stage, kind: str, told: Locator) -> bool:
    """Whether a bad commit of a guest counts for Ann, who is then told so."""
    stage.ann_joins()
    eve = stage.eve_joins()
    stage.beside.do(eve.commits(kind))
    return stage.is_first(told.first, stage.ann.page.get_by_text(VOID).first)


@pytest.fixture
def set_up(
    hostile_server: ServerProcess,
    hostile_account: ApiToken,
    first_browser: Browser,
    tmp_path: Path,
) -> Iterator[SetUp]:
    beside, server = Beside(), hostile_server.base_url

    async def found(folder: Path) -> tuple[Session, Link]:
        store, invites = Store.open(folder / "roe"), [InviteOptions("Ann")]
        roe, (link,) = await Session.create(
            store, server, hostile_account, name="Dr Roe", invites=invites
        )
        return roe, link

    @contextmanager
    def stage(pages: Path | None) -> Iterator[Stage]:
        folder = tmp_path / ("cut" if pages else "as it is")
        folder.mkdir()
        roe, link = beside.do(found(folder))
        context, liar = new_context(first_browser, service_workers="block"), Liar()
        if pages is not None:
            give_pages(context, server, pages)
        lying_to(context, liar)
        ann = Person("Ann", context, context.new_page())
        yield Stage(beside, folder, roe, link, ann, liar)
        liar.honest()
        context.unroute_all(behavior="ignoreErrors")
        context.close()
        beside.do(roe.close())

    yield stage
    beside.close()


def rows() -> list[object]:
    return [
        pytest.param(
            each, id=each.name, marks=pytest.mark.check(f"web: {each.name}", each.cut.name)
        )
        for each in ATTACKS
    ]


@pytest.mark.parametrize("attack", rows())
def test_one_check_of_the_page_stops_it(attack: Attack, set_up: SetUp, tmp_path: Path) -> None:
    with pages_without(attack.cut, tmp_path / "pages") as built:
        with set_up(None) as stage:
            assert not attack.succeeds(stage), "it succeeds"
        with set_up(built()) as stage:
            assert attack.succeeds(stage), "something else stops it as well"
