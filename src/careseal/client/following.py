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
from careseal.e2ee.sending import may_grant
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import Hello, Plain, SignalPayload
from careseal.e2ee.state import Epoch, Phase

from .commits import Changes, Committer
from .core import Core, gone
from .errors import ClientError, ServerUnreachable
from .events import Connected, Disconnected, Event, LinkOpened, Over, Present
from .granting import give_history
from .line import Line, LineOver, open_line
from .posting import Postman
from .transport import read_entry

SLOWEST = 15.0
"""Most seconds between two attempts to get the line back."""

LOOK_ROUND = 5.0
"""Seconds within which a host looks at the door after somebody else's commit; spread, so that
not all hosts mend it at once."""


class Follower:
    """Keeps the line of one session, for as long as somebody listens."""

    def __init__(self, core: Core, committer: Committer, postman: Postman) -> None:
        self._core = core
        self._committer = committer
        self._postman = postman
        self._line: Line | None = None
        self._duties: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Returns when the session is over; raises `NotInSession` once removed."""
        pause = 0.2
        try:
            while True:
                try:
                    async for _ in self._connected():
                        pause = 0.2
                except LineOver:
                    await self._core.read()
                    self._core.tell(Over())
                    return
                except ServerUnreachable:
                    pass
                wait = pause * random.uniform(0.75, 1.25)  # noqa: S311 - only spreads
                self._core.tell(Disconnected(wait))
                await asyncio.sleep(wait)
                pause = min(pause * 2, SLOWEST)
        finally:
            for duty in self._duties:
                duty.cancel()
            await asyncio.gather(*self._duties, return_exceptions=True)

    async def send_signal(self, to: Peer | None, payload: SignalPayload) -> None:
        """Raises `ServerUnreachable` while the line is down."""
        if self._line is None:
            raise ServerUnreachable("The line to the server is down.")
        member = None if to is None else self._core.signalling.peers.get(to)
        if to is not None and member is None:
            member = self._core.keeper.state.present.member(to.leaf).id
        await self._line.send_signal(member, self._core.signalling.seal(to, payload))

    async def _connected(self) -> AsyncIterator[None]:
        core = self._core
        url = core.transport.follow_url(core.id, core.cursor)
        async with open_line(url, core.profile.token) as line:
            self._line = line
            try:
                async for frame in line.frames():
                    await self._heard(frame)
                    yield
            finally:
                self._line = None
                core.signalling.peers.clear()

    async def _heard(self, frame: dict[str, Any]) -> None:
        core = self._core
        match frame:
            case {"type": "ready", "head": int(head), "members": list(members)}:
                core.tell(Connected(_ids(members)))
                if head < core.cursor:
                    await core.read()  # where the roll-back is found
                self._start(self._arrived())
            case {"type": "entry"}:
                try:
                    told = await core.take(read_entry(frame))
                except Malformed as error:
                    raise ServerUnreachable("The server sent what is no entry.") from error
                self._attend(told)
            case {"type": "signal", "signal": str(text)}:
                await self._signalled(text)
            case {"type": "present", "members": list(members)}:
                core.tell(Present(_ids(members)))
            case {"type": "opened", "invite": str(invite)}:
                core.tell(LinkOpened(InviteId.parse(invite)))
            case {"type": "beat", "head": int(head)} if head > core.cursor:
                self._attend(await core.read())

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
        await self._committer.look_after()
        await self._postman.deliver_all()
        await self._tell_all(Hello(True))
        if self._core.keeper.state.is_host:
            await self._committer.tend_door()

    async def goodbye(self) -> None:
        """Tells the others that this process stops listening."""
        await self._tell_all(Plain("bye"))

    async def _tell_all(self, payload: SignalPayload) -> None:
        with suppress(ClientError, SealError):  # nobody hears it, or nobody should
            await self.send_signal(None, payload)

    def _attend(self, told: Iterable[Event]) -> None:
        for event in told:
            match event:
                case GroupChanged(own=False) | CommitVoid():
                    self._start(self._after_commit(event))
                case MessageReceived(payload=Leave(), own=False):
                    self._start(self._remove_leaver(event.sender.id))

    async def _after_commit(self, event: GroupChanged | CommitVoid) -> None:
        await self._committer.look_after()
        state = self._core.keeper.state
        if state.phase is not Phase.IN:
            raise gone()
        if not state.is_host:
            return
        if isinstance(event, GroupChanged) and event.joined is not None and not event.resync:
            rule = state.present.policy.find(event.joined.invite)
            if rule is not None and rule.history and may_grant(state, event.joined.id):
                await give_history(self._core, self._postman, event.joined.id)
        await asyncio.sleep(random.uniform(0, LOOK_ROUND))  # noqa: S311 - only spreads
        await self._committer.tend_door()

    async def _remove_leaver(self, member: MemberId) -> None:
        def plan(epoch: Epoch) -> Changes | None:
            gone_one = epoch.find(member)
            if gone_one is None:
                return None
            return Changes(removes=(gone_one.leaf,), revokes=(member,))

        if self._core.keeper.state.is_host:
            await asyncio.sleep(random.uniform(0, 0.5))  # noqa: S311 - only spreads
            await self._committer.commit(plan)

    def _start(self, work: Awaitable[None]) -> None:
        async def quietly() -> None:
            with suppress(ClientError, SealError):  # the next commit or line tries again
                await work

        duty = asyncio.create_task(quietly())
        self._duties.add(duty)
        duty.add_done_callback(self._duties.discard)


def _ids(members: list[Any]) -> frozenset[MemberId]:
    try:
        return frozenset(MemberId.parse(str(each)) for each in members)
    except Malformed:
        return frozenset()
