"""Following a session: the line, what is done by itself meanwhile, and coming back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import suppress
from typing import Any

from careseal.e2ee import base64url
from careseal.e2ee.errors import Malformed, SealError
from careseal.e2ee.events import CommitVoid, GroupChanged, MessageReceived
from careseal.e2ee.identifiers import InviteId, MemberId
from careseal.e2ee.payload import Leave
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import Hello, Plain, SignalPayload
from careseal.e2ee.state import Phase

from .carrying import Carrier
from .commits import Committer
from .core import Core
from .duties import Duties
from .errors import ClientError, NotInSession, ServerRefused, ServerUnreachable
from .events import Connected, Disconnected, Event, KnocksChanged, LinkOpened, Over, Present
from .line import Line, LineOver, open_line
from .posting import Postman
from .transport import read_entry

SOON, AT_EASE, SLOWEST = 0.2, 1.0, 15.0
"""Seconds before the line is tried again: after a line that brought an entry, at most after one
that was ready, and at most at all."""

LOOK_ROUND = 5.0
"""Seconds within which a host looks at the door after somebody else's commit."""


class Follower:
    """Keeps the line of one session, for as long as somebody listens."""

    def __init__(
        self,
        core: Core,
        committer: Committer,
        postman: Postman,
        duties: Duties,
        carrier: Carrier,
    ) -> None:
        self._core = core
        self._carrier = carrier
        self._committer = committer
        self._postman = postman
        self._duties = duties
        self._line: Line | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Returns when the session is over; raises `NotInSession` once removed."""
        pause = SOON
        try:
            while True:
                try:
                    try:
                        async for most in self._connected():
                            pause = min(pause, most)
                    except LineOver:
                        await self._core.read()
                        self._core.tell(Over())
                        return
                    except NotInSession:
                        await self._core.read()  # a restored server may not know this device yet
                        self._start(self._carrier.go_on(self._core.follow_from))
                except ServerUnreachable:
                    pass
                except ServerRefused as refused:
                    if refused.final:
                        raise
                wait = pause * random.uniform(0.75, 1.25)  # noqa: S311 - only spreads
                self._core.tell(Disconnected(wait))
                await asyncio.sleep(wait)
                pause = min(pause * 2, SLOWEST)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send_signal(self, to: Peer | None, payload: SignalPayload) -> None:
        """Raises `ServerUnreachable` while the line is down."""
        if self._line is None:
            raise ServerUnreachable("The line to the server is down.")
        member = None if to is None else self._core.signalling.peers.get(to)
        if to is not None and member is None:
            member = self._core.keeper.state.present.member(to.leaf).id
        await self._line.send_signal(member, self._core.signalling.seal(to, payload))

    async def _connected(self) -> AsyncIterator[float]:
        """With each frame the most seconds to wait after it, should the line break."""
        core, ready = self._core, False
        url = core.transport.follow_url(core.id, core.follow_from)
        async with open_line(url, core.profile.token) as line:
            self._line = line
            try:
                async for frame in line.frames():
                    before = core.cursor
                    await self._heard(frame)
                    ready = ready or frame["type"] == "ready"
                    yield SOON if core.cursor > before else AT_EASE if ready else SLOWEST
            finally:
                self._line = None
                core.signalling.peers.clear()

    async def _heard(self, frame: dict[str, Any]) -> None:
        core = self._core
        match frame:
            case {"type": "ready", "head": int(head), "members": list(members)}:
                core.tell(Connected(_ids(members)))
                if head < core.known_head:
                    await core.read()  # where the roll-back is found
                self._start(self._carrier.go_on(head))
                self._start(self._arrived())
            case {"type": "entry"}:
                try:
                    told = await core.take(read_entry(frame))
                except Malformed as error:
                    raise ServerUnreachable("The server sent what is no entry.") from error
                self._attend(told)
                if core.restored:
                    self._start(self._carrier.go_on(int(frame["seq"])))
            case {"type": "signal", "signal": str(text)}:
                await self._signalled(text)
            case {"type": "present", "members": list(members)}:
                core.tell(Present(_ids(members)))
            case {"type": "knocks"}:
                core.tell(KnocksChanged())
                self._start(self._do_duties())
            case {"type": "opened", "invite": str(invite)}:
                with suppress(Malformed):  # advisory: not worth the line
                    self._somebody_stands_before(InviteId.parse(invite))
            case {"type": "beat", "head": int(head)} if head > core.cursor:
                self._attend(await core.read())

    def _somebody_stands_before(self, invite: InviteId) -> None:
        self._core.tell(LinkOpened(invite))
        state = self._core.keeper.state
        if state.phase is Phase.IN and state.is_host:
            self._start(self._committer.link_opened(invite))

    async def _signalled(self, text: str) -> None:
        try:
            received = self._core.signalling.open(base64url.decode(text))
        except Malformed:
            return
        if received is None:
            return
        self._core.tell(received)
        if isinstance(received.payload, Hello) and received.payload.reply:
            await self.send_signal(received.peer, Hello(False))

    # What is done by itself ----------------------------------------------------------------

    async def _arrived(self) -> None:
        await self._committer.resume()
        await self._duties.look_after()
        await self._postman.deliver_all()
        await self._tell_all(Hello(True))

    async def goodbye(self) -> None:
        """Tells the others that this process stops listening."""
        await self._tell_all(Plain("bye"))

    async def _tell_all(self, payload: SignalPayload) -> None:
        with suppress(ClientError, SealError):  # nobody hears it, or nobody should
            await self.send_signal(None, payload)

    def _attend(self, told: Iterable[Event]) -> None:
        for event in told:
            match event:
                case GroupChanged(own=False) | CommitVoid() | MessageReceived(payload=Leave()):
                    self._start(self._do_duties())
                    return

    async def _do_duties(self) -> None:
        await self._duties.look_after(LOOK_ROUND)

    def _start(self, work: Awaitable[None]) -> None:
        async def quietly() -> None:
            with suppress(ClientError, SealError):  # the next commit or line tries again
                await work

        task = asyncio.create_task(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ids(members: list[Any]) -> frozenset[MemberId]:
    try:
        return frozenset(MemberId.parse(str(each)) for each in members)
    except Malformed:
        return frozenset()


async def drain(
    queue: asyncio.Queue[Event | None], running: asyncio.Task[None]
) -> AsyncIterator[Event]:
    """What is queued until the task ends, and then its outcome."""
    running.add_done_callback(lambda _: queue.put_nowait(None))
    while (event := await queue.get()) is not None:
        yield event
    running.result()
