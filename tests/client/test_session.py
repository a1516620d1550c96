"""The SDK against a real server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from careseal.client import (
    ApiToken,
    Edit,
    Event,
    File,
    FileUnavailable,
    GroupChanged,
    InviteOptions,
    Link,
    LinkRefused,
    LinkUsedUp,
    MessageReceived,
    NotInSession,
    Over,
    PasscodeNeeded,
    Progress,
    Role,
    Session,
    SessionEnded,
    StorageFull,
    Store,
    Text,
    Withdraw,
)
from careseal.client.account import sign_in_code
from careseal.client.errors import DoorNotReady, ServerUnreachable
from careseal.client.transfers import safe_name
from careseal.client.transport import CommitExtras, Transport
from careseal.e2ee.errors import NotAllowed
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.sending import door_now
from careseal.e2ee.state import Pending
from tests.serving import ServerProcess, serving

T = TypeVar("T")


async def until(events: AsyncIterator[Event], wanted: Callable[[Event], bool]) -> Event:
    async with asyncio.timeout(20):
        async for event in events:
            if wanted(event):
                return event
    raise AssertionError("the events ended before")


def said(text: str) -> Callable[[Event], bool]:
    def wanted(event: Event) -> bool:
        match event:
            case MessageReceived(payload=Text(text=found)):
                return found == text
        return False

    return wanted


class Visit:
    """A clinician's session, with a link for a patient."""

    host: Session
    link: Link


@pytest.fixture
async def visit(
    server: ServerProcess, account: ApiToken, stores: list[Store]
) -> AsyncIterator[Visit]:
    made = Visit()
    made.host, (made.link,) = await Session.create(
        stores[0], server.base_url, account, name="Dr Roe", title="Check-up"
    )
    async with made.host:
        yield made


async def test_a_patient_joins_and_both_write(visit: Visit, stores: list[Store]) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        assert patient.title == "Check-up"
        assert patient.me.role is Role.GUEST
        async with visit.host.following() as at_host, patient.following() as at_patient:
            await patient.send("hello")
            await until(at_host, said("hello"))
            await visit.host.send("good morning")
            await until(at_patient, said("good morning"))
        assert patient.security_code == visit.host.security_code
        assert [member.identity.name for member in patient.members] == ["Dr Roe", "Ann"]


async def test_what_was_written_before_the_link_was_opened_can_be_read(
    visit: Visit, stores: list[Store]
) -> None:
    await visit.host.send("please fill in the form")
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        past = [event async for event in patient.history()]
        assert any(said("please fill in the form")(event) for event in past)


async def test_a_link_shows_where_it_leads_before_joining(visit: Visit) -> None:
    opened = await Session.look(visit.link)
    assert opened.door.policy.settings.title == "Check-up"
    assert [member.identity.name for member in opened.members] == ["Dr Roe"]


async def test_a_full_session_and_a_full_server_are_told_apart(tmp_path: Path) -> None:
    limits = ("--limit=storedBytes=1000000", "--limit=allStoredBytes=500000")
    with serving(tmp_path / "server", *limits) as server, Store.open(tmp_path / "store") as store:
        account = ApiToken(server.careseal("api-token"))
        session, _ = await Session.create(store, server.base_url, account, name="Dr Roe")
        async with session:
            with pytest.raises(StorageFull, match="This session has no room") as of_session:
                await session.send_file(io.BytesIO(bytes(1_100_000)), name="scan.bin")
            with pytest.raises(StorageFull, match="Ask whoever runs it") as of_all:
                await session.send_file(io.BytesIO(bytes(600_000)), name="scan.bin")
            told = [(each.value.problem, each.value.limit) for each in (of_session, of_all)]
            assert told == [("storage-full", "storedBytes"), ("storage-full", "allStoredBytes")]
            assert (await session.send("still here")).seq > 0


