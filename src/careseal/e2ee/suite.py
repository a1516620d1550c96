"""The one cipher suite, and signing, hashing and boxing with it (docs/protocol.md §1, §2)."""

from __future__ import annotations

import hashlib

from careseal.mls.errors import MLSError
from careseal.mls.kem import Rng
from careseal.mls.secret import HpkePrivateKey, SignaturePrivateKey
from careseal.mls.suite import XWING_SUITE, cipher_suite

from .errors import Tampered

__all__ = ["SUITE", "Rng", "box", "digest", "expand", "extract", "sign", "unbox", "verify"]

SUITE = cipher_suite(XWING_SUITE)

ENCAPSULATED = 1120
BOX_PUBLIC = 1216


def digest(data: bytes) -> bytes:
    """`H`: SHA-512, 64 bytes."""
    return hashlib.sha512(data).digest()


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract with SHA-512, 64 bytes."""
    return SUITE.kdf.extract(salt, secret)


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-512."""
    return SUITE.kdf.expand(prk, info, length)


def sign(key: SignaturePrivateKey, label: str, content: bytes) -> bytes:
    """Ed25519 signature good for `label` only, 64 bytes (docs/protocol.md §1.6)."""
    return SUITE.sign_with_label(key, b"careseal/1 " + label.encode(), content)


def verify(public: bytes, label: str, content: bytes, signature: bytes) -> None:
    """Raises `Tampered` unless the holder of `public` made `signature` for `label`."""
    try:
        SUITE.verify_with_label(public, b"careseal/1 " + label.encode(), content, signature)
    except MLSError as error:
        raise Tampered(f"wrong {label} signature") from error


def box(public: bytes, info: bytes, data: bytes, rng: Rng) -> bytes:
    """HPKE.SealBase to the holder of `public`: `enc || ct`."""
    try:
        encapsulated, ciphertext = SUITE.hpke.seal(public, info, data, rng)
    except MLSError as error:
        raise Tampered("the box's public key is malformed") from error
    return encapsulated + ciphertext


def unbox(key: HpkePrivateKey, info: bytes, boxed: bytes) -> bytes:
    """What `box` was given. Raises `Tampered`."""
    try:
        return SUITE.hpke.open(key, boxed[:ENCAPSULATED], info, boxed[ENCAPSULATED:])
    except MLSError as error:
        raise Tampered("the box does not open") from error
