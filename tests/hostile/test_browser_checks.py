"""The same attack on the web client as it is and with one check taken out: noticed, and not.

The check is taken out of a build for these tests (`cut_pages.py`); the client has no such switch.
"""

# ruff: noqa: E501, F811 - checks as they stand in the client; fixtures of the browser tests

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Locator, expect

from careseal.client import ApiToken, InviteOptions, Link, Session, Store
from careseal.e2ee import base64url
from careseal.e2ee.file import PART_SIZE
from careseal.e2ee.identity import Identity
from careseal.e2ee.invite import Invite
from careseal.e2ee.signal import EVERYBODY, Peer
from careseal.e2ee.signal_payload import Plain, encode
from tests.browser.chromium import options_of_chromium
from tests.browser.conftest import (  # noqa: F401 - the browsers of the browser tests
    first_browser,
    playwright,
)
from tests.browser.people import Person, join, new_context
from tests.serving import ServerProcess

from .cut_pages import Cut, give_pages, pages_without
from .eve import ID, Eve
from .liar import DOOR, PART, Answer, Asked, Json, Liar
from .lies_about_files import renumbered
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
        assert any(b'"type":"auth"' in each for each in self.liar.heard), "it follows by no socket"
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
        cut = Cut(f"lib/{file}", saying, instead)
        ATTACKS.append(Attack(name, cut, attacking))
        return attacking

    return register


# The log -------------------------------------------------------------------------------------


@stopped_by(
    "encryption/member.ts",
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
    "encryption/member.ts",
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
    "encryption/member.ts",
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
    "encryption/message.ts",
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
    "encryption/message.ts",
    'case "end":\n      return sender.role === "host"',
    'case "end":\n      return true',
)
def a_guest_ends_the_visit(stage: Stage) -> bool:
    stage.ann_joins()
    eve = stage.eve_joins()
    stage.beside.do(eve.says({"type": "end"}))
    stage.roe_says("still here")
    ended = stage.ann.page.get_by_text("The visit was ended").first
    expect(ended.or_(stage.ann.chat.get_by_text("still here", exact=True)).first).to_be_visible()
    return ended.is_visible()  # it would stand above


# Commits -------------------------------------------------------------------------------------