async def test_a_wrong_link_and_a_missing_passcode_are_refused(
    visit: Visit, stores: list[Store]
) -> None:
    wrong = Link(visit.link.origin, visit.link.session, type(visit.link.secret)(os.urandom(32)))
    with pytest.raises(LinkRefused):
        await Session.join(stores[1], wrong, name="Eve")
    link = await visit.host.invite(InviteOptions("Interpreter", passcode="blue fish"))
    with pytest.raises(PasscodeNeeded):
        await Session.join(stores[1], link, name="Ivy")
    with pytest.raises(LinkRefused):
        await Session.join(stores[1], link, name="Ivy", passcode="red fish")
    async with await Session.join(stores[1], link, name="Ivy", passcode=" blue fish ") as ivy:
        assert ivy.me.identity.name == "Ivy"


async def test_a_used_up_link_lets_nobody_in(visit: Visit, stores: list[Store]) -> None:
    link = await visit.host.invite(InviteOptions(devices=1))
    async with await Session.join(stores[1], link, name="Ann"):
        with pytest.raises(LinkUsedUp):
            await Session.join(stores[2], link, name="Bob")


async def test_joining_twice_opens_what_is_there(visit: Visit, stores: list[Store]) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as first:
        pass
    async with await Session.join(stores[1], visit.link, name="Ann") as again:
        assert again.me.id == first.state.member_id
        assert len(again.members) == 2


async def test_many_join_in_the_same_instant(visit: Visit, tmp_path: Path) -> None:
    link = await visit.host.invite(InviteOptions(devices=8))
    stores = [Store.open(tmp_path / f"many-{number}") for number in range(6)]
    joined = await asyncio.gather(
        *(Session.join(store, link, name=f"P{n}", patience=30) for n, store in enumerate(stores))
    )
    for session in (visit.host, *joined):
        await session.catch_up()
    assert len({session.security_code for session in (visit.host, *joined)}) == 1
    assert len(visit.host.members) == 7
    for session, store in zip(joined, stores, strict=True):
        await session.close()
        store.close()


async def test_a_removed_participant_reads_nothing_more(visit: Visit, stores: list[Store]) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        async with patient.following() as events:
            await visit.host.catch_up()
            await visit.host.remove(patient.me.invite)
            with pytest.raises(NotInSession):
                await until(events, lambda event: False)
        with pytest.raises(NotInSession):
            await patient.send("still here?")
    with pytest.raises(LinkRefused):
        await Session.join(stores[2], visit.link, name="Ann")


async def test_guests_neither_invite_nor_remove(visit: Visit, stores: list[Store]) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        with pytest.raises(NotAllowed):
            await patient.invite()
        with pytest.raises(NotAllowed):
            await patient.remove(visit.host.me.invite)


async def test_a_participant_who_leaves_is_removed_by_an_online_host(
    visit: Visit, stores: list[Store]
) -> None:
    patient = await Session.join(stores[1], visit.link, name="Ann")
    async with visit.host.following() as events, patient:
        await until(events, lambda event: isinstance(event, GroupChanged))
        await patient.leave()
        gone = await until(
            events, lambda event: isinstance(event, GroupChanged) and bool(event.removed)
        )
    assert isinstance(gone, GroupChanged)
    assert [member.identity.name for member in gone.removed] == ["Ann"]
    assert stores[1].sessions() == []


async def test_a_host_that_was_away_does_its_duties_when_it_comes_back(
    visit: Visit, stores: list[Store]
) -> None:
    link = await visit.host.invite(InviteOptions("Colleague", history=True))
    await visit.host.send("only for colleagues")
    async with await Session.join(stores[1], link, name="Dr Poe"):
        pass  # uses the letter up, so that the next device needs a grant
    async with await Session.join(stores[2], link, name="Dr Poe") as second:
        leaver = await Session.join(stores[3], visit.link, name="Ann")
        async with leaver:
            await leaver.leave()
        await visit.host.catch_up()
        await second.catch_up()
        assert "Ann" not in [member.identity.name for member in second.members]
        assert any([said("only for colleagues")(event) async for event in second.history()])


async def test_an_ended_session_can_only_be_read(visit: Visit, stores: list[Store]) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        await patient.send("thank you")
        async with patient.following() as events:
            await visit.host.end()
            await until(events, lambda event: isinstance(event, Over))
        with pytest.raises(SessionEnded):
            await patient.send("one more thing")
        past = [event async for event in patient.history()]
        assert any(said("thank you")(event) for event in past)


