"""Who follows which session, and what is on its way to them (docs/protocol.md §8.1).

Everything here runs in the event loop. Entries come in the order in which they were committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from careseal.server import base64url, wire
from careseal.server.store.log import KINDS, Entry


class Close(NamedTuple):
    code: int
    reason: str


MALFORMED = Close(4400, "malformed")
NOT_AUTHORISED = Close(4401, "not authorised")
REVOKED = Close(4403, "revoked")
TOO_LATE = Close(4408, "authentication too late")
TOO_SLOW = Close(4409, "too slow; come back with after")
OVER = Close(4410, "ended or deleted")
TOO_MANY = Close(4429, "too many")
GOING_AWAY = Close(1001, "the server is going away")


def entry_frame(entry: Entry) -> str:
    """An entry as followers get it."""
    frame = {"type": "entry", "seq": entry.seq, "kind": KINDS[entry.kind], "parent": entry.parent}
    frame |= {"id": base64url.encode(entry.id), "body": base64url.encode(entry.body)}
    return wire.encode(frame | {"at": entry.at}).decode()


class Follower:
    """One socket. Its queue is bounded: a reader that lets it run over is cut off."""

    def __init__(self, member_id: bytes, after: int, most_frames: int, most_bytes: int) -> None:
        self.member_id = member_id
        self.cursor = after  # the last entry sent or queued
        self.live = False  # entries come as they land; before, they are read from the store
        self.closing: Close | None = None
        self.cut = asyncio.Event()  # close at once
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._most = (most_frames, most_bytes)
        self._wake = asyncio.Event()

    def offer(self, frame: str) -> None:
        """Queue a frame, or cut the follower off as too slow."""
        if self.closing is not None:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._wake.set()
        if len(self._frames) > self._most[0] or self._bytes > self._most[1]:
            self.close(TOO_SLOW)

    def offer_entry(self, seq: int, frame: str) -> None:
        """Queue the next entry; earlier ones are known, and while not live the store has it."""
        if not self.live or seq <= self.cursor:
            return
        if seq > self.cursor + 1:  # one was stored that nobody published: the store has it
            self.close(TOO_SLOW)
            return
        self.cursor = seq
        self.offer(frame)

    def close(self, close: Close, *, after_queue: bool = False) -> None:
        """Close the socket: at once, or when everything queued is sent."""
        if self.closing is None or not after_queue:
            self.closing = close
        self._wake.set()
        if not after_queue:
            self.cut.set()

    def take(self) -> list[str]:
        """What is queued now."""
        frames = list(self._frames)
        self._frames.clear()
        self._bytes = 0
        self._wake.clear()
        return frames

    async def wait(self, timeout: float) -> bool:
        """Until something is queued or the follower is closing; False when the time ran out."""
        if self._frames or self.closing:
            return True
        try:
            await asyncio.wait_for(self._wake.wait(), timeout)
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class _Room:
    followers: list[Follower] = field(default_factory=list)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    published: int = 0

    def present(self) -> list[bytes]:
        return sorted({follower.member_id for follower in self.followers})


class Fanout:
    """Rooms, one for each session that somebody follows or waits for."""

    def __init__(self) -> None:
        self._rooms: dict[bytes, _Room] = {}
        self._closing = False
        self._empty = asyncio.Event()  # looked at only while closing

    def enter(self, session_id: bytes, follower: Follower, most: int) -> bool:
        """Let a follower in and tell the others; False when its member has ``most`` already."""
        room = self._rooms.setdefault(session_id, _Room())
        before = room.present()
        if sum(other.member_id == follower.member_id for other in room.followers) >= most:
            return False
        room.followers.append(follower)
        if self._closing:
            follower.close(GOING_AWAY)
        self._tell_present(room, before, but=follower)
        return True

    def leave(self, session_id: bytes, follower: Follower) -> None:
        """Let a follower go and tell the others."""
        room = self._rooms.get(session_id)
        if room is None or follower not in room.followers:
            return
        before = room.present()
        room.followers.remove(follower)
        self._tell_present(room, before)
        self._drop_if_empty(session_id)

    def go_live(self, session_id: bytes, follower: Follower, head: int) -> bool:
        """Hand over from the store to live entries, if the follower has all up to now."""
        room = self._rooms[session_id]
        follower.live = follower.cursor >= max(head, room.published)
        return follower.live

    def present(self, session_id: bytes) -> list[bytes]:
        """Ids of the members that are connected, sorted."""
        room = self._rooms.get(session_id)
        return room.present() if room else []

    def publish(self, session_id: bytes, entry: Entry) -> None:
        """Pass a committed entry on."""
        room = self._rooms.get(session_id)
        if room is None:
            return
        room.published = max(room.published, entry.seq)
        self._release(room)
        if any(follower.live for follower in room.followers):
            frame = entry_frame(entry)
            for follower in room.followers:
                follower.offer_entry(entry.seq, frame)

    def signal(
        self, session_id: bytes, sender: Follower, to: Iterable[bytes] | None, sealed: bytes
    ) -> None:
        """Relay a signal: to all other members, or to the sockets of those named."""
        frame = {"type": "signal", "from": base64url.encode(sender.member_id)}
        text = wire.encode(frame | {"signal": base64url.encode(sealed)}).decode()
        named = None if to is None else set(to)
        for follower in self._rooms[session_id].followers:
            other = follower.member_id != sender.member_id
            if follower is not sender and (other if named is None else follower.member_id in named):
                follower.offer(text)

    def opened(self, session_id: bytes, invite_id: bytes) -> None:
        """Tell that somebody looked behind a link."""
        if room := self._rooms.get(session_id):
            frame = {"type": "opened", "invite": base64url.encode(invite_id)}
            for follower in room.followers:
                follower.offer(wire.encode(frame).decode())

    def close_members(self, session_id: bytes, members: Iterable[bytes], close: Close) -> None:
        """Close the sockets of these members at once, and wake those who wait."""
        if room := self._rooms.get(session_id):
            gone = set(members)
            for follower in room.followers:
                if follower.member_id in gone:
                    follower.close(close)
            self._release(room)

    def close_session(self, session_id: bytes, close: Close) -> None:
        """Close all sockets of a session behind what is queued."""
        if room := self._rooms.get(session_id):
            for follower in room.followers:
                follower.close(close, after_queue=True)
            self._release(room)

    @contextmanager
    def waiting(self, session_id: bytes) -> Iterator[asyncio.Future[None]]:
        """A future that is done at the next entry, or when there is a reason to look again.

        Enter it before reading the store, so that nothing lands unseen in between.
        """
        room = self._rooms.setdefault(session_id, _Room())
        waiting = asyncio.get_running_loop().create_future()
        if self._closing:
            waiting.set_result(None)
        room.waiting.add(waiting)
        try:
            yield waiting
        finally:
            room.waiting.discard(waiting)
            self._drop_if_empty(session_id)

    async def close(self, timeout: float) -> None:
        """Send everybody away and wait until they are gone."""
        self._closing = True
        self._empty.clear()
        for room in list(self._rooms.values()):
            for follower in room.followers:
                follower.close(GOING_AWAY, after_queue=True)
            self._release(room)
        if self._rooms:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), timeout)

    def _tell_present(self, room: _Room, before: list[bytes], but: Follower | None = None) -> None:
        now = room.present()
        if now == before:
            return
        frame = {"type": "present", "members": [base64url.encode(member) for member in now]}
        for follower in room.followers:
            if follower is not but:
                follower.offer(wire.encode(frame).decode())

    def _release(self, room: _Room) -> None:
        for waiting in room.waiting:
            if not waiting.done():
                waiting.set_result(None)

    def _drop_if_empty(self, session_id: bytes) -> None:
        room = self._rooms.get(session_id)
        if room is not None and not room.followers and not room.waiting:
            del self._rooms[session_id]
            if not self._rooms:
                self._empty.set()
