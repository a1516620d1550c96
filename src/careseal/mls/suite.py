"""Cipher suites, and the labelled functions that RFC 9420 §5 and §8 define on them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from . import kem, signature
from .codec import opaque, u16, u32
from .errors import NotAuthentic, UsageError
from .hpke import AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, Aead, Hpke
from .kdf import HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kdf
from .kem import Kem, Rng
from .secret import HpkePrivateKey, Secret, SignaturePrivateKey
from .signature import SignatureScheme
from .xwing import XWing

XWING_SUITE = 0x0053
"""Number of MLS_256_XWING_AES256GCM_SHA512_Ed25519; not assigned by IANA yet."""


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One cipher suite: HPKE, hash and signature scheme (RFC 9420 §5.1, §17.1)."""

    number: int
    name: str
    kdf: Kdf = field(repr=False)
    hpke: Hpke = field(repr=False)
    signatures: SignatureScheme = field(repr=False)

    @property
    def kem(self) -> Kem:
        return self.hpke.kem

    @property
    def aead(self) -> Aead:
        return self.hpke.aead

    @property
    def secret_size(self) -> int:
        """KDF.Nh: bytes of a secret of the key schedule and of a hash."""
        return self.kdf.size

    def hash(self, data: bytes) -> bytes:
        return self.kdf.hash(data)

    def ref_hash(self, label: bytes, value: bytes) -> bytes:
        """RefHash (§5.2), Nh bytes."""
        return self.kdf.hash(opaque(label) + opaque(value))

    def mac(self, key: Secret, data: bytes) -> bytes:
        """MAC (§5.1), Nh bytes."""
        return self.kdf.mac(key, data)

    def check_mac(self, key: Secret, data: bytes, tag: bytes, what: str) -> None:
        """Raises `NotAuthentic` naming `what`."""
        if not hmac.compare_digest(self.kdf.mac(key, data), tag):
            raise NotAuthentic(f"wrong {what}")

    def extract(self, salt: bytes, ikm: bytes) -> Secret:
        return Secret(self.kdf.extract(salt, ikm))

    def expand_with_label(self, secret: bytes, label: bytes, context: bytes, length: int) -> Secret:
        """ExpandWithLabel (§8). Raises `UsageError` for more than 255 Nh bytes."""
        self.kdf.check_length(length)
        info = u16(length) + opaque(b"MLS 1.0 " + label) + opaque(context)
        return Secret(self.kdf.expand(secret, info, length))

    def derive_secret(self, secret: bytes, label: bytes) -> Secret:
        """DeriveSecret (§8), Nh bytes."""
        return self.expand_with_label(secret, label, b"", self.kdf.size)

    def derive_tree_secret(
        self, secret: bytes, label: bytes, generation: int, length: int
    ) -> Secret:
        """DeriveTreeSecret (§9.1)."""
        return self.expand_with_label(secret, label, u32(generation), length)

    def generate_hpke_key(self, rng: Rng) -> tuple[HpkePrivateKey, bytes]:
        """A fresh HPKE key pair: private, public."""
        return self.kem.derive_key_pair(rng(self.kem.seed_size))

    def sign_with_label(self, private: SignaturePrivateKey, label: bytes, content: bytes) -> bytes:
        """SignWithLabel (§5.1.2): a signature over `content` that is good for `label` only."""
        return self.signatures.sign(private, _labelled(label, content))

    def verify_with_label(
        self, public: bytes, label: bytes, content: bytes, signature: bytes
    ) -> None:
        """VerifyWithLabel (§5.1.2). Raises `NotAuthentic`."""
        if not self.signatures.verify(public, _labelled(label, content), signature):
            raise NotAuthentic(f"wrong {label.decode('ascii', 'replace')} signature")

    def encrypt_with_label(
        self, public: bytes, label: bytes, context: bytes, plaintext: bytes, rng: Rng
    ) -> tuple[bytes, bytes]:
        """EncryptWithLabel (§5.1.3): kem_output and ciphertext."""
        return self.hpke.seal(public, _labelled(label, context), plaintext, rng)

    def decrypt_with_label(
        self,
        private: HpkePrivateKey,
        label: bytes,
        context: bytes,
        kem_output: bytes,
        ciphertext: bytes,
    ) -> Secret:
        """DecryptWithLabel (§5.1.3). Raises `NotAuthentic` or `InvalidMessage`."""
        info = _labelled(label, context)
        return Secret(self.hpke.open(private, kem_output, info, ciphertext))


def _labelled(label: bytes, content: bytes) -> bytes:
    return opaque(b"MLS 1.0 " + label) + opaque(content)


def _suite(
    number: int, name: str, scheme: SignatureScheme, key: Kem, kdf: Kdf, aead: Aead
) -> CipherSuite:
    return CipherSuite(number, name, kdf, Hpke(key, kdf, aead), scheme)


SUITES: dict[int, CipherSuite] = {
    suite.number: suite
    for suite in (
        _suite(
            0x0001,
            "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
            signature.ED25519,
            kem.DHKEM_X25519,
            HKDF_SHA256,
            AES_128_GCM,
        ),
        _suite(
            0x0002,
            "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
            signature.ECDSA_P256,
            kem.DHKEM_P256,
            HKDF_SHA256,
            AES_128_GCM,
        ),
        _suite(
            0x0003,
            "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
            signature.ED25519,
            kem.DHKEM_X25519,
            HKDF_SHA256,
            CHACHA20_POLY1305,
        ),
        _suite(
            0x0004,
            "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
            signature.ED448,
            kem.DHKEM_X448,
            HKDF_SHA512,
            AES_256_GCM,
        ),
        _suite(
            0x0005,
            "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
            signature.ECDSA_P521,
            kem.DHKEM_P521,
            HKDF_SHA512,
            AES_256_GCM,
        ),
        _suite(
            0x0006,
            "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
            signature.ED448,
            kem.DHKEM_X448,
            HKDF_SHA512,
            CHACHA20_POLY1305,
        ),
        _suite(
            0x0007,
            "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
            signature.ECDSA_P384,
            kem.DHKEM_P384,
            HKDF_SHA384,
            AES_256_GCM,
        ),
        _suite(
            XWING_SUITE,
            "MLS_256_XWING_AES256GCM_SHA512_Ed25519",
            signature.ED25519,
            XWing(),
            HKDF_SHA512,
            AES_256_GCM,
        ),
    )
}
"""Every suite this package knows, by number."""


def cipher_suite(number: int) -> CipherSuite:
    """The suite with that number. Raises `UsageError` if this package does not know it."""
    try:
        return SUITES[number]
    except KeyError:
        raise UsageError(f"cipher suite {number:#06x} is not supported") from None