async def test_a_text_is_edited_and_answered_with_an_emoji(
    visit: Visit, stores: list[Store]
) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as ann:
        sent = await visit.host.send("Take twenty tablets.")
        await visit.host.edit(sent.message, "Take two tablets.")
        await ann.catch_up()
        host = visit.host.me.id
        await ann.react(host, sent.message, "👍")
        await ann.react(host, sent.message, "🙏")
        # A copied id leads to nobody else's message.
        await ann.send_payload(Edit(sent.message, "forged"))
        await ann.send_payload(Withdraw(sent.message))
        await visit.host.catch_up()
        for session in (visit.host, ann):
            (said,) = (await session.conversation()).messages
            assert (said.payload, said.edited) == (Text(sent.message, "Take two tablets."), True)
            assert [(who.id, felt) for who, felt in said.reactions.items()] == [(ann.me.id, "🙏")]
        await ann.react(host, sent.message, "")
        (said,) = (await ann.conversation()).messages
        assert not said.reactions
        with pytest.raises(NotAllowed):
            await ann.edit(sent.message, "mine now")


async def test_what_is_withdrawn_says_nothing_more(visit: Visit, stores: list[Store]) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as ann:
        text = await visit.host.send("for somebody else")
        file = await visit.host.send_file(io.BytesIO(b"scan"), name="scan.png")
        for sent in (text, file):
            await visit.host.withdraw(sent.message)
            with pytest.raises(NotAllowed):
                await visit.host.withdraw(sent.message)
            with pytest.raises(NotAllowed):
                await visit.host.react(visit.host.me.id, sent.message, "👍")
        await visit.host.send_payload(Edit(text.message, "again"))
        await visit.host.send_payload(Text(text.message, "again"))
        await ann.catch_up()
        said = (await ann.conversation()).messages
        assert [(each.message, each.payload) for each in said] == [
            (text.message, None),
            (file.message, None),
        ]
        (sent_file,) = [
            event.payload
            async for event in ann.history()
            if isinstance(event, MessageReceived) and isinstance(event.payload, File)
        ]
        with pytest.raises(FileUnavailable):
            await ann.receive_file(sent_file, io.BytesIO())


@pytest.mark.parametrize("size", [0, 5, 9_000_000])
async def test_a_file_arrives_as_it_was(
    visit: Visit, stores: list[Store], tmp_path: Path, size: int
) -> None:
    source = tmp_path / "röntgen.png"
    source.write_bytes(os.urandom(size))
    told: list[Progress] = []
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        await visit.host.send_file(source, progress=told.append)
        events = await patient.catch_up()
        (file,) = [
            event.payload
            for event in events
            if isinstance(event, MessageReceived) and isinstance(event.payload, File)
        ]
        assert (file.name, file.mime, file.size) == ("röntgen.png", "image/png", size)
        folder = tmp_path / "inbox"
        folder.mkdir()
        path = await patient.receive_file(file, folder)
        assert path == folder / "röntgen.png"
        assert path.read_bytes() == source.read_bytes()
        assert await patient.receive_file(file, folder) == folder / "röntgen (2).png"
        stream = io.BytesIO()
        await patient.receive_file(file, stream)
        assert stream.getvalue() == source.read_bytes()
    assert told[-1].done == size


async def test_an_interrupted_upload_and_download_go_on_where_they_were(
    visit: Visit, stores: list[Store], tmp_path: Path
) -> None:
    source = tmp_path / "scan.bin"
    source.write_bytes(os.urandom(30_000_000))

    class Interrupted(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done > 10_000_000:
            raise Interrupted

    with pytest.raises(Interrupted):
        await visit.host.send_file(source, progress=stop)
    told: list[Progress] = []
    await visit.host.send_file(source, progress=told.append)
    assert told[-1].resumed > 0
    assert told[-1].done == 30_000_000
    file = [
        event.payload
        async for event in visit.host.history()
        if isinstance(event, MessageReceived) and isinstance(event.payload, File)
    ][-1]
    target = tmp_path / "received.bin"
    with pytest.raises(Interrupted):
        await visit.host.receive_file(file, target, progress=stop)
    assert not target.exists()
    told.clear()
    await visit.host.receive_file(file, target, progress=told.append)
    assert told[-1].resumed > 0
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in (source, target)}
    assert len(digests) == 1


