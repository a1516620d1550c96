"""X-Wing: ML-KEM-768 and X25519 as one KEM (draft-connolly-cfrg-xwing-kem).

The private key is the 32-byte seed. ML-KEM encapsulation draws its own randomness inside
`cryptography`, which offers no other way; everything else comes from the caller's `rng`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from .errors import InvalidMessage
from .kem import Rng
from .secret import HpkePrivateKey, Secret

LABEL = rb"\./" + rb"/^" + b"\\"
MLKEM_PUBLIC = 1184
MLKEM_CIPHERTEXT = 1088
PUBLIC = MLKEM_PUBLIC + 32
ENCAPSULATED = MLKEM_CIPHERTEXT + 32


@dataclass(frozen=True, slots=True)
class XWing:
    """The KEM interface over X-Wing: seed 32, public key 1216, encapsulation 1120 bytes."""

    number: int = 0x647A
    seed_size: int = 32

    def derive_key_pair(self, seed: bytes) -> tuple[HpkePrivateKey, bytes]:
        private = HpkePrivateKey(hashlib.shake_256(seed).digest(32))
        return private, self.public_key(private)

    def public_key(self, private: HpkePrivateKey) -> bytes:
        mlkem, x25519 = _expand(private)
        return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def check_public(self, public: bytes) -> None:
        _split_public(public)

    def encapsulate(self, public: bytes, rng: Rng) -> tuple[Secret, bytes]:
        mlkem, x25519 = _split_public(public)
        ephemeral = X25519PrivateKey.from_private_bytes(rng(32))
        shared_mlkem, ciphertext = mlkem.encapsulate()
        sent = ephemeral.public_key().public_bytes_raw()
        shared = _combine(shared_mlkem, _exchange(ephemeral, x25519), sent, public[MLKEM_PUBLIC:])
        return shared, ciphertext + sent

    def decapsulate(self, private: HpkePrivateKey, encapsulated: bytes) -> Secret:
        if len(encapsulated) != ENCAPSULATED:
            raise InvalidMessage("malformed HPKE encapsulation")
        mlkem, x25519 = _expand(private)
        ciphertext, sent = encapsulated[:MLKEM_CIPHERTEXT], encapsulated[MLKEM_CIPHERTEXT:]
        return _combine(
            mlkem.decapsulate(ciphertext),
            _exchange(x25519, X25519PublicKey.from_public_bytes(sent)),
            sent,
            x25519.public_key().public_bytes_raw(),
        )


def _expand(private: HpkePrivateKey) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(private) != 32:
        raise InvalidMessage("malformed HPKE private key")
    expanded = hashlib.shake_256(private).digest(96)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def _split_public(public: bytes) -> tuple[MLKEM768PublicKey, X25519PublicKey]:
    if len(public) != PUBLIC:
        raise InvalidMessage("malformed HPKE public key")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC])
    except ValueError as error:
        raise InvalidMessage("malformed HPKE public key") from error
    return mlkem, X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC:])


def _exchange(private: X25519PrivateKey, public: X25519PublicKey) -> bytes:
    try:
        return private.exchange(public)
    except ValueError as error:  # a point of small order
        raise InvalidMessage("malformed HPKE public key") from error


def _combine(mlkem: bytes, x25519: bytes, sent: bytes, public: bytes) -> Secret:
    return Secret(hashlib.sha3_256(mlkem + x25519 + sent + public + LABEL).digest())
