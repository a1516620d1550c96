"""Dr Roe, who reaches the server honestly, and Ann, between whom and the server somebody sits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from careseal.client import (
    Event,
    Forked,
    InviteOptions,
    Link,
    MessageReceived,
    SendingStopped,
    Session,
    Store,
    Text,
)
from careseal.client.account import Account
from careseal.e2ee import base64url

from .liar import Liar

T = TypeVar("T")

AT_MOST = 10.0
"""Seconds in which anything that a client is asked to do has to end, one way or the other."""


@dataclass
class Scene:
    """One session, and all that its people said, saw and were told."""

    server: str
    lying: str  # the origin with the liar in between
    liar: Liar
    account: Account
    folder: Path
    roe: Session
    link: Link
    said: list[str] = field(default_factory=list)
    seen: list[Event] = field(default_factory=list)  # by Ann
    told: list[Event] = field(default_factory=list)  # to Dr Roe
    secrets: list[bytes] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    rung: int = 0  # signals of calls that Ann took

    @property
    def shown(self) -> list[str]:
        return texts(self.seen)

    @property
    def events(self) -> list[Event]:
        return self.seen + self.told

    def store(self, name: str) -> Store:
        store = Store.open(self.folder / name)
        self.stores.append(store)
        return store

    def through(self, link: Link) -> Link:
        """The same link, with the liar in between."""
        return replace(link, origin=self.lying)

    async def join(self, name: str = "Ann", link: Link | None = None) -> Session:
        session = await within(
            Session.join(self.store(name), self.through(link or self.link), name=name)
        )
        self.sessions.append(session)
        return session

    async def roe_through_the_liar(self) -> Session:
        """The clinician's device, which from now on reaches the server through the liar."""
        self.roe._core.transport.origin = self.lying
        return self.roe

    async def roe_says(self, *lines: str) -> None:
        for line in lines:
            self.said.append(line)
            await self.roe.send(line)
            self.told += await self.roe.catch_up()

    async def roe_reads(self) -> None:
        self.told += await within(self.roe.catch_up())

    async def ann_reads(self, ann: Session) -> None:
        self.seen += await within(ann.catch_up())

    async def ann_says(self, ann: Session, line: str) -> None:
        """Where an alarm has been raised, nothing may leave any more."""
        alarmed = any(isinstance(event, Forked) for event in self.seen)
        self.said.append(line)
        self.secrets.append(line.encode())
        if alarmed:
            before = len(self.liar.asked)
            try:
                await within(ann.send(line))
            except SendingStopped:
                assert len(self.liar.asked) == before
                return
            raise AssertionError("sent in spite of the alarm")
        await within(ann.send(line))


async def within(work: Awaitable[T]) -> T:
    """Fails for a stall: what takes longer has not said anything to anybody."""
    try:
        async with asyncio.timeout(AT_MOST):
            return await work
    except TimeoutError:
        raise AssertionError(f"nothing happened for {AT_MOST:.0f} s") from None


async def heard(
    events: AsyncIterator[Event], wanted: Callable[[Event], bool], into: list[Event]
) -> None:
    """Listens until the event that is wanted; all of them go into the list."""

    async def listen() -> None:
        async for event in events:
            into.append(event)
            if wanted(event):
                return

    await within(listen())


def texts(events: Iterable[Event]) -> list[str]:
    return [
        event.payload.text
        for event in events
        if isinstance(event, MessageReceived) and isinstance(event.payload, Text)
    ]


def saying(text: str) -> Callable[[Event], bool]:
    return lambda event: texts([event]) == [text]


@asynccontextmanager
async def visit(
    server: str, lying: str, liar: Liar, account: Account, folder: Path
) -> AsyncIterator[Scene]:
    host = Store.open(folder / "Dr Roe")
    roe, (link,) = await Session.create(
        host,
        server,
        account,
        name="Dr Roe",
        title="Knee since Monday",
        invites=[InviteOptions("Ann", devices=8)],
    )
    scene = Scene(server, lying, liar, account, folder, roe, link)
    liar.master = base64url.encode(roe._core.profile.token)
    scene.secrets += [base64url.encode(link.secret).encode(), b"Knee since Monday", b"Dr Roe"]
    try:
        yield scene
    finally:
        for session in (roe, *scene.sessions):
            await session.close()
        for store in (host, *scene.stores):
            store.close()
