"""Leaf nodes: a member's keys, credential and capabilities (RFC 9420 §7.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from .codec import Reader, opaque, u8, u16, u32, u64, vector
from .credential import BASIC, Credential
from .errors import DecodeError, InvalidMessage
from .extension import (
    DEFAULT_EXTENSIONS,
    Extensions,
    RequiredCapabilities,
    encode_extensions,
    read_extensions,
)
from .secret import SignaturePrivateKey
from .suite import SUITES, CipherSuite

MLS10 = 0x0001
"""Protocol version mls10 (§17.6)."""

DEFAULT_PROPOSALS = frozenset(range(0x0001, 0x0008))
"""Proposal types that every implementation supports without listing them (§7.2)."""


class LeafNodeSource(IntEnum):
    KEY_PACKAGE = 1
    UPDATE = 2
    COMMIT = 3


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client supports beyond the defaults (§7.2)."""

    versions: tuple[int, ...] = (MLS10,)
    cipher_suites: tuple[int, ...] = tuple(SUITES)
    extensions: tuple[int, ...] = ()
    proposals: tuple[int, ...] = ()
    credentials: tuple[int, ...] = (BASIC,)

    def encode(self) -> bytes:
        lists = (
            self.versions,
            self.cipher_suites,
            self.extensions,
            self.proposals,
            self.credentials,
        )
        return b"".join(vector(map(u16, each)) for each in lists)

    @classmethod
    def read(cls, reader: Reader) -> Capabilities:
        return cls(*(reader.vector(Reader.u16) for _ in range(5)))

    def supports_extensions(self, types: set[int]) -> bool:
        return types - DEFAULT_EXTENSIONS <= set(self.extensions)

    def satisfies(self, required: RequiredCapabilities) -> bool:
        return (
            self.supports_extensions(set(required.extensions))
            and set(required.proposals) - DEFAULT_PROPOSALS <= set(self.proposals)
            and set(required.credentials) <= set(self.credentials)
        )


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a key package may be used, in seconds since 1970, both ends included (§7.2)."""

    not_before: int = 0
    not_after: int = (1 << 64) - 1

    def encode(self) -> bytes:
        return u64(self.not_before) + u64(self.not_after)

    @classmethod
    def read(cls, reader: Reader) -> Lifetime:
        return cls(reader.u64(), reader.u64())

    def covers(self, now: int) -> bool:
        return self.not_before <= now <= self.not_after


@dataclass(frozen=True)
class LeafNode:
    """One member of the group as the others see it.

    `lifetime` is there for source KEY_PACKAGE only, `parent_hash` for source COMMIT only.
    """

    encryption_key: bytes
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    source: LeafNodeSource
    lifetime: Lifetime | None
    parent_hash: bytes | None
    extensions: Extensions
    signature: bytes

    @cached_property
    def _content(self) -> bytes:
        return b"".join(
            (
                opaque(self.encryption_key),
                opaque(self.signature_key),
                self.credential.encode(),
                self.capabilities.encode(),
                u8(self.source),
                b"" if self.lifetime is None else self.lifetime.encode(),
                b"" if self.parent_hash is None else opaque(self.parent_hash),
                encode_extensions(self.extensions),
            )
        )

    def encode(self) -> bytes:
        return self._content + opaque(self.signature)

    @classmethod
    def read(cls, reader: Reader) -> LeafNode:
        encryption_key, signature_key = reader.opaque(), reader.opaque()
        credential, capabilities = Credential.read(reader), Capabilities.read(reader)
        try:
            source = LeafNodeSource(reader.u8())
        except ValueError:
            raise DecodeError("unknown leaf node source") from None
        return cls(
            encryption_key,
            signature_key,
            credential,
            capabilities,
            source,
            Lifetime.read(reader) if source is LeafNodeSource.KEY_PACKAGE else None,
            reader.opaque() if source is LeafNodeSource.COMMIT else None,
            read_extensions(reader),
            reader.opaque(),
        )

    def signed(
        self, suite: CipherSuite, key: SignaturePrivateKey, group_id: bytes, leaf_index: int
    ) -> LeafNode:
        """The same leaf with its signature; a KEY_PACKAGE leaf ignores group and index."""
        content = self._signed_content(group_id, leaf_index)
        return replace(self, signature=suite.sign_with_label(key, b"LeafNodeTBS", content))

    def verify(self, suite: CipherSuite, group_id: bytes, leaf_index: int) -> None:
        """Raises `NotAuthentic` unless the leaf's own key signed it for this place."""
        content = self._signed_content(group_id, leaf_index)
        suite.verify_with_label(self.signature_key, b"LeafNodeTBS", content, self.signature)

    def _signed_content(self, group_id: bytes, leaf_index: int) -> bytes:
        if self.source is LeafNodeSource.KEY_PACKAGE:
            return self._content
        return self._content + opaque(group_id) + u32(leaf_index)


def check_source(leaf: LeafNode, *sources: LeafNodeSource) -> None:
    """Raises `InvalidMessage` unless the leaf came about in one of these ways (§7.3)."""
    if leaf.source not in sources:
        raise InvalidMessage(f"a leaf node of source {leaf.source.name} is out of place here")


def check_leaf(
    leaf: LeafNode, suite: CipherSuite, extensions: Extensions, group_id: bytes, leaf_index: int
) -> None:
    """What §7.3 asks of one leaf by itself, in a group with these extensions.

    Raises `InvalidMessage`. What leaves ask of each other is in `tree_validation`.
    """
    leaf.verify(suite, group_id, leaf_index)
    suite.kem.check_public(leaf.encryption_key)
    capabilities = leaf.capabilities
    if MLS10 not in capabilities.versions or suite.number not in capabilities.cipher_suites:
        raise InvalidMessage("the leaf supports another version or cipher suite only")
    if leaf.credential.type not in capabilities.credentials:
        raise InvalidMessage("the leaf does not support its own credential's type")
    if not capabilities.supports_extensions({each.type for each in leaf.extensions}):
        raise InvalidMessage("the leaf does not support its own extensions")
    if not capabilities.satisfies(RequiredCapabilities.of(extensions)):
        raise InvalidMessage("the leaf lacks capabilities that the group requires")
    if not capabilities.supports_extensions({each.type for each in extensions}):
        raise InvalidMessage("the leaf does not support the group's extensions")
