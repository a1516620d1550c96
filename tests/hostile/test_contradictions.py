"""A guest who lies about the log, or splits the group (docs/protocol.md §3.4, §4.1)."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import pytest

from careseal.client import (
    CommitVoid,
    Forked,
    GroupChanged,
    InviteOptions,
    SendingStopped,
    Session,
    Text,
)
from careseal.e2ee.errors import NotAllowed
from careseal.e2ee.identifiers import MessageId
from careseal.e2ee.log import Position

from .eve import ID, Eve, nobody_else_is_harmed, three
from .scene import Scene, heard, within

TEXT = {"type": "text", "message": ID, "text": "hello"}


async def a_message_over_another_log(eve: Eve) -> None:
    await eve.says(TEXT, Position(1, os.urandom(64)))


async def a_message_that_knows_itself(eve: Eve) -> None:
    await eve.says(TEXT, Position(eve.session.head + 1, os.urandom(64)))


async def a_message_that_knows_the_future(eve: Eve) -> None:
    await eve.says(TEXT, Position(1 << 40, os.urandom(64)))


async def a_commit_over_another_log(eve: Eve) -> None:
    await eve.renews_and_says(Position(1, os.urandom(64)))


LIES = [
    a_message_over_another_log,
    a_message_that_knows_itself,
    a_message_that_knows_the_future,
    a_commit_over_another_log,
]


def row(lie: Callable[[Eve], Awaitable[None]]) -> object:
    what = lie.__name__.replace("_", " ")
    mark = pytest.mark.attack(
        f"a guest sends {what}",
        "A guest signs that it was shown another log, so that all stop.",
        "noticed: `Forked` names it; all go on once a host has removed it",
    )
    return pytest.param(lie, id=what, marks=mark)


@pytest.mark.parametrize("lie", [row(each) for each in LIES])
async def test_a_guest_stops_the_others_only_until_it_is_removed(
    scene: Scene, lie: Callable[[Eve], Awaitable[None]]
) -> None:
    eve, ann = await three(scene)
    await lie(eve)
    await scene.roe_reads()
    await scene.ann_reads(ann)
    for person, seen in ((scene.roe, scene.told), (ann, scene.seen)):
        (alarm,) = [event for event in seen if isinstance(event, Forked)]
        assert alarm.by is not None
        assert alarm.by.identity.name == "Eve"
        before = len(scene.liar.asked)
        with pytest.raises(SendingStopped):
            await within(person.send("to nobody"))
        with pytest.raises(NotAllowed):
            await within(person.renew())
        assert not [asked for asked in scene.liar.asked[before:] if asked.method != "GET"]
    with pytest.raises(NotAllowed):
        await within(scene.roe.invite(InviteOptions("Bob")))
    scene.seen.clear()
    await nobody_else_is_harmed(scene, eve, ann)
    assert not any(isinstance(event, Forked) for event in scene.seen)


@pytest.mark.attack(
    "a guest puts a false position into a void commit",
    "A guest sends a commit that is void, over another log: anybody with the link could.",
    "noticed: `CommitVoid`; nobody stops",
)
async def test_a_void_commit_stops_nobody(scene: Scene) -> None:
    eve, ann = await three(scene)
    await eve.commits("void_over_another_log")
    await scene.roe_reads()
    assert any(isinstance(event, CommitVoid) for event in scene.told)
    assert not any(isinstance(event, Forked) for event in scene.told)
    await scene.roe_says("we go on")
    await nobody_else_is_harmed(scene, eve, ann)


@pytest.mark.attack(
    "the server loses a message and a guest lies",
    "A message waits when the alarm comes; a guest says that it was shown another log.",
    "it goes out after the removal, not before",
)
async def test_what_waits_goes_out_after_the_alarm_and_not_before(scene: Scene) -> None:
    eve, ann = await three(scene)
    roe = scene.roe
    name = roe._postman.put(_text("kept for later"))
    sealed = roe._postman._seal(name)
    await eve.says(TEXT, Position(1, os.urandom(64)))
    await scene.roe_reads()
    assert roe.unsent == 1
    page = await roe._core.transport.entries(roe.id, roe._token, 0)
    assert sealed.id not in [entry.id for entry in page.entries]
    scene.said.append("kept for later")
    await within(roe.remove(eve.session.state.invite.id))
    await scene.roe_reads()
    assert roe.unsent == 0
    await scene.ann_reads(ann)
    assert "kept for later" in scene.shown


def _text(text: str) -> Text:
    return Text(MessageId(os.urandom(16)), text)


# Splits ------------------------------------------------------------------------------------


async def four(scene: Scene) -> tuple[Eve, Session, Session]:
    """Dr Roe, Ann, Eve and Bob, at leaves 0 to 3: Eve's path goes to Bob and to the other two."""
    eve, ann = await three(scene)
    bob = await scene.join("Bob", await scene.roe.invite(InviteOptions("Bob")))
    await within(eve.session.catch_up())
    await scene.roe_reads()
    await scene.ann_reads(ann)
    assert [each.identity.name for each in scene.roe.members] == ["Dr Roe", "Ann", "Eve", "Bob"]
    return eve, ann, bob


BOB, ROE_AND_ANN = (6,), (0, 1, 2)


async def all_are_together(scene: Scene, eve: Eve, *others: Session) -> None:
    await within(scene.roe.remove(eve.session.state.invite.id))
    for each in others:
        await within(each.catch_up())
    for each in others:
        assert each.security_code == scene.roe.security_code
        await within(each.send("back again"))
    told = await within(scene.roe.catch_up())
    assert not any(isinstance(event, CommitVoid | Forked) for event in told)


@pytest.mark.attack(
    "a guest splits the group",
    "A guest commits path secrets that one other guest cannot open.",
    "who cannot open it comes back by a re-sync; the host removes the guest, all go on",
)
async def test_who_is_split_off_comes_back(scene: Scene) -> None:
    eve, ann, bob = await four(scene)
    await eve.splits(BOB)
    await scene.roe_reads()
    await within(bob.catch_up())
    assert bob.epoch > 0
    await scene.roe_reads()
    await all_are_together(scene, eve, ann, bob)


@pytest.mark.attack(
    "a guest splits the host off",
    "A guest commits path secrets that the host cannot open.",
    "the host comes back by a re-sync and removes the guest, all go on",
)
async def test_a_host_who_is_split_off_comes_back(scene: Scene) -> None:
    eve, ann, bob = await four(scene)
    await eve.splits(ROE_AND_ANN)
    await within(bob.catch_up())
    await scene.roe_reads()
    await within(ann.catch_up())
    await within(bob.catch_up())
    await scene.roe_reads()
    await all_are_together(scene, eve, ann, bob)


@pytest.mark.attack(
    "a guest splits the group and shuts the door",
    "A guest commits path secrets that one other guest cannot open, with a garbage door.",
    "the host mends the door within 5 s; who was split off comes back through it",
)
async def test_who_is_split_off_before_a_spoilt_door_comes_back(scene: Scene) -> None:
    eve, ann, bob = await four(scene)
    async with scene.roe.following() as at_roe, bob.following() as at_bob:
        await heard(at_roe, lambda event: type(event).__name__ == "Connected", scene.told)
        await eve.splits(BOB, door=os.urandom(272 + 16))
        back: list[object] = []
        await heard(at_bob, lambda event: isinstance(event, GroupChanged) and event.own, back)  # type: ignore[arg-type]
    await scene.roe_reads()
    await all_are_together(scene, eve, ann, bob)
