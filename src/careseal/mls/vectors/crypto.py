"""Vectors of cryptography and key schedule: crypto-basics, key-schedule, psk_secret, secret-tree,
transcript-hashes, and X-Wing."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ..codec import decode
from ..commit import Commit
from ..framing import AuthenticatedContent
from ..group_context import GroupContext
from ..key_schedule import NewEpoch, joiner_secret, welcome_secret
from ..leaf_node import MLS10
from ..private_message import sender_data_key
from ..psk import ExternalPskId, psk_secret
from ..secret import (
    CommitSecret,
    ConfirmationKey,
    EncryptionSecret,
    HpkePrivateKey,
    InitSecret,
    Psk,
    PskSecret,
    SenderDataSecret,
    SignaturePrivateKey,
)
from ..secret_tree import RatchetKind, SecretTree
from ..transcript_hash import confirmation_tag, confirmed_hash, interim_hash
from ..xwing import MLKEM_CIPHERTEXT, XWing
from .case import Case, fresh, raw, same, suite_of


def crypto_basics(case: Case) -> None:
    suite = suite_of(case)
    part = case["ref_hash"]
    found = suite.ref_hash(part["label"].encode(), raw(part["value"]))
    same("ref_hash", found, raw(part["out"]))
    part = case["expand_with_label"]
    secret, label = raw(part["secret"]), part["label"].encode()
    found = suite.expand_with_label(secret, label, raw(part["context"]), part["length"])
    same("expand_with_label", found, raw(part["out"]))
    part = case["derive_secret"]
    found = suite.derive_secret(raw(part["secret"]), part["label"].encode())
    same("derive_secret", found, raw(part["out"]))
    part = case["derive_tree_secret"]
    secret, label = raw(part["secret"]), part["label"].encode()
    found = suite.derive_tree_secret(secret, label, part["generation"], part["length"])
    same("derive_tree_secret", found, raw(part["out"]))
    _signing(case)
    _encryption(case)


def _signing(case: Case) -> None:
    suite, part = suite_of(case), case["sign_with_label"]
    private, public = SignaturePrivateKey(raw(part["priv"])), raw(part["pub"])
    label, content = part["label"].encode(), raw(part["content"])
    same("signature key", suite.signatures.public_key(private), public)
    suite.verify_with_label(public, label, content, raw(part["signature"]))
    suite.verify_with_label(public, label, content, suite.sign_with_label(private, label, content))


def _encryption(case: Case) -> None:
    suite, part = suite_of(case), case["encrypt_with_label"]
    private, public = HpkePrivateKey(raw(part["priv"])), raw(part["pub"])
    label, context = part["label"].encode(), raw(part["context"])
    plaintext = raw(part["plaintext"])
    published = raw(part["kem_output"]), raw(part["ciphertext"])
    for sealed in (published, suite.encrypt_with_label(public, label, context, plaintext, fresh)):
        found = suite.decrypt_with_label(private, label, context, *sealed)
        same("encrypt_with_label", found, plaintext)


def key_schedule(case: Case) -> None:
    suite = suite_of(case)
    init = InitSecret(raw(case["initial_init_secret"]))
    for number, expected in enumerate(case["epochs"]):
        context = GroupContext(
            MLS10,
            suite.number,
            raw(case["group_id"]),
            number,
            raw(expected["tree_hash"]),
            raw(expected["confirmed_transcript_hash"]),
            (),
        )
        same("group_context", context.encode(), raw(expected["group_context"]))
        commit = CommitSecret(raw(expected["commit_secret"]))
        psk = PskSecret(raw(expected["psk_secret"]))
        joiner = joiner_secret(suite, init, commit, context)
        epoch = NewEpoch.from_joiner(suite, joiner, psk, context)
        keys, exporter = epoch.keys, expected["exporter"]
        found = {
            "joiner_secret": joiner,
            "welcome_secret": welcome_secret(suite, joiner, psk),
            "init_secret": keys.init_secret,
            "sender_data_secret": keys.sender_data_secret,
            "encryption_secret": epoch.encryption_secret,
            "exporter_secret": keys.exporter_secret,
            "epoch_authenticator": keys.epoch_authenticator,
            "external_secret": keys.external_secret,
            "confirmation_key": epoch.confirmation_key,
            "membership_key": keys.membership_key,
            "resumption_psk": keys.resumption_psk,
            "external_pub": keys.external_key_pair(suite)[1],
        }
        for name, value in found.items():
            same(f"{name} of epoch {number}", value, raw(expected[name]))
        exported = keys.export(
            suite, exporter["label"].encode(), raw(exporter["context"]), exporter["length"]
        )
        same(f"exporter of epoch {number}", exported, raw(exporter["secret"]))
        init = keys.init_secret


def psk_secrets(case: Case) -> None:
    psks = [
        (ExternalPskId(raw(each["psk_id"]), raw(each["psk_nonce"])), Psk(raw(each["psk"])))
        for each in case["psks"]
    ]
    same("psk_secret", psk_secret(suite_of(case), psks), raw(case["psk_secret"]))


def secret_tree(case: Case) -> None:
    suite, expected = suite_of(case), case["sender_data"]
    secret = SenderDataSecret(raw(expected["sender_data_secret"]))
    found = sender_data_key(suite, secret, raw(expected["ciphertext"]))
    same("sender_data key", found.key, raw(expected["key"]))
    same("sender_data nonce", found.nonce, raw(expected["nonce"]))
    root = EncryptionSecret(raw(case["encryption_secret"]))
    tree = SecretTree.of(suite, len(case["leaves"]), root)
    for leaf, generations in enumerate(case["leaves"]):
        for each in generations:
            for kind in RatchetKind:
                tree, found = tree.key_at(leaf, kind, each["generation"])
                name = kind.name.lower()
                same(f"{name}_key of leaf {leaf}", found.key, raw(each[f"{name}_key"]))
                same(f"{name}_nonce of leaf {leaf}", found.nonce, raw(each[f"{name}_nonce"]))


def transcript_hashes(case: Case) -> None:
    suite = suite_of(case)
    encoded = raw(case["authenticated_content"])
    commit = decode(AuthenticatedContent.read, encoded)
    same("re-encoded content", commit.encode(), encoded)
    same("a commit", isinstance(commit.content.content, Commit), True)
    confirmed = confirmed_hash(suite, raw(case["interim_transcript_hash_before"]), commit)
    same("confirmed hash", confirmed, raw(case["confirmed_transcript_hash_after"]))
    tag = confirmation_tag(suite, ConfirmationKey(raw(case["confirmation_key"])), confirmed)
    same("confirmation tag", commit.confirmation_tag, tag)
    interim = interim_hash(suite, confirmed, tag)
    same("interim hash", interim, raw(case["interim_transcript_hash_after"]))


def xwing(case: Case) -> None:
    """Encapsulation cannot be repeated byte for byte, because ML-KEM draws its own randomness;
    its X25519 half can, and the whole is checked by opening."""
    kem, private = XWing(), HpkePrivateKey(raw(case["sk"]))
    same("sk", raw(case["seed"]), raw(case["sk"]))
    public = kem.public_key(private)
    same("pk", public, raw(case["pk"]))
    same("ss", kem.decapsulate(private, raw(case["ct"])), raw(case["ss"]))
    ephemeral = X25519PrivateKey.from_private_bytes(raw(case["eseed"])[32:])
    sent = ephemeral.public_key().public_bytes_raw()
    same("ct", sent, raw(case["ct"])[MLKEM_CIPHERTEXT:])
    shared, encapsulated = kem.encapsulate(public, fresh)
    same("a fresh encapsulation", kem.decapsulate(private, encapsulated), shared)
