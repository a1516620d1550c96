"""Calls of the Python peer: a member who lies in its signals, and a server that withholds them.

Signals are sealed and signed: a server can drop, delay and repeat them, and change none (§7.1).
"""

# ruff: noqa: F811 - fixtures of the tests of calls

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from careseal.call import Connected, Ended, EndReason, GoesOn, Joined, Left, Rings, Sending, Slot
from careseal.e2ee.signal_payload import CallSignal, Candidate, Description, SignalPayload
from tests.call.conftest import Caller, Room, make_caller, only_loopback, room  # noqa: F401
from tests.call.senses import Watcher
from tests.call.test_call import MakeCaller, in_call, pattern, until, watch

FALSE_PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


def with_false_print(payload: Description) -> Description:
    lines = payload.sdp.split("\r\n")
    lines = [FALSE_PRINT if line.startswith("a=fingerprint") else line for line in lines]
    return replace(payload, sdp="\r\n".join(lines))


@pytest.mark.attack(
    "call: a guest lies to one of two",
    "A guest who joins a call signs another fingerprint to one of the two who are in it.",
    "refused: no picture or sound of the guest is taken there; the others see each other on",
    "`call.link`: the certificate is compared with the signed description",
)
async def test_a_member_who_lies_to_one_of_two_is_not_heard_there(
    make_caller: MakeCaller,
    room: Room,
) -> None:
    roe, ann = await in_call(make_caller)
    eve = await make_caller(2)
    told_ann = ann.line.me

    async def lying_to_ann(to: object, payload: SignalPayload) -> None:
        if to == told_ann and isinstance(payload, Description):
            payload = with_false_print(payload)
        await send(to, payload)  # type: ignore[arg-type]

    send = eve.line.send
    eve.line.send = lying_to_ann  # type: ignore[method-assign]
    eve.line.hear_hello_everywhere()
    await eve.until(GoesOn)
    await eve.calls.join(pattern(880))
    assert (await roe.until(Joined)).peer == eve.line.me
    await Watcher(roe.calls.link(eve.line.me).inlets[Slot.CAMERA]).moving_picture()
    connected = [event.peer for event in ann.told if isinstance(event, Connected)]
    assert eve.line.me not in connected
    if eve.line.me in ann.calls.peers:
        inlet = ann.calls.link(eve.line.me).inlets[Slot.CAMERA]
        assert Watcher(inlet).count == 0


@pytest.mark.attack(
    "call: withholds a hang-up",
    "The server does not relay a hang-up, and never does.",
    "no effect: the connection itself says goodbye; the call is over within 10 s",
    "the goodbye on the connection",
)
async def test_a_hang_up_that_is_withheld_leaves_nobody_hanging(
    make_caller: MakeCaller,
    room: Room,
) -> None:
    roe, ann = await in_call(make_caller)
    room.on_the_way = lambda payload: (
        None if isinstance(payload, CallSignal) and payload.type == "hangup" else payload
    )
    await ann.calls.hang_up()
    async with asyncio.timeout(10):
        await roe.until(Left)


@pytest.mark.attack(
    "call: drops every candidate",
    "The server relays no signal that is as long as a candidate.",
    "no effect: descriptions hold candidates, the call connects",
    "none is needed",
)
async def test_a_call_connects_without_candidates_of_its_own(
    make_caller: MakeCaller,
    room: Room,
) -> None:
    room.on_the_way = lambda payload: None if isinstance(payload, Candidate) else payload
    _, ann = await in_call(make_caller)
    await watch(ann, Slot.CAMERA).moving_picture()


@pytest.mark.attack(
    "call: relays every signal three times",
    "The server relays each signal of a call three times, behind the counters that refuse it.",
    "no effect: one call, connected once",
    "`e2ee.signal.Counters.take`; and calls take a repeated signal for nothing new",
)
async def test_repeated_signals_make_no_second_call(
    make_caller: MakeCaller,
    room: Room,
) -> None:
    roe, ann = await make_caller(0), await make_caller(1)
    for caller in (roe, ann):
        caller.line.send = _three_times(caller)  # type: ignore[method-assign]
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    await ann.calls.answer(pattern())
    await ann.until(Connected)
    await roe.until(Connected)
    await watch(roe, Slot.CAMERA).moving_picture()
    for caller in (roe, ann):
        assert sum(isinstance(event, Connected) for event in caller.told) == 1
        assert not any(isinstance(event, Ended) for event in caller.told)


def _three_times(caller: Caller):  # type: ignore[no-untyped-def]
    send = caller.line.send

    async def three(to: object, payload: SignalPayload) -> None:
        for _ in range(3):
            await send(to, payload)  # type: ignore[arg-type]

    return three


@pytest.mark.attack(
    "call: an old hang-up of another call",
    "The server plays a hang-up of an earlier call into the one that goes on.",
    "no effect: it names another call",
    "`call`: the call's id; `e2ee.signal.Counters.take`",
)
async def test_a_hang_up_of_another_call_ends_nothing(
    make_caller: MakeCaller,
    room: Room,
) -> None:
    roe, ann = await in_call(make_caller)
    (call, _, _) = roe.line.entries[0]
    await ann.calls.hang_up()
    assert (await roe.until(Ended)).reason is EndReason.HUNG_UP_BY_OTHER
    await roe.calls.ring(pattern())
    await ann.until(Rings)
    await ann.calls.answer(Sending())
    await roe.until(Connected)
    await ann.line.send(roe.line.me, CallSignal("hangup", call))
    await until(lambda: bool(roe.calls.peers))
    await watch(ann, Slot.CAMERA).moving_picture()
    assert not any(
        isinstance(event, Ended) for event in roe.told[roe.told.index(_ended(roe)) + 1 :]
    )


def _ended(caller: Caller) -> Ended:
    return next(event for event in caller.told if isinstance(event, Ended))
