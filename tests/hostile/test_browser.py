"""The web client in a real browser against a server that lies, and against a guest who does."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from careseal.client import Forked, Session, Store
from tests.browser.conftest import (  # noqa: F401 - the browsers of the browser tests
    chromium_options,
    first_browser,
    playwright,
    second_browser,
    server,
)
from tests.browser.people import Person, clinician, join, new_context, new_session
from tests.browser.test_removal import remove
from tests.serving import ServerProcess

from .eve import ID, Eve
from .liar import COMMITS, DOOR, LOG, Answer, Json, Liar, Rows, problem
from .lies_about_doors import JSON, door_with
from .lies_about_the_log import flipped, garbage
from .lies_on_the_line import entries, signals
from .routes import lying_to

FORK = "The server shows different people different things"
ROLLED_BACK = "The server took back what it had confirmed"
WRONG_PARENT = "The server let an entry in that does not fit"
DOWN = "Connecting again"
VOID = "A change to this visit was refused"


class Visit:
    """Dr Roe with an honest page, and Ann whose page reaches the server through a liar."""

    def __init__(self, roe: Person, ann: Person, liar: Liar, link: str) -> None:
        self.roe, self.ann, self.liar, self.link = roe, ann, liar, link

    def ann_joins(self) -> None:
        self.ann.page.goto(self.link)
        join(self.ann)

    def alarm_of_ann(self, title: str) -> None:
        alarm = self.ann.page.get_by_role("alert").filter(has_text=title)
        expect(alarm.first).to_be_visible(timeout=10_000)

    def ann_cannot_send(self) -> None:
        expect(self.ann.button("Send")).to_be_disabled()


@pytest.fixture
def visit(
    server: ServerProcess,  # noqa: F811
    first_browser: Browser,  # noqa: F811
    second_browser: Browser,  # noqa: F811
) -> Iterator[Visit]:
    roe, liar = clinician(first_browser, server.sign_in_link), Liar()
    context = new_context(second_browser)
    lying_to(context, liar)
    made = Visit(roe, Person("Ann", context, context.new_page()), liar, new_session(roe))
    yield made
    liar.honest()
    made.ann.page.unroute_all(behavior="ignoreErrors")
    context.unroute_all(behavior="ignoreErrors")
    roe.context.close()
    context.close()


def attack(name: str, does: str, happens: str) -> pytest.MarkDecorator:
    return pytest.mark.attack(f"web: {name}", does, happens)


def test_without_an_attack_both_pages_go_on(visit: Visit) -> None:
    visit.ann_joins()
    for line in ("one", "two", "three"):
        visit.roe.write(line)
        visit.ann.sees(line)
    visit.ann.write("thank you")
    visit.roe.sees("thank you")
    expect(visit.ann.page.get_by_role("alert")).to_have_count(0)


@attack("changes one bit of an entry", "The server changes one bit of an entry.", "noticed: said")
def test_a_changed_message_is_not_shown(visit: Visit) -> None:
    visit.ann_joins()
    entries(visit.liar, lambda frame: [{**frame, "body": flipped(frame["body"])}])
    visit.roe.write("the true text")
    unreadable = visit.ann.page.get_by_text("A message that this device cannot open")
    expect(unreadable.first).to_be_visible()
    expect(visit.ann.chat.get_by_text("the true text")).to_have_count(0)


@attack("names a wrong parent", "The server lets an entry in that does not fit.", "noticed: alarm")
def test_a_wrong_parent_is_an_alarm(visit: Visit) -> None:
    visit.ann_joins()
    entries(visit.liar, lambda frame: [{**frame, "parent": 0}])
    visit.roe.write("what does not fit")
    visit.alarm_of_ann(WRONG_PARENT)
    visit.ann_cannot_send()


@attack("leaves a message out", "The server leaves a message out.", "noticed: said")
def test_a_message_left_out_is_an_alarm(visit: Visit) -> None:
    visit.ann_joins()
    dropped: list[int] = []

    def without(frame: Json) -> list[Any]:
        if not dropped:
            dropped.append(frame["seq"])
            return []
        return [{**frame, "seq": frame["seq"] - 1}]

    entries(visit.liar, without)
    visit.roe.write("hidden from Ann")
    visit.roe.sees("hidden from Ann")
    visit.roe.write("shown to Ann")
    unreadable = visit.ann.page.get_by_text("A message that this device cannot open")
    alarm = visit.ann.page.get_by_role("alert").filter(has_text=FORK)
    expect(unreadable.or_(alarm).first).to_be_visible(timeout=10_000)


@attack("repeats a message", "The server tells a message twice.", "shown once, then noticed")
def test_a_repeated_message_is_shown_once(visit: Visit) -> None:
    visit.ann_joins()
    again: list[int] = []

    def repeat(frame: Json) -> list[Any]:
        moved = {**frame, "seq": frame["seq"] + len(again)}
        if again:
            return [moved]
        again.append(frame["seq"])
        return [frame, {**frame, "seq": frame["seq"] + 1}]

    entries(visit.liar, repeat)
    visit.roe.write("said once")
    visit.ann.sees("said once")
    visit.roe.write("and then this")
    visit.alarm_of_ann(FORK)
    visit.ann.sees("said once")


@attack("writes a commit of its own", "The server tells a garbage commit.", "noticed: said")
def test_a_garbage_commit_is_refused(visit: Visit) -> None:
    visit.ann_joins()
    entries(visit.liar, lambda frame: [garbage(frame, "commit")])
    visit.roe.write("instead of this")
    expect(visit.ann.page.get_by_text(VOID).first).to_be_visible(timeout=10_000)
    expect(visit.ann.chat.get_by_text("instead of this")).to_have_count(0)


@attack("rolls the log back", "The server greets with an earlier head.", "noticed: alarm")
def test_a_roll_back_is_an_alarm(visit: Visit) -> None:
    visit.ann_joins()
    visit.roe.write("soon gone")
    visit.ann.sees("soon gone")

    @visit.liar.tells
    def greet(frame: Json) -> list[Any]:
        return [{**frame, "head": 0}] if frame["type"] in ("ready", "beat") else [frame]

    visit.liar.says("GET", r"/sessions/[^/]+$")(lambda row: {**row, "head": 0})
    visit.ann.page.reload()
    visit.alarm_of_ann(ROLLED_BACK)
    visit.ann_cannot_send()


@attack("rewrites what was read", "The server tells an old entry, changed.", "noticed: alarm")
def test_an_old_entry_that_changed_is_an_alarm(visit: Visit) -> None:
    visit.ann_joins()
    entries(visit.liar, lambda frame: [frame, garbage(frame)])
    visit.roe.write("as it was")
    visit.ann.sees("as it was")
    visit.alarm_of_ann(FORK)
    visit.ann_cannot_send()


@attack("gives a spoilt door", "The server changes one bit of the door.", "refused: waits, says so")
def test_a_spoilt_door_lets_nobody_in(visit: Visit) -> None:
    door_with(visit.liar, "door", flipped)
    visit.ann.page.goto(visit.link)
    expect(visit.ann.message_box).to_have_count(0)
    waiting = visit.ann.page.get_by_text("Waiting for the clinician")
    name = visit.ann.page.get_by_label("Your name")
    expect(waiting.or_(name).first).to_be_visible(timeout=10_000)
    if name.is_visible():
        name.fill("Ann")
        visit.ann.button("Join").click()
        expect(waiting.first).to_be_visible(timeout=10_000)
    expect(visit.ann.message_box).to_have_count(0)


@attack("refuses every join as too late", "The server refuses every join.", "refused: not in")
def test_a_join_that_is_always_too_late_is_not_a_join(visit: Visit) -> None:
    stale = problem("stale-parent", 409, head=1, lastCommit=1)
    visit.liar.asks("POST", COMMITS)(lambda asked: stale)
    visit.ann.page.goto(visit.link)
    visit.ann.page.get_by_label("Your name").fill("Ann")
    visit.ann.button("Join").click()
    waiting = visit.ann.page.get_by_text("Waiting for the clinician")
    expect(waiting.first).to_be_visible(timeout=10_000)
    expect(visit.ann.message_box).to_have_count(0)


@attack("says that the link is wrong", "The server refuses a right link.", "refused: said")
def test_a_right_link_that_is_refused_says_so(visit: Visit) -> None:
    visit.liar.asks("GET", DOOR)(lambda asked: problem("not-authorised", 401))
    visit.ann.page.goto(visit.link)
    expect(visit.ann.page.get_by_role("heading").first).to_be_visible(timeout=10_000)
    expect(visit.ann.page.get_by_label("Your name")).to_have_count(0)


@attack("confirms a message and drops it", "The server drops what it confirms.", "noticed: said")
def test_a_confirmed_message_that_is_missing_is_not_called_sent(visit: Visit) -> None:
    visit.ann_joins()
    made = Answer(201, b'{"seq":3,"at":0}', JSON)
    visit.liar.asks("POST", LOG)(lambda asked: made)
    visit.ann.write("dropped by the server")
    visit.roe.write("another in its place")
    visit.ann.sees("another in its place")
    expect(visit.ann.chat.get_by_text("Not sent")).to_be_visible(timeout=10_000)


@attack("relays signals twice", "The server relays each signal three times.", "no effect")
def test_repeated_signals_ring_once(visit: Visit) -> None:
    visit.ann_joins()
    signals(visit.liar, lambda frame: [frame, frame, frame])
    visit.roe.write("are you there?")
    visit.ann.sees("are you there?")
    expect(visit.ann.page.get_by_role("alert")).to_have_count(0)


@attack("sends frames that mean nothing", "The server sends nonsense in between.", "no effect")
def test_nonsense_on_the_line_does_no_harm(visit: Visit) -> None:
    nonsense: list[Any] = ["[]", "7", '{"type":7}', '{"type":"signal","signal":7}', "null"]
    done: list[bool] = []

    @visit.liar.tells
    def once(frame: Json) -> list[Any]:
        first = not done
        done.append(True)
        return [frame, *nonsense] if first else [frame]

    visit.ann_joins()
    visit.roe.write("still here")
    visit.ann.sees("still here")
    assert visit.ann.complaints == []


CONTRADICTION = "Guest Ann was shown something else than you"


@attack(
    "keeps two logs",
    "The server shows a patient another entry than the others, for good.",
    "noticed: alarm on both sides and in Python; the host removes who was shown it, and goes on",
)
def test_a_fork_that_lasts_is_an_alarm_to_all_and_ends_with_a_removal(
    visit: Visit, tmp_path: Path
) -> None:
    visit.ann_joins()
    link = invite(visit.roe, "Lab")
    told: list[str] = []

    async def lab(work: str) -> None:
        with Store.open(tmp_path / "lab") as store:
            if work == "joins":
                await (await Session.join(store, link, name="Lab")).close()
                return
            async with await Session.open(store, store.sessions()[0]) as session:
                told.extend(
                    event.by.identity.name
                    for event in await session.catch_up()
                    if isinstance(event, Forked) and event.by is not None
                )

    run_beside(lambda: lab("joins"))
    place: list[Json] = []
    answered = threading.Event()  # until then Ann gets no word of Roe's that gives the lie away

    def others(rows: Rows) -> Iterator[Json]:
        for row in rows:
            if not place and row["kind"] == "chat":
                place.append(garbage(row))
            if place and row["seq"] == place[0]["seq"]:
                yield {**row, **place[0]}
            elif not place or row["seq"] < place[0]["seq"] or answered.is_set():
                yield row

    visit.liar.log(lambda rows: [*others(rows)])
    visit.roe.write("not what Ann is shown")
    unreadable = visit.ann.page.get_by_text("A message that this device cannot open")
    expect(unreadable.first).to_be_visible(timeout=10_000)
    visit.ann.write("what was that?")
    visit.ann.sees("what was that?")
    expect(visit.ann.chat.get_by_text("Sent").last).to_be_visible()
    answered.set()
    alarm = visit.roe.page.get_by_role("alert").filter(has_text=CONTRADICTION)
    expect(alarm).to_be_visible(timeout=10_000)
    expect(visit.roe.button("Send")).to_be_disabled()

    run_beside(lambda: lab("reads"))
    assert told == ["Ann"]
    visit.roe.page.reload()
    expect(alarm).to_be_visible(timeout=10_000)
    expect(visit.roe.button("Send")).to_be_disabled()
    remove(visit.roe, "Ann")
    expect(alarm).to_have_count(0, timeout=10_000)
    visit.roe.write("we go on")
    visit.roe.sees("we go on")
    expect(visit.ann.chat.get_by_text("we go on")).to_have_count(0)


@pytest.mark.attack(
    "web: a guest lies about the log, splits the host off and shuts the door",
    "A guest commits path secrets that neither web page can open, with a garbage door, and then "
    "says that it was shown another log.",
    "the host's page mends the door and removes the guest; both go on",
)
def test_a_split_behind_a_garbage_door_heals_and_a_liar_is_removed(
    visit: Visit, tmp_path: Path
) -> None:
    visit.ann_joins()
    link = invite(visit.roe, "Eve")

    async def mischief() -> None:
        with Store.open(tmp_path / "eve") as store:
            async with await Session.join(store, link, name="CIinician") as session:
                eve = Eve(session)
                await eve.says({"type": "text", "message": ID, "text": "I am the doctor"})
                await session.catch_up()
                await eve.splits((0, 1, 2), door=os.urandom(272 + 16))

    run_beside(mischief)
    mark = visit.ann.chat.get_by_text("A guest, not the clinician")
    expect(mark.first).to_be_visible(timeout=10_000)
    expect(visit.roe.page.get_by_text(VOID).first).to_be_visible(timeout=10_000)
    visit.roe.write("are you still there?")
    visit.roe.sees("are you still there?")
    visit.ann.sees("are you still there?")
    visit.ann.write("yes")
    visit.roe.sees("yes")
    remove(visit.roe, "CIinician")
    expect(visit.ann.chat.get_by_text("was removed")).to_be_visible(timeout=10_000)
    visit.ann.write("now it is quiet")
    visit.roe.sees("now it is quiet")


@attack(
    "sends nothing but nonsense",
    "The server sends frames that mean nothing, for ever, and answers likewise.",
    "said within 10 s: the line is down; it goes on when the server makes sense again",
)
def test_nonsense_for_ever_is_told_as_a_line_that_is_down(visit: Visit) -> None:
    visit.ann_joins()
    visit.roe.write("before")
    visit.ann.sees("before")
    for tell in (visit.liar.tells, visit.liar.hears):
        tell(lambda frame: ["{"])
    visit.liar.answers("GET", LOG)(lambda asked, answer: Answer(200, b"{", JSON))
    visit.roe.write("not heard")
    status = visit.ann.page.get_by_role("status").filter(has_text=DOWN)
    expect(status.first).to_be_visible(timeout=10_000)
    visit.liar.honest()
    visit.ann.sees("not heard", timeout=30_000)
    expect(visit.ann.page.get_by_role("alert")).to_have_count(0)


HTML = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'


@pytest.mark.attack(
    "web: a guest is called HTML",
    "A guest joins with HTML and a bidi override for a name, and writes HTML.",
    "no effect: shown as text",
)
def test_html_of_a_guest_is_text(visit: Visit, tmp_path: Path) -> None:
    async def mischief() -> None:
        with Store.open(tmp_path / "mallory") as store:
            async with await Session.join(store, visit.link, name=f"{HTML[:60]}\u202e") as mallory:
                await mallory.send(HTML)

    visit.roe.page.wait_for_function("document.title.length > 0")
    run_beside(mischief)
    visit.roe.sees(HTML)
    assert visit.roe.page.title() != "owned"
    assert (
        visit.roe.page.evaluate("document.querySelectorAll('img[src=x], main script').length") == 0
    )
    assert visit.roe.complaints == []


def invite(host: Person, label: str) -> str:
    """A link that a host makes in the visit."""
    host.open_panel("Participants")
    host.button("Invite").click()
    dialog = host.page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill(label)
    dialog.get_by_role("button", name="Make link").click()
    link = dialog.get_by_role("textbox", name="Link").input_value()
    dialog.get_by_role("button", name="Close").first.click()
    host.open_panel("Chat")
    return str(link)


def run_beside(work: Any) -> None:
    """In a thread: Playwright's loop is this one's."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work()).result(30)
