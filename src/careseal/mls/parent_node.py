"""Parent nodes of the ratchet tree (RFC 9420 §7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from .codec import Reader, opaque, u32, vector
from .errors import DecodeError


@dataclass(frozen=True)
class ParentNode:
    """Key of a subtree, and the leaves below it that do not know its private key."""

    encryption_key: bytes
    parent_hash: bytes
    unmerged_leaves: tuple[int, ...] = ()  # leaf indices, rising

    @cached_property
    def _encoded(self) -> bytes:
        leaves = vector(map(u32, self.unmerged_leaves))
        return opaque(self.encryption_key) + opaque(self.parent_hash) + leaves

    def encode(self) -> bytes:
        return self._encoded

    @classmethod
    def read(cls, reader: Reader) -> ParentNode:
        node = cls(reader.opaque(), reader.opaque(), reader.vector(Reader.u32))
        leaves = node.unmerged_leaves
        if any(a >= b for a, b in pairwise(leaves)):
            raise DecodeError("unmerged leaves are not in rising order")
        return node
