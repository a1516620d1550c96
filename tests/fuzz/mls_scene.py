"""A group of `careseal.mls` under attack, and messages of every kind for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from careseal.mls import (
    Add,
    Capabilities,
    CipherSuite,
    Credential,
    Extension,
    ExternalSender,
    Group,
    GroupContextExtensions,
    HpkePrivateKey,
    MLSError,
    OwnKeyPackage,
    PreSharedKey,
    Psk,
    PskId,
    RatchetTree,
    ReceivedApplication,
    ReceivedCommit,
    ReceivedProposal,
    ReInit,
    Remove,
    RequiredCapabilities,
    Secret,
    Sender,
    SenderType,
    Signer,
    cipher_suite,
    encode_message,
    external_psk_id,
    propose_from_outside,
)
from tests.unit.e2ee.rng import seeded

SUITE = cipher_suite(1)
GROUP_ID = b"group"
PSK_NAME = b"shared"
OPAQUE_EXTENSION = 0xF0F0
PUBLISHED = Path(os.environ.get("CARESEAL_VECTORS", Path(__file__).parents[3] / "shared/vectors"))
RNG = seeded("mls")


def psks(psk_id: PskId) -> Psk | None:
    return Psk(b"p" * 32) if getattr(psk_id, "id", None) == PSK_NAME else None


@dataclass(frozen=True)
class Scene:
    """Alice, Bob and Carol in one group; Dan has a key package; Eve proposes from outside."""

    alice: Group
    bob: Group
    carol: Group
    dan: OwnKeyPackage
    eve: Signer
    joiner: Signer


def own(name: bytes, suite: CipherSuite = SUITE) -> OwnKeyPackage:
    capabilities = Capabilities(extensions=(OPAQUE_EXTENSION,))
    signer = Signer.generate(suite, RNG)
    credential = Credential.basic(name)
    return OwnKeyPackage.generate(suite, credential, signer, RNG, capabilities=capabilities)


@cache
def scene() -> Scene:
    eve = Signer.generate(SUITE, RNG)
    extensions = (
        RequiredCapabilities((OPAQUE_EXTENSION,), (), (1,)).extension(),
        ExternalSender.extension([ExternalSender(eve.public, Credential.basic(b"eve"))]),
        Extension(OPAQUE_EXTENSION, b"opaque"),
    )
    capabilities = Capabilities(extensions=(OPAQUE_EXTENSION,))
    alice = Group.create(
        SUITE,
        GROUP_ID,
        Credential.basic(b"alice"),
        Signer.generate(SUITE, RNG),
        RNG,
        extensions=extensions,
        capabilities=capabilities,
    )
    bobs = own(b"bob")
    added = alice.commit(RNG, [Add(bobs.key_package)])
    assert added.welcome is not None
    alice, bob = added.group, Group.join(added.welcome, bobs)
    carol, message = Group.external_commit(
        alice.group_info(),
        Credential.basic(b"carol"),
        Signer.generate(SUITE, RNG),
        RNG,
        capabilities=capabilities,
    )
    alice, bob = (_follow(each, message) for each in (alice, bob))
    carol, update = carol.propose_update(RNG)
    alice, bob = (_remember(each, update) for each in (alice, bob))
    return Scene(alice, bob, carol, own(b"dan"), eve, Signer.generate(SUITE, RNG))


def _follow(group: Group, message: bytes) -> Group:
    group, received = group.receive(message)
    assert isinstance(received, ReceivedCommit)
    return group.apply(received, psks=psks)


def _remember(group: Group, message: bytes) -> Group:
    group, received = group.receive(message)
    assert isinstance(received, ReceivedProposal)
    return group.remember(received)


@dataclass(frozen=True)
class Credulous(CipherSuite):
    """Takes every tag for right and opens every box, so that all that comes after is reached:
    who makes a commit can make its tag, whatever else is wrong with it."""

    def check_mac(self, key: Secret, data: bytes, tag: bytes, what: str) -> None:
        pass

    def decrypt_with_label(
        self,
        private: HpkePrivateKey,
        label: bytes,
        context: bytes,
        kem_output: bytes,
        ciphertext: bytes,
    ) -> Secret:
        try:
            return SUITE.decrypt_with_label(private, label, context, kem_output, ciphertext)
        except MLSError:
            return Secret(bytes(32))


@cache
def credulous() -> tuple[Group, ...]:
    suite = Credulous(SUITE.number, SUITE.name, SUITE.kdf, SUITE.hpke, SUITE.signatures)
    states = (scene().bob._state, scene().carol._state)
    trees = (RatchetTree(suite, each.tree._nodes) for each in states)
    return tuple(
        Group(replace(each, suite=suite, tree=tree))
        for each, tree in zip(states, trees, strict=True)
    )


def take(group: Group, message: bytes) -> None:
    """What a member does with whatever arrives, and arrives again."""
    group, received = group.receive(message)
    if isinstance(received, ReceivedApplication):
        try:
            group.receive(message)
        except MLSError:
            return
        raise AssertionError("a message was read twice")
    if isinstance(received, ReceivedCommit):
        after = group.apply(received, psks=psks)
        assert Group.from_bytes(after.to_bytes()).epoch_authenticator == after.epoch_authenticator
    elif isinstance(received, ReceivedProposal):
        group.remember(received)


@cache
def messages() -> Sequence[bytes]:
    """One of each kind, by Alice unless it says otherwise."""
    s = scene()
    alice, fresh = s.alice, s.alice.forget(s.alice.proposals)
    psk = PreSharedKey(external_psk_id(SUITE, PSK_NAME, RNG))
    add, remove = Add(s.dan.key_package), Remove(s.carol.own_leaf)
    reinit = ReInit(b"next", 1, 2, ())
    extensions = GroupContextExtensions((Extension(OPAQUE_EXTENSION, b"other"),))
    made = alice.commit(RNG, [add, psk], psks=psks)
    assert made.welcome is not None
    resync = Group.external_commit(
        alice.group_info(),
        Credential.basic(b"carol"),
        s.carol.signer,
        RNG,
        resync=s.carol.own_leaf,
        capabilities=Capabilities(extensions=(OPAQUE_EXTENSION,)),
    )[1]
    return (
        made.message,
        made.welcome,
        resync,
        alice.commit(RNG, [remove, extensions], references=()).message,
        alice.commit(RNG, [reinit], references=(), force_path=False).message,
        fresh.commit(RNG, private=True, padding=9).message,
        fresh.encrypt(b"data", RNG, authenticated_data=b"ad", padding=7)[1],
        *(alice.propose(each, RNG)[1] for each in (add, remove, psk, reinit, extensions)),
        alice.propose_update(RNG, private=True)[1],
        alice.propose_update(RNG)[1],
        fresh.commit(RNG, [add, psk], psks=psks, force_path=False).message,
        propose_from_outside(SUITE, GROUP_ID, alice.epoch, Sender(SenderType.EXTERNAL), add, s.eve),
        propose_from_outside(
            SUITE,
            GROUP_ID,
            alice.epoch,
            Sender(SenderType.NEW_MEMBER_PROPOSAL),
            add,
            s.dan.signer,
        ),
        encode_message(alice.group_info()),
        encode_message(s.dan.key_package),
    )


def published(name: str, *fields: str) -> list[bytes]:
    """Some of what a published vector file has in these fields, if it is there."""
    path = PUBLISHED / "mls" / name
    if not path.exists():
        return []
    cases: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes())
    texts = (case[field] for case in cases for field in fields if isinstance(case[field], str))
    return [octets for text in islice(texts, 24) if len(octets := bytes.fromhex(text)) < 20_000]