@stopped_by(
    "encryption/validity.ts",
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


@stopped_by("encryption/validity.ts", 'demand(same, "leaf-changed")', "")
def a_guest_moves_to_another_link(stage: Stage) -> bool:
    """And would so be whatever that link's people are; Ann alone would follow."""
    stage.ann_joins()
    eve = stage.eve_joins()
    stage.beside.do(eve.commits("another_invite"))
    stage.roe_says("which of you can read this?")
    apart = stage.ann.page.get_by_text(UNREADABLE).first
    return stage.is_first(apart, stage.ann.page.get_by_text(VOID).first)


@stopped_by("encryption/validity.ts", 'demand(invite.open, "invite-closed")', "")
def a_guest_lets_somebody_in_by_a_closed_link(stage: Stage) -> bool:
    stage.ann_joins()
    eve = stage.eve_joins()

    async def closed() -> None:
        link = await stage.roe.invite(InviteOptions("Lab"))
        invite = Invite.derive(link.session, link.secret, None)
        await stage.roe.close_invite(invite.id)
        await eve.session.catch_up()
        await eve.lets_in(invite, Identity.make("Mallory", "evil", invite.id))

    stage.beside.do(closed())
    told = stage.ann.page.get_by_text("Mallory joined").first
    return stage.is_first(told, stage.ann.page.get_by_text(VOID).first)


# The door ------------------------------------------------------------------------------------


@stopped_by(
    "encryption/door.ts",
    "commits.length !== wanted || commits.some(({ id }) => id !== commitId)",
    "false",
)
def the_server_gives_an_old_door_over_the_new_log(stage: Stage) -> bool:
    stage.ann.page.goto(stage.link.reveal())
    expect(stage.ann.page.get_by_label("Your name")).to_be_visible()
    stage.beside.do(stage.roe.renew())

    @stage.liar.answers("GET", DOOR)
    def old(asked: Asked, answer: Answer) -> Answer:
        before = stage.liar.first(DOOR)
        return answer.saying({**answer.json, "door": before["door"], "keyBox": before["keyBox"]})

    stage.ann.page.reload()
    stage.ann.page.get_by_label("Your name").fill("Ann")
    stage.ann.button("Join").click()
    waits = stage.ann.page.get_by_text("Waiting for the clinician").first
    return stage.is_first(stage.ann.message_box, waits)


# Files ---------------------------------------------------------------------------------------

UNTAGGED = """const aes = await crypto.subtle.importKey("raw", key, "AES-CTR", false, ["decrypt"])
  const counter = concat(nonce, new Uint8Array([0, 0, 0, 2]))
  const filled = new Uint8Array(
    await crypto.subtle.decrypt({ name: "AES-CTR", counter, length: 32 }, aes, owned(sealed.subarray(saltSize, -16))),
  )"""

SAYS_WHEN_IT_SAVES = """() => {
  delete window.showSaveFilePicker
  HTMLAnchorElement.prototype.click = () => document.body.append("It is saved")
}"""


@stopped_by(
    "encryption/file.ts",
    "const filled = await aeadOpen(key, nonce, none, owned(sealed.subarray(saltSize)))",
    UNTAGGED,
)
def the_server_swaps_two_parts_of_a_file(stage: Stage) -> bool:
    stage.ann_joins()
    scan = stage.folder / "scan.bin"
    scan.write_bytes(os.urandom(2 * PART_SIZE + 1))
    stage.liar.asks("GET", PART)(lambda asked: renumbered(asked, {0: 1, 1: 0}))
    stage.beside.do(stage.roe.send_file(scan))
    stage.ann.page.evaluate(SAYS_WHEN_IT_SAVES)
    stage.ann.chat.get_by_role("button", name="Save scan.bin", exact=True).click()
    refused = stage.ann.page.get_by_text("The file does not open. It was changed on its way")
    return stage.is_first(stage.ann.page.get_by_text("It is saved"), refused.first)


# Signals -------------------------------------------------------------------------------------

SHE_WROTE = "Dr Roe is writing"
WATCH = """(words) => {
  window.seen = false
  const look = () => { window.seen ||= document.body.innerText.includes(words) }
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
}"""


async def writing(signer: Session, leaf: int) -> Json:
    """The signal that the one with this leaf writes, whoever signs it."""
    state = signer.state
    sealing, of = state.present.signals, Peer(leaf, bytes(8))
    signal = sealing.seal(
        state.signature_key, of, EVERYBODY, 1, encode(Plain("typing")), os.urandom
    )
    told = base64url.encode(signal)
    return {"type": "signal", "from": str(state.present.member(leaf).id), "signal": told}


def says_that_roe_writes(stage: Stage, eve: Eve, signal: Json) -> bool:
    """Whether the page has said so by the time that it shows what came after the signal."""
    stage.ann.page.evaluate(WATCH, SHE_WROTE)
    waiting = [signal]
    entries(stage.liar, lambda entry: [*(waiting.pop() for _ in waiting[:]), entry])
    for _ in range(2):
        text = base64url.encode(os.urandom(16))
        stage.beside.do(eve.says({"type": "text", "message": text, "text": text}))
        stage.ann.sees(text)
    return bool(stage.ann.page.evaluate("window.seen"))


@stopped_by(
    "encryption/signal.ts",
    "!(await verify(sender.key, label, concat(aad, epoch.context, read.signed), read.signature))",
    "false",
)
def a_guest_signals_in_the_name_of_the_clinician(stage: Stage) -> bool:
    stage.ann_joins()
    eve = stage.eve_joins()
    return says_that_roe_writes(stage, eve, stage.beside.do(writing(eve.session, leaf=0)))


@stopped_by("encryption/signal.ts", "read.counter <= (window.get(place) ?? -1)", "false")
def the_server_plays_a_signal_again(stage: Stage) -> bool:
    stage.ann_joins()
    eve = stage.eve_joins()
    stage.beside.do(stage.roe.catch_up())
    signal = stage.beside.do(writing(stage.roe, leaf=0))
    assert says_that_roe_writes(stage, eve, signal), "the true one is not taken"
    stage.roe_says("sent")
    stage.ann.sees("sent")
    expect(stage.ann.page.get_by_text(SHE_WROTE)).to_have_count(0)
    return says_that_roe_writes(stage, eve, signal)


@pytest.fixture(scope="session")
def chromium_options() -> dict[str, Any]:
    """Pages that the tests give come from no address; sockets to this machine are theirs too."""
    return options_of_chromium("LocalNetworkAccessChecks")


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
