"""How workers tell each other what happened: by Redis, else by PostgreSQL.

Messages may be lost: followers read the log again whenever that could have been so
(``careseal.server.looking_again``). All workers hear all messages and drop what is about sessions
that nobody follows with them.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from careseal.server.request_log import event

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from sqlalchemy import URL

CHANNEL: Final = "careseal"
QUEUED: Final = 32 * 1024 * 1024  # bytes that wait to be said; of more the oldest are dropped
FIRST_WITHIN: Final = 5.0  # s
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # s between tries
PIECE: Final = 7000  # characters of a notification, of which PostgreSQL takes less than 8000
log = logging.getLogger(__name__)

Hear = Callable[[bytes], None]


class Line(Protocol):
    """A way to all workers, this one among them."""

    async def listen(self) -> AsyncIterator[bytes]:
        """What is said from now on; the first is empty and means that the line stands."""
        yield b""

    async def say(self, messages: list[bytes]) -> None: ...

    async def close(self) -> None: ...


class Bus:
    """Says and hears for one worker, in order, and connects again when it has to.

    Either can break alone. What could not be said is said again, so that others may hear it twice.
    """

    def __init__(self, line: Line, hear: Hear, stands: Callable[[], None]) -> None:
        """``stands`` is called whenever the line is there, for the first time and again."""
        self._hears, self._says = False, True  # until a try fails
        self._line = line
        self._hear = hear
        self._stands = stands
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes of those that wait
        self._wake = asyncio.Event()
        self._first = asyncio.Event()
        self._tasks = [asyncio.create_task(work()) for work in (self._listen, self._speak)]

    async def ready(self) -> None:
        """Until the line stands for the first time, but not long: without it all goes slower."""
        try:
            async with asyncio.timeout(FIRST_WITHIN):
                await self._first.wait()
        except TimeoutError:
            event(log, "the line to the other workers does not stand yet")

    @property
    def up(self) -> bool:
        """Whether this worker hears the others and they hear it."""
        return self._hears and self._says

    @property
    def unsaid(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def say(self, message: bytes) -> None:
        """Queue a message to all other workers."""
        self._queue([message])

    async def close(self) -> None:
        """Stop; what waits is not said any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Exception):
            await self._line.close()

    async def _listen(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async for message in self._line.listen():
                    if message:
                        self._hear(message)
                        continue
                    pause, self._hears = FIRST_PAUSE, True
                    self._first.set()
                    self._stands_again()
            except Exception as failure:
                self._tell_if_new(failure)
            self._hears = False
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _speak(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._wake.wait()
            self._wake.clear()
            messages = self._take()
            try:
                await self._line.say(messages)
            except Exception as failure:
                self._tell_if_new(failure)
                self._says = False
                self._queue([*messages, *self._take()])
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
                continue
            if not self._says:
                pause, self._says = FIRST_PAUSE, True
                self._stands_again()

    def _queue(self, messages: list[bytes]) -> None:
        self._waiting += messages
        self._size += sum(map(len, messages))
        while self._size > QUEUED:
            self._size -= len(self._waiting.popleft())
        self._wake.set()

    def _take(self) -> list[bytes]:
        messages = list(self._waiting)
        self._waiting.clear()
        self._size = 0
        return messages

    def _stands_again(self) -> None:
        if self.up:
            self._stands()

    def _tell_if_new(self, failure: Exception) -> None:
        if self.up:
            event(log, "the line to the other workers broke", kind=type(failure).__name__)


class RedisLine:
    """Publish and subscribe of Redis, Valkey or what speaks like them."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis

        self._redis = Redis.from_url(
            url, health_check_interval=10, socket_connect_timeout=5, socket_timeout=30
        )

    async def listen(self) -> AsyncIterator[bytes]:
        async with self._redis.pubsub() as heard:
            await heard.subscribe(CHANNEL)
            while True:
                message = await heard.get_message(timeout=10)
                if message is None:
                    await heard.ping()
                elif message["type"] == "subscribe":
                    yield b""
                elif message["type"] == "message":
                    yield message["data"]

    async def say(self, messages: list[bytes]) -> None:
        async with self._redis.pipeline(transaction=False) as together:
            for message in messages:
                together.publish(CHANNEL, message)
            await together.execute()

    async def close(self) -> None:
        await self._redis.aclose()


class PostgresLine:
    """Notifications of PostgreSQL; long messages go in pieces."""

    def __init__(self, url: URL) -> None:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._url = plain
        self._speaking: AsyncConnection | None = None
        self._numbers = iter(range(2**62))

    async def listen(self) -> AsyncIterator[bytes]:
        from psycopg import AsyncConnection

        begun: dict[tuple[int, int], list[str]] = {}
        async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            yield b""
            async for notice in connection.notifies():
                number, left, text = notice.payload.split(":", 2)
                pieces = begun.setdefault((notice.pid, int(number)), [])
                pieces.append(text)
                if left == "0":
                    del begun[notice.pid, int(number)]
                    yield base64.b85decode("".join(pieces))

    async def say(self, messages: list[bytes]) -> None:
        from psycopg import AsyncConnection

        speaking = self._speaking
        if speaking is None or speaking.closed:
            self._speaking = speaking = await AsyncConnection.connect(self._url, autocommit=True)
        async with speaking.pipeline():
            for message in messages:
                for payload in self._pieces(message):
                    await speaking.execute(
                        "SELECT pg_notify(%s, %s)", (CHANNEL, payload), prepare=True
                    )

    def _pieces(self, message: bytes) -> Iterator[str]:
        text, number = base64.b85encode(message).decode(), next(self._numbers)
        starts = range(0, len(text), PIECE)
        for left, start in zip(reversed(range(len(starts))), starts, strict=True):
            yield f"{number}:{left}:{text[start : start + PIECE]}"

    async def close(self) -> None:
        if self._speaking is not None:
            await self._speaking.close()
