"""Two call peers over a line without a server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from careseal.call.calls import Calls
from careseal.call.events import CallsEvent
from careseal.call.frames import KeyRing
from careseal.client import Event, GroupChanged, MessageReceived, SignalReceived
from careseal.e2ee import signal_payload
from careseal.e2ee.epoch import Member
from careseal.e2ee.identifiers import CallId, EntryId, InviteId, MemberId
from careseal.e2ee.identity import Identity
from careseal.e2ee.payload import Call, CallEvent
from careseal.e2ee.policy import Policy, Role
from careseal.e2ee.secret import FrameKey
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import Hello, SignalPayload

Change = Callable[[SignalPayload], SignalPayload | None]


def frame_key(epoch: int) -> FrameKey:
    return FrameKey(bytes([epoch]) * 32)


@dataclass
class Room:
    """All who are here; signals and entries go from hand to hand, in order."""

    lines: list[RoomLine] = field(default_factory=list)
    epoch: int = 1
    on_the_way: Change = lambda payload: payload

    def enter(self, leaf: int) -> RoomLine:
        line = RoomLine(self, leaf)
        self.lines.append(line)
        return line

    def member(self, leaf: int) -> Member:
        identity = Identity.make(f"P{leaf}", "", InviteId(bytes([leaf]) * 16))
        return Member(leaf, bytes([leaf]) * 32, identity, Role.GUEST)

    def renew(self) -> None:
        self.epoch += 1
        for line in self.lines:
            line.epochs = (self.epoch, *line.epochs[:1])
            line.tell_group_changed()


class RoomLine:
    """One member's line in a room."""

    def __init__(self, room: Room, leaf: int) -> None:
        self.room = room
        self.leaf = leaf
        self.me = Peer(leaf, os.urandom(8))
        self.epochs: tuple[int, ...] = (room.epoch,)
        self.key_of: Callable[[int], FrameKey] = frame_key
        self.listeners: list[Callable[[Event], None]] = []
        self.entries: list[tuple[CallId, CallEvent, int | None]] = []
        self.said: list[SignalPayload] = []
        self.relay_only = False

    @property
    def peers(self) -> dict[Peer, MemberId]:
        others = (line for line in self.room.lines if line is not self)
        return {line.me: self.room.member(line.leaf).id for line in others}

    @property
    def keys(self) -> KeyRing | None:
        return KeyRing(self.leaf, tuple((each, self.key_of(each)) for each in self.epochs))

    def member(self, member: MemberId) -> Member | None:
        everybody = (self.room.member(line.leaf) for line in self.room.lines)
        return next((each for each in everybody if each.id == member), None)

    def is_own(self, member: MemberId) -> bool:
        return member == self.room.member(self.leaf).id

    def siblings(self, member: MemberId) -> frozenset[MemberId]:
        return frozenset({member})

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def hear(self, event: Event) -> None:
        for listener in list(self.listeners):
            listener(event)

    def hear_hello_everywhere(self) -> None:
        """The others hear that this one is here."""
        for line in self.room.lines:
            if line is not self:
                line.hear(SignalReceived(self.me, self.room.member(self.leaf), Hello(True)))

    def tell_group_changed(self) -> None:
        rule = Policy.__new__(Policy)  # calls do not look at it
        sender = self.room.member(self.leaf)
        self.hear(GroupChanged(1, sender, False, None, False, (), rule, rule))

    async def send(self, to: Peer, payload: SignalPayload) -> None:
        self.said.append(payload)
        text = signal_payload.encode(payload)  # in the shape that the protocol wants
        decoded = signal_payload.decode(text)
        assert not isinstance(decoded, signal_payload.UnsupportedSignal)
        changed = self.room.on_the_way(decoded)
        for line in self.room.lines:
            if line.me == to and changed is not None:
                line.hear(SignalReceived(self.me, self.room.member(self.leaf), changed))

    async def announce(self, call: CallId, event: CallEvent, seconds: int | None) -> None:
        await asyncio.sleep(0)
        self.entries.append((call, event, seconds))
        now = round(time.time() * 1000)
        sender, entry = self.room.member(self.leaf), EntryId(os.urandom(16))
        for line in self.room.lines:
            own = line is self
            line.hear(MessageReceived(1, entry, sender, now, Call(call, event, seconds), own))

    async def renew(self) -> None:
        await asyncio.sleep(0)  # as over a network, others do something meanwhile
        self.room.renew()

    async def ice_servers(self) -> list[dict[str, object]]:
        return []


E = TypeVar("E")


@dataclass
class Caller:
    """One side of a call under test."""

    line: RoomLine
    calls: Calls
    told: list[CallsEvent] = field(default_factory=list)

    async def until(self, kind: type[E], within: float = 20) -> E:
        """The next event of that kind; all before it are in `told`."""
        async with asyncio.timeout(within):
            async for event in self.calls.events():
                self.told.append(event)
                if isinstance(event, kind):
                    return event
        raise AssertionError


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
async def make_caller(room: Room) -> AsyncIterator[Callable[[int], Awaitable[Caller]]]:
    async with AsyncExitStack() as stack:

        async def make(leaf: int) -> Caller:
            line = room.enter(leaf)
            return Caller(line, await stack.enter_async_context(Calls(line)))

        yield make
