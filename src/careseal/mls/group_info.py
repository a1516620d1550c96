"""GroupInfo: an epoch described to those who join it (RFC 9420 §12.4.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from .codec import Reader, decode, opaque, u32
from .errors import InvalidMessage, UsageError
from .extension import (
    RATCHET_TREE,
    Extension,
    Extensions,
    check_known,
    encode_extensions,
    external_pub,
    find_extension,
    read_extensions,
)
from .group_context import GroupContext
from .leaf_node import MLS10
from .ratchet_tree import RatchetTree
from .signer import Signer
from .suite import SUITES, CipherSuite
from .tree_validation import validate_tree


@dataclass(frozen=True)
class GroupInfo:
    context: GroupContext
    extensions: Extensions
    confirmation_tag: bytes  # Nh
    signer: int  # leaf index
    signature: bytes

    def _signed_part(self) -> bytes:
        return b"".join(
            (
                self.context.encode(),
                encode_extensions(self.extensions),
                opaque(self.confirmation_tag),
                u32(self.signer),
            )
        )

    def encode(self) -> bytes:
        return self._signed_part() + opaque(self.signature)

    @classmethod
    def read(cls, reader: Reader) -> GroupInfo:
        return cls(
            GroupContext.read(reader),
            read_extensions(reader),
            reader.opaque(),
            reader.u32(),
            reader.opaque(),
        )

    def signed(self, suite: CipherSuite, signer: Signer) -> GroupInfo:
        signature = suite.sign_with_label(signer.private, b"GroupInfoTBS", self._signed_part())
        return replace(self, signature=signature)

    def verify(self, suite: CipherSuite, public: bytes) -> None:
        """Raises `NotAuthentic` unless the holder of `public` signed it."""
        part = self._signed_part()
        suite.verify_with_label(public, b"GroupInfoTBS", part, self.signature)

    @property
    def suite(self) -> CipherSuite:
        """Raises `InvalidMessage` for a suite or version that is not supported."""
        suite = SUITES.get(self.context.cipher_suite)
        if suite is None or self.context.version != MLS10:
            raise InvalidMessage("the group's cipher suite or version is not supported")
        return suite

    @property
    def external_pub(self) -> bytes | None:
        """The key for joining from outside, if joining so is offered."""
        return external_pub(self.extensions)

    def validate(self, tree: RatchetTree | None = None) -> RatchetTree:
        """The group's tree, after every check that needs no secret (§12.4.3.1).

        That is: tree hash, parent hashes, all leaves with their signatures, uniqueness of keys,
        and the signature over this very GroupInfo. The tree comes from the `ratchet_tree`
        extension or else from the caller. Raises `InvalidMessage`, `DecodeError`, or
        `UsageError` if there is no tree.
        """
        if tree is None or find_extension(self.extensions, RATCHET_TREE) is not None:
            return self._validated
        self._validate(tree)
        return tree

    @cached_property
    def _validated(self) -> RatchetTree:
        """The tree in the extension, validated once."""
        suite, encoded = self.suite, find_extension(self.extensions, RATCHET_TREE)
        if encoded is None:
            raise UsageError("the GroupInfo has no ratchet tree and none was given")
        tree = decode(lambda reader: RatchetTree.read(reader, suite), encoded)
        self._validate(tree)
        return tree

    def _validate(self, tree: RatchetTree) -> None:
        check_known(self.context.extensions)
        self.verify(self.suite, tree.member(self.signer).signature_key)
        if tree.hash() != self.context.tree_hash:
            raise InvalidMessage("the ratchet tree is not the one that the GroupInfo is about")
        validate_tree(tree, self.context.group_id, self.context.extensions)


def ratchet_tree_extension(tree: RatchetTree) -> Extension:
    return Extension(RATCHET_TREE, tree.encode())
