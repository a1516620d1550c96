"""Signature schemes of the cipher suites: Ed25519, Ed448 and ECDSA (RFC 9420 §5.1.1).

Signing is deterministic everywhere (RFC 8032, RFC 6979), so it takes no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .errors import InvalidMessage
from .kem import Rng
from .secret import SignaturePrivateKey


class SignatureScheme(Protocol):
    """Private keys are EdDSA seeds or big-endian ECDSA scalars; a malformed one raises
    `InvalidMessage`."""

    def generate(self, rng: Rng) -> SignaturePrivateKey: ...

    def public_key(self, private: SignaturePrivateKey) -> bytes: ...

    def sign(self, private: SignaturePrivateKey, data: bytes) -> bytes: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """False for a wrong signature and for malformed keys and signatures alike."""


@dataclass(frozen=True, slots=True)
class Ed25519:
    def generate(self, rng: Rng) -> SignaturePrivateKey:
        return SignaturePrivateKey(rng(32))

    def public_key(self, private: SignaturePrivateKey) -> bytes:
        return self._private(private).public_key().public_bytes_raw()

    def sign(self, private: SignaturePrivateKey, data: bytes) -> bytes:
        return self._private(private).sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _private(self, private: SignaturePrivateKey) -> ed25519.Ed25519PrivateKey:
        try:
            return ed25519.Ed25519PrivateKey.from_private_bytes(private)
        except ValueError as error:
            raise InvalidMessage("malformed private signature key") from error


@dataclass(frozen=True, slots=True)
class Ed448:
    def generate(self, rng: Rng) -> SignaturePrivateKey:
        return SignaturePrivateKey(rng(57))

    def public_key(self, private: SignaturePrivateKey) -> bytes:
        return self._private(private).public_key().public_bytes_raw()

    def sign(self, private: SignaturePrivateKey, data: bytes) -> bytes:
        return self._private(private).sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        try:
            ed448.Ed448PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _private(self, private: SignaturePrivateKey) -> ed448.Ed448PrivateKey:
        try:
            return ed448.Ed448PrivateKey.from_private_bytes(private)
        except ValueError as error:
            raise InvalidMessage("malformed private signature key") from error


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """ECDSA with DER signatures and uncompressed points."""

    curve: ec.EllipticCurve
    algorithm: hashes.HashAlgorithm
    size: int  # bytes of a scalar

    def generate(self, rng: Rng) -> SignaturePrivateKey:
        # 16 bytes more than the order make the bias of the reduction negligible.
        number = int.from_bytes(rng(self.size + 16), "big") % (self.curve.group_order - 1) + 1
        return SignaturePrivateKey(number.to_bytes(self.size, "big"))

    def public_key(self, private: SignaturePrivateKey) -> bytes:
        public = self._private(private).public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, private: SignaturePrivateKey, data: bytes) -> bytes:
        algorithm = ec.ECDSA(self.algorithm, deterministic_signing=True)
        return self._private(private).sign(data, algorithm)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        if public[:1] != b"\x04":
            return False
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)
            key.verify(signature, data, ec.ECDSA(self.algorithm))
        except (InvalidSignature, ValueError):
            return False
        return True

    def _private(self, private: SignaturePrivateKey) -> ec.EllipticCurvePrivateKey:
        try:
            return ec.derive_private_key(int.from_bytes(private, "big"), self.curve)
        except ValueError as error:
            raise InvalidMessage("malformed private signature key") from error


ED25519 = Ed25519()
ED448 = Ed448()
ECDSA_P256 = Ecdsa(ec.SECP256R1(), hashes.SHA256(), 32)
ECDSA_P384 = Ecdsa(ec.SECP384R1(), hashes.SHA384(), 48)
ECDSA_P521 = Ecdsa(ec.SECP521R1(), hashes.SHA512(), 66)
