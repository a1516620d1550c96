"""Sending what waits: sealed for the present epoch, in order, once (docs/protocol.md §5.1)."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Never

from careseal.e2ee.errors import SealError
from careseal.e2ee.log import Entry, Kind
from careseal.e2ee.payload import Payload
from careseal.e2ee.sending import SealedChat, seal_chat
from careseal.e2ee.state import SessionState

from .core import Core, gone
from .errors import (
    NotAuthorised,
    SendingStopped,
    ServerContradicts,
    ServerRefused,
    ServerRestored,
    StaleParent,
    WrongPlace,
)


class Postman:
    """Takes a session's waiting messages to the server."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sending = asyncio.Lock()
        self._awaited: dict[str, int] = {}  # the seqs of messages that somebody here waits for

    async def send(self, payload: Payload) -> int:
        """Keeps a message and sends it, behind all that waits; its seq, as `deliver`."""
        core = self._core
        with core.store.transaction():
            name = self.put(payload)
            alone = core.outbox.waiting() == [name]
            if alone and not core.keeper.state.stopped and not core.restored:
                self._seal(name)  # one wait for the disk less
        return await self.deliver(name)

    def put(self, payload: Payload) -> str:
        """Keeps a message durably; it goes out with whatever is sent next."""
        return self._core.outbox.add(payload, time.time_ns() // 1_000_000)

    async def deliver(self, name: str) -> int:
        """Sends all that waits; the seq of the message with this name, 0 if that is unknown."""
        self._awaited[name] = 0
        try:
            await self.deliver_all()
            return self._awaited[name]
        finally:
            del self._awaited[name]

    async def deliver_all(self) -> None:
        """Raises `ServerUnreachable`; what is not acknowledged stays and waits.

        So does all while an alarm stops the sending (docs/protocol.md §4.1).
        """
        if self._core.keeper.state.stopped:
            return
        async with self._sending:
            for name in self._core.outbox.waiting():
                await self._deliver(name)

    async def _deliver(self, name: str) -> None:
        core = self._core
        while (waiting := core.outbox.get(name)) is not None:
            check_sending(core)
            try:
                sealed = waiting.sealed or self._seal(name)
                seq = await core.transport.post_chat(
                    core.id, core.profile.token, sealed, after=core.known_head
                )
            except StaleParent as error:
                await core.read()
                if core.keeper.state.chain.last_commit == sealed.parent:
                    raise ServerContradicts(
                        "The server says that something came first, and does not show it."
                    ) from error
                self._seal(name)
            except WrongPlace as error:
                await find_restored(core, error)
            except NotAuthorised as error:
                raise gone() from error
            except ServerRefused as refused:
                if refused.final:
                    core.outbox.drop(name)  # it will never be taken
                raise
            except SealError:
                core.outbox.drop(name)
                raise
            else:
                entry = Entry(seq, Kind.CHAT, sealed.parent, sealed.id, sealed.body)
                await core.confirmed(entry, also=lambda: core.outbox.drop(name))
                if name in self._awaited:
                    self._awaited[name] = seq

    def _seal(self, name: str) -> SealedChat:
        """Seals what waits anew under a new id; on disk before it is posted."""

        def make(state: SessionState) -> tuple[SessionState, SealedChat]:
            waiting = self._core.outbox.get(name)
            assert waiting is not None  # noqa: S101 - it was just looked at
            sealed = seal_chat(state, waiting.payload, waiting.time, os.urandom)
            self._core.outbox.keep_sealed(name, sealed)
            return state, sealed

        return self._core.keeper.change(make)


async def find_restored(core: Core, refused: WrongPlace) -> Never:
    """The log ends before what is known of it: raises what is to be said of that."""
    await core.read()
    check_sending(core)
    raise ServerContradicts("The server's log is shorter, and then it is not.") from refused


def check_sending(core: Core) -> None:
    """Raises `SendingStopped`, saying why (docs/protocol.md §4.1)."""
    state = core.keeper.state
    if core.restored:
        raise ServerRestored(
            "This server was restored to an earlier state, or takes back what it had confirmed. "
            "Nothing is sent until you carry on: your devices then put back what is missing."
        )
    if state.fork is not None:
        raise SendingStopped(
            "The server shows different logs to different people. Nothing is sent any more."
        )
    if state.contradictions:
        raise SendingStopped(
            "Somebody here was shown another log, or says so. Nothing is sent until a host has "
            "removed them."
        )
