"""HPKE in base mode with secret export (RFC 9180 §5 and §6).

`cryptography` has HPKE too, but without the export that external init needs (RFC 9420 §8.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .codec import u16
from .errors import NotAuthentic
from .kdf import Kdf
from .kem import Kem, Rng
from .secret import HpkePrivateKey, Secret

_MODE_BASE = b"\x00"

_Cipher: TypeAlias = type[AESGCM] | type[ChaCha20Poly1305]


@dataclass(frozen=True, slots=True)
class Aead:
    """An AEAD: its HPKE number (RFC 9180 §7.3) and key size Nk; nonces are 12 bytes."""

    number: int
    key_size: int
    cipher: _Cipher = field(repr=False)
    nonce_size: int = 12

    def seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        return self.cipher(key).encrypt(nonce, plaintext, aad)

    def open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """The plaintext; raises `NotAuthentic`."""
        try:
            return self.cipher(key).decrypt(nonce, ciphertext, aad)
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
            raise NotAuthentic("the ciphertext does not open") from error


AES_128_GCM = Aead(0x0001, 16, AESGCM)
AES_256_GCM = Aead(0x0002, 32, AESGCM)
CHACHA20_POLY1305 = Aead(0x0003, 32, ChaCha20Poly1305)


@dataclass(frozen=True, slots=True)
class Context:
    """What KeySchedule yields (RFC 9180 §5.1): enough for one message and for export."""

    hpke: Hpke
    key: Secret  # Nk
    nonce: Secret  # 12
    exporter_secret: Secret  # Nh

    def export(self, context: bytes, length: int) -> Secret:
        """`length` bytes bound to `context` (RFC 9180 §5.3)."""
        return self.hpke.expand(self.exporter_secret, b"sec", context, length)


@dataclass(frozen=True, slots=True)
class Hpke:
    """HPKE with one KEM, KDF and AEAD."""

    kem: Kem
    kdf: Kdf
    aead: Aead

    def seal(self, public: bytes, info: bytes, plaintext: bytes, rng: Rng) -> tuple[bytes, bytes]:
        """SealBase with empty AAD: encapsulation and ciphertext."""
        encapsulated, context = self.send(public, info, rng)
        return encapsulated, self.aead.seal(context.key, context.nonce, b"", plaintext)

    def open(
        self, private: HpkePrivateKey, encapsulated: bytes, info: bytes, ciphertext: bytes
    ) -> bytes:
        """OpenBase with empty AAD. Raises `NotAuthentic` or `InvalidMessage`."""
        context = self.receive(private, encapsulated, info)
        return self.aead.open(context.key, context.nonce, b"", ciphertext)

    def send(self, public: bytes, info: bytes, rng: Rng) -> tuple[bytes, Context]:
        """SetupBaseS: encapsulation for the holder of `public`, and the context."""
        shared, encapsulated = self.kem.encapsulate(public, rng)
        return encapsulated, self._schedule(shared, info)

    def receive(self, private: HpkePrivateKey, encapsulated: bytes, info: bytes) -> Context:
        """SetupBaseR. Raises `InvalidMessage` for a malformed encapsulation."""
        return self._schedule(self.kem.decapsulate(private, encapsulated), info)

    def _schedule(self, shared: Secret, info: bytes) -> Context:
        psk_id_hash = self._extract(b"", b"psk_id_hash", b"")
        context = _MODE_BASE + psk_id_hash + self._extract(b"", b"info_hash", info)
        secret = self._extract(shared, b"secret", b"")
        return Context(
            self,
            key=self.expand(secret, b"key", context, self.aead.key_size),
            nonce=self.expand(secret, b"base_nonce", context, self.aead.nonce_size),
            exporter_secret=self.expand(secret, b"exp", context, self.kdf.size),
        )

    def _extract(self, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return self.kdf.extract(salt, b"HPKE-v1" + self._suite_id() + label + ikm)

    def expand(self, prk: bytes, label: bytes, info: bytes, length: int) -> Secret:
        labeled = u16(length) + b"HPKE-v1" + self._suite_id() + label + info
        return Secret(self.kdf.expand(prk, labeled, length))

    def _suite_id(self) -> bytes:
        return b"HPKE" + u16(self.kem.number) + u16(self.kdf.number) + u16(self.aead.number)
