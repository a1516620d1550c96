"""One process of the crowd: its sessions, their followers, and what is written into them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import httpx
import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.server.visits import SIGNAL_SIZE, Member, Visit, chat, new_id, random_b64

TABS = 2  # followers of each of the two members of a session
PART = 20_000  # bytes of an uploaded file
GIVE_UP = 90.0  # s for which a request is tried again, and a follower may be away
COMES_BACK_WITHIN = 5.0  # s over which a crowd whose server went spreads
AT_ONCE = 24  # connections that are being opened


@dataclass(frozen=True)
class Plan:
    """What one process does; the rates are its own, a second."""

    number: int
    base_url: str
    token: str
    sessions: int
    appends: float
    uploads: float
    joins: float
    signals: float


@dataclass
class Room:
    """A session, what the server acknowledged of it, and who is to hear of it."""

    visit: Visit
    guest: Member
    acknowledged: dict[int, str] = field(default_factory=dict)  # id by seq
    sent: dict[str, float] = field(default_factory=dict)  # when by id, monotonic
    last_commit: int = 1
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    followers: list[Follower] = field(default_factory=list)

    @property
    def head(self) -> int:
        return max(self.acknowledged, default=0)


@dataclass
class Follower:
    """A socket that comes back by itself, and each entry that it heard."""

    room: Room
    member: Member
    heard: list[str] = field(default_factory=list)  # ids; the first has seq 1
    wrong: list[str] = field(default_factory=list)
    socket: ClientConnection | None = None


class Crowd:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rooms: list[Room] = []
        self.count: Counter[str] = Counter()
        self.failures: list[str] = []
        self.answers = array("d")  # pairs: when, s
        self.deliveries = array("d")
        self.uploads: list[tuple[Room, str, str]] = []  # file id, digest
        self._opening = asyncio.Semaphore(AT_ONCE)
        self._client = httpx.AsyncClient(
            base_url=plan.base_url,
            timeout=30,
            limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._tasks_of_traffic: set[asyncio.Task[None]] = set()
        self._over = False

    # Requests ------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, token: str, **more: Any) -> httpx.Response | None:
        """The answer; asked again, as clients do, while there is none. None when given up."""
        deadline, pause = time.monotonic() + GIVE_UP, 0.1
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            try:
                answer = await self._client.request(method, path, headers=headers, **more)
                if answer.status_code < 400:
                    return answer
                why = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code not in (429, 502, 503, 504):
                    break
            except httpx.TransportError as error:
                why = type(error).__name__
            self.count["asked again"] += 1
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
            pause = min(2 * pause, 5)
        self.failures.append(f"{method} {path.rpartition('/')[2]}: {why}")
        return None

    async def found(self) -> None:
        """Makes the sessions, a guest in each."""
        waiting = iter(range(self.plan.sessions))

        async def work() -> None:
            for _ in waiting:
                visit = Visit()
                path = "/api/telemedicine/sessions"
                if await self.ask("POST", path, self.plan.token, json=visit.founding()) is None:
                    continue
                room = Room(visit, Member(), last_commit=0)
                if await self.join(room, room.guest):
                    self.rooms.append(room)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    async def join(self, room: Room, member: Member) -> bool:
        async with room.turn:
            body = room.visit.commit(room.last_commit, member=member.joins())
            if not await self._write(room, "commits", room.visit.guest_invite.token.text, body):
                return False
            room.last_commit = room.head
            return True

    async def append(self, room: Room) -> None:
        async with room.turn:
            await self._write(room, "chat", room.guest.token.text, chat(room.last_commit))

    async def _write(self, room: Room, kind: str, token: str, body: dict[str, Any]) -> bool:
        began = time.monotonic()
        room.sent[body["id"]] = began
        answer = await self.ask("POST", f"{room.visit.path}/{kind}", token, json=body)
        if answer is None:
            return False
        room.acknowledged[answer.json()["seq"]] = body["id"]
        self.answers.extend((began, time.monotonic() - began))
        self.count[kind] += 1
        return True

    async def upload(self, room: Room) -> None:
        content, file, token = os.urandom(PART), new_id(), room.visit.host.token.text
        path = f"{room.visit.path}/files"
        asked = {"id": file, "parts": 1, "size": len(content)}
        if await self.ask("POST", path, token, json=asked) is None:
            return
        if await self.ask("PUT", f"{path}/{file}/parts/0", token, content=content) is not None:
            self.uploads.append((room, file, hashlib.sha256(content).hexdigest()))
            self.count["uploads"] += 1

    async def signal(self, room: Room) -> None:
        follower = random.choice(room.followers)
        if follower.socket is not None:
            frame = {"type": "signal", "to": None, "signal": random_b64(SIGNAL_SIZE)}
            with suppress(WebSocketException):
                await follower.socket.send(msgspec.json.encode(frame).decode())
                self.count["signals"] += 1

    # Followers -----------------------------------------------------------------------------

    async def follow(self, follower: Follower, here: Callable[[], None]) -> None:
        """Until all is over. `here` is called when the server first said ready."""
        url = f"ws{self.plan.base_url.removeprefix('http')}{follower.room.visit.path}/follow"
        source = (f"127.0.0.{2 + self.plan.number}", 0)  # ports enough for the whole crowd
        pause = 0.2
        while not self._over:
            try:
                async with self._opening:
                    socket = await connect(
                        f"{url}?after={len(follower.heard)}",
                        compression=None,
                        ping_interval=None,
                        open_timeout=30,
                        close_timeout=2,
                        local_addr=source,
                    )
                    auth = {"type": "auth", "token": follower.member.token.text}
                    await socket.send(msgspec.json.encode(auth).decode())
                    self._hear(follower, await socket.recv())
            except (OSError, TimeoutError, InvalidHandshake, WebSocketException):
                self.count["came in vain"] += 1
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))
                pause = min(2 * pause, 5)
                continue
            pause, follower.socket = 0.2, socket
            here()
            try:
                async for text in socket:
                    self._hear(follower, text)
            except WebSocketException:
                pass
            follower.socket = None
            await socket.close()
            if not self._over:
                self.count["came back"] += 1
                await asyncio.sleep(random.uniform(0, COMES_BACK_WITHIN))

    def _hear(self, follower: Follower, text: str | bytes) -> None:
        frame = msgspec.json.decode(text)
        if frame["type"] == "signal":
            self.count["signals heard"] += 1
        if frame["type"] != "entry":
            return
        if frame["seq"] != len(follower.heard) + 1:
            follower.wrong.append(f"{frame['seq']} after {len(follower.heard)}")
            return
        follower.heard.append(frame["id"])
        sent = follower.room.sent.get(frame["id"])
        if sent is not None and follower.socket is not None:  # else it is what was missed
            self.deliveries.extend((sent, time.monotonic() - sent))

    async def gather_all(self) -> int:
        """All followers; how many the server took up."""
        arrived, everybody = 0, asyncio.Event()

        def here_first() -> Callable[[], None]:
            told = False

            def here() -> None:
                nonlocal arrived, told
                arrived += not told
                told = True
                if arrived == self.plan.sessions * 2 * TABS:
                    everybody.set()

            return here

        for room in self.rooms:
            for member in (room.visit.host, room.guest):
                for _ in range(TABS):
                    follower = Follower(room, member)
                    room.followers.append(follower)
                    self._start(self.follow(follower, here_first()))
        with suppress(TimeoutError):
            await asyncio.wait_for(everybody.wait(), 300)
        return arrived

    # The traffic ---------------------------------------------------------------------------

    async def traffic(self, until: float) -> None:
        self.answers, self.deliveries = array("d"), array("d")
        for room in self.rooms:
            room.sent.clear()  # before there was anybody to hear it
        await asyncio.gather(
            self._at(self.plan.appends, self.append, until),
            self._at(self.plan.uploads, self.upload, until),
            self._at(self.plan.joins, self._more, until),
            self._at(self.plan.signals, self.signal, until),
        )
        while self._tasks_of_traffic:
            await asyncio.wait(self._tasks_of_traffic)

    async def _more(self, room: Room) -> None:
        await self.join(room, Member())

    async def _at(self, rate: float, what: Callable[[Room], Awaitable[None]], until: float) -> None:
        """At that rate, however long each takes; what would wait behind too many is left out."""
        following = time.monotonic()
        while (now := time.monotonic()) < until:
            if now < following:
                await asyncio.sleep(following - now)
            following += random.expovariate(rate)
            if len(self._tasks_of_traffic) > 2000:
                self.count["left out"] += 1
                continue
            task = asyncio.ensure_future(_quietly(what(random.choice(self.rooms))))
            self._tasks_of_traffic.add(task)
            task.add_done_callback(self._tasks_of_traffic.discard)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The end -------------------------------------------------------------------------------

    async def account(self) -> dict[str, Any]:
        """Waits until everybody has heard everything, and says what is missing."""
        deadline = time.monotonic() + GIVE_UP
        everybody = [follower for room in self.rooms for follower in room.followers]
        while time.monotonic() < deadline:
            if all(len(each.heard) >= each.room.head and each.socket for each in everybody):
                break
            await asyncio.sleep(0.5)
        missing = wrong = other = 0
        for follower in everybody:
            wrong += len(follower.wrong)
            for seq, entry in follower.room.acknowledged.items():
                heard = follower.heard[seq - 1] if seq <= len(follower.heard) else None
                missing += heard is None
                other += heard not in (None, entry)
        connected = sum(each.socket is not None for each in everybody)
        unreadable = await self._read_back()
        self._over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()
        return {
            "count": dict(self.count),
            "failures": self.failures,
            "followers": len(everybody),
            "connected": connected,
            "entries": sum(len(room.acknowledged) for room in self.rooms),
            "missing": missing,
            "wrong": wrong,
            "other": other,
            "unreadable": unreadable,
            "answers": self.answers.tobytes(),
            "deliveries": self.deliveries.tobytes(),
        }

    async def _read_back(self) -> int:
        """How many of some uploads and logs do not come back as they were acknowledged."""
        bad = 0
        for room, file, digest in random.sample(self.uploads, min(200, len(self.uploads))):
            path = f"{room.visit.path}/files/{file}/parts/0"
            answer = await self.ask("GET", path, room.guest.token.text)
            bad += answer is None or hashlib.sha256(answer.content).hexdigest() != digest
        for room in random.sample(self.rooms, min(100, len(self.rooms))):
            path = f"{room.visit.path}/chat?after=0&limit=1000&form=digest"
            answer = await self.ask("GET", path, room.guest.token.text)
            rows = [] if answer is None else answer.json()["entries"]
            bad += {row["seq"]: row["id"] for row in rows} != room.acknowledged
        return bad


async def _quietly(work: Awaitable[None]) -> None:
    await work


def run(plan: Plan, parent: Connection) -> None:
    """Says ``ready`` with the followers that are there, then does what it is told."""

    async def course() -> None:
        crowd = Crowd(plan)
        await crowd.found()
        parent.send(await crowd.gather_all())
        until = await asyncio.to_thread(parent.recv)
        await crowd.traffic(until)
        parent.send(await crowd.account())

    uvloop.run(course())
