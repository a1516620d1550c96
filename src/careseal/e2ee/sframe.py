"""SFrame with its AES-GCM suites (RFC 9605)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careseal.mls.kdf import HKDF_SHA256, HKDF_SHA512, Kdf

from .errors import Malformed, Tampered
from .wire import u16, u64

MAX_FIELD = (1 << 64) - 1
TAG_SIZE = 16


@dataclass(frozen=True, slots=True)
class SFrameSuite:
    """One cipher suite (RFC 9605 §4.5)."""

    number: int
    key_size: int
    kdf: Kdf = field(repr=False)


AES_128_GCM_SHA256_128 = SFrameSuite(0x0004, 16, HKDF_SHA256)
AES_256_GCM_SHA512_128 = SFrameSuite(0x0005, 32, HKDF_SHA512)


def encode_header(kid: int, counter: int) -> bytes:
    """The header of a frame, 1 to 17 bytes (RFC 9605 §4.3)."""
    kid_bits, kid_bytes = _field(kid)
    counter_bits, counter_bytes = _field(counter)
    return bytes((kid_bits << 4 | counter_bits,)) + kid_bytes + counter_bytes


def decode_header(data: bytes) -> tuple[int, int, int]:
    """KID, counter, and the header's length. Raises `Malformed`."""
    if not data:
        raise Malformed("a frame without a header")
    at = 1
    values = []
    for bits in (data[0] >> 4, data[0] & 0x0F):
        size = (bits & 7) + 1 if bits & 8 else 0
        value = int.from_bytes(data[at : at + size], "big") if size else bits
        at += size
        if at > len(data) or (size and _field(value)[0] != bits):
            raise Malformed("a frame with a malformed header")
        values.append(value)
    return values[0], values[1], at


def _field(value: int) -> tuple[int, bytes]:
    """Four bits of the configuration byte, and the bytes behind it."""
    if not 0 <= value <= MAX_FIELD:
        raise Malformed("a KID or counter has at most 64 bits")
    if value < 8:
        return value, b""
    size = (value.bit_length() + 7) // 8
    return 8 | size - 1, value.to_bytes(size, "big")


class FrameCipher:
    """Key and salt of one KID (RFC 9605 §4.4.2)."""

    __slots__ = ("_aead", "_salt", "kid")

    def __init__(self, suite: SFrameSuite, base_key: bytes, kid: int) -> None:
        prk = suite.kdf.extract(b"", base_key)
        about = u64(kid) + u16(suite.number)
        key = suite.kdf.expand(prk, b"SFrame 1.0 Secret key " + about, suite.key_size)
        self._salt = int.from_bytes(
            suite.kdf.expand(prk, b"SFrame 1.0 Secret salt " + about, 12), "big"
        )
        self._aead = AESGCM(key)
        self.kid = kid

    def encrypt(self, counter: int, metadata: bytes, plain: bytes) -> bytes:
        """Header and ciphertext. A counter must never be used twice."""
        header = encode_header(self.kid, counter)
        return header + self._aead.encrypt(self._nonce(counter), plain, header + metadata)

    def decrypt(self, counter: int, header: bytes, metadata: bytes, sealed: bytes) -> bytes:
        """Raises `Tampered`."""
        try:
            return self._aead.decrypt(self._nonce(counter), sealed, header + metadata)
        except InvalidTag as error:
            raise Tampered("the frame does not open") from error

    def _nonce(self, counter: int) -> bytes:
        return (self._salt ^ counter).to_bytes(12, "big")
