"""Secrets as types of their own, never printed (docs/protocol.md §2.2, §3.1, §6)."""

from __future__ import annotations

from typing import Self

from careseal.mls.secret import HpkePrivateKey, Secret, SignaturePrivateKey

from .errors import Malformed


class Secret32(Secret):
    """A secret of 32 bytes."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if len(value) != 32:
            raise Malformed(f"{cls.__name__} of {len(value)} bytes")
        return super().__new__(cls, value)


class InviteSecret(Secret32):
    """What a link carries behind its `#`."""


class AccessToken(Secret32):
    """Bearer token for the door, derived from an invite."""


class MemberToken(Secret32):
    """Bearer token of one member's device; the server has its SHA-256 only."""


class JoinKey(Secret32, SignaturePrivateKey):
    """Ed25519 seed that signs joins by an invite."""


class BoxKey(Secret32, HpkePrivateKey):
    """X-Wing seed that opens an invite's key boxes, letters and grants."""


class KnockName(Secret32):
    """Seals what a joiner who knocks calls itself, derived from an invite."""


class IdentityKey(Secret32, SignaturePrivateKey):
    """Ed25519 seed by which a clinician is known over many sessions."""


class LeafKey(Secret32, SignaturePrivateKey):
    """Ed25519 seed of a member's leaf."""


class ContentSecret(Secret32):
    """Seals an epoch's messages."""


class DoorKey(Secret32):
    """Seals an epoch's door, and the commit that leaves the epoch."""


class SignalSecret(Secret32):
    """Seals an epoch's signals."""


class FrameKey(Secret32):
    """SFrame base key of an epoch."""


class CodeSecret(Secret32):
    """What an epoch's security code is made from."""


class FileKey(Secret32):
    """Seals the parts of one file."""
