"""Vectors of whole groups: passive clients that are welcomed and follow."""

from __future__ import annotations

from ..group import Group
from ..key_package import KeyPackage, OwnKeyPackage
from ..message import decode_message
from ..psk import ExternalPskId, PskId
from ..receiving import ReceivedCommit, ReceivedProposal
from ..secret import HpkePrivateKey, Psk, SignaturePrivateKey
from ..signer import Signer
from .case import Case, Mismatch, raw, same, suite_of


def passive_client(case: Case) -> None:
    external = {raw(each["psk_id"]): Psk(raw(each["psk"])) for each in case["external_psks"]}

    def psks(psk_id: PskId) -> Psk | None:
        return external.get(psk_id.id) if isinstance(psk_id, ExternalPskId) else None

    tree = case["ratchet_tree"]
    group = Group.join(
        raw(case["welcome"]),
        _own_key_package(case),
        psks=psks,
        tree=None if tree is None else raw(tree),
    )
    expected = raw(case["initial_epoch_authenticator"])
    same("initial epoch_authenticator", group.epoch_authenticator, expected)
    for number, epoch in enumerate(case["epochs"]):
        for proposal in epoch["proposals"]:
            group, received = group.receive(raw(proposal))
            if not isinstance(received, ReceivedProposal):
                raise Mismatch("not a proposal")
            group = group.remember(received)
        group, received = group.receive(raw(epoch["commit"]))
        if not isinstance(received, ReceivedCommit):
            raise Mismatch("not a commit")
        group = group.apply(received, psks=psks)
        expected = raw(epoch["epoch_authenticator"])
        same(f"epoch_authenticator {number}", group.epoch_authenticator, expected)
        group = Group.from_bytes(group.to_bytes())


def _own_key_package(case: Case) -> OwnKeyPackage:
    suite = suite_of(case)
    key_package = decode_message(raw(case["key_package"]))
    if not isinstance(key_package, KeyPackage):
        raise Mismatch("not a key package")
    own = OwnKeyPackage(
        key_package,
        HpkePrivateKey(raw(case["init_priv"])),
        HpkePrivateKey(raw(case["encryption_priv"])),
        Signer.of(suite, SignaturePrivateKey(raw(case["signature_priv"]))),
    )
    leaf = key_package.leaf_node
    same("signature key", own.signer.public, leaf.signature_key)
    same("encryption key", suite.kem.public_key(own.encryption_key), leaf.encryption_key)
    same("init key", suite.kem.public_key(own.init_key), key_package.init_key)
    return own