async def test_a_stream_of_unknown_length_can_be_sent(visit: Visit, stores: list[Store]) -> None:
    await visit.host.send_file(io.BytesIO(b"log line\n" * 1000), name="today.log")
    assert not list(stores[0].folder.glob(".stream-*"))


async def test_history_is_given_to_a_second_device_of_the_same_person(
    visit: Visit, stores: list[Store]
) -> None:
    async with await Session.join(stores[1], visit.link, name="Ann") as phone:
        await phone.send("from my phone")
        async with await Session.join(stores[2], visit.link, name="Ann") as tablet:
            assert not any([said("from my phone")(e) async for e in tablet.history()])
            await phone.catch_up()
            await phone.give_history(tablet.me.id)
            await tablet.catch_up()
            assert any([said("from my phone")(e) async for e in tablet.history()])


async def test_history_goes_by_itself_where_the_policy_says_so(
    visit: Visit, stores: list[Store]
) -> None:
    link = await visit.host.invite(InviteOptions("Colleague", history=True))
    async with await Session.join(stores[1], link, name="Dr Poe"):
        await visit.host.send("only for colleagues")
        async with visit.host.following():
            second = await Session.join(stores[2], link, name="Dr Poe")
            async with second, second.following() as events:
                async with asyncio.timeout(20):
                    while not any([said("only for colleagues")(e) async for e in second.history()]):
                        await anext(events)


async def test_an_unreachable_server_keeps_what_was_written(
    server: ServerProcess, visit: Visit, stores: list[Store]
) -> None:
    host = await Session.open(stores[0], visit.host.id)
    host._core.transport = Transport("http://localhost:9", patience=0.1)
    with pytest.raises(ServerUnreachable):
        await host.send("later")
    assert host.unsent == 1
    await host.close()
    async with await Session.open(stores[0], visit.host.id) as again:
        events = await again.catch_up()
        assert again.unsent == 0
        events += await again.catch_up()
        assert any(said("later")(event) for event in events)


async def test_two_processes_may_use_one_session(visit: Visit, stores: list[Store]) -> None:
    other_store = Store.open(stores[0].folder)
    async with await Session.open(other_store, visit.host.id) as other:
        async with visit.host.following() as events:
            await other.send("from the other")
            await until(events, said("from the other"))
            await other.renew()
            await until(events, lambda event: isinstance(event, GroupChanged))
            await visit.host.send("and back")
        await other.catch_up()
        assert other.head == visit.host.head
        assert other.security_code == visit.host.security_code
    other_store.close()


async def test_a_copy_of_a_device_that_missed_its_own_commit_comes_back(
    visit: Visit, stores: list[Store], copy_device: Callable[[], Path]
) -> None:
    folder = copy_device()
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        async with await Session.open(stores[0], visit.host.id) as original:
            await original.renew()
            await original.send("from the original")
        copied = Store.open(folder)
        async with await Session.open(copied, visit.host.id) as copy:
            await copy.catch_up()
            await copy.send("from the copy")
            await patient.catch_up()
            assert copy.security_code == patient.security_code
            assert len(patient.members) == 2
        copied.close()
        past = [event async for event in patient.history()]
        assert any(said("from the copy")(event) for event in past)


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_re_sync_that_others_came_before_starts_again(
    visit: Visit, stores: list[Store], copy_device: Callable[[], Path], crashes: bool
) -> None:
    """Also when the process ended in between: the state from before the re-sync was kept."""
    folder = copy_device()
    async with await Session.join(stores[1], visit.link, name="Ann") as patient:
        async with await Session.open(stores[0], visit.host.id) as original:
            await original.renew()
            await original.send("from the original")
        copied = Store.open(folder)
        copy = await Session.open(copied, visit.host.id)
        post = copy._core.transport.post_commit

        async def too_late(*arguments: Any, **where: Any) -> int:
            copy._core.transport.post_commit = post  # type: ignore[method-assign]
            await patient.renew()
            if crashes:
                raise ServerUnreachable("the line broke, and then the process ended")
            return await post(*arguments, **where)

        copy._core.transport.post_commit = too_late  # type: ignore[method-assign]
        if crashes:
            with pytest.raises(ServerUnreachable):
                await copy.catch_up()
            await copy.close()
            copy = await Session.open(copied, visit.host.id)
        async with copy:
            await copy.catch_up()
            await copy.send("from the copy")
            await patient.catch_up()
            assert copy.security_code == patient.security_code
            assert len(patient.members) == 2
        copied.close()


