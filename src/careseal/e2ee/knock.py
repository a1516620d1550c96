"""Asking to be admitted by a link that alone opens nothing (docs/protocol.md §3.8)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from .errors import Malformed, SealError, Tampered
from .identifiers import KnockId, SessionId
from .invite import Invite
from .sealing import seal, unseal
from .secret import BoxKey, KnockName
from .suite import SUITE, Rng, sign, verify

PUBLIC, NAME = 1216, 16 + 256 + 16
SIZE = PUBLIC + NAME + 64
LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Knock:
    """A fresh box key and a sealed name, signed by the invite's join key."""

    public: bytes = field(repr=False)  # X-Wing, 1216
    name: bytes = field(repr=False)  # salt and sealed text, 288
    signature: bytes = field(repr=False)  # 64

    @classmethod
    def make(cls, invite: Invite, name: str, rng: Rng) -> tuple[Knock, BoxKey]:
        """The knock, and the key that opens what a host answers. Raises `Malformed`."""
        if invite.knock_name is None or len(name.encode()) > LONGEST_NAME:
            raise Malformed(f"a name has at most {LONGEST_NAME} bytes")
        key, salt = BoxKey(rng(32)), rng(16)
        public = SUITE.kem.public_key(key)
        about = invite.session + public
        sealed = salt + seal(invite.knock_name, "knock name", salt, about, name.encode())
        return cls(public, sealed, sign(invite.join_key, "knock", about + sealed)), key

    @classmethod
    def decode(cls, data: bytes) -> Knock:
        """Raises `Malformed`."""
        if len(data) != SIZE:
            raise Malformed(f"a knock has {SIZE} bytes")
        return cls(data[:PUBLIC], data[PUBLIC : PUBLIC + NAME], data[PUBLIC + NAME :])

    def encode(self) -> bytes:
        return self.public + self.name + self.signature

    @property
    def id(self) -> KnockId:
        return KnockId(hashlib.sha256(self.public).digest()[:16])

    def verify(self, session: SessionId, join: bytes) -> None:
        """Raises `Tampered`; `join` is the invite's public key."""
        verify(join, "knock", session + self.public + self.name, self.signature)

    def name_by(self, secret: KnockName, session: SessionId) -> str:
        """What the joiner calls itself; empty unless it was sealed under this secret."""
        salt, sealed = self.name[:16], self.name[16:]
        try:
            plain = unseal(secret, "knock name", salt, session + self.public, sealed)
            if len(plain) > LONGEST_NAME:
                raise Tampered("too long")
            return plain.decode()
        except (SealError, UnicodeDecodeError):
            return ""
