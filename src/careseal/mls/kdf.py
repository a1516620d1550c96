"""Hash, HMAC and HKDF of one hash function, under one name (RFC 9420 §5.1)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from .errors import UsageError


@dataclass(frozen=True, slots=True)
class Kdf:
    """HKDF with one hash: its HPKE number (RFC 9180 §7.2) and output size Nh in bytes."""

    number: int
    size: int
    name: str
    algorithm: hashes.HashAlgorithm = field(repr=False)

    def hash(self, data: bytes) -> bytes:
        return hashlib.new(self.name, data).digest()

    def mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self.name)

    def extract(self, salt: bytes, ikm: bytes) -> bytes:
        return HKDF.extract(self.algorithm, salt, ikm)

    def expand(self, prk: bytes, info: bytes, length: int) -> bytes:
        """`length` bytes; more than 255 Nh raise `UsageError`."""
        self.check_length(length)
        return HKDFExpand(self.algorithm, length, info).derive(prk) if length else b""

    def check_length(self, length: int) -> None:
        """Raises `UsageError` unless so many bytes can be derived at once (RFC 5869 §2.3)."""
        if not 0 <= length <= 255 * self.size:
            raise UsageError(f"between 0 and {255 * self.size} bytes can be derived at once")


HKDF_SHA256 = Kdf(0x0001, 32, "sha256", hashes.SHA256())
HKDF_SHA384 = Kdf(0x0002, 48, "sha384", hashes.SHA384())
HKDF_SHA512 = Kdf(0x0003, 64, "sha512", hashes.SHA512())
