"""Members who misbehave: refused or harmless, and a host can remove them while the others go on."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from careseal.client import (
    CommitVoid,
    File,
    FileUnavailable,
    Forked,
    GroupChanged,
    LinkOpened,
    MessageReceived,
    MessageRefused,
    MessageUnsupported,
    NotAuthorised,
    Session,
)
from careseal.e2ee import base64url
from careseal.e2ee.identifiers import EntryId

from .eve import ID, Eve, nobody_else_is_harmed, three
from .scene import Scene, heard, saying, texts, within

Misdeed = Callable[[Eve], Awaitable[None]]


def says(payload: Any) -> Misdeed:
    return lambda eve: eve.says(payload)


def commits(kind: str) -> Misdeed:
    return lambda eve: eve.commits(kind)


def misdeed(name: str, does: str, deed: Misdeed, ends: type[Any]) -> Any:
    mark = pytest.mark.attack(name, does, f"noticed: `{ends.__name__}`")
    return pytest.param(deed, ends, id=name, marks=mark)


MISDEEDS = [
    misdeed(
        "a guest writes a note",
        "A guest sends a note, which is for hosts to send.",
        says({"type": "note", "message": ID, "text": "cured"}),
        MessageRefused,
    ),
    misdeed(
        "a guest ends the session",
        "A guest says that the session has ended.",
        says({"type": "end"}),
        MessageRefused,
    ),
    misdeed(
        "a guest admits somebody",
        "A guest admits somebody who knocks.",
        says({"type": "admit", "member": ID}),
        MessageRefused,
    ),
    misdeed(
        "a guest gives history to a stranger",
        "A guest gives history to a member who is none.",
        says({"type": "history", "to": ID, "box": base64url.encode(bytes(1500))}),
        MessageRefused,
    ),
    misdeed(
        "a guest adds members to a message",
        "A guest sends a text with a member that the shape does not have.",
        says({"type": "text", "message": ID, "text": "x", "role": "host"}),
        MessageRefused,
    ),
    misdeed(
        "a guest writes nothing",
        "A guest sends an empty text.",
        says({"type": "text", "message": ID, "text": ""}),
        MessageRefused,
    ),
    misdeed(
        "a guest writes too much",
        "A guest sends a text over the limit.",
        says({"type": "text", "message": ID, "text": "x" * 16385}),
        MessageRefused,
    ),
    misdeed(
        "a guest writes loose JSON",
        "A guest sends JSON with white space.",
        says(b'{"type": "text","message":"' + ID.encode() + b'","text":"x"}'),
        MessageRefused,
    ),
    misdeed(
        "a guest sends no JSON",
        "A guest sends bytes that are no text.",
        says(b"\xff\xfe\x00"),
        MessageRefused,
    ),
    misdeed(
        "a guest nests a thousand lists",
        "A guest sends JSON that is nested a thousand deep.",
        says(b'{"type":' + b"[" * 1000 + b"]" * 1000 + b"}"),
        MessageRefused,
    ),
    misdeed(
        "a guest sends an unknown type",
        "A guest sends a payload of a type that does not exist.",
        says({"type": "prescription", "drug": "x"}),
        MessageUnsupported,
    ),
    misdeed(
        "a guest removes the host",
        "A guest commits the removal of somebody.",
        commits("guests_removal"),
        CommitVoid,
    ),
    misdeed(
        "a guest changes the policy",
        "A guest commits a policy.",
        commits("guests_policy"),
        CommitVoid,
    ),
    misdeed(
        "a guest joins in somebody's place",
        "A guest joins again with a commit that removes somebody else.",
        commits("join_that_removes_somebody_else"),
        CommitVoid,
    ),
    misdeed(
        "a guest joins by an invite of its own",
        "A guest joins by an invite that no host made.",
        commits("join_by_an_invite_of_its_own"),
        CommitVoid,
    ),
    misdeed(
        "a guest moves to the host's invite",
        "A guest commits a leaf that names another invite, to be of another role.",
        commits("another_invite"),
        CommitVoid,
    ),
    misdeed(
        "a guest claims a clinician's key",
        "A guest joins with an identity key whose signature is false.",
        commits("join_with_a_false_identity_key"),
        CommitVoid,
    ),
    misdeed(
        "a guest takes up an identity key later",
        "A guest commits a leaf with an identity key that it did not come with.",
        commits("gained_identity_key"),
        CommitVoid,
    ),
    misdeed(
        "a guest adds somebody without an invite",
        "A guest commits an Add.",
        commits("add_proposal"),
        CommitVoid,
    ),
    misdeed(
        "a guest changes its key",
        "A guest commits a leaf with another signature key.",
        commits("another_leaf_key"),
        CommitVoid,
    ),
    misdeed(
        "a guest commits garbage",
        "A guest commits random bytes.",
        lambda eve: eve.commits_bytes(EntryId(os.urandom(16)), os.urandom(272)),
        CommitVoid,
    ),
]


async def test_without_a_misdeed_nothing_is_noticed(scene: Scene) -> None:
    eve, ann = await three(scene)
    await eve.says({"type": "text", "message": ID, "text": "hello"})
    await scene.roe_reads()
    assert texts(scene.told) == ["hello"]
    bad = (CommitVoid, Forked, MessageRefused, MessageUnsupported)
    assert [event for event in scene.told if isinstance(event, bad)] == []
    await nobody_else_is_harmed(scene, eve, ann)


@pytest.mark.parametrize(("deed", "ends"), MISDEEDS)
async def test_the_misdeed_is_noticed(scene: Scene, deed: Misdeed, ends: type[Any]) -> None:
    eve, ann = await three(scene)
    await deed(eve)
    await scene.roe_reads()
    (noticed,) = [event for event in scene.told if isinstance(event, ends)]
    if isinstance(noticed, MessageRefused | MessageUnsupported):
        assert noticed.sender.identity.name == "Eve"
    assert len(scene.roe.members) == 3
    await nobody_else_is_harmed(scene, eve, ann)


@pytest.mark.attack(
    "a guest spoils the door with a commit",
    "A guest commits garbage with a garbage door, so that nobody can join.",
    "healed by the next host within 5 s",
)
async def test_a_door_spoilt_by_a_commit_is_healed(scene: Scene) -> None:
    eve, _ = await three(scene)
    async with scene.roe.following() as events:
        await eve.commits_bytes(EntryId(os.urandom(16)), os.urandom(272), os.urandom(272 + 16))
        await heard(events, lambda event: isinstance(event, CommitVoid), scene.told)
        bob = await Session.join(
            scene.store("Bob"), scene.link, name="Bob", patience=9, waiting=lambda: None
        )
        scene.sessions.append(bob)
        await heard(events, lambda event: isinstance(event, GroupChanged), scene.told)
    assert len(scene.roe.members) == 4


@pytest.mark.attack(
    "a guest spoils the door",
    "A guest puts a garbage door, without a commit, so that nobody can join.",
    "healed by the next host as soon as somebody stands before it",
)
async def test_a_door_that_was_spoilt_quietly_is_healed(scene: Scene) -> None:
    eve, _ = await three(scene)
    async with scene.roe.following() as events:
        await heard(events, lambda event: type(event).__name__ == "Connected", scene.told)
        await eve.puts_a_garbage_door()
        bob = await Session.join(scene.store("Bob"), scene.link, name="Bob", patience=9)
        scene.sessions.append(bob)
        await heard(events, lambda event: isinstance(event, LinkOpened), scene.told)
    await scene.roe.catch_up()
    assert len(scene.roe.members) == 4


@pytest.mark.attack(
    "a guest claims a file of 2^53 bytes",
    "A guest sends a message about a file that is as large as nothing is.",
    "refused, and nothing is written",
)
async def test_a_file_that_contradicts_itself_is_not_fetched(scene: Scene) -> None:
    eve, ann = await three(scene)
    claim = {"size": (1 << 53) - 1, "parts": 1, "name": "x.png", "mime": "image/png"}
    key = base64url.encode(bytes(32))
    await eve.says({"type": "file", "message": ID, "file": ID, "key": key, **claim})
    await scene.roe_reads()
    files = [e.payload for e in scene.told if isinstance(e, MessageReceived)]
    inbox = scene.folder / "inbox"
    inbox.mkdir()
    for file in files:
        assert isinstance(file, File)
        with pytest.raises(FileUnavailable):
            await within(scene.roe.receive_file(file, inbox))
    assert list(inbox.iterdir()) == []
    await nobody_else_is_harmed(scene, eve, ann)


NAMES = ["../../escape", "..\\..\\escape", "/etc/escape", "a\x00b", "\u202egnp.exe", ".." * 80]


@pytest.mark.attack(
    "a guest names a file to escape",
    "A guest sends files whose names hold paths, control characters and bidi overrides.",
    "no effect: the names are made safe",
)
async def test_a_file_stays_in_its_folder(scene: Scene) -> None:
    eve, ann = await three(scene)
    source = scene.folder / "source"
    source.write_bytes(b"plain")
    for name in NAMES:
        await within(eve.session.send_file(source, name=name))
    await scene.roe_reads()
    files = [e.payload for e in scene.told if isinstance(e, MessageReceived)]
    assert len(files) == len(NAMES)
    inbox = scene.folder / "deep" / "er" / "inbox"
    inbox.mkdir(parents=True)
    before = set(scene.folder.rglob("*")) | {inbox}
    for file in files:
        assert isinstance(file, File)
        path = await within(scene.roe.receive_file(file, inbox))
        assert path is not None
        assert path.parent == inbox
        assert path.name.isprintable()
    grown = {path for path in scene.folder.rglob("*") if path not in before}
    assert {path for path in grown if "escape" in path.name} <= set(inbox.iterdir())
    await nobody_else_is_harmed(scene, eve, ann)


@pytest.mark.attack(
    "a removed guest goes on",
    "A guest who was removed goes on writing with the token that it had.",
    "refused by the server, and nobody is told",
)
async def test_a_removed_guest_writes_to_nobody(scene: Scene) -> None:
    eve, ann = await three(scene)
    await nobody_else_is_harmed(scene, eve, ann)
    with pytest.raises(NotAuthorised):
        await eve.says({"type": "text", "message": ID, "text": "I am still here"})
    await scene.roe_reads()
    assert not any(saying("I am still here")(event) for event in scene.told)
