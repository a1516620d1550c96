"""Credentials (RFC 9420 §5.3). Whether one is to be believed is for the application to say."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, opaque, u16
from .errors import UsageError

BASIC = 0x0001
X509 = 0x0002


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential of any type.

    `content` is the identity (basic), the encoded vector of certificates without its header
    (x509), or the opaque body that other types are taken to have.
    """

    type: int
    content: bytes

    @classmethod
    def basic(cls, identity: bytes) -> Credential:
        return cls(BASIC, identity)

    @classmethod
    def x509(cls, chain: tuple[bytes, ...]) -> Credential:
        """From DER certificates, the member's own first."""
        return cls(X509, b"".join(opaque(certificate) for certificate in chain))

    @property
    def identity(self) -> bytes:
        """Identity of a basic credential. Raises `UsageError` for another type."""
        if self.type != BASIC:
            raise UsageError("only a basic credential has an identity")
        return self.content

    def encode(self) -> bytes:
        return u16(self.type) + opaque(self.content)

    @classmethod
    def read(cls, reader: Reader) -> Credential:
        type_ = reader.u16()
        if type_ == X509:
            return cls.x509(reader.vector(Reader.opaque))
        return cls(type_, reader.opaque())
