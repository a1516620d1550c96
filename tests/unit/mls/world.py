"""A few members of one group, for the tests: they deliver everything to each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from careseal.mls import (
    XWING_SUITE,
    Add,
    CipherSuite,
    Committed,
    Credential,
    Group,
    InvalidMessage,
    MLSError,
    OwnKeyPackage,
    Proposal,
    PskSource,
    ReceivedCommit,
    ReceivedProposal,
    RemovedFromGroup,
    Sender,
    Signer,
    cipher_suite,
)
from careseal.mls.commit import Commit, ProposalOrRef, UpdatePath
from careseal.mls.epoch_change import provisional_context
from careseal.mls.extension import Extensions
from careseal.mls.framing import AuthenticatedContent, FramedContent, WireFormat
from careseal.mls.leaf_node import Capabilities
from careseal.mls.psk import no_psks
from careseal.mls.sending import protect
from careseal.mls.treekem import create_path

RNG = os.urandom
FAST = cipher_suite(1)
XWING = cipher_suite(XWING_SUITE)
GROUP_ID = b"group"


def signer(suite: CipherSuite = FAST) -> Signer:
    return Signer.generate(suite, RNG)


def founded(
    suite: CipherSuite = FAST,
    extensions: Extensions = (),
    capabilities: Capabilities = Capabilities(),  # noqa: B008 - immutable
) -> Group:
    return Group.create(
        suite,
        GROUP_ID,
        Credential.basic(b"founder"),
        signer(suite),
        RNG,
        extensions=extensions,
        capabilities=capabilities,
    )


def key_package(
    name: bytes = b"new",
    suite: CipherSuite = FAST,
    capabilities: Capabilities = Capabilities(),  # noqa: B008 - immutable
) -> OwnKeyPackage:
    own = signer(suite)
    return OwnKeyPackage.generate(
        suite, Credential.basic(name), own, RNG, capabilities=capabilities
    )


def joined(group: Group, name: bytes = b"joiner") -> tuple[Group, bytes]:
    """Somebody from outside: their group, and their commit."""
    return Group.external_commit(
        group.group_info(), Credential.basic(name), signer(group.suite), RNG
    )


def received_commit(group: Group, message: bytes) -> tuple[Group, ReceivedCommit]:
    group, received = group.receive(message)
    assert isinstance(received, ReceivedCommit)
    return group, received


def follow(group: Group, message: bytes, psks: PskSource = no_psks) -> Group:
    group, received = received_commit(group, message)
    return group.apply(received, psks=psks)


def remember(group: Group, message: bytes) -> Group:
    group, received = group.receive(message)
    assert isinstance(received, ReceivedProposal)
    return group.remember(received)


class World:
    """Members by name; all are always in the same epoch."""

    def __init__(self, size: int = 1, suite: CipherSuite = FAST) -> None:
        self.suite = suite
        self.groups = {"m0": founded(suite)}
        for number in range(1, size):
            self.join(f"m{number}")

    def __getitem__(self, name: str) -> Group:
        return self.groups[name]

    def deliver(self, message: bytes, sender: str | None, psks: PskSource = no_psks) -> None:
        """A commit, to all but its sender; who is removed by it leaves the world."""
        for name, group in list(self.groups.items()):
            if name != sender:
                try:
                    self.groups[name] = follow(group, message, psks)
                except RemovedFromGroup:
                    del self.groups[name]

    def propose(self, name: str, message: bytes, group: Group) -> None:
        self.groups[name] = group
        for other in self.groups.keys() - {name}:
            self.groups[other] = remember(self.groups[other], message)

    def commit(
        self,
        name: str,
        proposals: Sequence[Proposal] = (),
        psks: PskSource = no_psks,
        *,
        force_path: bool = True,
        private: bool = False,
        newcomers: Mapping[str, OwnKeyPackage] = {},
    ) -> Committed:
        """A commit that everybody follows; `newcomers` are joined by its Welcome."""
        made = self.groups[name].commit(
            RNG, proposals, psks=psks, force_path=force_path, private=private
        )
        self.deliver(made.message, name, psks)
        self.groups[name] = made.group
        for newcomer, own in newcomers.items():
            assert made.welcome is not None
            self.groups[newcomer] = Group.join(made.welcome, own, psks=psks)
        self.check()
        return made

    def join(self, name: str) -> None:
        """From outside, by the GroupInfo of some member."""
        host = next(iter(self.groups.values()))
        group, message = joined(host, name.encode())
        self.deliver(message, None)
        self.groups[name] = group
        self.check()

    def add(self, by: str, *names: str, force_path: bool = True) -> None:
        """By key packages and one Welcome."""
        newcomers = {name: key_package(name.encode(), self.suite) for name in names}
        proposals = [Add(own.key_package) for own in newcomers.values()]
        self.commit(by, proposals, force_path=force_path, newcomers=newcomers)

    def resync(self, name: str) -> None:
        """A member who has lost its state but not its signature key comes back."""
        old = self.groups.pop(name)
        host = next(iter(self.groups.values()))
        group, message = Group.external_commit(
            host.group_info(),
            Credential.basic(name.encode()),
            old.signer,
            RNG,
            resync=old.own_leaf,
        )
        self.deliver(message, None)
        self.groups[name] = group
        self.check()

    def check(self) -> None:
        """All members agree, each knows its place, and a newcomer would accept the group."""
        groups = list(self.groups.values())
        assert len({group.epoch_authenticator for group in groups}) == 1
        assert len({group.export("x", b"", 16) for group in groups}) == 1
        assert {group.own_leaf for group in groups} == groups[0].roster.keys()
        for group in groups:
            assert group.roster[group.own_leaf].signature_key == group.signer.public
        if groups[0].reinit is None:
            groups[0].group_info().validate()


# What a member who does not care for the rules would send


def forged(
    group: Group,
    proposals: Sequence[ProposalOrRef] = (),
    path: UpdatePath | None = None,
    sender: Sender | None = None,
    own: Signer | None = None,
    tag: bytes = b"",
) -> bytes:
    """A commit with a right signature and membership tag, whatever its content."""
    content = FramedContent(
        group.group_id,
        group.epoch,
        sender or Sender.member(group.own_leaf),
        b"",
        Commit(tuple(proposals), path),
    )
    signed = AuthenticatedContent.sign(
        group.suite,
        WireFormat.PUBLIC_MESSAGE,
        content,
        group.context.encode(),
        (own or group.signer).private,
    )
    return protect(group._state, replace(signed, confirmation_tag=tag), RNG)[1]


def path_of(group: Group) -> UpdatePath:
    """A right path for a commit that does not change the members."""
    return create_path(
        group.tree,
        group.own_leaf,
        group.roster[group.own_leaf],
        group.signer,
        group.group_id,
        partial(provisional_context, group.context, group.context.extensions),
        frozenset(),
        RNG,
    ).path


@contextmanager
def refused(group: Group, match: str, error: type[MLSError] = InvalidMessage) -> Iterator[None]:
    """The block raises `error` with such a message, and the group is as it was."""
    before = group.to_bytes()
    with pytest.raises(error, match=match):
        yield
    assert group.to_bytes() == before
