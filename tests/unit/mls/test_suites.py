"""Cipher suites: HPKE, KEMs and signatures, and what malformed keys do to them."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
)
from cryptography.hazmat.primitives.hpke import Suite as IndependentSuite

from careseal.mls import (
    SUITES,
    XWING_SUITE,
    CipherSuite,
    HpkePrivateKey,
    InvalidMessage,
    NotAuthentic,
    SignaturePrivateKey,
    Signer,
    UsageError,
    cipher_suite,
)
from careseal.mls.xwing import ENCAPSULATED
from tests.unit.mls.world import RNG, XWING

suites = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)


def test_there_are_the_suites_of_the_rfc_and_one_with_xwing() -> None:
    assert list(SUITES) == [1, 2, 3, 4, 5, 6, 7, 0x0053]
    assert cipher_suite(XWING_SUITE).name == "MLS_256_XWING_AES256GCM_SHA512_Ed25519"
    with pytest.raises(UsageError):
        cipher_suite(0x0054)


@suites
def test_what_is_encrypted_opens_with_its_key_label_and_context_only(suite: CipherSuite) -> None:
    private, public = suite.generate_hpke_key(RNG)
    other, _ = suite.generate_hpke_key(RNG)
    sealed = suite.encrypt_with_label(public, b"label", b"context", b"text", RNG)
    assert suite.decrypt_with_label(private, b"label", b"context", *sealed) == b"text"
    for arguments in (
        (other, b"label", b"context"),
        (private, b"x", b"context"),
        (private, b"label", b"x"),
    ):
        with pytest.raises(NotAuthentic):
            suite.decrypt_with_label(*arguments, *sealed)


@suites
def test_both_sides_export_the_same(suite: CipherSuite) -> None:
    private, public = suite.generate_hpke_key(RNG)
    encapsulated, sender = suite.hpke.send(public, b"info", RNG)
    receiver = suite.hpke.receive(private, encapsulated, b"info")
    assert sender.export(b"context", 40) == receiver.export(b"context", 40)
    assert sender.export(b"context", 40) != sender.export(b"other", 40)


@suites
def test_key_pairs_follow_from_their_seed(suite: CipherSuite) -> None:
    seed = RNG(64)
    private, public = suite.kem.derive_key_pair(seed)
    assert suite.kem.derive_key_pair(seed) == (private, public)
    assert suite.kem.public_key(private) == public
    suite.kem.check_public(public)


@suites
def test_malformed_keys_and_ciphertexts_are_refused(suite: CipherSuite) -> None:
    private, public = suite.generate_hpke_key(RNG)
    for bad in (b"", b"\x04", public[:-1], public + b"\x00", b"\xff" * (len(public) - 1)):
        with pytest.raises(InvalidMessage):
            suite.kem.check_public(bad)
        with pytest.raises(InvalidMessage):
            suite.encrypt_with_label(bad, b"label", b"", b"text", RNG)
    encapsulated, ciphertext = suite.encrypt_with_label(public, b"label", b"", b"text", RNG)
    for bad in (b"", encapsulated[:-1], encapsulated + b"\x00"):
        with pytest.raises(InvalidMessage):
            suite.decrypt_with_label(private, b"label", b"", bad, ciphertext)
    for bad in (b"", ciphertext[:-1], ciphertext[:8]):
        with pytest.raises(NotAuthentic):
            suite.decrypt_with_label(private, b"label", b"", encapsulated, bad)
    with pytest.raises(InvalidMessage):
        suite.kem.public_key(HpkePrivateKey(b""))


@suites
def test_a_key_of_small_order_is_refused(suite: CipherSuite) -> None:
    _, public = suite.generate_hpke_key(RNG)
    zero = public[:-32] + bytes(32) if suite is XWING else bytes(len(public))
    with pytest.raises(InvalidMessage):
        suite.encrypt_with_label(zero, b"label", b"", b"text", RNG)


@suites
def test_a_signature_is_good_for_its_label_content_and_key_only(suite: CipherSuite) -> None:
    own, other = Signer.generate(suite, RNG), Signer.generate(suite, RNG)
    signature = suite.sign_with_label(own.private, b"label", b"content")
    assert signature == suite.sign_with_label(own.private, b"label", b"content")
    suite.verify_with_label(own.public, b"label", b"content", signature)
    for public, label, content, bad in (
        (other.public, b"label", b"content", signature),
        (own.public, b"x", b"content", signature),
        (own.public, b"label", b"x", signature),
        (own.public, b"label", b"content", signature[:-1]),
        (own.public, b"label", b"content", b""),
        (b"", b"label", b"content", signature),
        (own.public[:-1], b"label", b"content", signature),
    ):
        with pytest.raises(NotAuthentic):
            suite.verify_with_label(public, label, content, bad)


@suites
def test_a_malformed_signature_key_is_refused(suite: CipherSuite) -> None:
    with pytest.raises(InvalidMessage):
        Signer.of(suite, SignaturePrivateKey(b""))


def test_xwing_hpke_and_that_of_another_implementation_open_each_other() -> None:
    """`cryptography` has HPKE with X-Wing under the name MLKEM768_X25519, without export."""
    private, public = XWING.generate_hpke_key(RNG)
    expanded = hashlib.shake_256(private).digest(96)
    theirs = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )
    suite = IndependentSuite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
    sealed = suite.encrypt(b"text", theirs.public_key(), b"info")
    opened = XWING.hpke.open(private, sealed[:ENCAPSULATED], b"info", sealed[ENCAPSULATED:])
    assert opened == b"text"
    encapsulated, ciphertext = XWING.hpke.seal(public, b"info", b"text", RNG)
    assert suite.decrypt(encapsulated + ciphertext, theirs, b"info") == b"text"
