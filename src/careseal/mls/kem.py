"""Key encapsulation: the interface, and DHKEM over P-256, P-384, P-521, X25519 and X448.

RFC 9180 §4.1 and §7.1. Ephemeral keys come from the caller's `rng`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .errors import InvalidMessage
from .kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from .secret import HpkePrivateKey, Secret

Rng = Callable[[int], bytes]
"""Gives that many fresh random bytes, like `os.urandom`."""


class Kem(Protocol):
    """A KEM as HPKE uses it. Malformed keys and encapsulations raise `InvalidMessage`."""

    @property
    def number(self) -> int:
        """HPKE KEM identifier (RFC 9180 §7.1)."""

    @property
    def seed_size(self) -> int:
        """Bytes of seed that `derive_key_pair` wants for a fresh key pair."""

    def derive_key_pair(self, seed: bytes) -> tuple[HpkePrivateKey, bytes]:
        """DeriveKeyPair (RFC 9180 §7.1.3): private and public key."""

    def public_key(self, private: HpkePrivateKey) -> bytes:
        """The public key that belongs to a private key."""

    def check_public(self, public: bytes) -> None:
        """Raises `InvalidMessage` unless `public` can be a public key."""

    def encapsulate(self, public: bytes, rng: Rng) -> tuple[Secret, bytes]:
        """Shared secret, and its encapsulation for the holder of `public`."""

    def decapsulate(self, private: HpkePrivateKey, encapsulated: bytes) -> Secret:
        """The shared secret within `encapsulated`."""


Expand = Callable[[bytes, bytes, int], bytes]
"""LabeledExpand of one pseudorandom key: label, info, length."""


class DhGroup(Protocol):
    """Diffie-Hellman group of a DHKEM. `ValueError` for anything malformed."""

    def scalar(self, expand: Expand) -> bytes: ...
    def public(self, private: bytes) -> bytes: ...
    def check(self, public: bytes) -> None: ...
    def exchange(self, private: bytes, public: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class NistGroup:
    """P-256, P-384 or P-521: uncompressed points, big-endian scalars."""

    curve: ec.EllipticCurve
    size: int
    mask: int

    def scalar(self, expand: Expand) -> bytes:
        for counter in range(256):
            candidate = expand(b"candidate", bytes((counter,)), self.size)
            candidate = bytes((candidate[0] & self.mask,)) + candidate[1:]
            if 0 < int.from_bytes(candidate, "big") < self.curve.group_order:
                return candidate
        raise ValueError("no scalar found")  # chance below 2^-256

    def public(self, private: bytes) -> bytes:
        key = self._private(private).public_key()
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def check(self, public: bytes) -> None:
        self._public(public)

    def exchange(self, private: bytes, public: bytes) -> bytes:
        return self._private(private).exchange(ec.ECDH(), self._public(public))

    def _private(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(private, "big"), self.curve)

    def _public(self, public: bytes) -> ec.EllipticCurvePublicKey:
        if public[:1] != b"\x04":
            raise ValueError("not an uncompressed point")
        return ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)


@dataclass(frozen=True, slots=True)
class X25519Group:
    def scalar(self, expand: Expand) -> bytes:
        return expand(b"sk", b"", 32)

    def public(self, private: bytes) -> bytes:
        key = x25519.X25519PrivateKey.from_private_bytes(private)
        return key.public_key().public_bytes_raw()

    def check(self, public: bytes) -> None:
        x25519.X25519PublicKey.from_public_bytes(public)

    def exchange(self, private: bytes, public: bytes) -> bytes:
        key = x25519.X25519PrivateKey.from_private_bytes(private)
        return key.exchange(x25519.X25519PublicKey.from_public_bytes(public))


@dataclass(frozen=True, slots=True)
class X448Group:
    def scalar(self, expand: Expand) -> bytes:
        return expand(b"sk", b"", 56)

    def public(self, private: bytes) -> bytes:
        return x448.X448PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    def check(self, public: bytes) -> None:
        x448.X448PublicKey.from_public_bytes(public)

    def exchange(self, private: bytes, public: bytes) -> bytes:
        key = x448.X448PrivateKey.from_private_bytes(private)
        return key.exchange(x448.X448PublicKey.from_public_bytes(public))


@dataclass(frozen=True, slots=True)
class DhKem:
    """DHKEM(Group, KDF), RFC 9180 §4.1."""

    number: int
    seed_size: int
    group: DhGroup
    kdf: Kdf

    def derive_key_pair(self, seed: bytes) -> tuple[HpkePrivateKey, bytes]:
        prk = self._extract(b"dkp_prk", seed)
        private = self.group.scalar(partial(self._expand, prk))
        return HpkePrivateKey(private), self.group.public(private)

    def public_key(self, private: HpkePrivateKey) -> bytes:
        try:
            return self.group.public(private)
        except ValueError as error:
            raise InvalidMessage("malformed HPKE private key") from error

    def check_public(self, public: bytes) -> None:
        try:
            self.group.check(public)
        except ValueError as error:
            raise InvalidMessage("malformed HPKE public key") from error

    def encapsulate(self, public: bytes, rng: Rng) -> tuple[Secret, bytes]:
        private, encapsulated = self.derive_key_pair(rng(self.seed_size))
        try:
            shared = self.group.exchange(private, public)
        except ValueError as error:
            raise InvalidMessage("malformed HPKE public key") from error
        return self._shared_secret(shared, encapsulated, public), encapsulated

    def decapsulate(self, private: HpkePrivateKey, encapsulated: bytes) -> Secret:
        try:
            shared = self.group.exchange(private, encapsulated)
            public = self.group.public(private)
        except ValueError as error:
            raise InvalidMessage("malformed HPKE encapsulation") from error
        return self._shared_secret(shared, encapsulated, public)

    def _shared_secret(self, shared: bytes, encapsulated: bytes, public: bytes) -> Secret:
        prk = self._extract(b"eae_prk", shared)
        return Secret(self._expand(prk, b"shared_secret", encapsulated + public, self.kdf.size))

    def _extract(self, label: bytes, ikm: bytes) -> bytes:
        return self.kdf.extract(b"", b"HPKE-v1" + self._suite_id() + label + ikm)

    def _expand(self, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
        labeled = length.to_bytes(2, "big") + b"HPKE-v1" + self._suite_id() + label + info
        return self.kdf.expand(prk, labeled, length)

    def _suite_id(self) -> bytes:
        return b"KEM" + self.number.to_bytes(2, "big")


DHKEM_P256 = DhKem(0x0010, 32, NistGroup(ec.SECP256R1(), 32, 0xFF), HKDF_SHA256)
DHKEM_P384 = DhKem(0x0011, 48, NistGroup(ec.SECP384R1(), 48, 0xFF), HKDF_SHA384)
DHKEM_P521 = DhKem(0x0012, 66, NistGroup(ec.SECP521R1(), 66, 0x01), HKDF_SHA512)
DHKEM_X25519 = DhKem(0x0020, 32, X25519Group(), HKDF_SHA256)
DHKEM_X448 = DhKem(0x0021, 56, X448Group(), HKDF_SHA512)
