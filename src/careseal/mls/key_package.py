"""Key packages: how a client can be added while it is away (RFC 9420 §10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from .codec import Reader, opaque, u16
from .credential import Credential
from .errors import InvalidMessage
from .extension import Extensions, encode_extensions, read_extensions
from .kem import Rng
from .leaf_node import (
    MLS10,
    Capabilities,
    LeafNode,
    LeafNodeSource,
    Lifetime,
    check_leaf,
    check_source,
)
from .secret import HpkePrivateKey
from .signer import Signer
from .suite import CipherSuite


@dataclass(frozen=True)
class KeyPackage:
    """A client's offer to be added to a group (§10)."""

    version: int
    cipher_suite: int
    init_key: bytes
    leaf_node: LeafNode
    extensions: Extensions
    signature: bytes

    @cached_property
    def _content(self) -> bytes:
        return b"".join(
            (
                u16(self.version),
                u16(self.cipher_suite),
                opaque(self.init_key),
                self.leaf_node.encode(),
                encode_extensions(self.extensions),
            )
        )

    def encode(self) -> bytes:
        return self._content + opaque(self.signature)

    @classmethod
    def read(cls, reader: Reader) -> KeyPackage:
        return cls(
            reader.u16(),
            reader.u16(),
            reader.opaque(),
            LeafNode.read(reader),
            read_extensions(reader),
            reader.opaque(),
        )

    def reference(self, suite: CipherSuite) -> bytes:
        """KeyPackageRef (§5.2), Nh bytes."""
        return suite.ref_hash(b"MLS 1.0 KeyPackage Reference", self.encode())

    def check(self, suite: CipherSuite, extensions: Extensions = ()) -> None:
        """What §10.1 asks, for a group with these extensions. Raises `InvalidMessage`.

        The lifetime is not among it, because there is no clock here: ask
        `leaf_node.lifetime.covers(now)` before adding somebody.
        """
        if self.version != MLS10 or self.cipher_suite != suite.number:
            raise InvalidMessage("the key package is for another version or cipher suite")
        check_source(self.leaf_node, LeafNodeSource.KEY_PACKAGE)
        check_leaf(self.leaf_node, suite, extensions, b"", 0)
        key = self.leaf_node.signature_key
        suite.verify_with_label(key, b"KeyPackageTBS", self._content, self.signature)
        suite.kem.check_public(self.init_key)
        if self.init_key == self.leaf_node.encryption_key:
            raise InvalidMessage("the key package uses one key as init key and encryption key")


@dataclass(frozen=True, slots=True)
class OwnKeyPackage:
    """A key package with its private keys, kept by the client until its Welcome arrives."""

    key_package: KeyPackage
    init_key: HpkePrivateKey
    encryption_key: HpkePrivateKey
    signer: Signer

    @classmethod
    def generate(
        cls,
        suite: CipherSuite,
        credential: Credential,
        signer: Signer,
        rng: Rng,
        *,
        lifetime: Lifetime = Lifetime(),  # noqa: B008 - a constant
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - a constant
        leaf_extensions: Extensions = (),
        extensions: Extensions = (),
    ) -> OwnKeyPackage:
        init_key, init_public = suite.generate_hpke_key(rng)
        encryption_key, encryption_public = suite.generate_hpke_key(rng)
        leaf = LeafNode(
            encryption_public,
            signer.public,
            credential,
            capabilities,
            LeafNodeSource.KEY_PACKAGE,
            lifetime,
            None,
            leaf_extensions,
            b"",
        ).signed(suite, signer.private, b"", 0)
        unsigned = KeyPackage(MLS10, suite.number, init_public, leaf, extensions, b"")
        signature = suite.sign_with_label(signer.private, b"KeyPackageTBS", unsigned._content)
        return cls(replace(unsigned, signature=signature), init_key, encryption_key, signer)
