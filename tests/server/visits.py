"""Sessions and sealed-looking bytes for tests of the server, which cannot tell the difference."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

CHAT_SIZE = 272  # the smallest sealed text
KEY_BOX_SIZE = 1176
DOOR_SIZE = 288
LETTER_SIZE = 1392
SIGNAL_SIZE = 296


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def random_b64(size: int) -> str:
    return b64(secrets.token_bytes(size))


def new_id() -> str:
    return random_b64(16)


@dataclass(frozen=True)
class Token:
    octets: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def text(self) -> str:
        return b64(self.octets)

    @property
    def hash(self) -> str:
        return b64(hashlib.sha256(self.octets).digest())

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}"}


@dataclass(frozen=True)
class Invite:
    role: str
    id: str = field(default_factory=new_id)
    token: Token = field(default_factory=Token)

    def opened(self) -> dict[str, str]:
        return {"id": self.id, "role": self.role, "accessTokenHash": self.token.hash}

    def key_box(self) -> dict[str, str]:
        return {"invite": self.id, "box": random_b64(KEY_BOX_SIZE)}

    def letter(self) -> dict[str, str]:
        return {"invite": self.id, "letter": random_b64(LETTER_SIZE)}


@dataclass(frozen=True)
class Member:
    id: str = field(default_factory=new_id)
    token: Token = field(default_factory=Token)

    def joins(self) -> dict[str, str]:
        return {"id": self.id, "tokenHash": self.token.hash}


@dataclass
class Visit:
    """A session with a host who is in and a guest invite."""

    id: str = field(default_factory=new_id)
    host_invite: Invite = field(default_factory=lambda: Invite("host"))
    guest_invite: Invite = field(default_factory=lambda: Invite("guest"))
    host: Member = field(default_factory=Member)
    lifetime: int | None = None

    @property
    def path(self) -> str:
        return f"/api/telemedicine/sessions/{self.id}"

    def founding(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self.id,
            "door": random_b64(DOOR_SIZE),
            "keyBoxes": [self.host_invite.key_box(), self.guest_invite.key_box()],
            "invites": [self.host_invite.opened(), self.guest_invite.opened()],
            "member": self.host.joins() | {"invite": self.host_invite.id},
        }
        return body if self.lifetime is None else body | {"lifetime": self.lifetime}

    def commit(self, parent: int = 0, **more: Any) -> dict[str, Any]:
        return {
            "id": new_id(),
            "parent": parent,
            "commit": random_b64(CHAT_SIZE),
            "door": random_b64(DOOR_SIZE),
            "keyBoxes": [self.host_invite.key_box(), self.guest_invite.key_box()],
            **more,
        }

    def create(self, signed_in: httpx.Client) -> Visit:
        made = signed_in.post("/api/telemedicine/sessions", json=self.founding())
        assert made.status_code == 201, made.text
        return self

    def join(self, client: httpx.Client, parent: int, invite: Invite | None = None) -> Member:
        """A new member, by the guest invite unless told otherwise."""
        member = Member()
        used = invite or self.guest_invite
        answer = client.post(
            f"{self.path}/commits",
            json=self.commit(parent, member=member.joins()),
            headers=used.token.header,
        )
        assert answer.status_code == 201, answer.text
        return member

    def write(self, client: httpx.Client, member: Member, parent: int = 0) -> dict[str, Any]:
        answer = client.post(f"{self.path}/chat", json=chat(parent), headers=member.token.header)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def chat(parent: int = 0, size: int = CHAT_SIZE) -> dict[str, Any]:
    return {"id": new_id(), "parent": parent, "encryptedMessage": random_b64(size)}


def problem_of(answer: httpx.Response) -> str:
    """The problem's name, checked against the shape of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    prefix, _, name = document["type"].rpartition(":")
    assert prefix == "urn:careseal:problem"
    return str(name)