async def test_a_joiner_waits_until_a_host_has_mended_the_door(
    visit: Visit, stores: list[Store]
) -> None:
    spoiler = Transport(visit.host.server)
    state, token = visit.host.state, visit.host._core.profile.token
    entry, upload = EntryId(os.urandom(16)), door_now(state, os.urandom)
    group = state.present.group
    garbage = Pending(entry, os.urandom(272), upload, group, visit.host.policy, joins=False)
    request = spoiler.commit_request(visit.host.me.id, garbage, CommitExtras())
    await spoiler.post_commit(visit.host.id, token, request)
    await spoiler.close()
    with pytest.raises(DoorNotReady):
        await Session.join(stores[1], visit.link, name="Ann")
    waited: list[bool] = []
    async with visit.host.following() as events:
        joining = asyncio.create_task(
            Session.join(
                stores[1],
                visit.link,
                name="Ann",
                patience=30,
                waiting=lambda: waited.append(True),
            )
        )
        await until(events, lambda event: isinstance(event, GroupChanged))
        async with await joining as patient:
            assert len(patient.members) == 2


async def test_a_host_puts_key_boxes_that_open_though_the_door_is_right(
    visit: Visit, stores: list[Store]
) -> None:
    spoiler = Transport(visit.host.server)
    right = door_now(visit.host.state, os.urandom)
    garbage = tuple(replace(each, box=os.urandom(len(each.box))) for each in right.key_boxes)
    spoilt = replace(right, key_boxes=garbage, letters=())
    async with visit.host.following() as events:
        token = visit.host._core.profile.token
        await spoiler.put_door(visit.host.id, token, spoilt)
        await spoiler.close()
        joining = asyncio.create_task(Session.join(stores[1], visit.link, name="Ann", patience=30))
        await until(events, lambda event: isinstance(event, GroupChanged))
        async with await joining as patient:
            assert len(patient.members) == 2


async def test_an_active_host_begins_a_new_epoch_when_the_present_one_is_old(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await visit.host.catch_up()
    assert visit.host.epoch == 0
    monkeypatch.setattr("careseal.client.duties.EPOCH_LASTS", -10)
    await visit.host.catch_up()
    assert visit.host.epoch == 1


async def test_signing_in_by_a_link_lets_a_clinician_create(
    server: ServerProcess, stores: list[Store]
) -> None:
    server.restart()
    async with Transport(server.base_url) as transport:
        cookie = await transport.sign_in(sign_in_code(server.sign_in_link))
    session, _ = await Session.create(stores[0], server.base_url, cookie, name="Dr Roe")
    async with session:
        await session.send("hello")


async def test_the_line_comes_back_after_a_restart_of_the_server(
    server: ServerProcess, visit: Visit, stores: list[Store]
) -> None:
    patient = await Session.join(stores[1], visit.link, name="Ann")
    async with patient, visit.host.following() as events:
        await until(events, lambda event: isinstance(event, GroupChanged))
        await asyncio.to_thread(server.kill)
        sending = asyncio.create_task(patient.send("are you there?"))
        await asyncio.to_thread(server.start)
        await sending
        await until(events, said("are you there?"))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\evil\\x.exe", "x.exe"),
        ("...", "file"),
        ("", "file"),
        ("a\x00b\n.txt", "ab.txt"),
        (".bashrc", "bashrc"),
        ("\u202etxt.exe", "txt.exe"),
        ("ä" * 150 + ".png", "ä" * 98 + ".png"),
    ],
)
def test_a_file_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe
