"""Who follows which session, and what is on its way to them (docs/protocol.md §8.1).

Everything here runs in the event loop. Entries come in the order in which they were committed.
What happens here is told to other workers, if there are any, and what they tell happens here too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from careseal.server import base64url, metrics, news, wire
from careseal.server.news import News
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


SHORT = 16 * 1024  # characters of an entry's frame that goes to other workers with the news


def entry_frame(entry: Entry) -> str:
    """An entry as followers get it."""
    frame = {"type": "entry", "seq": entry.seq, "kind": KINDS[entry.kind], "parent": entry.parent}
    frame |= {"id": base64url.encode(entry.id), "body": base64url.encode(entry.body)}
    return wire.encode(frame | {"at": entry.at}).decode()


class Follower:
    """One socket. Its queue is bounded: a reader that lets it run over is cut off."""

    def __init__(
        self,
        member_id: bytes,
        token_hash: bytes,
        after: int,
        most_frames: int,
        most_bytes: int,
        *,
        is_host: bool = False,
    ) -> None:
        self.member_id = member_id
        self.token_hash = token_hash  # it came with
        self.is_host = is_host
        self.cursor = after  # the last entry sent or queued
        self.live = False  # entries come as they land; before, they are read from the store
        self.behind = False  # was live, and has to read from the store again
        self.closing: Close | None = None
        self.cut: asyncio.Future[bool] = asyncio.get_running_loop().create_future()  # at once
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
        if seq > self.cursor + 1:  # one was stored that was not told of here
            self.fall_behind()
            return
        self.cursor = seq
        self.offer(frame)

    def fall_behind(self) -> None:
        """Read from the store what comes next."""
        if self.live:
            self.live, self.behind = False, True
            self._wake.set()

    def close(self, close: Close, *, after_queue: bool = False) -> None:
        """Close the socket: at once, or when everything queued is sent."""
        if self.closing is None or not after_queue:
            self.closing = close
        self._wake.set()
        if not after_queue and not self.cut.done():
            self.cut.set_result(True)

    def take(self) -> list[str]:
        """What is queued now."""
        frames = list(self._frames)
        self._frames.clear()
        self._bytes = 0
        self._wake.clear()
        return frames

    async def wait(self, timeout: float) -> bool:
        """Until something is queued or the follower is closing; False when the time ran out."""
        if self._frames or self.closing or self.behind:
            return True
        try:
            async with asyncio.timeout(timeout):  # without a task of its own, unlike wait_for
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class _Room:
    followers: list[Follower] = field(default_factory=list)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    published: int = 0

    def here(self) -> list[bytes]:
        """Members, once for each socket of this worker."""
        return [follower.member_id for follower in self.followers]


class Fanout:
    """Rooms, one for each session that somebody follows or waits for."""

    def __init__(self, say: Callable[[bytes, News], None] | None = None) -> None:
        """``say`` tells the other workers; without it there are none."""
        self._others = say
        self._rooms: dict[bytes, _Room] = {}
        self._elsewhere: dict[bytes, dict[bytes, list[bytes]]] = {}  # members by session, worker
        self._closing = False
        self._empty = asyncio.Event()  # looked at only while closing

    def enter(self, session_id: bytes, follower: Follower, most: int) -> bool:
        """Let a follower in and tell the others; False when its member has ``most`` already."""
        if self._sockets(session_id).count(follower.member_id) >= most:
            return False
        room = self._rooms.setdefault(session_id, _Room())
        before = self.present(session_id)
        room.followers.append(follower)
        if self._closing:
            follower.close(GOING_AWAY)
        self._tell_present(session_id, before, but=follower)
        self._say(session_id, news.Present(room.here()))
        return True

    def leave(self, session_id: bytes, follower: Follower) -> None:
        """Let a follower go and tell the others."""
        room = self._rooms.get(session_id)
        if room is None or follower not in room.followers:
            return
        before = self.present(session_id)
        room.followers.remove(follower)
        self._tell_present(session_id, before)
        self._say(session_id, news.Present(room.here()))
        self._drop_if_empty(session_id)

    def go_live(self, session_id: bytes, follower: Follower, head: int) -> bool:
        """Hand over from the store to live entries, if the follower has all up to now."""
        room = self._rooms[session_id]
        follower.live = follower.cursor >= max(head, room.published)
        return follower.live

    def present(self, session_id: bytes) -> list[bytes]:
        """Ids of the members that are connected, sorted."""
        return sorted(set(self._sockets(session_id)))

    def _sockets(self, session_id: bytes) -> list[bytes]:
        """Members, once for each socket of all workers."""
        room, elsewhere = self._rooms.get(session_id), self._elsewhere.get(session_id, {})
        here = room.here() if room else []
        return here + [member for members in elsewhere.values() for member in members]

    def publish(self, session_id: bytes, entry: Entry) -> None:
        """Pass a committed entry on."""
        metrics.entry(KINDS[entry.kind])
        if session_id not in self._rooms and self._others is None:
            return
        frame = entry_frame(entry)
        self._landed(session_id, entry.seq, frame)
        self._say(session_id, news.Landed(entry.seq, frame if len(frame) < SHORT else None))

    def _landed(self, session_id: bytes, seq: int, frame: str | None) -> None:
        room = self._rooms.get(session_id)
        if room is None:
            return
        room.published = max(room.published, seq)
        self._release(room)
        for follower in room.followers:
            if frame is not None:
                follower.offer_entry(seq, frame)
            elif seq > follower.cursor:
                follower.fall_behind()

    def signal(
        self, session_id: bytes, sender: Follower, to: Iterable[bytes] | None, sealed: bytes
    ) -> None:
        """Relay a signal: to all other members, or to the sockets of those named."""
        frame = {"type": "signal", "from": base64url.encode(sender.member_id)}
        text = wire.encode(frame | {"signal": base64url.encode(sealed)}).decode()
        named = None if to is None else [bytes(one) for one in to]
        self._signalled(session_id, sender.member_id, named, text, but=sender)
        self._say(session_id, news.Signalled(sender.member_id, named, text))

    def _signalled(
        self,
        session_id: bytes,
        sender: bytes,
        to: list[bytes] | None,
        frame: str,
        but: Follower | None = None,
    ) -> None:
        room = self._rooms.get(session_id)
        for follower in room.followers if room else ():
            meant = follower.member_id != sender if to is None else follower.member_id in to
            if meant and follower is not but:
                follower.offer(frame)

    def opened(self, session_id: bytes, invite_id: bytes) -> None:
        """Tell that somebody looked behind a link."""
        frame = wire.encode({"type": "opened", "invite": base64url.encode(invite_id)}).decode()
        self._opened(session_id, frame)
        self._say(session_id, news.Opened(frame))

    def _opened(self, session_id: bytes, frame: str) -> None:
        if room := self._rooms.get(session_id):
            for follower in room.followers:
                follower.offer(frame)

    def knocks_changed(self, session_id: bytes) -> None:
        """Tell hosts that the knocks are not the same any more, and wake those who wait."""
        self._knocked(session_id)
        self._say(session_id, news.Knocked())

    def _knocked(self, session_id: bytes) -> None:
        if room := self._rooms.get(session_id):
            for follower in room.followers:
                if follower.is_host:
                    follower.offer('{"type":"knocks"}')
            self._release(room)

    def close_members(self, session_id: bytes, members: Iterable[bytes], close: Close) -> None:
        """Close the sockets of these members at once, and wake those who wait."""
        gone = [bytes(one) for one in members]
        self._cut(session_id, gone, close)
        self._say(session_id, news.Cut(gone, *close))

    def _cut(self, session_id: bytes, gone: list[bytes], close: Close) -> None:
        if room := self._rooms.get(session_id):
            for follower in room.followers:
                if follower.member_id in gone:
                    follower.close(close)
            self._release(room)

    def close_session(self, session_id: bytes, close: Close) -> None:
        """Close all sockets of a session behind what is queued."""
        self._over(session_id, close)
        self._say(session_id, news.Over(*close))

    def _over(self, session_id: bytes, close: Close) -> None:
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

    def hear(self, worker: bytes, session_id: bytes, told: News) -> None:
        """What another worker told of a session."""
        match told:
            case news.Landed():
                self._landed(session_id, told.seq, told.frame)
            case news.Signalled():
                self._signalled(session_id, told.sender, told.to, told.frame)
            case news.Opened():
                self._opened(session_id, told.frame)
            case news.Knocked():
                self._knocked(session_id)
            case news.Cut():
                self._cut(session_id, told.members, Close(told.code, told.reason))
            case news.Over():
                self._over(session_id, Close(told.code, told.reason))
            case news.Present():
                self._present_elsewhere(session_id, worker, told.members)
            case news.Who():
                self._tell_who_is_here()

    def followed(self) -> dict[bytes, list[Follower]]:
        """Who follows which session with this worker."""
        return {id_: room.followers for id_, room in self._rooms.items() if room.followers}

    def wake_waiting(self) -> None:
        """Let all who wait for something look again."""
        for room in self._rooms.values():
            self._release(room)

    def ask_for_others(self) -> None:
        """Ask the other workers who is connected to them, and tell them the same."""
        self._say(news.NOBODY, news.Who())
        self._tell_who_is_here()

    def _tell_who_is_here(self) -> None:
        for session_id, room in self._rooms.items():
            if room.followers:
                self._say(session_id, news.Present(room.here()))

    def forget_workers(self, gone: set[bytes]) -> None:
        """Nobody is connected to these any more."""
        for session_id, workers in list(self._elsewhere.items()):
            for worker in gone & workers.keys():
                self._present_elsewhere(session_id, worker, [])

    def _present_elsewhere(self, session_id: bytes, worker: bytes, members: list[bytes]) -> None:
        before = self.present(session_id)
        workers = self._elsewhere.setdefault(session_id, {})
        workers[worker] = members
        if not members:
            del workers[worker]
        if not workers:
            del self._elsewhere[session_id]
        self._tell_present(session_id, before)

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

    def _say(self, session_id: bytes, told: News) -> None:
        if self._others is not None:
            self._others(session_id, told)

    def _tell_present(
        self, session_id: bytes, before: list[bytes], but: Follower | None = None
    ) -> None:
        room, now = self._rooms.get(session_id), self.present(session_id)
        if room is None or now == before:
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
