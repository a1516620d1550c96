"""What a session allows, and how it may change (docs/protocol.md §3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from . import base64url, compact
from .compact import Json, Members
from .errors import Malformed, NotAllowed
from .identifiers import InviteId, SessionId
from .suite import BOX_PUBLIC, digest

MAX_SIZE = 64 * 1024
MAX_INVITES = 32
MAX_DEVICES = 16
LATEST_START = 253_402_300_799_999  # ms; the last moment of the year 9999


class Role(StrEnum):
    HOST = "host"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class PolicyInvite:
    """What everybody knows of an invite; its holder's side is `invite.Invite`."""

    id: InviteId
    role: Role
    join: bytes = field(repr=False)  # Ed25519 public key, 32
    box: bytes = field(repr=False)  # X-Wing public key, 1216
    devices: int  # most that may be in at once
    open: bool
    history: bool
    knock: bool
    since: int
    label: str

    @classmethod
    def read(cls, value: Json) -> PolicyInvite:
        names = "id role join box devices open history knock since label"
        members = Members(value, "invite", names)
        return cls(
            id=InviteId(members.bytes("id", 16)),
            role=Role(members.one_of("role", *Role)),
            join=members.bytes("join", 32),
            box=members.bytes("box", BOX_PUBLIC),
            devices=members.integer("devices", 1, MAX_DEVICES),
            open=members.boolean("open"),
            history=members.boolean("history"),
            knock=members.boolean("knock"),
            since=members.integer("since"),
            label=members.text("label", 128),
        )

    def json(self) -> dict[str, Json]:
        return {
            "id": str(self.id),
            "role": self.role.value,
            "join": base64url.encode(self.join),
            "box": base64url.encode(self.box),
            "devices": self.devices,
            "open": self.open,
            "history": self.history,
            "knock": self.knock,
            "since": self.since,
            "label": self.label,
        }

    def same_invite(self, other: PolicyInvite) -> bool:
        """Whether what may never change is unchanged."""
        mine = (self.role, self.join, self.box, self.since)
        return mine == (other.role, other.join, other.box, other.since)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same for everybody in the session."""

    title: str = ""
    relay_only: bool = False
    starts: int | None = None  # the time agreed for the visit, ms since 1970

    @classmethod
    def read(cls, value: Json) -> Settings:
        members = Members(value, "settings", "title relayOnly", "starts")
        return cls(
            members.text("title", 128),
            members.boolean("relayOnly"),
            members.integer("starts", 0, LATEST_START) if "starts" in members else None,
        )

    def json(self) -> dict[str, Json]:
        told: dict[str, Json] = {"title": self.title, "relayOnly": self.relay_only}
        return told if self.starts is None else {**told, "starts": self.starts}


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy; `text` is its exact JSON, which every exported secret is bound to."""

    invites: tuple[PolicyInvite, ...]
    settings: Settings
    text: bytes = field(repr=False)

    @classmethod
    def make(cls, invites: Iterable[PolicyInvite], settings: Settings) -> Policy:
        """Raises `Malformed` for a policy that is not valid by itself."""
        value: dict[str, Json] = {
            "v": 1,
            "invites": [invite.json() for invite in invites],
            "settings": settings.json(),
        }
        return cls.decode(compact.encode(value))

    @classmethod
    def decode(cls, text: bytes) -> Policy:
        """Raises `Malformed`."""
        if len(text) > MAX_SIZE:
            raise Malformed(f"a policy has at most {MAX_SIZE} bytes")
        members = Members(compact.decode(text), "policy", "v invites settings")
        members.integer("v", 1, 1)
        invites = tuple(map(PolicyInvite.read, members.items("invites", 1, MAX_INVITES)))
        if len({invite.id for invite in invites}) < len(invites):
            raise Malformed("policy: an invite appears twice")
        if all(invite.role is not Role.HOST for invite in invites):
            raise Malformed("policy: without a host's invite")
        return cls(invites, Settings.read(members.value("settings")), text)

    def find(self, invite: InviteId) -> PolicyInvite | None:
        return next((each for each in self.invites if each.id == invite), None)

    def role(self, invite: InviteId) -> Role | None:
        found = self.find(invite)
        return None if found is None else found.role

    def context(self, session: SessionId) -> bytes:
        """What exported secrets are bound to, 64 bytes (docs/protocol.md §2.2)."""
        return digest(b"careseal/1 context" + session + self.text)

    # Successors ----------------------------------------------------------------------------

    def with_invite(self, invite: PolicyInvite) -> Policy:
        return Policy.make((*self.invites, invite), self.settings)

    def without(self, invites: frozenset[InviteId]) -> Policy:
        kept = (each for each in self.invites if each.id not in invites)
        return Policy.make(kept, self.settings)

    def closing(self, invite: InviteId) -> Policy:
        """The same, with that invite closed to new devices."""
        changed = (
            replace(each, open=False) if each.id == invite else each for each in self.invites
        )
        return Policy.make(changed, self.settings)

    def with_settings(self, settings: Settings) -> Policy:
        return Policy.make(self.invites, settings)

    def check_successor(
        self, successor: Policy, epoch: int, leaves: Iterable[InviteId], committer: InviteId
    ) -> None:
        """Raises `NotAllowed` unless `successor` may follow in a commit that leaves `epoch`.

        `leaves` are the invites of the leaves of the tree after the commit.
        """
        for invite in successor.invites:
            before = self.find(invite.id)
            if before is None and invite.since != epoch + 1:
                raise NotAllowed("a new invite must begin with the new epoch")
            if before is not None and not invite.same_invite(before):
                raise NotAllowed("an invite's role, keys and beginning never change")
        if any(successor.find(leaf) is None for leaf in leaves):
            raise NotAllowed("the policy lacks the invite of somebody who is in")
        if successor.role(committer) is not Role.HOST:
            raise NotAllowed("the policy takes the committer's own role away")


def devices_in(leaves: Iterable[InviteId]) -> Counter[InviteId]:
    """How many devices are in by each invite."""
    return Counter(leaves)
