"""Calls between two call peers (docs/protocol.md §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from careseal.call import (
    Alarm,
    Connected,
    Ended,
    EndReason,
    GoesOn,
    Joined,
    Left,
    NobodyHere,
    NoCall,
    Pattern,
    Rings,
    Sending,
    Sends,
    Slot,
    State,
    Tone,
)
from careseal.call.frames import Outcome
from careseal.call.link import Link
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.secret import FrameKey
from careseal.e2ee.signal_payload import CallSignal, Candidate, Description, Media, SignalPayload
from tests.call.conftest import Caller, Room
from tests.call.senses import Watcher

MakeCaller = Callable[[int], Awaitable[Caller]]


def pattern(frequency: int = 440) -> Sending:
    return Sending(Tone(frequency), Pattern())


async def in_call(make_caller: MakeCaller) -> tuple[Caller, Caller]:
    """Roe called, Ann answered, and both are connected."""
    roe, ann = await make_caller(0), await make_caller(1)
    await roe.calls.ring(pattern(440))
    await ann.until(Rings)
    await ann.calls.answer(pattern(660))
    await ann.until(Connected)
    await roe.until(Connected)
    return roe, ann


def link(caller: Caller) -> Link:
    (peer,) = caller.calls.peers
    return caller.calls.link(peer)


def watch(caller: Caller, slot: Slot) -> Watcher:
    return Watcher(link(caller).inlets[slot])


async def until(found: Callable[[], bool], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not found():  # noqa: ASYNC110 - counts have no event
            await asyncio.sleep(0.02)


async def test_both_see_and_hear_each_other(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    for caller, tone in ((roe, 660), (ann, 440)):
        red, green, blue = await watch(caller, Slot.CAMERA).moving_picture()
        assert blue > 150 > green > red
        assert await watch(caller, Slot.MICROPHONE).tone() == pytest.approx(tone, rel=0.02)
        assert caller.calls.state is State.ACTIVE
    assert roe.line.entries[0][1] == "started"


async def test_nothing_is_sent_or_shown_before_the_answer(make_caller: MakeCaller) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    assert ann.calls._conversation is not None
    links = ann.calls._conversation.links
    await until(lambda: any(each.state == "connected" for each in links.values()))
    (rung,) = links.values()
    assert ann.calls.state is State.RINGING_IN
    assert not any(opener.counts for opener in rung.openers)
    await ann.calls.answer(Sending())
    await ann.until(Connected)
    await watch(ann, Slot.CAMERA).moving_picture()


async def test_every_frame_on_the_way_is_sealed(make_caller: MakeCaller) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    ann.line.key_of = lambda epoch: FrameKey(bytes([epoch + 100]) * 32)
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    await ann.calls.answer(Sending())
    await ann.until(Connected)
    camera, microphone = watch(ann, Slot.CAMERA), watch(ann, Slot.MICROPHONE)
    openers = link(ann).openers
    await until(lambda: all(o.counts[Outcome.UNDECODABLE] > 20 for o in openers[:2]))
    assert all(set(opener.counts) <= {Outcome.UNDECODABLE, Outcome.EARLY} for opener in openers)
    assert (camera.count, microphone.count) == (0, 0)


async def test_without_a_key_no_frame_leaves(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    await watch(ann, Slot.CAMERA).moving_picture()
    roe.calls._keys.ring = None
    sealers, openers = link(roe).sealers, link(ann).openers
    await until(lambda: all(each.counts[Outcome.UNSENT] > 20 for each in sealers[:2]))
    before = [opener.counts.total() for opener in openers]
    await until(lambda: all(each.counts[Outcome.UNSENT] > 40 for each in sealers[:2]))
    assert [opener.counts.total() for opener in openers] == before


async def test_an_unsealed_frame_ends_the_call_with_an_alarm_on_both_sides(
    make_caller: MakeCaller,
) -> None:
    roe, ann = await in_call(make_caller)
    camera = watch(ann, Slot.CAMERA)
    await camera.moving_picture()
    sealer = link(roe).sealers[Slot.CAMERA]
    sealer.seal = lambda frame: frame  # type: ignore[method-assign]
    assert await ann.until(Alarm) is not None
    assert (await ann.until(Ended)).reason is EndReason.ALARM
    assert (await roe.until(Alarm)).kind == "unsealed-media"
    assert (await roe.until(Ended)).reason is EndReason.ALARM
    assert CallSignal("unsealed", roe.line.entries[0][0]) in ann.line.said


async def test_frames_of_another_leaf_are_not_of_this_stream(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    await watch(ann, Slot.CAMERA).moving_picture()
    roe.line.leaf = 7  # what it seals says so, and the key is the group's
    roe.calls._refresh_keys()
    assert (await ann.until(Alarm)).kind == "unsealed-media"
    roe.line.leaf = 0


async def test_a_new_epoch_in_the_middle_interrupts_nothing(
    make_caller: MakeCaller, room: Room
) -> None:
    roe, ann = await in_call(make_caller)
    camera, opener = watch(ann, Slot.CAMERA), link(ann).openers[Slot.CAMERA]
    await camera.moving_picture()
    before = opener.counts[Outcome.OPENED]
    room.renew()
    assert ann.calls._keys.ring is not None
    assert [epoch for epoch, _ in ann.calls._keys.ring.epochs] == [room.epoch, room.epoch - 1]
    await until(lambda: opener.counts[Outcome.OPENED] > before + 20)
    assert set(opener.counts) <= {Outcome.OPENED, Outcome.EARLY}
    epochs = {epoch for _, epoch in link(roe).sealers[Slot.CAMERA]._sealers}
    assert epochs >= {room.epoch, room.epoch - 1}


async def test_the_key_of_the_epoch_before_is_dropped_after_ten_seconds(
    make_caller: MakeCaller, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careseal.call.calls.GRACE_MS", 50)
    roe = await make_caller(0)
    room.renew()
    keys = roe.calls._keys
    assert keys.ring is not None
    assert len(keys.ring.epochs) == 2
    await until(lambda: keys.ring is not None and len(keys.ring.epochs) == 1)
    assert keys.ring.epochs[0][0] == room.epoch


async def test_another_certificate_than_the_signed_one_is_refused(
    make_caller: MakeCaller, room: Room
) -> None:
    """What a server could do if descriptions were not signed."""

    def with_another_print(payload: SignalPayload) -> SignalPayload:
        if not isinstance(payload, Description) or payload.type != "answer":
            return payload
        lines = payload.sdp.split("\r\n")
        changed = ["a=fingerprint:sha-256 " + ":".join(["AB"] * 32)]
        kept = [changed[0] if line.startswith("a=fingerprint") else line for line in lines]
        return replace(payload, sdp="\r\n".join(kept))

    room.on_the_way = with_another_print
    roe, ann = await make_caller(0), await make_caller(1)
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    await ann.calls.answer(pattern())
    assert (await roe.until(Alarm)).kind == "foreign-fingerprint"
    assert (await roe.until(Ended)).reason is EndReason.ALARM


async def test_a_description_of_something_else_is_no_call(
    make_caller: MakeCaller, room: Room
) -> None:
    def with_data(payload: SignalPayload) -> SignalPayload:
        if isinstance(payload, Description) and payload.type == "offer":
            more = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
            return replace(payload, sdp=payload.sdp + more)
        return payload

    room.on_the_way = with_data
    roe, ann = await make_caller(0), await make_caller(1)
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    assert ann.calls._conversation is not None
    await until(lambda: ann.calls._conversation is not None and not ann.calls._conversation.links)
    assert not any(isinstance(said, Description) for said in ann.line.said)


async def test_muting_stops_the_frames_and_says_so(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    await watch(ann, Slot.CAMERA).moving_picture()
    roe.calls.put(Slot.CAMERA, None)
    while (await ann.until(Sends)).video:
        pass
    opener = link(ann).openers[Slot.CAMERA]
    sealed = link(roe).sealers[Slot.CAMERA].counts
    before = sealed[Outcome.SEALED]
    sound = link(ann).openers[Slot.MICROPHONE].counts
    heard = sound[Outcome.OPENED]
    await until(lambda: sound[Outcome.OPENED] > heard + 25)
    assert sealed[Outcome.SEALED] <= before + 1
    roe.calls.put(Slot.CAMERA, Pattern())
    await watch(ann, Slot.CAMERA).moving_picture()
    assert set(opener.counts) <= {Outcome.OPENED, Outcome.EARLY}


async def test_a_screen_is_shown_beside_the_camera(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    roe.calls.put(Slot.SCREEN, Pattern())
    while not (await ann.until(Sends)).screen:
        pass
    await watch(ann, Slot.SCREEN).moving_picture()
    await watch(ann, Slot.CAMERA).moving_picture()


async def test_hanging_up_ends_it_for_both_and_is_written_once(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    await ann.calls.hang_up()
    assert (await ann.until(Ended)).reason is EndReason.HUNG_UP
    assert (await roe.until(Ended)).reason is EndReason.HUNG_UP_BY_OTHER
    await until(lambda: len(ann.line.entries) == 1)
    assert [entry[1] for entry in roe.line.entries + ann.line.entries] == ["started", "ended"]
    assert roe.calls.state is State.IDLE
    with pytest.raises(NoCall):
        await roe.calls.hang_up()


async def test_a_declined_call_is_over_for_both(make_caller: MakeCaller) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    await ann.calls.decline()
    assert (await roe.until(Ended)).reason is EndReason.DECLINED_BY_OTHER
    await until(lambda: len(roe.line.entries) == 2)
    assert roe.line.entries[1][1] == "declined"


async def test_a_caller_who_gives_up_cancels_the_ringing(make_caller: MakeCaller) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    await roe.calls.hang_up()
    assert (await ann.until(Ended)).reason is EndReason.CANCELLED
    await until(lambda: len(roe.line.entries) == 2)
    assert roe.line.entries[1][1] == "missed"


async def test_where_two_call_at_once_the_call_of_the_lower_leaf_stands(
    make_caller: MakeCaller,
) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    await asyncio.gather(roe.calls.ring(pattern(440)), ann.calls.ring(pattern(660)))
    await roe.until(Connected)
    await ann.until(Connected)
    assert ann.calls.call == roe.calls.call == roe.line.entries[0][0]
    assert await watch(roe, Slot.MICROPHONE).tone() == pytest.approx(660, rel=0.02)
    assert await watch(ann, Slot.MICROPHONE).tone() == pytest.approx(440, rel=0.02)


async def test_three_see_each_other_and_who_comes_late_may_join(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    poe = await make_caller(2)
    poe.line.hear_hello_everywhere()
    await poe.until(GoesOn)
    await poe.calls.join(pattern(880))
    for caller in (roe, ann):
        assert (await caller.until(Joined)).peer == poe.line.me
    await until(lambda: len(poe.calls.peers) == 2)
    for caller in (roe, ann):
        heard = Watcher(caller.calls.link(poe.line.me).inlets[Slot.MICROPHONE])
        assert await heard.tone() == pytest.approx(880, rel=0.02)
        other = Watcher(poe.calls.link(caller.line.me).inlets[Slot.CAMERA])
        await other.moving_picture()


async def test_alone_nobody_can_be_called(make_caller: MakeCaller) -> None:
    roe = await make_caller(0)
    with pytest.raises(NobodyHere):
        await roe.calls.ring(pattern())
    assert roe.calls.state is State.IDLE


async def test_contexts_go_before_descriptions_and_are_new_for_each_stream(
    make_caller: MakeCaller,
) -> None:
    roe, ann = await in_call(make_caller)
    kinds = [type(said) for said in ann.line.said if not isinstance(said, Candidate)]
    assert kinds.index(Media) < kinds.index(Description)
    contexts = [
        context
        for caller in (roe, ann)
        for context in next(s for s in caller.line.said if isinstance(s, Media)).context
    ]
    assert len(set(contexts)) == 6


async def test_what_leaves_has_one_certificate_and_no_loudness(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    for said in roe.line.said + ann.line.said:
        if isinstance(said, Description):
            assert "ssrc-audio-level" not in said.sdp
            assert {line for line in said.sdp.split() if line.startswith("a=fingerprint")} == {
                "a=fingerprint:sha-256"
            }


async def test_an_old_call_in_the_log_does_not_ring(make_caller: MakeCaller, room: Room) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    call = CallId(b"c" * 16)
    await roe.line.announce(call, "started", None)
    await roe.line.announce(call, "ended", 5)
    later = CallId(b"d" * 16)
    await roe.line.announce(later, "started", None)
    assert (await ann.until(Rings)).call == later
    assert len(ann.told) == 1


@pytest.mark.parametrize("asked_by", ["the offerer", "the answerer"])
async def test_another_path_carries_the_same_call(make_caller: MakeCaller, asked_by: str) -> None:
    roe, ann = await in_call(make_caller)
    camera = watch(ann, Slot.CAMERA)
    await camera.moving_picture()
    assert link(roe).offerer
    paths = [link(caller)._path for caller in (roe, ann)]
    link(roe if asked_by == "the offerer" else ann).restart()
    await until(lambda: all(path is not None and path.replaced for path in paths))
    for caller, tone in ((roe, 660), (ann, 440)):
        assert await watch(caller, Slot.MICROPHONE).tone() == pytest.approx(tone, rel=0.02)
        await watch(caller, Slot.CAMERA).moving_picture()
        assert link(caller).state == "connected"


async def test_a_call_comes_back_when_its_path_breaks(make_caller: MakeCaller) -> None:
    roe, ann = await in_call(make_caller)
    await watch(ann, Slot.CAMERA).moving_picture()
    path = link(ann)._path
    assert path is not None
    await path._current.close()  # as when nothing has answered on it for a while
    await until(lambda: path.replaced and link(ann).state == "connected")
    for caller, tone in ((roe, 660), (ann, 440)):
        assert await watch(caller, Slot.MICROPHONE).tone() == pytest.approx(tone, rel=0.02)
        await watch(caller, Slot.CAMERA).moving_picture()


async def test_a_hang_up_ends_the_call_though_the_connection_was_closed_first(
    make_caller: MakeCaller, room: Room
) -> None:
    roe, ann = await in_call(make_caller)
    held: list[SignalPayload] = []

    def hold(payload: SignalPayload) -> None:
        held.append(payload)

    room.on_the_way = hold
    await ann.calls.hang_up()
    await roe.until(Left)
    room.on_the_way = lambda payload: payload
    assert held == [CallSignal("hangup", roe.line.entries[0][0])]
    await ann.line.send(roe.line.me, held[0])
    assert (await roe.until(Ended)).reason is EndReason.HUNG_UP_BY_OTHER
