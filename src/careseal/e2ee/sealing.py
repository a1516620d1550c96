"""Padding and sealing under a key that is used once (docs/protocol.md §1.4, §1.5)."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careseal.mls.secret import Secret

from .errors import Malformed, Tampered
from .suite import expand
from .wire import vec32

SALT_SIZE = 16
SMALLEST = 256


def padded(length: int) -> int:
    """Length that `length` bytes are filled up to: at least 256, else Padmé."""
    if length <= SMALLEST:
        return SMALLEST
    e = length.bit_length() - 1
    mask = (1 << (e - e.bit_length())) - 1
    return (length + mask) & ~mask


def pad(data: bytes) -> bytes:
    framed = vec32(data)
    return framed.ljust(padded(len(framed)), b"\0")


def unpad(data: bytes) -> bytes:
    """What `pad` was given. Raises `Malformed`."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < 4 or end > len(data) or padded(end) != len(data):
        raise Malformed("wrong padding")
    if data.count(0, end) != len(data) - end:
        raise Malformed("padding that is not zero")
    return data[4:end]


def seal(secret: Secret, label: str, salt: bytes, aad: bytes, data: bytes) -> bytes:
    """`data` padded and sealed. `salt` (16) must be new for this secret and label."""
    key, nonce = _key(secret, label, salt)
    return AESGCM(key).encrypt(nonce, pad(data), aad)


def unseal(secret: Secret, label: str, salt: bytes, aad: bytes, sealed: bytes) -> bytes:
    """What `seal` was given. Raises `Tampered` or `Malformed`."""
    key, nonce = _key(secret, label, salt)
    try:
        plain = AESGCM(key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError) as error:
        raise Tampered(f"the {label} does not open") from error
    return unpad(plain)


def _key(secret: Secret, label: str, salt: bytes) -> tuple[bytes, bytes]:
    okm = expand(secret, b"careseal/1 " + label.encode() + salt, 44)
    return okm[:32], okm[32:]
