"""What people do while the server lies. Without the lie each passes: that is the control."""

from __future__ import annotations

from collections.abc import Callable

from careseal.client import (
    Connected,
    Disconnected,
    Event,
    File,
    InviteOptions,
    MessageReceived,
    Session,
    SignalReceived,
)
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.signal_payload import CallSignal

from .scene import Scene, heard, saying, texts, within

Lie = Callable[[], None]
CALLS = [CallId(bytes([number]) * 16) for number in range(1, 4)]


async def ann_reads_the_log(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_says("one", "two", "three")
    lie()
    await scene.ann_reads(ann)
    await scene.roe_says("four")
    await scene.ann_reads(ann)
    await scene.ann_says(ann, "thank you")
    await scene.roe_reads()


async def ann_reads_across_a_change_of_keys(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_says("one")
    await scene.roe.renew()
    await scene.roe_says("two")
    lie()
    await scene.ann_reads(ann)
    await scene.roe_says("three")
    await scene.ann_reads(ann)
    await scene.ann_says(ann, "thank you")
    await scene.roe_reads()


async def ann_comes_back_to_what_she_has_read(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_says("one", "two")
    await scene.ann_reads(ann)
    lie()
    await scene.ann_reads(ann)
    await scene.roe_says("three")
    await scene.ann_reads(ann)
    await scene.ann_says(ann, "thank you")


async def ann_follows(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_says("one")
    await scene.ann_reads(ann)
    lie()
    async with ann.following() as events:
        await heard(events, _the_line, scene.seen)
        if any(isinstance(event, Disconnected) for event in scene.seen):
            return
        await scene.roe_says("two", "three", "four")
        await heard(events, _the_last("four"), scene.seen)
    await scene.ann_says(ann, "thank you")
    await scene.roe_reads()


def _the_line(event: Event) -> bool:
    return isinstance(event, Connected | Disconnected)


def _the_last(text: str) -> Callable[[Event], bool]:
    """The last message that was sent, or what tells of an attack in its place."""
    alarms = {"Forked", "MessageUnreadable", "WrongParent", "CommitVoid", "Over"}
    return lambda event: saying(text)(event) or type(event).__name__ in alarms


async def ann_reads_the_past(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_says("one", "two", "three")
    await scene.ann_reads(ann)
    scene.seen.clear()
    lie()

    async def read() -> None:
        async for event in ann.history():
            scene.seen.append(event)

    await within(read())


async def ann_joins(scene: Scene, lie: Lie) -> None:
    await scene.roe_says("please come in")
    lie()
    ann = await scene.join()

    async def read() -> None:
        async for event in ann.history():
            scene.seen.append(event)

    await within(read())
    await scene.roe_reads()
    await scene.roe_says("hello")
    await scene.ann_reads(ann)
    await scene.ann_says(ann, "thank you")
    await scene.roe_reads()
    assert ann.security_code == scene.roe.security_code


async def bob_joins_after_a_change_of_keys(scene: Scene, lie: Lie) -> None:
    """Two epochs and doors have passed through the liar's hands; Ann is in, Bob comes."""
    await scene.join()
    await _looks(scene)
    await scene.roe.renew()
    await scene.roe.invite(InviteOptions("Eve"))
    await scene.roe.send("not for Bob")
    lie()
    bob = await scene.join("Bob")
    await scene.roe_reads()
    await scene.roe_says("hello")
    scene.seen += await within(bob.catch_up())
    await scene.ann_says(bob, "thank you")
    await scene.roe_reads()
    assert bob.security_code == scene.roe.security_code


async def _looks(scene: Scene) -> None:
    await Session.look(scene.through(scene.link))


async def ann_writes(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_reads()
    lie()
    await scene.ann_says(ann, "it hurts")
    await scene.ann_reads(ann)
    await scene.ann_says(ann, "on the stairs")
    await scene.ann_reads(ann)
    await scene.roe_reads()
    await scene.roe_says("I see")
    await scene.ann_reads(ann)


async def ann_renews_the_keys(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_reads()
    lie()
    await within(ann.renew())
    await scene.ann_reads(ann)
    await scene.roe_reads()
    await scene.roe_says("hello")
    await scene.ann_reads(ann)
    await scene.ann_says(ann, "thank you")
    await scene.roe_reads()
    assert ann.security_code == scene.roe.security_code


async def ann_is_removed(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    await scene.roe_reads()
    await scene.roe_says("for Ann too")
    await scene.ann_reads(ann)
    lie()
    await scene.roe.remove(ann.me.invite)
    await scene.roe.send("not for Ann any more")
    await scene.ann_reads(ann)


async def a_file_reaches_ann(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    plain = bytes(range(256)) * 40_000
    source, target = scene.folder / "scan.png", scene.folder / "received.png"
    source.write_bytes(plain)
    await scene.roe.send_file(source)
    events = await within(ann.catch_up())
    (file,) = [e.payload for e in events if isinstance(e, MessageReceived)]
    assert isinstance(file, File)
    lie()
    try:
        await within(ann.receive_file(file, target))
    finally:
        assert not target.exists() or target.read_bytes() == plain
    await scene.roe_says("got it?")
    await scene.ann_reads(ann)


async def ann_sends_a_file(scene: Scene, lie: Lie) -> None:
    ann = await scene.join()
    plain = b"secret of a file" * 300_000
    scene.secrets.append(b"secret of a file")
    source, target = scene.folder / "letter.txt", scene.folder / "received.txt"
    source.write_bytes(plain)
    lie()
    await within(ann.send_file(source))
    events = await scene.roe.catch_up()
    (file,) = [
        e.payload for e in events if isinstance(e, MessageReceived) and isinstance(e.payload, File)
    ]
    try:
        await within(scene.roe.receive_file(file, target))
    finally:
        assert not target.exists() or target.read_bytes() == plain
    await scene.roe_says("thank you")
    await scene.ann_reads(ann)


async def ann_is_called(scene: Scene, lie: Lie) -> None:
    """Dr Roe rings, goes on, hangs up; Ann takes each of these signals once, in this order."""
    ann = await scene.join()
    await scene.roe_reads()
    at_roe: list[Event] = []
    async with ann.following() as at_ann:
        await heard(at_ann, lambda event: isinstance(event, Connected), scene.seen)
        async with scene.roe.following() as roes:
            await heard(roes, lambda event: isinstance(event, SignalReceived), at_roe)
            (hello,) = [e for e in at_roe if isinstance(e, SignalReceived)]
            lie()
            for kind, call in zip(("accept", "restart", "hangup"), CALLS, strict=True):
                await scene.roe.send_signal(hello.peer, CallSignal(kind, call))  # type: ignore[arg-type]
            await scene.roe_says("can you hear me?")
            await heard(at_ann, saying("can you hear me?"), scene.seen)
    calls = [
        e.payload.call
        for e in scene.seen
        if isinstance(e, SignalReceived) and isinstance(e.payload, CallSignal)
    ]
    assert calls == sorted(set(calls)), "signals twice or out of order"
    assert set(calls) <= set(CALLS)
    scene.rung = len(calls)


async def roe_removes_ann(scene: Scene, lie: Lie) -> None:
    """Here it is the clinician between whom and the server somebody sits."""
    ann = await Session.join(scene.store("Ann"), scene.link, name="Ann")
    scene.sessions.append(ann)
    roe = await scene.roe_through_the_liar()
    await roe.catch_up()
    lie()
    await within(roe.remove(ann.me.invite))
    scene.told += await within(roe.catch_up())
    assert [each.identity.name for each in roe.members] == ["Dr Roe"]
    before = len(scene.liar.asked)
    await within(roe.send("only for me"))
    assert len(scene.liar.asked) > before
    scene.seen += await _quietly(ann)
    assert "only for me" not in texts(scene.seen)


async def _quietly(ann: Session) -> list[Event]:
    try:
        return await within(ann.catch_up())
    except Exception:
        return []


async def roe_mends_the_door(scene: Scene, lie: Lie) -> None:
    """The door that the clinician's device fetches is never what it should be."""
    roe = await scene.roe_through_the_liar()
    lie()
    await within(roe.renew())
    scene.told += await within(roe.catch_up())
    ann = await Session.join(scene.store("Ann"), scene.link, name="Ann")
    scene.sessions.append(ann)
    scene.told += await within(roe.catch_up())
    assert len(roe.members) == 2
    await within(roe.send("hello"))
    scene.said.append("hello")
    scene.seen += await within(ann.catch_up())


PATHS = (
    ann_reads_the_log,
    ann_reads_across_a_change_of_keys,
    ann_comes_back_to_what_she_has_read,
    ann_follows,
    ann_reads_the_past,
    ann_joins,
    bob_joins_after_a_change_of_keys,
    ann_writes,
    ann_renews_the_keys,
    ann_is_removed,
    a_file_reaches_ann,
    ann_sends_a_file,
    ann_is_called,
    roe_removes_ann,
    roe_mends_the_door,
)
