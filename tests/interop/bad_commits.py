"""Commits that everybody must call void, made with the freedom that only an attacker takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from careseal.e2ee import base64url
from careseal.e2ee.commit import CommitData, JoinProof, seal_commit
from careseal.e2ee.errors import Malformed
from careseal.e2ee.identifiers import EntryId, InviteId
from careseal.e2ee.identity import Identity, Known
from careseal.e2ee.invite import Invite, new_secret
from careseal.e2ee.log import Position
from careseal.e2ee.policy import Policy, PolicyInvite, Role, Settings
from careseal.e2ee.secret import IdentityKey
from careseal.e2ee.state import CAPABILITIES, SessionState
from careseal.e2ee.suite import SUITE
from careseal.mls.credential import Credential
from careseal.mls.extension import APPLICATION_ID, Extension
from careseal.mls.group import Group
from careseal.mls.group_state import LeafChange
from careseal.mls.kem import Rng
from careseal.mls.key_package import KeyPackage, OwnKeyPackage
from careseal.mls.proposal import Add, GroupContextExtensions, Proposal, ReInit, Remove
from careseal.mls.signer import Signer


@dataclass
class Attacker:
    """A member's device, and an invite that it may hold the secret of."""

    state: SessionState
    invite: Invite
    rng: Rng
    dice: Random

    @property
    def head(self) -> Position:
        return self.state.chain.head

    def member_commit(
        self,
        proposals: tuple[Proposal, ...] = (),
        data: CommitData | bytes | None = None,
        leaf: LeafChange | None = None,
        path: bool = True,
    ) -> bytes:
        authenticated = data or CommitData(self.head)
        committed = self.state.present.group.commit(
            self.rng,
            proposals,
            authenticated_data=authenticated
            if isinstance(authenticated, bytes)
            else authenticated.encode(),
            leaf=leaf or LeafChange(),
            force_path=path,
            references=(),
        )
        return committed.message

    def external_commit(
        self,
        *,
        signer: Signer | None = None,
        invite: Invite | None = None,
        identity: Identity | None = None,
        epoch: int | None = None,
        data: Callable[[CommitData], CommitData | bytes] = lambda data: data,
        resync: int | None = None,
        extensions: tuple[Extension, ...] = (),
    ) -> bytes:
        epoch_now, used = self.state.present, invite or self.invite
        signer = signer or Signer.generate(SUITE, self.rng)
        who = identity or Identity.make("Eve", "evil", used.id)
        left = epoch_now.number if epoch is None else epoch
        proof = JoinProof.make(used.id, used.join_key, self.state.session, left, signer.public)
        authenticated = data(CommitData(self.head, join=proof))
        _, message = Group.external_commit(
            epoch_now.group.group_info(),
            Credential.basic(who.text),
            signer,
            self.rng,
            authenticated_data=authenticated
            if isinstance(authenticated, bytes)
            else authenticated.encode(),
            resync=resync,
            capabilities=replace(CAPABILITIES, extensions=tuple(e.type for e in extensions)),
            leaf_extensions=extensions,
        )
        return message

    def sealed(self, message: bytes) -> dict[str, object]:
        entry, parent = EntryId(self.rng(16)), self.state.chain.last_commit
        key = self.state.present.keys.door
        body = seal_commit(self.state.session, key, parent, entry, message)
        return {"id": str(entry), "parent": parent, "body": base64url.encode(body)}

    # What there is to break ----------------------------------------------------------------

    def unsealed_garbage(self) -> dict[str, object]:
        body = base64url.encode(self.rng(self.dice.choice([0, 1, 15, 272, 5000])))
        parent = self.state.chain.last_commit
        return {"id": str(EntryId(self.rng(16))), "parent": parent, "body": body}

    def sealed_garbage(self) -> bytes:
        return self.rng(self.dice.choice([0, 1, 2, 4, 100, 3000]))

    def one_changed_bit(self) -> bytes:
        message = bytearray(self.member_commit())
        message[self.dice.randrange(len(message))] ^= 1 << self.dice.randrange(8)
        return bytes(message)

    def one_changed_bit_of_a_join(self) -> bytes:
        message = bytearray(self.external_commit())
        message[self.dice.randrange(len(message))] ^= 1 << self.dice.randrange(8)
        return bytes(message)

    def cut_short(self) -> bytes:
        message = self.member_commit()
        return message[: self.dice.randrange(len(message))]

    def bytes_behind(self) -> bytes:
        return self.member_commit() + self.rng(self.dice.choice([1, 2, 50]))

    def private_message(self) -> bytes:
        made = self.state.present.group.commit(self.rng, private=True, references=())
        return made.message

    def another_group(self) -> bytes:
        signer = Signer.generate(SUITE, self.rng)
        credential = self.state.present.group.tree.member(self.state.me.leaf).credential
        other = Group.create(
            SUITE, self.rng(16), credential, signer, self.rng, capabilities=CAPABILITIES
        )
        return other.commit(self.rng, authenticated_data=CommitData(self.head).encode()).message

    def the_next_epoch(self) -> bytes:
        made = self.state.present.group.commit(
            self.rng, authenticated_data=CommitData(self.head).encode(), references=()
        )
        data = CommitData(self.head).encode()
        return made.group.commit(self.rng, authenticated_data=data, references=()).message

    def no_commit_data(self) -> bytes:
        return self.member_commit(data=b"{}")

    def loose_commit_data(self) -> bytes:
        good = CommitData(self.head).encode()
        return self.member_commit(
            data=self.dice.choice(
                [
                    good.replace(b":", b": ", 1),
                    good.replace(b"}", b',"more":1}'),
                    good + b"\n",
                    b"[" + good + b"]",
                    good.replace(b'"at"', b'"At"'),
                    b"\xef\xbb\xbf" + good,
                ]
            )
        )

    def knows_beyond_itself(self) -> bytes:
        ahead = self.head.seq + self.dice.choice([1, 2, 1000])
        return self.member_commit(data=CommitData(Position(ahead, self.rng(64))))

    def join_in_a_members_commit(self) -> bytes:
        state = self.state
        proof = JoinProof.make(
            self.invite.id,
            self.invite.join_key,
            state.session,
            state.present.number,
            state.leaf_key,
        )
        return self.member_commit(data=CommitData(self.head, join=proof))

    def void_over_another_log(self) -> bytes:
        """Void for its join; the position that it names is nobody's word."""
        state, at = self.state, Position(self.head.seq, self.rng(64))
        proof = JoinProof.make(
            self.invite.id,
            self.invite.join_key,
            state.session,
            state.present.number,
            state.leaf_key,
        )
        return self.member_commit(data=CommitData(at, join=proof))

    def another_leaf_key(self) -> bytes:
        return self.member_commit(leaf=LeafChange(signer=Signer.generate(SUITE, self.rng)))

    def another_invite(self) -> bytes:
        other = next(
            (i for i in self.state.present.policy.invites if i.id != self.state.invite.id), None
        )
        other_id = InviteId(self.rng(16)) if other is None else other.id
        return self._renamed(Identity.make("x", "y", other_id))

    def gained_identity_key(self) -> bytes:
        known = Known.make(IdentityKey(self.rng(32)), self.state.session, self.state.leaf_key)
        return self._renamed(Identity.make("x", "y", self.state.invite.id, known))

    def malformed_identity(self) -> bytes:
        mine = self.state.me.identity.text
        broken = self.dice.choice(
            [b"", b"{}", mine + b" ", mine.replace(b"name", b"nick"), b"\xff"]
        )
        return self.member_commit(leaf=LeafChange(credential=Credential.basic(broken)))

    def too_long_identity(self) -> bytes:
        broken = self.state.me.identity.text.ljust(1025, b"x")
        return self.member_commit(leaf=LeafChange(credential=Credential.basic(broken)))

    def x509_credential(self) -> bytes:
        change = LeafChange(
            credential=Credential.x509((b"certificate",)),
            capabilities=replace(CAPABILITIES, credentials=(1, 2)),
        )
        return self.member_commit(leaf=change)

    def leaf_with_extensions(self) -> bytes:
        return self.member_commit(leaf=LeafChange(extensions=(Extension(APPLICATION_ID, b"x"),)))

    def leaf_with_other_capabilities(self) -> bytes:
        more = self.dice.choice(
            [
                replace(CAPABILITIES, cipher_suites=(SUITE.number, 1)),
                replace(CAPABILITIES, extensions=(0xF00D,)),
                replace(CAPABILITIES, credentials=(1, 2)),
                replace(CAPABILITIES, versions=(1, 2)),
            ]
        )
        return self.member_commit(leaf=LeafChange(capabilities=more))

    def add_proposal(self) -> bytes:
        return self.member_commit((Add(self._key_package()),), path=self.dice.random() < 0.5)

    def reinit_proposal(self) -> bytes:
        return self.member_commit((ReInit(self.rng(16), 1, SUITE.number, ()),), path=True)

    def context_extensions_proposal(self) -> bytes:
        return self.member_commit((GroupContextExtensions(()),))

    def guests_removal(self) -> bytes | None:
        others = [each.leaf for each in self.state.present.members if each != self.state.me]
        if self.state.is_host or not others:
            return None
        return self.member_commit((Remove(self.dice.choice(others)),))

    def guests_policy(self) -> bytes | None:
        if self.state.is_host:
            return None
        policy = self.state.present.policy
        changed = policy.with_settings(Settings("mine now"))
        text = self.dice.choice([policy.text, changed.text])
        return self.member_commit(data=CommitData(self.head, policy=text))

    def bad_successor(self) -> bytes | None:
        if not self.state.is_host:
            return None
        return self.member_commit(data=CommitData(self.head, policy=self._bad_policy()))

    def policy_without_the_invite_of_somebody_in(self) -> bytes | None:
        policy, inside = self.state.present.policy, self.state.present.members
        others = {each.invite for each in inside} - {self.state.invite.id}
        if not self.state.is_host or not others:
            return None
        without = policy.without(frozenset({sorted(others)[0]}))
        return self.member_commit(data=CommitData(self.head, policy=without.text))

    def wrong_join_signature(self) -> bytes:
        return self.external_commit(epoch=self.state.present.number + self.dice.choice([1, 7]))

    def join_without_join(self) -> bytes:
        return self.external_commit(data=lambda data: CommitData(data.at))

    def join_with_a_policy(self) -> bytes:
        text = self.state.present.policy.text
        return self.external_commit(data=lambda data: replace(data, policy=text))

    def join_by_an_invite_of_its_own(self) -> bytes:
        own = Invite.derive(self.state.session, new_secret(self.rng))
        return self.external_commit(invite=own)

    def leaf_of_another_invite(self) -> bytes | None:
        others = [i for i in self.state.present.policy.invites if i.id != self.invite.id]
        if not others:
            return None
        return self.external_commit(identity=Identity.make("Eve", "x", others[0].id))

    def join_with_a_key_in_use(self) -> bytes:
        return self.external_commit(signer=self._own_signer())

    def join_that_removes_somebody_else(self) -> bytes | None:
        others = [each.leaf for each in self.state.present.members if each != self.state.me]
        if not others:
            return None
        return self.external_commit(resync=self.dice.choice(others))

    def join_with_a_false_identity_key(self) -> bytes:
        known = Known(self.rng(32), self.rng(64))
        return self.external_commit(identity=Identity.make("Dr Roe", "x", self.invite.id, known))

    def join_with_leaf_extensions(self) -> bytes:
        return self.external_commit(extensions=(Extension(APPLICATION_ID, b"x"),))

    # -----------------------------------------------------------------------------------------

    def _renamed(self, identity: Identity) -> bytes:
        return self.member_commit(leaf=LeafChange(credential=Credential.basic(identity.text)))

    def _own_signer(self) -> Signer:
        return Signer(self.state.signature_key, self.state.leaf_key)

    def _key_package(self) -> KeyPackage:
        identity = Identity.make("Eve", "evil", self.invite.id)
        own = OwnKeyPackage.generate(
            SUITE,
            Credential.basic(identity.text),
            Signer.generate(SUITE, self.rng),
            self.rng,
            capabilities=CAPABILITIES,
        )
        return own.key_package

    def _bad_policy(self) -> bytes:
        policy, number = self.state.present.policy, self.state.present.number
        mine = policy.find(self.state.invite.id)
        assert mine is not None
        stranger = Invite.derive(self.state.session, new_secret(self.rng))
        changes: list[Callable[[], bytes]] = [
            lambda: _changed(policy, replace(mine, role=Role.GUEST)),
            lambda: _changed(policy, replace(mine, since=mine.since + 1)),
            lambda: _changed(policy, replace(mine, join=self.rng(32))),
            lambda: _changed(policy, replace(mine, box=self.rng(1216))),
            lambda: policy.with_invite(stranger.policy_entry(Role.GUEST, number)).text,
            lambda: policy.with_invite(stranger.policy_entry(Role.GUEST, number + 2)).text,
            lambda: policy.text + b" ",
            lambda: policy.text.replace(b'"v":1', b'"v":2'),
            lambda: policy.text.replace(b'"devices":4', b'"devices":17'),
            lambda: policy.text.replace(b'"title":"', b'"title":"' + b"x" * 129),
            lambda: policy.text.replace(b'"relayOnly":false', b'"relayOnly":0'),
            lambda: policy.text.replace(b'"label"', b'"lable"', 1),
            lambda: b"{}",
            lambda: b"",
        ]
        while True:
            try:
                made = self.dice.choice(changes)()
            except Malformed:
                continue
            if made != policy.text:
                return made


def _changed(policy: Policy, invite: PolicyInvite) -> bytes:
    kept = tuple(invite if each.id == invite.id else each for each in policy.invites)
    return Policy.make(kept, policy.settings).text


KINDS: tuple[str, ...] = tuple(
    name
    for name, value in vars(Attacker).items()
    if callable(value)
    and not name.startswith("_")
    and name not in ("member_commit", "external_commit", "sealed")
)
