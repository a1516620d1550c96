"""Who a leaf says it is (docs/protocol.md §2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from careseal.mls.secret import SignaturePrivateKey

from . import base64url, compact
from .compact import Json, Members
from .errors import Malformed
from .identifiers import InviteId, SessionId
from .secret import IdentityKey
from .suite import SUITE, sign, verify

MAX_SIZE = 1024


@dataclass(frozen=True, slots=True)
class Known:
    """A clinician's long-lived identity key, and its signature over this session and leaf."""

    key: bytes  # 32
    signature: bytes  # 64

    @classmethod
    def make(cls, identity_key: IdentityKey, session: SessionId, leaf_key: bytes) -> Known:
        public = SUITE.signatures.public_key(SignaturePrivateKey(identity_key))
        return cls(public, sign(identity_key, "identity", session + leaf_key))


@dataclass(frozen=True, slots=True)
class Identity:
    """Content of a leaf's credential. Name and device are claims; `text` is its exact JSON."""

    name: str
    device: str
    invite: InviteId
    known: Known | None
    text: bytes

    @classmethod
    def make(cls, name: str, device: str, invite: InviteId, known: Known | None = None) -> Identity:
        """Raises `Malformed` for names that are too long."""
        members: dict[str, Json] = {"name": name, "device": device, "invite": str(invite)}
        if known is not None:
            members["known"] = {
                "key": base64url.encode(known.key),
                "signature": base64url.encode(known.signature),
            }
        return cls.decode(compact.encode(members))

    @classmethod
    def decode(cls, text: bytes) -> Identity:
        if len(text) > MAX_SIZE:
            raise Malformed(f"an identity has at most {MAX_SIZE} bytes")
        members = Members(compact.decode(text), "identity", "name device invite", "known")
        known = None
        if "known" in members:
            inner = Members(members.value("known"), "known", "key signature")
            known = Known(inner.bytes("key", 32), inner.bytes("signature", 64))
        return cls(
            members.text("name", 128),
            members.text("device", 64),
            InviteId(members.bytes("invite", 16)),
            known,
            text,
        )

    def verify(self, session: SessionId, leaf_key: bytes) -> None:
        """Raises `Tampered` unless `known`, if there, vouches for this leaf in this session."""
        if self.known is not None:
            verify(self.known.key, "identity", session + leaf_key, self.known.signature)
