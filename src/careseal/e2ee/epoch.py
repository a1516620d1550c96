"""What an epoch exports, and the record that is kept of it (docs/protocol.md §2.2, §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import base64url
from .compact import Json, Members
from .errors import Malformed, NotOurs
from .identifiers import InviteId, MemberId, SessionId
from .identity import Identity
from .policy import Policy, Role
from .secret import CodeSecret, ContentSecret, DoorKey, FrameKey, SignalSecret

Exporter = Callable[[bytes, bytes, int], bytes]
"""MLS-Exporter of one epoch: label, context, length (RFC 9420 §8.5)."""


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The secrets that one epoch exports under one policy."""

    epoch: int
    context: bytes = field(repr=False)  # 64
    content: ContentSecret
    door: DoorKey
    signal: SignalSecret
    frame: FrameKey
    code: CodeSecret

    @classmethod
    def export(
        cls, session: SessionId, epoch: int, policy: Policy, exporter: Exporter
    ) -> EpochKeys:
        context = policy.context(session)
        return cls(
            epoch,
            context,
            ContentSecret(exporter(b"careseal/1 content", context, 32)),
            DoorKey(exporter(b"careseal/1 door", context, 32)),
            SignalSecret(exporter(b"careseal/1 signal", context, 32)),
            FrameKey(exporter(b"SFrame 1.0 Base Key", context, 32)),
            CodeSecret(exporter(b"careseal/1 code", context, 32)),
        )


@dataclass(frozen=True, slots=True)
class Member:
    """One leaf of the tree, and what it is in the session."""

    leaf: int
    key: bytes = field(repr=False)  # signature key, 32
    identity: Identity
    role: Role

    @property
    def id(self) -> MemberId:
        return MemberId.of(self.key)

    @property
    def invite(self) -> InviteId:
        return self.identity.invite

    def json(self) -> dict[str, Json]:
        return {
            "leaf": self.leaf,
            "key": base64url.encode(self.key),
            "identity": self.identity.text.decode(),
            "role": self.role.value,
        }

    @classmethod
    def read(cls, value: Json) -> Member:
        members = Members(value, "member", "leaf key identity role")
        return cls(
            members.integer("leaf", 0, 0xFFFFFFFE),
            members.bytes("key", 32),
            Identity.decode(members.text("identity", 1024).encode()),
            Role(members.one_of("role", *Role)),
        )


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What must be kept to read an epoch's messages. Deleting it is the crypto-erase."""

    epoch: int
    start: int  # seq of the commit that began it, 0 for epoch 0
    secret: ContentSecret
    context: bytes = field(repr=False)  # 64
    members: tuple[Member, ...]

    def member(self, leaf: int) -> Member:
        """Raises `NotOurs` if no such leaf was in the tree of the epoch."""
        for member in self.members:
            if member.leaf == leaf:
                return member
        raise NotOurs(f"nobody had leaf {leaf} in epoch {self.epoch}")

    def json(self) -> dict[str, Json]:
        return {
            "epoch": self.epoch,
            "start": self.start,
            "secret": base64url.encode(self.secret),
            "context": base64url.encode(self.context),
            "members": [member.json() for member in self.members],
        }

    @classmethod
    def read(cls, value: Json) -> EpochRecord:
        members = Members(value, "epoch record", "epoch start secret context members")
        listed = tuple(map(Member.read, members.items("members", 1, 1024)))
        if len({member.leaf for member in listed}) < len(listed):
            raise Malformed("epoch record: a leaf appears twice")
        return cls(
            members.integer("epoch"),
            members.integer("start"),
            ContentSecret(members.bytes("secret", 32)),
            members.bytes("context", 64),
            listed,
        )
