"""Asking to be admitted (docs/protocol.md §3.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .identifiers import SessionId
from .secret import BoxKey, JoinKey
from .suite import SUITE, Rng, sign, verify


@dataclass(frozen=True, slots=True)
class Knock:
    """A fresh box key, signed by the invite's join key; a host seals the key box to it."""

    public: bytes = field(repr=False)  # X-Wing, 1216
    signature: bytes = field(repr=False)  # 64

    @classmethod
    def make(cls, session: SessionId, key: JoinKey, rng: Rng) -> tuple[Knock, BoxKey]:
        """The knock, and the key that opens what a host answers."""
        box_key = BoxKey(rng(32))
        public = SUITE.kem.public_key(box_key)
        return cls(public, sign(key, "knock", session + public)), box_key

    def verify(self, session: SessionId, join: bytes) -> None:
        """Raises `Tampered`; `join` is the invite's public key."""
        verify(join, "knock", session + self.public, self.signature)
