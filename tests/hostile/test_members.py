"""Members who misbehave: refused or harmless, and a host can remove them while the others go on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from careseal.client import (
    CommitVoid,
    File,
    FileUnavailable,
    Forked,
    GroupChanged,
    InviteOptions,
    LinkOpened,
    MessageReceived,
    MessageRefused,
    MessageUnsupported,
    NotAuthorised,
    Session,
)
from careseal.client.transport import CommitExtras
from careseal.e2ee import base64url
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.log import Position
from careseal.e2ee.message import seal_message
from careseal.e2ee.sending import SealedChat, door_now
from careseal.e2ee.state import Pending
from tests.interop.bad_commits import Attacker

from .scene import Scene, heard, saying, texts, within

ID = base64url.encode(bytes(16))


@dataclass
class Eve:
    """A guest whose client does what it wants."""

    session: Session

    async def says(self, payload: Any, at: Position | None = None) -> None:
        """A message with any payload, sealed and signed as it should be."""
        text = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":"))
        plain = text if isinstance(text, bytes) else text.encode()
        state = self.session.state
        entry, parent = EntryId(os.urandom(16)), state.chain.last_commit
        body = seal_message(
            state.session,
            state.present.record,
            state.present.group.own_leaf,
            state.signature_key,
            parent,
            entry,
            at or state.chain.head,
            time.time_ns() // 1_000_000,
            plain,
        )
        await self._transport.post_chat(
            state.session, self.session._token, SealedChat(entry, parent, body)
        )

    async def commits(self, kind: str) -> None:
        """One of the bad commits that both implementations are tested with."""
        state = self.session.state
        attacker = Attacker(state, state.invite, os.urandom, Random(7))
        made = getattr(attacker, kind)()
        sealed = made if isinstance(made, dict) else attacker.sealed(made)
        body = base64url.decode(str(sealed["body"]))
        await self.commits_bytes(EntryId.parse(str(sealed["id"])), body)

    async def commits_bytes(self, entry: EntryId, body: bytes, door: bytes | None = None) -> None:
        state = self.session.state
        upload = door_now(state, os.urandom)
        upload = replace(upload, door=door or upload.door, letters=())
        pending = Pending(
            entry, body, upload, state.present.group, state.present.policy, joins=False
        )
        await self._transport.post_commit(
            state.session, self.session._token, state.member_id, pending, CommitExtras()
        )

    async def puts_a_garbage_door(self) -> None:
        state = self.session.state
        upload = replace(door_now(state, os.urandom), letters=(), door=os.urandom(272 + 16))
        await self._transport.put_door(state.session, self.session._token, upload)

    @property
    def _transport(self) -> Any:
        return self.session._core.transport


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


async def three(scene: Scene) -> tuple[Eve, Session]:
    """Dr Roe, Ann, and Eve who came by a link of her own."""
    link = await scene.roe.invite(InviteOptions("Eve"))
    ann = await scene.join()
    eve = await scene.join("Eve", link)
    await scene.roe_reads()
    return Eve(eve), ann


async def nobody_else_is_harmed(scene: Scene, eve: Eve, ann: Session) -> None:
    """The host removes her; the others write to one another, and she reads nothing of it."""
    await within(scene.roe.remove(eve.session.state.invite.id))
    await scene.roe_says("now among us")
    await within(ann.catch_up())
    assert sorted(m.identity.name for m in ann.members) == ["Ann", "Dr Roe"]
    await within(ann.send("good"))
    scene.told += await within(scene.roe.catch_up())
    assert "good" in texts(scene.told)
    assert ann.security_code == scene.roe.security_code


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
    "a guest says that it was shown another log",
    "A guest names a position in the log that nobody was shown.",
    "noticed: `Forked`; sending stops",
)
async def test_a_false_position_is_an_alarm(scene: Scene) -> None:
    eve, _ = await three(scene)
    text = {"type": "text", "message": ID, "text": "hello"}
    await eve.says(text, Position(1, os.urandom(64)))
    await scene.roe_reads()
    assert any(isinstance(event, Forked) for event in scene.told)


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
