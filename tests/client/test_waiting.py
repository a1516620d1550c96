"""The waiting room in programs (docs/protocol.md §5.5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from careseal.client import (
    ApiToken,
    DoorNotReady,
    Event,
    InviteOptions,
    Knocking,
    Link,
    NotAdmitted,
    Role,
    Session,
    Store,
)
from careseal.e2ee.errors import NotAllowed
from careseal.e2ee.events import MessageReceived
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.payload import Call, Late
from tests.serving import ServerProcess


async def test_guests_wait_until_a_host_admits_them_or_starts_a_call(
    stores: list[Store], server: ServerProcess, account: ApiToken
) -> None:
    host, links = await Session.create(
        stores[0],
        server.base_url,
        account,
        name="Dr Roe",
        invites=[InviteOptions("Ann"), InviteOptions("Ben"), InviteOptions("", Role.HOST)],
    )
    async with (
        host,
        await Session.join(stores[1], links[0], name="Ann") as ann,
        await Session.join(stores[2], links[1], name="Ben") as ben,
    ):
        await host.catch_up()
        assert [each.identity.name for each in host.waiting] == ["Ann", "Ben"]
        with pytest.raises(NotAllowed):
            await ann.admit(ann.me.id)
        await host.admit(host.waiting[0].id)
        assert [each.identity.name for each in host.waiting] == ["Ben"]

        # Another host knows of it once it was told, and a call admits the rest.
        async with await Session.join(stores[3], links[2], name="Dr Lee") as second:
            await host.catch_up()
            await second.catch_up()
            assert [each.identity.name for each in second.waiting] == ["Ben"]
            await second.send_payload(Call(CallId(bytes(16)), "started"))
            for session in (host, ben):
                await session.catch_up()
                assert session.waiting == ()


async def test_being_late_is_told_by_hosts_only(
    stores: list[Store], server: ServerProcess, account: ApiToken
) -> None:
    host, links = await Session.create(stores[0], server.base_url, account, name="Dr Roe")
    async with host, await Session.join(stores[1], links[0], name="Ann") as ann:
        await host.catch_up()
        await host.run_late(15)
        told = [each for each in await ann.catch_up() if isinstance(each, MessageReceived)]
        assert [each.payload for each in told] == [Late(15)]


async def test_who_knocks_is_in_once_a_host_admits_it_over_a_change_of_epoch(
    stores: list[Store], server: ServerProcess, account: ApiToken
) -> None:
    options = InviteOptions("Ann", knock=True)
    host, (link,) = await Session.create(
        stores[0], server.base_url, account, name="Dr Roe", invites=[options]
    )
    assert link.reveal().endswith(".k")
    assert Link.parse(link.reveal()) == link
    async with host, host.following() as events:
        joining = asyncio.create_task(Session.join(stores[1], link, name="Ann", patience=30))
        (who,) = await knocking(host, events)
        assert (who.name, who.rule.label) == ("Ann", "Ann")
        await host.renew()
        await host.admit(who)
        async with await joining as ann:
            assert [each.identity.name for each in ann.members] == ["Dr Roe", "Ann"]
        await host.catch_up()
        assert host.waiting == ()
        assert await host.knocks() == ()


async def test_a_refusal_is_told_and_a_knock_ends_with_its_joiner(
    stores: list[Store], server: ServerProcess, account: ApiToken
) -> None:
    options = InviteOptions("Ann", knock=True)
    host, (link,) = await Session.create(
        stores[0], server.base_url, account, name="Dr Roe", invites=[options]
    )
    async with host, host.following() as events:
        joining = asyncio.create_task(Session.join(stores[1], link, name="Ann", patience=30))
        (who,) = await knocking(host, events)
        await host.refuse(who)
        with pytest.raises(NotAdmitted):
            await joining
        assert await host.knocks() == ()
        with pytest.raises(DoorNotReady):
            await Session.join(stores[1], link, name="Ann")
        assert await host.knocks() == ()


async def knocking(host: Session, events: AsyncIterator[Event]) -> tuple[Knocking, ...]:
    """Those who ask, once somebody does."""
    async with asyncio.timeout(20):
        while not (found := await host.knocks()):
            await anext(events)
    return found
