"""A member's signature key pair."""

from __future__ import annotations

from dataclasses import dataclass

from .kem import Rng
from .secret import SignaturePrivateKey
from .suite import CipherSuite


@dataclass(frozen=True, slots=True)
class Signer:
    """Signature key pair of one cipher suite."""

    private: SignaturePrivateKey
    public: bytes

    @classmethod
    def generate(cls, suite: CipherSuite, rng: Rng) -> Signer:
        return cls.of(suite, suite.signatures.generate(rng))

    @classmethod
    def of(cls, suite: CipherSuite, private: SignaturePrivateKey) -> Signer:
        """Raises `InvalidMessage` for a malformed key."""
        return cls(private, suite.signatures.public_key(private))
