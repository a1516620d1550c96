"""Eve: a guest who came by a link of her own, and whose client does what it wants."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest.mock import patch

from careseal.client import InviteOptions, Session
from careseal.client.transport import CommitExtras
from careseal.e2ee import base64url
from careseal.e2ee.commit import CommitData
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.identity import Identity
from careseal.e2ee.invite import Invite
from careseal.e2ee.log import Position
from careseal.e2ee.message import seal_message
from careseal.e2ee.sending import SealedChat, door_now, make_commit
from careseal.e2ee.state import Pending
from careseal.mls import treekem
from careseal.mls.secret import PathSecret
from tests.interop.bad_commits import Attacker

from .scene import Scene, texts, within

ID = base64url.encode(bytes(16))


@dataclass
class Eve:
    """A guest whose client does what it wants."""

    session: Session

    async def says(self, payload: Any, at: Position | None = None, leaf: int | None = None) -> None:
        """A message with any payload, sealed and signed; `leaf`: of whom it says that it is."""
        text = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":"))
        plain = text if isinstance(text, bytes) else text.encode()
        state = self.session.state
        entry, parent = EntryId(os.urandom(16)), state.chain.last_commit
        body = seal_message(
            state.session,
            state.present.record,
            state.present.group.own_leaf if leaf is None else leaf,
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
        await self._posts(pending)

    async def renews_and_says(self, at: Position) -> None:
        """A commit that is valid, by somebody who says that it was shown another log."""
        state = self.session.state
        attacker = Attacker(state, state.invite, os.urandom, Random(7))
        sealed = attacker.sealed(attacker.member_commit(data=CommitData(at)))
        body = base64url.decode(str(sealed["body"]))
        await self.commits_bytes(EntryId.parse(str(sealed["id"])), body)

    async def lets_in(self, invite: Invite, who: Identity) -> None:
        """The join of somebody by a link that she knows, posted as a commit of her own."""
        attacker = Attacker(self.session.state, invite, os.urandom, Random(7))
        sealed = attacker.sealed(attacker.external_commit(identity=who))
        body = base64url.decode(str(sealed["body"]))
        await self.commits_bytes(EntryId.parse(str(sealed["id"])), body)

    async def splits(self, nodes: Iterable[int], door: bytes | None = None) -> None:
        """A commit whose path secret is another one to those nodes of the tree."""
        encrypt, left_out = treekem._encrypt, set(nodes)

        def other(tree: Any, receiver: int, context: bytes, secret: PathSecret, rng: Any) -> Any:
            if receiver in left_out:
                secret = PathSecret(bytes(64))
            return encrypt(tree, receiver, context, secret, rng)

        with patch.object(treekem, "_encrypt", other):
            made = make_commit(self.session.state, os.urandom).pending
        assert made is not None
        upload = replace(made.upload, door=door or made.upload.door)
        await self._posts(replace(made, upload=upload))

    async def _posts(self, pending: Pending) -> None:
        request = self._transport.commit_request(
            self.session.state.member_id, pending, CommitExtras()
        )
        await self._transport.post_commit(self.session.id, self.session._token, request)

    async def puts_a_garbage_door(self) -> None:
        state = self.session.state
        upload = replace(door_now(state, os.urandom), letters=(), door=os.urandom(272 + 16))
        await self._transport.put_door(state.session, self.session._token, upload)

    @property
    def _transport(self) -> Any:
        return self.session._core.transport


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
